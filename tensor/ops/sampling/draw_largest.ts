/** Drawing among the largest, as the tokens of a text are drawn. @module */

import { allocate, commonDevice } from "../../apply.ts";
import type { WebGpuDevice } from "../../device.ts";
import { isSeenWhole } from "../../devices/webgpu/windows.ts";
import { formatShape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { drawAmongLargestOnWebGpu, MOST_CANDIDATES } from "./draw_largest_wgsl.ts";
import { gather } from "../gather/gather.ts";
import { multinomial, topK } from "./sampling.ts";
import { contiguous } from "../views.ts";

/** How {@linkcode drawAmongLargest} draws. */
export interface DrawAmongLargestOptions {
  /** From how many of the largest elements of a row: from 1 to all of them. */
  readonly k: number;
  /** What the elements are divided by before the softmax: above 0. */
  readonly temperature: number;
}

/**
 * Draws an index for each row of logits: as {@linkcode multinomial} does, among the {@linkcode topK} in
 * their order, with the softmax of `logits / temperature` as weights.
 *
 * On WebGPU that is one kernel for up to 1,024 candidates; their weights may be rounded otherwise
 * there. A row without a finite largest element gives −1.
 *
 * @param logits `float32 [rows, length]`
 * @param uniforms A number from 0 up to but not including 1 for each row, `float32 [rows]`.
 * @returns `int32 [rows]`
 * @throws {RangeError} If the shapes do not fit, or an option is out of range.
 * @throws {TypeError} If a tensor is not `float32`.
 *
 * @example
 * ```ts
 * import { drawAmongLargest, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const logits = Tensor.from(device, [[0, 3, -1, 2.9]]);
 * const [low, high] = [0.1, 0.9].map((number) =>
 *   drawAmongLargest(logits, Tensor.from(device, [number]), { k: 2, temperature: 0.8 })
 * );
 * if (await low!.item() !== 1 || await high!.item() !== 3) throw new Error("expected 1 and 3");
 * await device.close();
 * ```
 */
export function drawAmongLargest(
  logits: Tensor,
  uniforms: Tensor,
  { k, temperature }: DrawAmongLargestOptions,
): Tensor {
  const device = commonDevice("drawAmongLargest", [logits, uniforms]);
  check(logits, uniforms, k, temperature);
  if (device.kind === "cpu" || !doesOneKernel(device, logits, k)) {
    return composeDraw(logits, uniforms, { k, temperature });
  }
  const output = allocate(device, { shape: uniforms.shape, dtype: "int32" }, "drawAmongLargest");
  const rows = logits.strides[1] === 1 ? logits : contiguous(logits);
  drawAmongLargestOnWebGpu(device, rows, contiguous(uniforms), output, k, temperature);
  return output;
}

/** As {@linkcode drawAmongLargest}, by one operation after the other. */
export function composeDraw(
  logits: Tensor,
  uniforms: Tensor,
  { k, temperature }: DrawAmongLargestOptions,
): Tensor {
  const { values, indices } = topK(logits, k);
  const choice = multinomial(values.div(temperature).softmax(), uniforms);
  return gather(indices, -1, choice.unsqueeze(-1)).squeeze(-1);
}

function doesOneKernel(device: WebGpuDevice, logits: Tensor, k: number): boolean {
  return k <= MOST_CANDIDATES && isSeenWhole(device, logits.allocation);
}

function check(logits: Tensor, uniforms: Tensor, k: number, temperature: number): void {
  for (const { dtype } of [logits, uniforms]) {
    if (dtype !== "float32") {
      throw new TypeError(`Cannot drawAmongLargest: wanted float32, got ${dtype}`);
    }
  }
  const [rows, length] = logits.shape;
  if (length === undefined || uniforms.shape.length !== 1 || uniforms.shape[0] !== rows) {
    throw new RangeError(
      `Cannot drawAmongLargest: wanted logits [rows, length] and a number for each row, got ` +
        `${formatShape(logits.shape)} and ${formatShape(uniforms.shape)}`,
    );
  }
  if (!(Number.isInteger(k) && k >= 1 && k <= length)) {
    throw new RangeError(`Cannot drawAmongLargest: wanted k from 1 to ${length}, got ${k}`);
  }
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new RangeError(
      `Cannot drawAmongLargest: wanted a temperature above 0, got ${temperature}`,
    );
  }
}
