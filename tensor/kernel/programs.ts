/**
 * Runs programs: formulas become kernels by `lower.ts`, which `run.ts` dispatches like all others.
 *
 * The code of a kernel depends on formulas, dtypes and stride classes, never on sizes, addresses or
 * scalars, so a training step needs few.
 *
 * @module
 */

import type { Device, View, WebGpuDevice } from "../device.ts";
import { inOrder } from "../formula/expression.ts";
import { computesIntegers, type Program } from "../formula/program.ts";
import { gradientAsText, programAsText } from "../formula/text.ts";
import type { TensorLayout } from "../layout_cache.ts";
import { memoize } from "../memoize.ts";
import { viewBytes, type Work } from "../profile.ts";
import { isExpensive } from "./formulas.ts";
import { type Axis, classOf, type Layout, layOut } from "./layout.ts";
import { lowerProgram, type ProgramForm, valuesToKeep } from "./lower.ts";
import { defineKernel, type Kernel, runKernel, type RunOptions } from "./run.ts";
import { bindingsOf, partsToBind, type Sharing, teamOf } from "./sharing.ts";
import { kernelAsText } from "./text.ts";

const WORD_BYTES = 4;
/** Nanoseconds of work that justify waking another thread. */
const THREAD_THRESHOLD = 5000;
/** Maximum memory of a thread for kept values, in bytes: what stays in its cache. */
const MAX_KEPT_BYTES = 1 << 20;

/** Runs a kernel, of which all but the operands and scalars is known. */
type Call = (device: Device, operands: readonly View[], scalars: readonly number[]) => void;

const callOf =
  (kernel: Kernel, words: readonly number[], items: number, options: RunOptions): Call =>
  (device, operands, scalars) =>
    runKernel(device, kernel, operands, words, items, options, scalars);

/** A program, prepared for operands of some layouts: inputs, then outputs. */
export interface PreparedProgram {
  readonly program: Program;
  readonly operands: readonly TensorLayout[];
  /** The call on the CPU. */
  readonly call: Call | null;
  /** The calls on a GPU, by how the operands share memory and where they begin. */
  readonly callsOn: (device: WebGpuDevice) => Map<string, Call>;
}

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
  const call = device.kind === "cpu" ? callOnCpu(program, operands) : null;
  return { program, operands, call, callsOn: memoize(() => new Map()) };
}

/** Runs a program on operands of the layouts that it was prepared for: inputs, then outputs. */
export function runPrepared(
  device: Device,
  { program, operands, call, callsOn }: PreparedProgram,
  given: readonly View[],
  scalars: readonly number[],
): void {
  if (device.kind === "cpu") return call?.(device, given, scalars);
  const views = given.map(({ allocation, dtype, offset }, i): View => {
    const { shape, strides } = operands[i]!;
    return { allocation, dtype, shape, strides, offset };
  });
  const calls = callsOn(device);
  for (const part of partsToBind(device, program, views)) {
    const isWhole = part === views;
    const key = isWhole ? placesKey(part) : "";
    const call = calls.get(key) ?? callOnGpu(device, program, part);
    if (isWhole) calls.set(key, call);
    call(device, part, scalars);
  }
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

function callOnCpu(program: Program, operands: readonly TensorLayout[]): Call {
  const { elementCost, kept } = knownOf(program);
  const layout = layOut(program, operands, true);
  const { run, row, outer, vectors } = layout;
  const items = outer.reduce((product, { length }) => product * length, run.length);
  if (items === 0) return () => {};
  const keptBytes = vectors === "row" ? kept * row.length * WORD_BYTES : 0;
  const keepsValues = keptBytes > 0 && keptBytes <= MAX_KEPT_BYTES;
  const form = formOf(program, operands, layout, { vectors, keepsValues });
  const itemCost = elementCost * row.length + (program.isRow ? 10 : 0);
  return callOf(kernelOf(program, form), wordsOf(program, layout), items, {
    grain: Math.ceil(THREAD_THRESHOLD / itemCost),
    scratchBytes: keepsValues ? keptBytes : 0,
    work: workOf(program, operands),
  });
}

/** All of the places of operands that {@linkcode bindingsOf} depends on. */
function placesKey(views: readonly View[]): string {
  let key = "";
  for (const { allocation, offset } of views) {
    key += `${views.findIndex((view) => view.allocation === allocation)} ${offset % 4},`;
  }
  return key;
}

/** The call for views that can be bound: inputs, then outputs. */
function callOnGpu(device: WebGpuDevice, program: Program, views: readonly View[]): Call {
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
  // Calls are kept: they must not keep the memory of the views alive.
  const layouts = views.map(({ dtype, shape, strides }) => ({ dtype, shape, strides }));
  return callOf(kernel, wordsOf(program, layout), items, { work: workOf(program, layouts) });
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
    kernel = defineKernel(whole, body, {
      code: () =>
        `${programAsText(program)}\n\n${kernelAsText({ ...whole, key: program.name }, body)}`,
      gradient: () => gradientAsText(program),
    });
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
