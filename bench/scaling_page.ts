/** Writes down what a token costs on the CPU, and what larger models and machines would do. @module */

import { configForDepth, type TrainingPlan } from "../gpt/mod.ts";
import { median } from "./harness.ts";
import { format, markdownTable } from "./results.ts";
import {
  type Amounts,
  type ByPart,
  type CostModel,
  type Costs,
  costsOn,
  forecast,
  KINDS,
  type Machine,
  PARTS,
  type Point,
  predict,
  type ScalingShape,
} from "./scaling_model.ts";

/** One way to compute products: with a BLAS or without. */
export interface Path {
  /** What the device says of itself. */
  readonly name: string;
  /** Whether there is a BLAS. */
  readonly blas: boolean;
  /** Floating-point operations in a second, in a product of 1,024 rows and columns. */
  readonly matmulFlops: number;
  /** Bytes in a second from and to memory. */
  readonly bandwidth: number;
  /** What was timed. */
  readonly points: readonly Point[];
  /** What was fitted to it. */
  readonly model: CostModel;
  /** A model that was timed and not fitted to, unless there was no time for it. */
  readonly unseen: Point | null;
}

/** A model that is too large to be timed. */
export interface Large {
  readonly shape: ScalingShape;
  readonly amounts: ByPart<Amounts>;
  readonly plan: Pick<TrainingPlan, "totalTokens" | "totalBatchSize">;
}

/** What the page is made of. */
export interface ScalingFacts {
  /** The day. */
  readonly date: string;
  /** The machine that was measured. */
  readonly machine: string;
  /** Its threads. */
  readonly threads: number;
  /** Whether it was a quick run. */
  readonly isQuick: boolean;
  readonly paths: readonly Path[];
  readonly larges: readonly Large[];
}

/** A machine to look at: its cores, and bytes in a second from and to memory, an assumption. */
interface Assumed {
  readonly cores: number;
  readonly bandwidth: number;
  readonly memory: string;
}

/** Desktops and servers of today. */
const ASSUMED: readonly Assumed[] = [
  { cores: 8, bandwidth: 80e9, memory: "80 GB/s, two channels of DDR5" },
  { cores: 64, bandwidth: 400e9, memory: "400 GB/s, twelve channels of DDR5" },
];

const DAY = 86_400;

/** The page, as Markdown. */
export function scalingPage(facts: ScalingFacts): string {
  const { date, machine, threads, paths, larges, isQuick } = facts;
  const quick = isQuick
    ? "\n**A quick run, on a machine that may have been busy: figures to test the script with.**\n"
    : "";
  return `# What a token costs on the CPU, and what larger machines would do

Written by \`deno task scaling\` on ${date} on ${machine}; nothing here is typed in by hand.
${quick}
## The cost model

A part of a step (forward, backward, optimizer) takes the sum of what it has to do, each at a speed of its own:

seconds = operations of products / their speed + operations of attention / its speed + bytes of everything else / bandwidth + kernel calls × the time of a call in JavaScript

What there is to do follows from the shape: it is counted by the code that trains, on a device that only counts. Forward and backward share their speeds; the optimizer, whose products are Muon's, has its own. The speeds are fitted by least squares without negative costs, so that the relative errors are least. A dash means that the fit sees no such cost.

${
    markdownTable(
      ["", "products", "attention", "everything else", "a kernel call"],
      paths.flatMap((path) => [
        [`${nameOf(path)}: forward and backward`, ...speedCells(path.model.pass)],
        [`${nameOf(path)}: optimizer`, ...speedCells(path.model.optimizer)],
        [
          `${nameOf(path)}: measured on its own`,
          `${format(path.matmulFlops / 1e9)} GFLOP/s (1,024 × 1,024)`,
          ...["", `${format(path.bandwidth / 1e9)} GB/s (sums over 192 MiB)`, ""],
        ],
      ]),
    )
  }

${paths.map(measuredSection).join("\n\n")}

## Larger models on more cores

nanochat's models of depth 12 and 20: width 64 for each layer, vocabulary 32,768, contexts of 2,048 in windows of the pattern SSSL, trained on the tokens that its scaling prescribes, in its batches (the optimizer runs once for each). What is assumed:

- **Products and attention** get faster with the cores, as if these were of the same kind and shared the work evenly. That is the optimistic part: the clocks of many cores are lower.
- **Everything else** gets faster with the bandwidth of the memory only: ${
    ASSUMED.map(({ cores, memory }) => `${memory} for ${cores} cores`).join("; ")
  }, against what was measured here. This is pessimistic where it is the core that is slow.
- **Calls** come from one thread of JavaScript and stay as they are.
- The speeds are those of the models above, which are narrower: wider products are a little faster.

${
    markdownTable(
      ["model", "", "cores", "tokens/s", "days of training", "where the time goes"],
      larges.flatMap((large) => paths.flatMap((path) => forecastRows(large, path, threads))),
    )
  }

${
    larges.map(({ shape, plan }) =>
      `Depth ${shape.depth}: ${
        format(plan.totalTokens / 1e9)
      } thousand million tokens in batches of ${format(plan.totalBatchSize)}.`
    ).join(" ")
  }
`;
}

