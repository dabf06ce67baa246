/**
 * How a program is shared among the threads and the bindings of a GPU.
 *
 * An elementwise program has a thread per element, or per four contiguous elements. In a row
 * program, a workgroup handles several rows with several threads each, the row's lanes. Each lane
 * reduces its share of the row, and the partial results are combined by a tree reduction. Long rows
 * get many lanes, short ones a single lane, which needs no barriers.
 *
 * Software adapters (subgroups as narrow as CPU vectors) run a workgroup as a loop, and a barrier
 * saves and restores every thread. With enough rows for all cores, one lane is 5 to 20 times as
 * fast as eight on lavapipe.
 *
 * Each memory is bound once, as vectors where possible; and in parts where there are too many, or
 * where one is too large for a binding.
 *
 * @module
 */

import { allocateView, type View, type WebGpuDevice } from "../device.ts";
import { RangeError } from "../errors.ts";
import { copyProgram, makeProgram, type Program, reductionPasses } from "../formula/program.ts";
import { pruneInputs } from "../formula/rebuild.ts";
import { memoize } from "../memoize.ts";
import { shapesEqual } from "../shape.ts";
import type { Signature, Team } from "./language.ts";
import { type Axis, classOf } from "./layout.ts";
import { bufferNames } from "./lower.ts";
import { fitsOneBinding, split } from "./split.ts";

/** How threads and operands of a kernel share what there is. */
export type Sharing = Pick<
  Signature<Record<string, "f32">, string>,
  "within" | "aligned" | "width" | "team"
>;

/**
 * The bindings of a program's operands.
 *
 * @param inner The axis of the vectors.
 * @param around The others.
 */
export function bindingsOf(
  program: Program,
  views: readonly View[],
  inner: Axis,
  around: readonly Axis[],
): Sharing & { readonly width: 1 | 4 } {
  const names = bufferNames(program);
  const owners = views.map(({ allocation }) =>
    names[views.findIndex((view) => view.allocation === allocation)]!
  );
  const strides = inner.strides.map(classOf);
  const aligned = new Set(owners.filter((_, i) => strides[i] === "1"));
  // A thread handles four elements if every operand is contiguous and aligned there, or broadcast. A
  // single element cannot be stored to a binding of vectors without touching its neighbors.
  const hasFours = inner.length > 0 && inner.length % 4 === 0 && aligned.size > 0 &&
    views.every(({ offset }, i) =>
      strides[i] === "1"
        ? offset % 4 === 0 && around.every(({ strides }) => strides[i]! % 4 === 0)
        : strides[i] === "0" && (i < program.inputs.length || !aligned.has(owners[i]!))
    );
  return {
    within: Object.fromEntries(
      names.flatMap((name, i) => owners[i] === name ? [] : [[name, owners[i]!]]),
    ),
    aligned: hasFours ? [...aligned] : [],
    width: hasFours ? 4 : 1,
  };
}

/**
 * Runs a program, or a part of it, on views that can be bound: inputs, then outputs.
 *
 * @param isWhole Whether it is all of the program, on all of its operands.
 */
export type RunPart = (program: Program, views: readonly View[], isWhole: boolean) => void;

/**
 * Runs a program on a GPU in as many parts as it takes.
 *
 * @throws {RangeError} If there are too many buffers, or if a row exceeds a binding.
 */
export function runInParts(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  run: RunPart,
): void {
  const count = program.inputs.length;
  const [inputs, outputs] = [views.slice(0, count), views.slice(count)];
  const firstOutput = outputs[0];
  // An empty row still has a sum; without rows, or without elements, there is nothing to do.
  const counted = program.isRow ? firstOutput?.shape.slice(0, -1) : firstOutput?.shape;
  if (counted === undefined || counted.includes(0)) return;
  const isEmpty = views.some(({ shape }) => shape.includes(0));
  if (isEmpty || views.every(({ allocation }) => fitsOneBinding(device, allocation))) {
    return runPart(device, program, views, run, true);
  }
  const read = inputs.map((input) =>
    isWrittenElsewhere(input, outputs) ? copyOf(device, input, run) : input
  );
  const cut = { name: program.name, axes: counted.length, firstOutput: inputs.length };
  for (const { views } of split(device, [...read, ...outputs], cut)) {
    runPart(device, program, views, run, false);
  }
  for (const [i, view] of read.entries()) {
    if (view !== inputs[i]) device.free(view.allocation);
  }
}

/**
 * Whether a view's memory is also written, at other positions: memory is bound once, so one binding
 * would have to cover both.
 */
function isWrittenElsewhere(
  { allocation, offset, strides }: View,
  outputs: readonly View[],
): boolean {
  const written = outputs.filter((output) => output.allocation === allocation);
  return written.length > 0 &&
    !written.some((output) => output.offset === offset && shapesEqual(output.strides, strides));
}

