/**
 * Running the programs of `tensor/expression/` on the CPU.
 *
 * The kernels are in `program/`. Their code depends on the formulas and on the kinds of strides, never
 * on sizes, addresses or numbers, so a training step meets the same few kernels again and again.
 *
 * @module
 */

import type { CpuDevice, DispatchOptions, View, WasmKernel } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import type { Program } from "../../expression/program.ts";
import { viewBytes } from "../../profile.ts";
import type { TensorLayout } from "../../layout_cache.ts";
import { isExpensive, reachable } from "./program/formulas.ts";
import { emitProgram } from "./program/kernel.ts";
import { classOf, type Layout, layOut, type StrideClass } from "./program/layout.ts";
import { valuesToKeep } from "./program/rows.ts";

/** Bytes of an element, of either type. */
const WORD_BYTES = 4;
/** Nanoseconds of work that are worth waking another thread for. */
const WORTH_A_THREAD = 5000;
/** Bytes of scratch memory a thread may use: what stays in its cache. */
const MOST_SCRATCH = 1 << 20;

/** What is worked out once for each program. */
interface Costs {
  readonly kernels: Map<string, WasmKernel>;
  /** About how many nanoseconds an element takes. */
  readonly elementCost: number;
  /** How many values of an element may be kept in scratch memory. */
  readonly slots: number;
}

const costs = new WeakMap<Program, Costs>();

function costsOf(program: Program): Costs {
  let result = costs.get(program);
  if (result === undefined) {
    const nodes = reachable(program.outputs);
    const operands = program.inputs.length + program.outputs.length;
    const elementCost = nodes.reduce(
      (cost, e) => cost + (isExpensive(e) ? 0.6 : 0.03),
      0.05 * operands,
    );
    const slots = program.isRow ? valuesToKeep(program).length : 0;
    costs.set(program, result = { kernels: new Map(), elementCost, slots });
  }
  return result;
}

/** All that running a program needs besides addresses and numbers, for operands that lie in one way. */
export interface CpuPlan {
  /** `null` where there is nothing to do. */
  readonly kernel: WasmKernel | null;
  /** The argument words, but for the addresses of the operands. */
  readonly words: number[];
  /** Where among the words the address of each operand goes. */
  readonly addressAt: readonly number[];
  /** Elements, or rows. */
  readonly items: number;
  /** The options of the dispatch. */
  readonly options: DispatchOptions;
}

/**
 * Runs a program on the CPU.
 *
 * Inputs of type `int32` are converted to floats, outputs of type `int32` lose their fractions; both
 * are exact up to 2²⁴. Copies of integers are exact always.
 *
 * @param inputs Broadcast to one shape, with strides of 0 where they were; those that are one per row
 * have a last axis of 1.
 * @param outputs Of the same shape, with a last axis of 1 where they are one per row. They may be slices
 * of larger tensors, and may lie exactly where an input lies.
 * @param scalars A number for each of the program's scalars.
 *
 * @example
 * ```ts
 * import { openCpuDevice } from "./device.ts";
 * import { multiply } from "../../expression/expression.ts";
 * import { defineProgram } from "../../expression/program.ts";
 * import { runProgramOnCpu } from "./program_wasm.ts";
 *
 * const scale = defineProgram(
 *   { name: "scale", inputs: ["x"], scalars: ["s"] },
 *   ({ x, s }) => [multiply(x, s)],
 * );
 * const device = await openCpuDevice({ threads: 1, blas: false });
 * const allocation = device.allocate(8, "x");
 * device.write(allocation, 0, Float32Array.of(1, 2));
 * const x = { allocation, dtype: "float32", shape: [2], strides: [1], offset: 0 } as const;
 * runProgramOnCpu(device, scale, [x], [x], [10]);
 * const result = new Float32Array(await device.read(allocation, 0, 8));
 * if (result[1] !== 20) throw new Error("expected 2 · 10");
 * await device.close();
 * ```
 */
export function runProgramOnCpu(
  device: CpuDevice,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
): void {
  runPlanOnCpu(
    device,
    planProgramOnCpu(device, program, inputs, outputs),
    inputs,
    outputs,
    scalars,
  );
}

/** Chooses the kernel, and works out its arguments, as far as they follow from how operands lie. */
export function planProgramOnCpu(
  device: CpuDevice,
  program: Program,
  inputs: readonly TensorLayout[],
  outputs: readonly TensorLayout[],
): CpuPlan {
  const { elementCost, slots, kernels } = costsOf(program);
  const operands = [...inputs, ...outputs];
  const layout = layOut(program, operands);
  const { items, columns, mode } = layout;
  const slotBytes = (columns * WORD_BYTES + 15) & ~15;
  const wanted = mode === "rows" ? slots * slotBytes : 0;
  const scratchBytes = wanted <= MOST_SCRATCH ? wanted : 0;
  const itemCost = elementCost * columns + (program.isRow ? 10 : 0);
  return {
    kernel: items === 0
      ? null
      : kernelFor(device, program, kernels, layout, operands, scratchBytes > 0),
    ...argumentWords(layout, slotBytes),
    items,
    options: {
      grain: Math.ceil(WORTH_A_THREAD / itemCost),
      scratchBytes,
      work: () => ({ name: program.name, bytes: viewBytes(operands) }),
    },
  };
}

/** As {@linkcode runProgramOnCpu}, by a plan that was made for operands that lie as these do. */
export function runPlanOnCpu(
  device: CpuDevice,
  { kernel, words, addressAt, items, options }: CpuPlan,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
): void {
  if (kernel === null) return;
  // The device copies the words at once, so the plan's own can be filled in.
  let next = 0;
  for (const view of inputs) words[addressAt[next++]!] = device.address(view);
  for (const view of outputs) words[addressAt[next++]!] = device.address(view);
  device.dispatch(kernel, { integers: words, floats: scalars }, items, options);
}

/** The argument words, in the order that `wordOf` in `program/context.ts` gives. */
function argumentWords(
  layout: Layout,
  slotBytes: number,
): { readonly words: number[]; readonly addressAt: readonly number[] } {
  const words = [layout.runLength, layout.columns, slotBytes, ...layout.outerLengths];
  const addressAt: number[] = [];
  for (const { runStride, rowStride, outerStrides } of layout.operands) {
    addressAt.push(words.length);
    const strides = [runStride, rowStride, ...outerStrides];
    words.push(0, ...strides.map((stride) => stride * WORD_BYTES));
  }
  return { words, addressAt };
}

function kernelFor(
  device: CpuDevice,
  program: Program,
  kernels: Map<string, WasmKernel>,
  layout: Layout,
  operands: readonly TensorLayout[],
  useScratch: boolean,
): WasmKernel {
  const { mode } = layout;
  const { relaxedSimd } = device;
  const outerRank = layout.outerLengths.length;
  const vectorStride = mode === "rows" ? "rowStride" : "runStride";
  const classes = layout.operands.map((operand): StrideClass => classOf(operand[vectorStride]));
  const dtypes = operands.map((operand): DType => operand.dtype);
  const name = `${mode} ${outerRank}${useScratch ? " kept" : ""}${relaxedSimd ? " fused " : " "}` +
    classes.map((each, k) => dtypes[k] === "int32" ? `${each}i` : each).join("");
  let kernel = kernels.get(name);
  if (kernel === undefined) {
    kernel = {
      key: `${program.key} ${name}`,
      emit: () =>
        emitProgram({ program, mode, outerRank, classes, dtypes, useScratch, relaxedSimd }),
    };
    kernels.set(name, kernel);
  }
  return kernel;
}
