/** Writes down what bounds a training step on a graphics processor. @module */

import { format, markdownTable } from "./results.ts";
import type { StepCounts, StepShape } from "./roofline_count.ts";
import {
  classOf,
  type Dispatch,
  DISPATCH_SECONDS,
  type Group,
  groupDispatches,
  leastTimes,
  type Processor,
  PROCESSORS,
} from "./roofline_model.ts";

/** A step that was counted for a processor. */
export interface Outlook {
  readonly shape: StepShape;
  readonly processor: Processor;
  /** What a step needs, with the largest batch that fits or with the smallest that there is. */
  readonly peakBytes: number;
  readonly counts: StepCounts;
  /** The batches that nanochat adds up in a step. */
  readonly batches: number;
}

/** What the page is made of. */
export interface RooflineFacts {
  /** The day. */
  readonly date: string;
  /** The machine that ran and recorded. */
  readonly machine: string;
  /** The adapter on which depth 4 ran. */
  readonly adapter: string;
  /** Microseconds that recording a dispatch takes in JavaScript, everything before it included. */
  readonly recordingMicroseconds: number;
  /** Depth 4 as it ran on the adapter. */
  readonly measured: StepCounts;
  /** The steps whose kernels are listed by class. */
  readonly listed: readonly { readonly shape: StepShape; readonly counts: StepCounts }[];
  /** Every depth on every processor. */
  readonly outlooks: readonly Outlook[];
}

const GIGA = 1e9;

/** The shape in words. */
function titleOf({ depth, vocabSize, maxSeqLen, deviceBatchSize }: StepShape): string {
  return `depth ${depth}, width ${format(64 * depth)}, vocabulary ${format(vocabSize)}, ` +
    `${deviceBatchSize} × ${format(maxSeqLen)} tokens`;
}

/** The page, as Markdown. */
export function rooflinePage(facts: RooflineFacts): string {
  const { recordingMicroseconds, measured, listed, outlooks } = facts;
  const all = (counts: StepCounts) => [...counts.batch, ...counts.update];
  const recording = 1e6 / recordingMicroseconds;
  return `# What bounds a training step on a graphics processor

Written by \`deno task roofline\` on ${facts.date}; nothing here is typed in by hand.
Depth 4 ran on ${facts.adapter} (${facts.machine}); the other depths ran nowhere: their dispatches were counted by the code that would train them, on a device that only counts.

How the times come about:

- A kernel takes at least its floating-point operations at the processor's peak, its bytes (each element once) at the bandwidth of its memory, and ${
    DISPATCH_SECONDS * 1e6
  } µs as a dispatch, whichever is most. The last is an assumption. A step is the sum over its dispatches.
- The peaks are the makers' for single precision, without matrix units, which WGSL cannot reach: ${
    PROCESSORS.map(({ name, flops, bandwidth, memory }) =>
      `${name} ${format(flops / 1e12)} TFLOP/s, ${format(bandwidth / GIGA)} GB/s, ${
        format(memory / GIGA)
      } GB`
    ).join("; ")
  }.
- So these are the least times, not predictions: good kernels reach half to nine tenths of them.
- Recording a dispatch took ${
    format(recordingMicroseconds)
  } µs of JavaScript on the machine above, with the operation, the tape and the memory that go with it: at most ${
    format(recording)
  } dispatches in a second. It goes on while the GPU works, so a step takes the longer of the two.

## What each processor could do

With the largest batch, up to 16 sequences, that fits into its memory. nanochat adds up many batches before it updates: "nanochat's batch" counts one update for so many.

${
    markdownTable(
      [
        ...["model", "processor", "forward and backward", "optimizer", "bound by", "dispatches"],
        ...["dispatches in a second", "recording them", "tokens/s, a batch a step"],
        "tokens/s, nanochat's batch",
      ],
      outlooks.map((outlook) => outlookCells(outlook, recordingMicroseconds)),
    )
  }

"Recording them" is the time of JavaScript as a share of the least time of the GPU: above 100 % JavaScript is what bounds.

## What there is to do, by class of kernel

${
    listed.map(({ shape, counts }) =>
      `### ${titleOf(shape)}\n\n${
        kernelTable(groupDispatches(all(counts), classNames(counts)), false)
      }`
    ).join("\n\n")
  }

Intensity is floating-point operations for each byte; the last columns say what bounds the class on each processor. Work that nobody counts (bookkeeping of sparse gradients) is bound by its dispatches.

## Every kernel of depth 4, as it ran

On ${facts.adapter}, where the time of each is from its timestamps.

${measuredTable(groupDispatches(all(measured), ({ name }) => name))}
`;
}

/** Products are told apart by where they belong. */
function classNames(counts: StepCounts): (dispatch: Dispatch) => string {
  const updates = new Set(counts.update);
  return (dispatch) => {
    const name = classOf(dispatch);
    return name === "products" && updates.has(dispatch) ? "products of Muon" : name;
  };
}

function outlookCells(outlook: Outlook, recordingMicroseconds: number): string[] {
  const { shape, processor, counts, peakBytes, batches } = outlook;
  const name = titleOf(shape);
  if (peakBytes > processor.memory) {
    const needed = `does not fit: one sequence needs ${format(peakBytes / GIGA)} GB`;
    return [name, processor.name, needed, ...Array.from({ length: 7 }, () => "")];
  }
  const batch = leastTimes(counts.batch, processor);
  const update = leastTimes(counts.update, processor);
  const whole = leastTimes([...counts.batch, ...counts.update], processor);
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
    ...[name, processor.name, `${format(1000 * batch.seconds)} ms`],
    ...[`${format(1000 * update.seconds)} ms`, shares.join(", "), format(dispatches)],
    ...[format(dispatches / seconds), `${(100 * recorded / whole.seconds).toFixed(0)} %`],
    ...[format(tokens / seconds), format(batches * tokens / long)],
  ];
}

/** What took less of the measured time has no row of its own. */
const LEAST_SHARE = 0.001;

function measuredTable(groups: readonly Group[]): string {
  const total = groups.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const isLarge = ({ milliseconds }: Group) => milliseconds >= LEAST_SHARE * total;
  const rest = groups.filter((group) => !isLarge(group)).flatMap(({ dispatches }) => dispatches);
  const others = groupDispatches(rest, () => "others, each less than 0.1 % of the time");
  return kernelTable([...groups.filter(isLarge), ...others], true);
}

function kernelTable(groups: readonly Group[], isMeasured: boolean): string {
  const rows = groups.map(({ name, dispatches, flops, bytes, milliseconds }) => [
    ...[name, dispatches.length.toLocaleString("en-US"), amount(flops), amount(bytes)],
    bytes === 0 ? "" : flops === 0 ? "0" : format(flops / bytes),
    ...(isMeasured
      ? [milliseconds.toFixed(1), speed(flops, milliseconds), speed(bytes, milliseconds)]
      : []),
    ...PROCESSORS.map((processor) => leastTimes(dispatches, processor).bound),
  ]);
  return markdownTable([
    ...["kernel", "calls", "GFLOP", "GB", "intensity"],
    ...(isMeasured ? ["ms", "GFLOP/s", "GB/s"] : []),
    ...PROCESSORS.map(({ name }) => name.replace(/ \(.*/, "")),
  ], rows);
}

/** Thousands of millions, as far as they count. */
function amount(value: number): string {
  return value === 0 ? "0" : value < 1e5 ? "< 0.0001" : format(value / GIGA);
}

/** Thousands of millions in a second. */
function speed(value: number, milliseconds: number): string {
  return value === 0 || milliseconds === 0 ? "" : format(value / milliseconds / 1e6);
}
