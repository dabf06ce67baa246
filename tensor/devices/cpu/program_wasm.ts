/**
 * Running the programs of `tensor/expression/` on the CPU.
 *
 * The kernels are in `program/`. Their code depends on the formulas and on the kinds of strides, never
 * on sizes, addresses or numbers, so a training step meets the same few kernels again and again.
 *
 * @module
 */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import { BYTES_PER_ELEMENT, type DType } from "../../dtype.ts";
import type { Program } from "../../expression/program.ts";
import { isExpensive, reachable } from "./program/formulas.ts";
import { emitProgram } from "./program/kernel.ts";
import { classOf, type Layout, layOut, type StrideClass } from "./program/layout.ts";
import { valuesToKeep } from "./program/rows.ts";

/** Nanoseconds of work that are worth waking another thread for. */
const WORTH_A_THREAD = 5000;
/** Bytes of scratch memory a thread may use: what stays in its cache. */
const MOST_SCRATCH = 1 << 20;

/** What is worked out once for each program. */
interface Plan {
  readonly kernels: Map<string, WasmKernel>;
  /** About how many nanoseconds an element takes. */
  readonly elementCost: number;
  /** How many values of an element may be kept in scratch memory. */
  readonly slots: number;
}

const plans = new WeakMap<Program, Plan>();

function planOf(program: Program): Plan {
  let plan = plans.get(program);
  if (plan === undefined) {
    const nodes = reachable(program.outputs);
    const operands = program.inputs.length + program.outputs.length;
    const elementCost = nodes.reduce(
      (cost, e) => cost + (isExpensive(e) ? 0.6 : 0.03),
      0.05 * operands,
    );
    const slots = program.isRow ? valuesToKeep(program).length : 0;
    plans.set(program, plan = { kernels: new Map(), elementCost, slots });
  }
  return plan;
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
  const plan = planOf(program);
  const views = [...inputs, ...outputs];
  const layout = layOut(program, views);
  if (layout.items === 0) return;

  const slotBytes = (layout.columns * BYTES_PER_ELEMENT + 15) & ~15;
  const scratchBytes = layout.mode === "rows" ? plan.slots * slotBytes : 0;
  const useScratch = scratchBytes > 0 && scratchBytes <= MOST_SCRATCH;
  const kernel = kernelFor(device, program, plan, layout, views, useScratch);
  const itemCost = plan.elementCost * layout.columns + (program.isRow ? 10 : 0);
  device.dispatch(
    kernel,
    { integers: argumentWords(device, layout, views, slotBytes), floats: scalars },
    layout.items,
    {
      grain: Math.ceil(WORTH_A_THREAD / itemCost),
      scratchBytes: useScratch ? scratchBytes : 0,
    },
  );
}

/** The argument words, in the order that `wordOf` in `program/context.ts` gives. */
function argumentWords(
  device: CpuDevice,
  layout: Layout,
  views: readonly View[],
  slotBytes: number,
): number[] {
  const words = [layout.runLength, layout.columns, slotBytes];
  for (const length of layout.outerLengths) words.push(length);
  for (let k = 0; k < views.length; k++) {
    const { runStride, rowStride, outerStrides } = layout.operands[k]!;
    words.push(
      device.address(views[k]!),
      runStride * BYTES_PER_ELEMENT,
      rowStride * BYTES_PER_ELEMENT,
    );
    for (const stride of outerStrides) words.push(stride * BYTES_PER_ELEMENT);
  }
  return words;
}

function kernelFor(
  device: CpuDevice,
  program: Program,
  plan: Plan,
  layout: Layout,
  views: readonly View[],
  useScratch: boolean,
): WasmKernel {
  const { mode } = layout;
  const outerRank = layout.outerLengths.length;
  const vectorStride = mode === "rows" ? "rowStride" : "runStride";
  let name = `${mode} ${outerRank}${useScratch ? " kept" : ""}${
    device.relaxedSimd ? " fused " : " "
  }`;
  for (let k = 0; k < views.length; k++) {
    name += classOf(layout.operands[k]![vectorStride]);
    if (views[k]!.dtype === "int32") name += "i";
  }
  let kernel = plan.kernels.get(name);
  if (kernel === undefined) {
    const classes = layout.operands.map((operand): StrideClass => classOf(operand[vectorStride]));
    const dtypes = views.map((view): DType => view.dtype);
    const { relaxedSimd } = device;
    kernel = {
      key: `${program.key} ${name}`,
      emit: () =>
        emitProgram({ program, mode, outerRank, classes, dtypes, useScratch, relaxedSimd }),
    };
    plan.kernels.set(name, kernel);
  }
  return kernel;
}
