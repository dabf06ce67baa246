/** The page bench/SCALING.md. */

import { configForDepth, type TrainingPlan } from "../gpt/mod.ts";
import { median } from "./statistics.ts";
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

export interface Path {
  readonly name: string;
  readonly blas: boolean;
  /** FLOP/s of a matmul of 1,024 × 1,024. */
  readonly matmulFlops: number;
  /** Memory bandwidth in bytes per second. */
  readonly bandwidth: number;
  readonly points: readonly Point[];
  readonly model: CostModel;
  /** A timed model held out of the fit; `null` in a quick run. */
  readonly unseen: Point | null;
}

export interface Large {
  readonly shape: ScalingShape;
  readonly amounts: ByPart<Amounts>;
  readonly plan: Pick<TrainingPlan, "totalTokens" | "totalBatchSize">;
}

export interface ScalingFacts {
  readonly date: string;
  readonly machine: string;
  readonly threads: number;
  readonly isQuick: boolean;
  readonly paths: readonly Path[];
  readonly larges: readonly Large[];
}

/** A machine to forecast; its memory bandwidth in bytes per second is an assumption. */
export interface Assumed {
  readonly cores: number;
  readonly bandwidth: number;
  readonly memory: string;
}

/** A current desktop and a current server. */
const ASSUMED: readonly Assumed[] = [
  { cores: 8, bandwidth: 80e9, memory: "80 GB/s, two channels of DDR5" },
  { cores: 64, bandwidth: 400e9, memory: "400 GB/s, twelve channels of DDR5" },
];

export const SERVER: Assumed = ASSUMED[1]!;

const DAY = 86_400;

/**
 * Reads the fit with a BLAS from a page, as it is rounded there, and the bandwidth measured with
 * it.
 *
 * @throws {Error} If the page has none.
 */
export function readFit(page: string): { model: CostModel; bandwidth: number } {
  const cellsOf = (name: string): string[] => {
    const line = page.split("\n").find((line) => line.startsWith(`| BLAS: ${name} |`));
    if (line === undefined) {
      throw new Error(`Cannot read the fit: wanted "BLAS: ${name}", got none`);
    }
    return line.split("|").slice(2).map((cell) => cell.trim());
  };
  const valueOf = (cell: string) => parseFloat(cell.replaceAll(",", ""));
  const read = (name: string): Costs => {
    const [matmul, attention, bytes, calls] = cellsOf(name).map(valueOf) as [
      ...[number, number, number, number],
    ];
    const perSecond = (giga: number) => Number.isNaN(giga) ? 0 : 1e-9 / giga;
    return {
      matmul: perSecond(matmul),
      attention: perSecond(attention),
      bytes: perSecond(bytes),
      calls: Number.isNaN(calls) ? 0 : 1e-6 * calls,
    };
  };
  return {
    model: { pass: read("forward and backward"), optimizer: read("optimizer") },
    bandwidth: 1e9 * valueOf(cellsOf("measured on its own")[2]!),
  };
}

export function scalingPage(facts: ScalingFacts): string {
  const { date, machine, threads, paths, larges, isQuick } = facts;
  const quick = isQuick
    ? "\n**A quick run, possibly on a busy machine: for testing the script only.**\n"
    : "";
  return `# Cost of a token on the CPU, and forecasts for larger machines

Written by \`deno task scaling\` on ${date} on ${machine}; no figure is typed by hand.
${quick}
## The cost model

The time of a part of a step (forward, backward, optimizer) is the sum of its work, each kind at its own speed:

seconds = operations of matmul / FLOP/s of matmul + operations of attention / FLOP/s of attention + bytes of everything else / bandwidth + kernel calls × time of a call in JavaScript

The training code counts the work of a shape on a device that runs nothing. Forward and backward share their speeds; the optimizer, whose matmuls are Muon's, has its own. Non-negative least squares fits the speeds, minimizing relative errors. A dash marks a cost that the fit sets to zero.

${
    markdownTable(
      ["", "matmul", "attention", "everything else", "kernel call"],
      paths.flatMap((path) => [
        [`${nameOf(path)}: forward and backward`, ...speedCells(path.model.pass)],
        [`${nameOf(path)}: optimizer`, ...speedCells(path.model.optimizer)],
        [
          `${nameOf(path)}: measured on its own`,
          `${format(path.matmulFlops / 1e9)} GFLOP/s (1,024 × 1,024)`,
          "",
          `${format(path.bandwidth / 1e9)} GB/s (sums over 192 MiB)`,
          "",
        ],
      ]),
    )
  }

${paths.map(measuredSection).join("\n\n")}

## Larger models on more cores

nanochat's models of depth 12 and 20: width 64 per layer, vocabulary 32,768, context 2,048 with attention windows SSSL, trained on the number of tokens and with the batch size that its scaling rules give (one optimizer step per batch). Assumptions:

- **Matmul and attention** scale with the number of cores. This is optimistic: many cores run at lower clocks.
- **Everything else** scales with memory bandwidth only: ${
    ASSUMED.map(({ cores, memory }) => `${memory} for ${cores} cores`).join("; ")
  }, relative to the bandwidth measured here. This is pessimistic where the cores are the bottleneck.
- **Calls** come from one JavaScript thread and do not scale.
- Speeds are those of the narrower models above; wider matmuls are slightly faster.

${
    markdownTable(
      ["model", "", "cores", "tokens/s", "days of training", "share of time"],
      larges.flatMap((large) => paths.flatMap((path) => forecastRows(large, path, threads))),
    )
  }

${
    larges.map(({ shape, plan }) =>
      `Depth ${shape.depth}: ${format(plan.totalTokens / 1e9)} billion tokens in batches of ${
        format(plan.totalBatchSize)
      }.`
    ).join(" ")
  }
`;
}

function nameOf({ blas }: Path): string {
  return blas ? "BLAS" : "no BLAS";
}

function speedCells({ matmul, attention, bytes, calls }: Costs): string[] {
  const speed = (cost: number, unit: string) => cost === 0 ? "–" : `${format(1e-9 / cost)} ${unit}`;
  return [
    speed(matmul, "GFLOP/s"),
    speed(attention, "GFLOP/s"),
    speed(bytes, "GB/s"),
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
    : `\nA held-out model, larger in all dimensions:\n\n${
      pointsTable([path.unseen], path.model)
    }\n`;
  return `## Measured: ${nameOf(path)}

On ${path.name}. Microseconds per token, measured and fitted.

${pointsTable(path.points, path.model)}

The error of the fit is ${percent(median(errors))} in the median and ${
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
      `${deviceBatchSize}`,
      format(tokens / total(seconds)),
      ...PARTS.map((part) => `${each(seconds[part])} (${each(fitted[part])})`),
      `${each(total(seconds))} (${each(total(fitted))})`,
      percent(total(fitted) / total(seconds) - 1),
    ];
  });
  return markdownTable([
    "width",
    "depth",
    "context",
    "vocabulary",
    "sequences",
    "tokens/s",
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
      matmul: "matmul",
      attention: "attention",
      bytes: "memory",
      calls: "calls",
    };
    return [
      `depth ${shape.depth}`,
      nameOf(path),
      `${cores}`,
      format(tokensPerSecond),
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
