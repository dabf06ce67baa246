/** The page bench/ROOFLINE.md. */

import { format, markdownTable } from "./results.ts";
import type { StepCounts, StepShape } from "./roofline_count.ts";
import {
  classOf,
  type Dispatch,
  DISPATCH_SECONDS,
  type Group,
  groupDispatches,
  minTimes,
  type Processor,
  PROCESSORS,
} from "./roofline_model.ts";

export interface Outlook {
  readonly shape: StepShape;
  readonly processor: Processor;
  /** Memory of a step with the largest batch that fits, or with the smallest if none does. */
  readonly peakBytes: number;
  readonly counts: StepCounts;
  /** Gradient accumulation steps at nanochat's batch size. */
  readonly batches: number;
}

export interface RooflineFacts {
  readonly date: string;
  readonly machine: string;
  /** The adapter on which depth 4 ran. */
  readonly adapter: string;
  /** Microseconds of JavaScript per dispatch, including the operation that makes it. */
  readonly recordingMicroseconds: number;
  readonly measured: StepCounts;
  /** Steps to list by class of kernel. */
  readonly listed: readonly { readonly shape: StepShape; readonly counts: StepCounts }[];
  readonly outlooks: readonly Outlook[];
}

const GIGA = 1e9;

function titleOf({ depth, vocabSize, maxSeqLen, deviceBatchSize }: StepShape): string {
  return `depth ${depth}, width ${format(64 * depth)}, vocabulary ${format(vocabSize)}, ` +
    `${deviceBatchSize} × ${format(maxSeqLen)} tokens`;
}

export function rooflinePage(facts: RooflineFacts): string {
  const { recordingMicroseconds, measured, listed, outlooks } = facts;
  const all = (counts: StepCounts) => [...counts.batch, ...counts.update];
  const recording = 1e6 / recordingMicroseconds;
  return `# What bounds a training step on a GPU

Written by \`deno task roofline\` on ${facts.date}; no figure is typed by hand.
Depth 4 ran on ${facts.adapter} (${facts.machine}); the dispatches of the other depths were counted by the training code on a device that runs nothing.

How times are computed:

- A kernel takes at least the time of its floating-point operations at peak FLOP/s, of its bytes (each element once) at memory bandwidth, or ${
    DISPATCH_SECONDS * 1e6
  } µs for an empty dispatch, whichever is longest. The last is an assumption. A step is the sum over its dispatches.
- Peaks are the vendors' figures for float32 without matrix units, which WGSL cannot use: ${
    PROCESSORS.map(({ name, flops, bandwidth, memory }) =>
      `${name} ${format(flops / 1e12)} TFLOP/s, ${format(bandwidth / GIGA)} GB/s, ${
        format(memory / GIGA)
      } GB`
    ).join("; ")
  }.
- These are lower bounds, not predictions: good kernels reach 50 to 90 % of them.
- Recording a dispatch took ${
    format(recordingMicroseconds)
  } µs of JavaScript on the machine above, including the operation, the tape and memory management: at most ${
    format(recording)
  } dispatches per second. JavaScript and the GPU overlap, so a step takes the longer of the two.

## Bounds by processor

With the largest batch, up to 16 sequences, that fits into memory. nanochat accumulates gradients over many batches before an update; "nanochat's batch" counts one update for all of them.

${
    markdownTable(
      [
        "model",
        "processor",
        "forward and backward",
        "optimizer",
        "bound by",
        "dispatches",
        "dispatches per second",
        "recording",
        "tokens/s, one batch per step",
        "tokens/s, nanochat's batch",
      ],
      outlooks.map((outlook) => outlookCells(outlook, recordingMicroseconds)),
    )
  }

"Recording" is the time of JavaScript as a share of the GPU's lower bound: above 100 % JavaScript is the bottleneck.

## Work by class of kernel

${
    listed.map(({ shape, counts }) =>
      `### ${titleOf(shape)}\n\n${
        kernelTable(groupDispatches(all(counts), classNames(counts)), false)
      }`
    ).join("\n\n")
  }

Intensity is floating-point operations per byte; the last columns give the bound of the class on each processor. Kernels without counted work (bookkeeping of sparse gradients) are bound by dispatch.

## Every kernel of depth 4, measured

On ${facts.adapter}, by timestamps.

${measuredTable(groupDispatches(all(measured), ({ name }) => name))}
`;
}

