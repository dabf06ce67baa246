/**
 * Times training steps on several ranks of this machine: what sharing the optimizer's work gains,
 * what the exchange costs, and how fast ranks are compared with threads. Each round times
 * everything once, so that times that are compared come from the same minutes.
 *
 *     deno task bench:parallel
 *
 * The last line is one line of JSON, with every round.
 */

import { openSource, PackedLoader, SharedLoader } from "../data/mod.ts";
import { encoderOf, trainTokenizer } from "../gpt/internals.ts";
import { BUCKET_BYTES } from "../gpt/parallel.ts";
import { installedMpis, launch, type TestedMpi } from "../mpi/testing/ranks.ts";
import { integer, runScript, type Script, type Values } from "../scripts/flags.ts";
import { median, round } from "./statistics.ts";
import type { RankTimes, RankWork, Way } from "./parallel_rank.ts";
import { machineFacts } from "./peers/facts.ts";
import { markdownTable } from "./results.ts";
import { baseShape } from "./roofline_count.ts";

const flags = {
  rounds: integer(5, "How often everything is timed"),
  steps: integer(3, "Steps in each of three turns of a way to share the work"),
  warmup: integer(7, "Untimed steps before them, while JavaScript is compiled"),
};

const MIB = 2 ** 20;

/** The work of two ranks, in turn: as in training, without sharing, and with other buckets. */
const ways: readonly Way[] = [
  { isSharded: true, bucketBytes: BUCKET_BYTES },
  { isSharded: false, bucketBytes: BUCKET_BYTES },
  ...[0.5, 1, 4, 8, 32].map((size) => ({ isSharded: true, bucketBytes: size * MIB })),
];

/** Sequences of a step of `base`, on all ranks together. */
const SEQUENCES = 4;

/** One process with two threads, and two ranks of one thread, timed one after the other. */
interface Round {
  /** Processes that wanted a core when it began, on average over a minute. */
  readonly load: number;
  readonly threads: RankTimes;
  /** By {@linkcode ways}. */
  readonly ranks: readonly RankTimes[];
}