/** A copy in separate memory, of numbers with four bytes. */
function copyOf(device: WebGpuDevice, view: View, run: RunPart): View {
  const copy = allocateView(
    device,
    view.dtype === "int32" ? "int32" : "float32",
    view.shape,
    "copy of an input whose memory is written",
  );
  runInParts(device, copyProgram, [view, copy], (program, views) => run(program, views, false));
  return copy;
}

/** Runs a program with at most as many buffers as a kernel can bind. */
function runPart(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  run: RunPart,
  isWhole: boolean,
): void {
  const buffers = new Set(views.map(({ allocation }) => allocation)).size;
  const most = device.limits.maxStorageBuffersPerShaderStage;
  if (buffers <= most) return run(program, views, isWhole);
  const parts = splitProgram(program, views);
  if (parts === null) {
    throw new RangeError(
      `Cannot run "${program.name}": wanted operands in at most ${most} buffers on this device, ` +
        `got ${buffers}`,
    );
  }
  for (const part of parts) runPart(device, part.program, part.views, run, false);
}

/** The halves of a program's outputs, each with the inputs that it uses. */
const halvesOf = memoize((program: Program) => {
  const { outputs } = program;
  const half = outputs.length >> 1;
  return [[0, half] as const, [half, outputs.length] as const].map(([start, end]) => {
    const part = makeProgram({ ...program, outputs: outputs.slice(start, end), slopes: null });
    return { ...pruneInputs(part), start, end };
  });
});

/**
 * Splits a program into two with fewer operands each, in execution order; `null` if that is
 * impossible: with one output, or if the second would read what the first has overwritten.
 */
function splitProgram(program: Program, views: readonly View[]) {
  if (program.outputs.length < 2) return null;
  const outputs = views.slice(program.inputs.length);
  const halves = halvesOf(program).map(({ program, used, start, end }) => {
    const [read, written] = [used.map((index) => views[index]!), outputs.slice(start, end)];
    return { program, read, written, views: [...read, ...written] };
  });
  const overwritten = halves[0]!.written.map(({ allocation }) => allocation);
  const isLost = halves[1]!.read.some(({ allocation }) => overwritten.includes(allocation));
  return isLost ? null : halves;
}

/** Subgroups up to this size are CPU vectors: 8 on lavapipe, 4 on SwiftShader. */
const PROCESSOR_VECTOR = 8;
/** Rows that keep all CPU cores busy with one lane each. */
const CPU_ROWS = 16;
const MAX_SINGLE_LANE_ROW = 32;
/** Threads that saturate a GPU; more lanes per row do not help. */
const GPU_THREADS = 32_768;
/** Adjacent rows that one memory access fetches, if rows are interleaved. */
const ROWS_SIDE_BY_SIDE = 32;
const MAX_THREADS = 256;
const USUAL_THREADS = 64;

/** The size of a computation. */
export interface RowsToShare {
  readonly rows: number;
  readonly columns: number;
  /** Numbers of a vector. */
  readonly width: number;
  /** Whether adjacent rows lie side by side, and not the elements of a row. */
  readonly itemsFirst: boolean;
}

/** The threads that compute a program. */
export function teamOf(device: WebGpuDevice, program: Program, work: RowsToShare): Team {
  const { limits } = device;
  const { rows, columns, width, itemsFirst } = work;
  const partials = Math.max(1, ...reductionPasses(program).map((pass) => pass.length));
  const threads = powerOfTwoBelow(Math.min(
    MAX_THREADS,
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupStorageSize / (4 * partials),
  ));
  if (!program.isRow) return { items: threads, lanes: 1, itemsFirst };
  const isNarrow = Number(device.info.details.subgroupSize) <= PROCESSOR_VECTOR;
  const sizes = isNarrow && rows >= CPU_ROWS
    ? { items: itemsFirst ? ROWS_SIDE_BY_SIDE : PROCESSOR_VECTOR, lanes: 1 }
    : columns <= MAX_SINGLE_LANE_ROW
    ? { items: Math.min(USUAL_THREADS, threads), lanes: 1 }
    : itemsFirst
    ? rowsTogether(rows, threads)
    : lanesTogether(rows, columns / width, threads);
  return { ...sizes, itemsFirst };
}

function rowsTogether(rows: number, threads: number): Omit<Team, "itemsFirst"> {
  const together = Math.min(ROWS_SIDE_BY_SIDE, threads, powerOfTwoAbove(rows));
  return { items: together, lanes: rows >= GPU_THREADS ? 1 : threads / together };
}

function lanesTogether(rows: number, steps: number, threads: number): Omit<Team, "itemsFirst"> {
  let lanes = Math.min(8, threads);
  while (lanes < threads && steps > 4 * lanes && rows * lanes < GPU_THREADS) lanes *= 2;
  return { items: Math.max(1, Math.min(USUAL_THREADS, threads) / lanes), lanes };
}

const powerOfTwoBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(n, 1)));
const powerOfTwoAbove = (n: number): number => 2 ** Math.ceil(Math.log2(n));