function nameOf({ blas }: Path): string {
  return blas ? "BLAS" : "no BLAS";
}

function speedCells({ products, attention, bytes, calls }: Costs): string[] {
  const speed = (cost: number, unit: string) => cost === 0 ? "–" : `${format(1e-9 / cost)} ${unit}`;
  return [
    ...[speed(products, "GFLOP/s"), speed(attention, "GFLOP/s"), speed(bytes, "GB/s")],
    calls === 0 ? "–" : `${format(1e6 * calls)} µs`,
  ];
}

function total(seconds: ByPart<number>): number {
  return PARTS.reduce((sum, part) => sum + seconds[part], 0);
}

function measuredSection(path: Path): string {
  const errors = path.points.map(({ amounts, seconds }) =>
    Math.abs(total(predict(amounts, path.model)) / total(seconds) - 1)
  );
  const unseen = path.unseen === null
    ? ""
    : `\nA model that the fit did not see, larger in everything at once:\n\n${
      pointsTable([path.unseen], path.model)
    }\n`;
  return `## Measured: ${nameOf(path)}

On ${path.name}. Microseconds for a token, as measured and as fitted.

${pointsTable(path.points, path.model)}

The fit is off by ${percent(median(errors))} in the middle and ${
    percent(Math.max(...errors))
  } at worst.
${unseen}`.trimEnd();
}

function pointsTable(points: readonly Point[], model: CostModel): string {
  const rows = points.map(({ shape, amounts, seconds }) => {
    const { depth, maxSeqLen, vocabSize, deviceBatchSize } = shape;
    const width = configForDepth(shape).nEmbd;
    const tokens = deviceBatchSize * maxSeqLen;
    const fitted = predict(amounts, model);
    const each = (time: number) => format(1e6 * time / tokens);
    return [
      ...[width, depth, maxSeqLen, vocabSize].map(whole),
      ...[`${deviceBatchSize}`, format(tokens / total(seconds))],
      ...PARTS.map((part) => `${each(seconds[part])} (${each(fitted[part])})`),
      `${each(total(seconds))} (${each(total(fitted))})`,
      percent(total(fitted) / total(seconds) - 1),
    ];
  });
  return markdownTable([
    ...["width", "depth", "context", "vocabulary", "sequences", "tokens/s"],
    ...[...PARTS, "all"].map((part) => `${part}, µs (fitted)`),
    "error",
  ], rows);
}

function forecastRows({ shape, amounts, plan }: Large, path: Path, threads: number): string[][] {
  const here: Machine = { cores: 1, bandwidth: 1 };
  const machines: [number, Machine][] = [
    [threads, here],
    ...ASSUMED.map(({ cores, bandwidth }): [number, Machine] => [cores, {
      cores: cores / threads,
      bandwidth: Math.max(1, bandwidth / path.bandwidth),
    }]),
  ];
  const batches = plan.totalBatchSize / (shape.deviceBatchSize * shape.maxSeqLen);
  return machines.map(([cores, machine]) => {
    const costs = costsOn(machine, path.model);
    const { tokensPerSecond, shares } = forecast({ shape, amounts, batches }, costs);
    const words: Record<(typeof KINDS)[number], string> = {
      ...{ products: "products", attention: "attention", bytes: "memory", calls: "calls" },
    };
    return [
      ...[`depth ${shape.depth}`, nameOf(path), `${cores}`, format(tokensPerSecond)],
      format(plan.totalTokens / tokensPerSecond / DAY),
      KINDS.map((kind) => `${words[kind]} ${percent(shares[kind])}`).join(", "),
    ];
  });
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
