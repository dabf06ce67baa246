/**
 * Runs programs: formulas become kernels by `lower.ts`, which `run.ts` dispatches like all others.
 *
 * The code of a kernel depends on formulas, dtypes and stride classes, never on sizes, addresses or
 * scalars, so a training step needs few. Axes that lie behind each other in memory become one. Of those
 * that remain, the innermost is the *run*, a fast inner loop, and the others are around it. A program
 * with reductions keeps its last axis, the *row*, apart; one without has rows of one element.
 *
 * On a GPU, an elementwise program has a thread per element, or per four contiguous elements. In a row
 * program, a workgroup handles several rows with several threads each, the row's lanes. Each lane
 * reduces its share of the row, and the partial results are combined by a tree reduction. Long rows get
 * many lanes, short ones a single lane, which needs no barriers. Software adapters (subgroups as narrow as
 * CPU vectors) run a workgroup as a loop, and a barrier saves and restores every thread: with enough rows
 * for all cores, one lane is 5 to 20 times as fast as eight on lavapipe. Each memory is bound once, as
 * vectors where possible, and in parts where it is too large for a binding.
 *
 * @module
 */

import type { CpuDevice, Device, View, WebGpuDevice } from "../device.ts";
import { wrongValue } from "../errors.ts";
import { computesIntegers, isAlongRow, type Program, reductionPasses } from "../formula/program.ts";
import type { TensorLayout } from "../layout.ts";
import { memoize } from "../memoize.ts";
import { viewBytes, type Work } from "../profile.ts";
import { costOf } from "./formulas.ts";
import type { Signature, Team } from "./language.ts";
import { bufferNames, lowerProgram, type ProgramForm, valuesToKeep } from "./lower.ts";
import { defineKernel, fitsOneBinding, type Kernel, runKernel, split } from "./run.ts";

const WORD_BYTES = 4;
/** Nanoseconds of work that justify waking another thread. */
const THREAD_THRESHOLD = 5000;
/** Maximum memory of a thread for kept values, in bytes: what stays in its cache. */
const MAX_KEPT_BYTES = 1 << 20;

/** Runs a program on operands of the layouts that it was prepared for: inputs, then outputs. */
export type PreparedProgram = (operands: readonly View[], scalars: readonly number[]) => void;

/**
 * Prepares to run a program on operands of these layouts: inputs, then outputs.
 *
 * Inputs of type `int32` are converted to floats, and outputs of type `int32` are truncated; both
 * are exact up to 2²⁴. Programs over integers compute with inputs that are all `int32` as they are.
 *
 * Inputs are broadcast to one shape, with strides of 0; outputs are of the same shape. Both have a
 * last axis of 1 if they are per row. Outputs may be slices of larger tensors, and may coincide with
 * an input, element by element, but not overlap one otherwise.
 */
export function prepareProgram(
  device: Device,
  program: Program,
  operands: readonly TensorLayout[],
): PreparedProgram {
  return device.kind === "cpu"
    ? prepareOnCpu(device, program, operands)
    : prepareOnGpu(device, program, operands);
}

const knownOf = memoize((program: Program) => {
  const operands = program.inputs.length + program.outputs.length;
  /** Approximate nanoseconds per element on the CPU. */
  const elementCost = 0.05 * operands + costOf(program.outputs);
  /** Number of values of an element that are kept for the next passes. */
  const kept = program.isRow ? valuesToKeep(program).length : 0;
  return { elementCost, kept };
});

