/**
 * Runs programs: formulas become kernels by `lower.ts`, which `run.ts` dispatches like all others.
 *
 * The code of a kernel depends on formulas, dtypes and stride classes, never on sizes, addresses or
 * scalars, so a training step needs few.
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
import { inOrder } from "../formula/expression.ts";
import { computesIntegers, type Program, reductionPasses } from "../formula/program.ts";
import type { TensorLayout } from "../layout_cache.ts";
import { memoize } from "../memoize.ts";
import { viewBytes, type Work } from "../profile.ts";
import { isExpensive } from "./formulas.ts";
import type { Signature, Team } from "./language.ts";
import { type Axis, classOf, type Layout, layOut } from "./layout.ts";
import { bufferNames, lowerProgram, type ProgramForm, valuesToKeep } from "./lower.ts";
import { defineKernel, type Kernel, runKernel } from "./run.ts";
import { fitsOneBinding, split } from "./split.ts";
import { programText } from "./text.ts";

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

interface Known {
  /** By form, and by how threads share the items. */
  readonly kernels: Map<string, Kernel>;
  /** Approximate nanoseconds per element on the CPU. */
  readonly elementCost: number;
  /** Number of values of an element that are kept for the next passes. */
  readonly kept: number;
}

const knownOf = memoize((program: Program): Known => {
  const operands = program.inputs.length + program.outputs.length;
  const elementCost = inOrder(program.outputs).reduce(
    (cost, e) => cost + (isExpensive(e) ? 0.6 : 0.03),
    0.05 * operands,
  );
  const kept = program.isRow ? valuesToKeep(program).length : 0;
  return { kernels: new Map(), elementCost, kept };
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
  const columns = inner.length;
  const team = teamOf(device, program, { rows: items, columns, width, itemsFirst });
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
  const { kernels } = knownOf(program);
  const name = JSON.stringify([Object.values(form), sharing]);
  let kernel = kernels.get(name);
  if (kernel === undefined) {
    const { signature, body } = lowerProgram(program, form);
    const key = `${program.key} ${name}`;
    const whole = { ...signature, ...sharing, key };
    kernel = defineKernel(whole, body, programText(program, whole, body));
    kernels.set(name, kernel);
  }
  return kernel;
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

/** The size of a computation. */
interface RowsToShare {
  readonly rows: number;
  readonly columns: number;
  /** Numbers of a vector. */
  readonly width: number;
  /** Whether adjacent rows lie side by side, and not the elements of a row. */
  readonly itemsFirst: boolean;
}

/** The threads that compute a program. */
function teamOf(device: WebGpuDevice, program: Program, work: RowsToShare): Team {
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