/** Muon's matmuls are a class of their own. */
function classNames(counts: StepCounts): (dispatch: Dispatch) => string {
  const updates = new Set(counts.update);
  return (dispatch) => {
    const name = classOf(dispatch);
    return name === "matmul" && updates.has(dispatch) ? "Muon's matmuls" : name;
  };
}

function outlookCells(outlook: Outlook, recordingMicroseconds: number): string[] {
  const { shape, processor, counts, peakBytes, batches } = outlook;
  const name = titleOf(shape);
  if (peakBytes > processor.memory) {
    const needed = `does not fit: one sequence needs ${format(peakBytes / GIGA)} GB`;
    return [name, processor.name, needed, ...Array.from({ length: 7 }, () => "")];
  }
  const batch = minTimes(counts.batch, processor);
  const update = minTimes(counts.update, processor);
  const whole = minTimes([...counts.batch, ...counts.update], processor);
  const record = (dispatches: readonly Dispatch[]) =>
    dispatches.length * recordingMicroseconds * 1e-6;
  const dispatches = counts.batch.length + counts.update.length;
  const recorded = record(counts.batch) + record(counts.update);
  const seconds = Math.max(whole.seconds, recorded);
  const tokens = shape.deviceBatchSize * shape.maxSeqLen;
  const long = batches * Math.max(batch.seconds, record(counts.batch)) +
    Math.max(update.seconds, record(counts.update));
  const shares = Object.entries(whole.by).toSorted((a, b) => b[1] - a[1])
    .filter(([, time]) => time >= 0.05 * whole.seconds)
    .map(([bound, time]) => `${bound} ${(100 * time / whole.seconds).toFixed(0)} %`);
  return [
    name,
    processor.name,
    `${format(1000 * batch.seconds)} ms`,
    `${format(1000 * update.seconds)} ms`,
    shares.join(", "),
    format(dispatches),
    format(dispatches / seconds),
    `${(100 * recorded / whole.seconds).toFixed(0)} %`,
    format(tokens / seconds),
    format(batches * tokens / long),
  ];
}

/** Kernels below this share of the measured time share one row. */
const MIN_SHARE = 0.001;

function measuredTable(groups: readonly Group[]): string {
  const total = groups.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const isLarge = ({ milliseconds }: Group) => milliseconds >= MIN_SHARE * total;
  const rest = groups.filter((group) => !isLarge(group)).flatMap(({ dispatches }) => dispatches);
  const others = groupDispatches(rest, () => "others, each less than 0.1 % of the time");
  return kernelTable([...groups.filter(isLarge), ...others], true);
}

function kernelTable(groups: readonly Group[], isMeasured: boolean): string {
  const rows = groups.map(({ name, dispatches, flops, bytes, milliseconds }) => [
    name,
    dispatches.length.toLocaleString("en-US"),
    amount(flops),
    amount(bytes),
    bytes === 0 ? "" : flops === 0 ? "0" : format(flops / bytes),
    ...(isMeasured
      ? [milliseconds.toFixed(1), speed(flops, milliseconds), speed(bytes, milliseconds)]
      : []),
    ...PROCESSORS.map((processor) => minTimes(dispatches, processor).bound),
  ]);
  return markdownTable([
    "kernel",
    "calls",
    "GFLOP",
    "GB",
    "intensity",
    ...(isMeasured ? ["ms", "GFLOP/s", "GB/s"] : []),
    ...PROCESSORS.map(({ name }) => name.replace(/ \(.*/, "")),
  ], rows);
}

/** Formats a number in units of 10⁹. */
function amount(value: number): string {
  return value === 0 ? "0" : value < 1e5 ? "< 0.0001" : format(value / GIGA);
}

/** Formats a rate in units of 10⁹ per second. */
function speed(value: number, milliseconds: number): string {
  return value === 0 || milliseconds === 0 ? "" : format(value / milliseconds / 1e6);
}
