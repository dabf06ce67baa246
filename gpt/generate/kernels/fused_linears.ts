/**
 * Linear layers on a few rows, with the norm before and the epilogue after them, in one kernel.
 *
 * Not for packed weights: with these, which the plain path rounds and multiplies, a token of `base` takes
 * 124 dispatches and 6.1 MB (q8) or 4.0 MB (q4), beside 31 and 18.0 in float32 (`bench/quantized.ts`
 * counts). A kernel of their own would bring it to some 33, but for nanochat's models alone, as others do not call
 * `linears`, and no GPU was at hand to measure what dispatches cost.
 *
 * @module
 */

import { fitsOneBinding } from "../../../tensor/kernel/run.ts";
import type { Device, View, WebGpuDevice } from "../../../tensor/device.ts";
import type { Path } from "../../../tensor/fast_paths.ts";
import { QuantizedMatrix } from "../../../tensor/mod.ts";
import { reshape, slice } from "../../../tensor/ops/views.ts";
import { allocate, type Tensor } from "../../../tensor/tensor.ts";
import type { LinearsProblem } from "./linears.ts";
import { linearsOnWebGpu, MAX_WEIGHTS } from "./linears_kernel.ts";

/** Maximum rows for which reading the weights dominates and one kernel is enough. */
const MAX_ROWS = 4;

/** With it, decoding a token of 4 layers takes 32 dispatches instead of 72. */
export const fusedLinears: Path<LinearsProblem, WebGpuDevice, readonly Tensor[]> = {
  name: "one kernel",
  refuses: ({ x, weights, options: { residual, activation } }, device) => {
    const length = x.shape.at(-1) ?? 0;
    const rows = x.size / length;
    const fits = (weight: Tensor) =>
      !(weight instanceof QuantizedMatrix) && weight.device === device &&
      readsAsVectors(device, weight) && weight.shape.length === 2 &&
      weight.shape[0]! > 0 && weight.shape[1]! <= length && weight.shape[1]! % 4 === 0 &&
      weight.strides[1] === 1 && weight.strides[0]! % 4 === 0;
    const suits = rows >= 1 && rows <= MAX_ROWS && length % 4 === 0 && x.isContiguous &&
      readsAsVectors(device, x) && weights.length >= 1 && weights.length <= MAX_WEIGHTS &&
      weights.every(fits) &&
      (typeof activation !== "object" || activation.softcap > 0) &&
      (residual === undefined || (residual.device === device && residual.dtype === "float32" &&
        residual.isContiguous && fitsOneBinding(device, residual.allocation) &&
        residual.shape.join() === [...x.shape.slice(0, -1), weights[0]!.shape[0]].join()));
    return suits ? null : "it has many rows, or operands that cannot be read as vectors of floats";
  },
  run: (problem, device) => {
    const { x, weights } = problem;
    const rows = x.size / x.shape.at(-1)!;
    // Each result starts at a multiple of four elements, for vector access.
    let end = 0;
    const places = weights.map(({ shape: [n] }) => {
      const begin = end;
      end += 4 * Math.ceil(rows * n! / 4);
      return [begin, begin + rows * n!] as const;
    });
    const all = allocate(device, { shape: [end], dtype: "float32" }, "linears");
    const outputs = weights.map(({ shape: [n] }, i) =>
      reshape(slice(all, 0, ...places[i]!), [...x.shape.slice(0, -1), n!])
    );
    linearsOnWebGpu(device, problem, outputs);
    return outputs;
  },
};

/** Whether a kernel can read a view as vectors of four floats, within one binding. */
export function readsAsVectors(device: Device, { dtype, offset, allocation }: View): boolean {
  return dtype === "float32" && offset % 4 === 0 && fitsOneBinding(device, allocation);
}