function prepareOnCpu(
  device: CpuDevice,
  program: Program,
  operands: readonly TensorLayout[],
): PreparedProgram {
  const { elementCost, kept } = knownOf(program);
  const layout = layOut(program, operands, true);
  const { run, row, outer, vectors } = layout;
  const items = outer.reduce((product, { length }) => product * length, run.length);
  if (items === 0) return () => {};
  const keptBytes = vectors === "row" ? kept * row.length * WORD_BYTES : 0;
  const keepsValues = keptBytes > 0 && keptBytes <= MAX_KEPT_BYTES;
  const form = formOf(program, operands, layout, { vectors, keepsValues });
  const itemCost = elementCost * row.length + (program.isRow ? 10 : 0);
  const [kernel, words] = [kernelOf(program, form), wordsOf(program, layout)];
  const options = {
    grain: Math.ceil(THREAD_THRESHOLD / itemCost),
    scratchBytes: keepsValues ? keptBytes : 0,
    work: workOf(program, operands),
  };
  return (views, scalars) => runKernel(device, kernel, views, words, items, options, scalars);
}

function prepareOnGpu(
  device: WebGpuDevice,
  program: Program,
  operands: readonly TensorLayout[],
): PreparedProgram {
  /** By how the operands share memory, and where they begin. */
  const known = new Map<string, PreparedProgram>();
  return (given, scalars) => {
    const views = given.map(({ allocation, offset }, i): View => ({
      ...operands[i]!,
      allocation,
      offset,
    }));
    for (const part of partsToBind(device, program, views)) {
      const isWhole = part === views;
      const key = isWhole ? placesKey(part) : "";
      const run = known.get(key) ?? prepareBound(device, program, part);
      if (isWhole) known.set(key, run);
      run(part, scalars);
    }
  };
}

/** All of the places of operands that {@linkcode bindingsOf} depends on. */
function placesKey(views: readonly View[]): string {
  let key = "";
  for (const { allocation, offset } of views) {
    key += `${views.findIndex((view) => view.allocation === allocation)} ${offset % 4},`;
  }
  return key;
}

/** Prepares for views that can be bound: inputs, then outputs. */
function prepareBound(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
): PreparedProgram {
  const layout = layOut(program, views, false);
  const rows = [layout.run, ...layout.outer];
  const [inner, ...around] = program.isRow ? [layout.row, ...rows] : rows as [Axis, ...Axis[]];
  const bindings = bindingsOf(device, program, views, inner, around);
  const { width } = bindings;
  const count = rows.reduce((product, { length }) => product * length, 1);
  const items = program.isRow ? count : count / width;
  const form = formOf(program, views, layout, {
    vectors: program.isRow ? "row" : "run",
    itemElements: program.isRow ? 1 : width,
  });
  const itemsFirst = program.isRow && layout.vectors === "run";
  const team = teamOf(device, program, [items, inner.length, width], itemsFirst);
  const kernel = kernelOf(program, form, { ...bindings, team });
  // A prepared call must not keep the memory of the views alive.
  const layouts = views.map(({ dtype, shape, strides }) => ({ dtype, shape, strides }));
  const [words, work] = [wordsOf(program, layout), workOf(program, layouts)];
  return (views, scalars) => runKernel(device, kernel, views, words, items, { work }, scalars);
}

function formOf(
  program: Program,
  operands: readonly TensorLayout[],
  layout: Layout,
  chosen: Pick<ProgramForm, "vectors"> & Partial<ProgramForm>,
): ProgramForm {
  return {
    outerRank: layout.outer.length,
    dtypes: operands.map(({ dtype }) => dtype),
    strides: layout[chosen.vectors].strides.map(classOf),
    isInteger: computesIntegers(program, operands),
    itemElements: 1,
    keepsValues: false,
    ...chosen,
  };
}

/** The integer arguments, in the order of `lower.ts`. */
function wordsOf({ isRow }: Program, { run, row, outer }: Layout): readonly number[] {
  const axes = [run, ...(isRow ? [row] : []), ...outer];
  const ofOperands = run.strides.flatMap((_, k) => axes.map(({ strides }) => strides[k]!));
  return [...axes.map(({ length }) => length), ...ofOperands];
}