/** Times steps of `base` on ranks, by each way in turn; `mpi` is `null` for one process. */
export async function timeRanks(
  mpi: TestedMpi | null,
  ranks: number,
  work: RankWork,
): Promise<RankTimes[]> {
  const script = new URL("parallel_rank.ts", import.meta.url);
  const { code, stdout, stderr } = await launch({
    mpi,
    ranks,
    script,
    args: [JSON.stringify(work)],
  });
  if (code !== 0) throw new Error(`Cannot time ${ranks} ranks: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!).results;
}

export interface LoaderCost {
  readonly ranks: number;
  /** Milliseconds for a batch of two sequences; every rank takes one of them in each step. */
  readonly milliseconds: number;
}

/** Times the loader of a rank, which reads the batches of all ranks and keeps its own. */
export async function timeLoaders(): Promise<LoaderCost[]> {
  const source = await openSource("sotu");
  const { vocabSize, maxSeqLen: sequenceLength } = baseShape;
  const limits = { docCap: 10_000, maxChars: 2_000_000 };
  const encoder = encoderOf(await trainTokenizer(source, { ...limits, vocabSize }));
  const split = await source.open("train");
  const costs: LoaderCost[] = [];
  for (const ranks of [1, 4, 16, 64]) {
    const options = { split, encoder, seed: 1, batchSize: 2, sequenceLength };
    const loader = new SharedLoader(await PackedLoader.open(options), { rank: 0, ranks });
    const steps = Math.ceil(1024 / ranks);
    for (let i = 0; i < steps / 4; i++) await loader.take();
    const start = performance.now();
    for (let i = 0; i < steps; i++) await loader.take();
    costs.push({ ranks, milliseconds: (performance.now() - start) / steps });
  }
  return costs;
}

const script: Script<typeof flags> = {
  summary: "Times training steps on several ranks of this machine.",
  command: "deno task bench:parallel",
  flags,
  run: async (values) => {
    const { processor, threads, system } = machineFacts();
    console.log(`${processor}, ${threads} threads, ${system}`);
    const mpis: Record<string, Round[]> = {};
    for (const mpi of installedMpis()) {
      const rounds: Round[] = [];
      for (let i = 0; i < values.rounds; i++) rounds.push(await timeRound(mpi, values));
      mpis[mpi.name] = rounds;
      console.log(
        `\n${mpi.name}, 2 ranks of 1 thread: milliseconds, median of rounds (all rounds)\n`,
      );
      console.log(waysTable(rounds));
      console.log(`\n${pairsTable(rounds)}`);
    }
    const loaders = await timeLoaders();
    const [first] = Object.values(mpis);
    const step = first === undefined ? NaN : median(first.map(({ ranks }) => ranks[0]!.step));
    console.log(`\n${loadersTable(loaders, step)}\n`);
    console.log(JSON.stringify({ config: values, mpis: rounded(mpis), loaders: rounded(loaders) }));
  },
};

async function timeRound(
  mpi: TestedMpi,
  { steps, warmup }: Values<typeof flags>,
): Promise<Round> {
  const load = Deno.loadavg()[0]!;
  const work = { sequences: SEQUENCES, steps, warmup };
  const [threads] = await timeRanks(null, 1, { ...work, threads: 2, ways: ways.slice(0, 1) });
  const ranks = await timeRanks(mpi, 2, { ...work, threads: 1, ways });
  return { load, threads: threads!, ranks };
}

const columns = ["step", "passes", "wait", "exchange", "optimizer", "optimizerCpu"] as const;

function waysTable(rounds: readonly Round[]): string {
  const row = (name: string, times: readonly RankTimes[]) => [
    name,
    ...columns.map((column) => medianAndAll(times.map((each) => each[column]))),
  ];
  return markdownTable(
    ["", ...columns.slice(0, -1), "optimizer, cpu"],
    [
      row("1 process × 2 threads", rounds.map(({ threads }) => threads)),
      ...ways.map(({ isSharded, bucketBytes }, i) =>
        row(
          `${isSharded ? "sharded" : "replicated"}, ${bucketBytes / MIB} MiB`,
          rounds.map(({ ranks }) => ranks[i]!),
        )
      ),
    ],
  );
}

function pairsTable(rounds: readonly Round[]): string {
  const pair = (ratio: (round: Round) => number) => medianAndAll(rounds.map(ratio), 2);
  const [sharded, replicated] = [0, 1].map((i) => ({ ranks }: Round) => ranks[i]!) as [
    (round: Round) => RankTimes,
    (round: Round) => RankTimes,
  ];
  return markdownTable(["pairs", "median (all rounds)", "target"], [
    [
      "optimizer of a rank, sharded : replicated",
      pair((r) => sharded(r).optimizer / replicated(r).optimizer),
      "at most 0.6",
    ],
    [
      "the same, cpu",
      pair((r) => sharded(r).optimizerCpu / replicated(r).optimizerCpu),
      "at most 0.6",
    ],
    ["exchange : step", pair((r) => sharded(r).exchange / sharded(r).step), "at most 0.12"],
    ["step, sharded : replicated", pair((r) => sharded(r).step / replicated(r).step), "at most 1"],
    [
      "tokens/s, 2 ranks × 1 thread : 1 process × 2 threads",
      pair((r) => r.threads.step / sharded(r).step),
      "at least 0.85",
    ],
    ["load of the machine", pair(({ load }) => load), ""],
  ]);
}

function loadersTable(loaders: readonly LoaderCost[], step: number): string {
  return markdownTable(
    ["ranks", "a rank's loader, ms for each step", "beside a step of 2 ranks"],
    loaders.map(({ ranks, milliseconds }) => [
      `${ranks}`,
      milliseconds.toFixed(2),
      Number.isNaN(step) ? "" : `${(100 * milliseconds / step).toFixed(1)} %`,
    ]),
  );
}

function medianAndAll(values: readonly number[], decimals = 0): string {
  const all = values.map((value) => value.toFixed(decimals)).join(", ");
  return `${median(values).toFixed(decimals)} (${all})`;
}

function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each) => typeof each === "number" ? round(each, 2) : each),
  );
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
