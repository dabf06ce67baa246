/**
 * Runs the programs of `tensor/formula/` on the CPU. The code of the kernels in `program/`
 * depends on formulas and stride classes, never on sizes, addresses or scalars, so a training step
 * reuses a few. @module
 */

import type { CpuDevice, DispatchOptions, View, WasmKernel } from "../../device.ts";
import { inOrder } from "../../formula/expression.ts";
import { computesIntegers, type Program } from "../../formula/program.ts";
import { programAsText } from "../../formula/text.ts";
import { isExpensive } from "../../kernel/formulas.ts";
import { classOf } from "../../kernel/layout.ts";
import type { TensorLayout } from "../../layout_cache.ts";
import { memoize } from "../../memoize.ts";
import { viewBytes } from "../../profile.ts";
import { emitKernel } from "../../kernel/emitter/module.ts";
import { KernelContext, type KernelVariant } from "./program/context.ts";
import { type Layout, layOut } from "./program/layout.ts";
import { valuesToKeep, writeRun } from "./program/writer.ts";

const WORD_BYTES = 4;
/** Nanoseconds of work that justify waking another thread. */
const THREAD_THRESHOLD = 5000;
/** Maximum scratch memory of a thread in bytes: what stays in its cache. */
const MAX_SCRATCH_BYTES = 1 << 20;

interface Costs {
  readonly kernels: Map<string, WasmKernel>;
  /** Approximate nanoseconds per element. */
  readonly elementCost: number;
  readonly slots: number;
}

const costsOf = memoize((program: Program): Costs => {
  const nodes = inOrder(program.outputs);
  const operands = program.inputs.length + program.outputs.length;
  const elementCost = nodes.reduce(
    (cost, e) => cost + (isExpensive(e) ? 0.6 : 0.03),
    0.05 * operands,
  );
  const slots = program.isRow ? valuesToKeep(program).length : 0;
  return { kernels: new Map(), elementCost, slots };
});

/** A program compiled for one layout; a call adds addresses and scalars. */
export interface CpuPlan {
  readonly kernel: WasmKernel | null;
  /** The argument words, with the operands' addresses left blank. */
  readonly words: number[];
  /** The index of each operand's address among the words. */
  readonly addressAt: readonly number[];
  /** Whether it is computed in integers, the scalars as well. */
  readonly isInteger: boolean;
  readonly items: number;
  readonly options: DispatchOptions;
}

/**
 * Plans to run a program on operands of these layouts: its inputs, then its outputs.
 *
 * Inputs of type `int32` are converted to floats, and outputs of type `int32` are truncated; both
 * are exact up to 2²⁴. Programs over integers compute with inputs that are all `int32` as they are.
 *
 * Inputs are broadcast to one shape, with strides of 0; outputs are of the same shape. Both have a
 * last axis of 1 if they are per row. Outputs may be slices of larger tensors, and may coincide with
 * an input.
 */
export function planProgramOnCpu(
  program: Program,
  operands: readonly TensorLayout[],
): CpuPlan {
  const { elementCost, slots, kernels } = costsOf(program);
  const layout = layOut(program, operands);
  const { run, row, outer, vectors } = layout;
  const items = outer.reduce((product, { length }) => product * length, run.length);
  const wanted = vectors === "row" ? slots * row.length * WORD_BYTES : 0;
  const scratchBytes = wanted <= MAX_SCRATCH_BYTES ? wanted : 0;
  const itemCost = elementCost * row.length + (program.isRow ? 10 : 0);
  const variant: KernelVariant = {
    ...{ program, vectors, outerRank: outer.length },
    classes: layout[vectors].strides.map(classOf),
    dtypes: operands.map(({ dtype }) => dtype),
    isInteger: computesIntegers(program, operands),
    useScratch: scratchBytes > 0,
  };
  return {
    kernel: items === 0 ? null : kernelFor(variant, kernels),
    ...argumentWords(layout),
    isInteger: variant.isInteger,
    items,
    options: {
      grain: Math.ceil(THREAD_THRESHOLD / itemCost),
      scratchBytes,
      work: () => ({
        name: program.name,
        bytes: viewBytes(operands),
        shapes: operands.map(({ shape }) => shape),
      }),
    },
  };
}

/** Runs a plan on operands of its layout. */
export function runPlanOnCpu(
  device: CpuDevice,
  { kernel, words, addressAt, isInteger, items, options }: CpuPlan,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
): void {
  if (kernel === null) return;
  // The device copies the words at once, so the plan's own can be overwritten.
  let next = 0;
  for (const view of inputs) words[addressAt[next++]!] = device.address(view);
  for (const view of outputs) words[addressAt[next++]!] = device.address(view);
  const arguments_ = isInteger
    ? { integers: [...words, ...scalars] }
    : { integers: words, floats: scalars };
  device.dispatch(kernel, arguments_, items, options);
}

/** The argument words, in the order of `program/context.ts`. */
function argumentWords(
  { run, row, outer }: Layout,
): { readonly words: number[]; readonly addressAt: readonly number[] } {
  const axes = [run, row, ...outer];
  const words = axes.map(({ length }) => length);
  const addressAt = run.strides.map((_, k) => {
    const strides = axes.map((axis) => axis.strides[k]! * WORD_BYTES);
    return words.push(0, ...strides) - strides.length - 1;
  });
  return { words, addressAt };
}

function kernelFor(variant: KernelVariant, kernels: Map<string, WasmKernel>): WasmKernel {
  const { program, vectors, outerRank, classes, dtypes, useScratch } = variant;
  const name = `${vectors} ${outerRank}${useScratch ? " kept " : " "}` +
    classes.map((each, k) => dtypes[k] === "int32" ? `${each}i` : each).join("");
  let kernel = kernels.get(name);
  if (kernel === undefined) {
    kernel = {
      key: `${program.key} ${name}`,
      emit: emitProgram(variant),
      text: programAsText(program),
    };
    kernels.set(name, kernel);
  }
  return kernel;
}

/**
 * The kernel of a program: one loop nest for any sizes, strides and scalars, which are arguments.
 *
 * The outer loop is over *runs*, segments of the innermost axis; see `program/layout.ts`. The inner
 * loop loads, computes and stores one block of elements at a time, so that outputs may alias inputs.
 */
function emitProgram(variant: KernelVariant): WasmKernel["emit"] {
  return emitKernel((f, parameters) => {
    const context = new KernelContext(f, variant, parameters);
    context.forEachRun((length) => writeRun(context, length));
  });
}