function kernelOf(program: Program, form: ProgramForm, sharing: Sharing = {}): Kernel {
  const { signature, body } = lowerProgram(program, form);
  // Devices compile equal keys once.
  const key = `${program.key} ${JSON.stringify([Object.values(form), sharing])}`;
  return defineKernel({ ...signature, ...sharing, key }, body, program);
}

function workOf(program: Program, operands: readonly TensorLayout[]): () => Work {
  return () => ({
    name: program.name,
    bytes: viewBytes(operands),
    shapes: operands.map(({ shape }) => shape),
  });
}

/** How threads and operands of a kernel share what there is. */
type Sharing = Pick<
  Signature<Record<string, "f32">, string>,
  "within" | "aligned" | "width" | "team"
>;

/**
 * The bindings of a program's operands.
 *
 * @param inner The axis of the vectors.
 * @param around The others.
 * @throws {RangeError} If there are more buffers than a kernel can bind.
 */
function bindingsOf(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  inner: Axis,
  around: readonly Axis[],
): Sharing & { readonly width: 1 | 4 } {
  const names = bufferNames(program);
  const owners = views.map(({ allocation }) =>
    names[views.findIndex((view) => view.allocation === allocation)]!
  );
  const [most, count] = [device.limits.maxStorageBuffersPerShaderStage, new Set(owners).size];
  if (count > most) {
    const wanted = `operands in at most ${most} buffers on this device`;
    throw wrongValue(`run "${program.name}"`, wanted, count);
  }
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
 * The operands of a program, inputs and then outputs, in as many parts as bindings hold; these views
 * themselves if they can be bound, and nothing if there is nothing to compute.
 *
 * @throws {RangeError} If a row exceeds a binding.
 */
function partsToBind(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
): readonly (readonly View[])[] {
  const firstOutput = program.inputs.length;
  const { shape } = views[firstOutput]!;
  // An empty row still has a sum; without rows, or without elements, there is nothing to do.
  const counted = program.isRow ? shape.slice(0, -1) : shape;
  if (counted.includes(0)) return [];
  const isEmpty = views.some(({ shape }) => shape.includes(0));
  if (isEmpty || views.every(({ allocation }) => fitsOneBinding(device, allocation))) {
    return [views];
  }
  const cut = { name: program.name, axes: counted.length, firstOutput };
  return split(device, views, cut).map(({ views }) => views);
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

/**
 * The threads that compute a program.
 *
 * @param width Numbers of a vector.
 * @param itemsFirst Whether adjacent rows lie side by side, and not the elements of a row.
 */
function teamOf(
  device: WebGpuDevice,
  program: Program,
  [rows, columns, width]: readonly [rows: number, columns: number, width: number],
  itemsFirst: boolean,
): Team {
  const { limits } = device;
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

/** An axis of all operands of a program: inputs, then outputs. */
export interface Axis {
  readonly length: number;
  /** The strides of each operand, in elements. */
  readonly strides: readonly number[];
}

export function classOf(stride: number): ProgramForm["strides"][number] {
  return stride === 0 ? "0" : stride === 1 ? "1" : "n";
}

/** The loops of a program, with the strides of its operands: inputs, then outputs. */
export interface Layout {
  readonly vectors: ProgramForm["vectors"];
  readonly run: Axis;
  /** The row, of length 1 in an elementwise program; the stride is 0 for one element per row. */
  readonly row: Axis;
  /** The axes around the run, innermost first. */
  readonly outer: readonly Axis[];
}

/** @param isTiled Whether to cut the axes of an elementwise program into tiles. */
export function layOut(
  program: Program,
  operands: readonly TensorLayout[],
  isTiled: boolean,
): Layout {
  const merged = collapseAxes(program, operands);
  const [first, ...outer] = isTiled && !program.isRow ? cutIntoTiles(merged) : merged;
  const run = first ?? { length: 1, strides: operands.map(() => 1) };
  const row = findRow(program, operands);
  return { vectors: chooseVectorAxis(program, run, row), run, row, outer };
}

function chooseVectorAxis(program: Program, run: Axis, row: Axis): ProgramForm["vectors"] {
  if (!program.isRow) return "run";
  if (run.length < 4) return "row";
  let balance = 0;
  run.strides.forEach((runStride, k) => {
    if (!isAlongRow(program, k)) return;
    if (row.strides[k] === 1 && row.length > 1) balance++;
    else if (runStride === 1) balance--;
  });
  return balance < 0 ? "run" : "row";
}

/**
 * Describes the same elements with as few axes as possible, innermost first: [2, 3, 4] with strides
 * [12, 4, 1] becomes one axis of 24. Axes of length 1 are dropped; the others are sorted by the
 * strides of the first output, and adjacent ones merged where all operands allow it. The last axis
 * of a row program, the row, is left out.
 */
export function collapseAxes(program: Program, operands: readonly TensorLayout[]): readonly Axis[] {
  const { shape, strides: lead } = operands[program.inputs.length]!;
  const rank = program.isRow ? shape.length - 1 : shape.length;
  const order: number[] = [];
  for (let axis = rank - 1; axis >= 0; axis--) if (shape[axis] !== 1) order.push(axis);
  order.sort((a, b) => Math.abs(lead[a]!) - Math.abs(lead[b]!));
  const merged: { length: number; strides: readonly number[] }[] = [];
  for (const axis of order) {
    const length = shape[axis]!;
    const inner = merged.at(-1);
    const merges = inner !== undefined &&
      operands.every(({ strides }, k) => strides[axis] === inner.strides[k]! * inner.length);
    if (merges) inner.length *= length;
    else merged.push({ length, strides: operands.map(({ strides }) => strides[axis]!) });
  }
  return merged;
}

/** The row: its length is 1 if no operand has an element per column. */
export function findRow(program: Program, operands: readonly TensorLayout[]): Axis {
  return {
    length: operands.find((_, k) => isAlongRow(program, k))?.shape.at(-1) ?? 1,
    strides: operands.map(({ strides }, k) => isAlongRow(program, k) ? strides.at(-1)! : 0),
  };
}

/** Side of a tile: the elements of a cache line. */
const SIDE = 16;
/** Minimum side that pays off. */
const MIN_SIDE = 8;
/** Up to this many elements fit the L1 cache anyway. */
const MAX_CACHED_ELEMENTS = 1 << 13;

/**
 * Loop tiling, so that a whole cache line is used while it is in the L1 cache: only the order of the
 * axes changes, so kernels are unaware of it.
 *
 * Reorders the axes, innermost first, if an operand is strided along the innermost one, as when
 * copying a transposed matrix. Two axes are then split into tiles that divide their lengths evenly,
 * so axes of 256 and 512 become 16, 16, 16, 32; if there is no such tile size, they stay.
 */
export function cutIntoTiles(axes: readonly Axis[]): readonly Axis[] {
  const run = axes[0];
  if (run === undefined) return axes;
  const crossing = axes.findIndex((axis, a) =>
    a > 0 && axis.strides.some((stride, k) => stride === 1 && run.strides[k]! > 1)
  );
  if (crossing < 0 || run.length * axes[crossing]!.length <= MAX_CACHED_ELEMENTS) return axes;
  const [runTile, runTiles] = cut(run);
  const [crossingTile, crossingTiles] = cut(axes[crossing]!);
  if (runTile.length < MIN_SIDE || crossingTile.length < MIN_SIDE) return axes;
  const outer = axes.map((axis, a) => a === 0 ? runTiles : a === crossing ? crossingTiles : axis);
  return [runTile, crossingTile, ...outer.filter((axis) => axis.length > 1)];
}

function cut({ length, strides }: Axis): [tile: Axis, tiles: Axis] {
  let side = Math.min(SIDE, length);
  while (length % side !== 0) side--;
  return [
    { length: side, strides },
    { length: length / side, strides: strides.map((stride) => stride * side) },
  ];
}
