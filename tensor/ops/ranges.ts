/** Tensors that are made of a rule. @module */

import { checkDevice, checkIsNumber } from "../checks.ts";
import type { Device } from "../device.ts";
import { wrongValue } from "../errors.ts";
import { checkShape } from "../layout.ts";
import { checkTensor, type FillOptions, Tensor } from "../tensor.ts";

/** The identity matrix, `[rows, columns]`: 1 on the diagonal, 0 elsewhere. */
export function eye(
  device: Device,
  rows: number,
  columns: number = rows,
  options: FillOptions = {},
): Tensor {
  checkDevice("make an identity matrix", device);
  checkShape([rows, columns], "make an identity matrix");
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return Tensor.from(device, values, { dtype: "float32", ...options, shape: [rows, columns] });
}

/** Numbers at equal distances, from `start` to `end`, both included: `float32 [count]`. */
export function linspace(
  device: Device,
  start: number,
  end: number,
  count: number,
  options: FillOptions = {},
): Tensor {
  checkDevice("make a linspace", device);
  for (const limit of [start, end]) {
    const wanted = "start and end, as in Tensor.linspace(device, 0, 1, 5)";
    checkIsNumber("make a linspace", wanted, limit);
  }
  if (!Number.isSafeInteger(count) || count < 0) {
    throw wrongValue("make a linspace", "how many numbers, as in linspace(device, 0, 1, 5)", count);
  }
  const step = count > 1 ? (end - start) / (count - 1) : 0;
  // From both ends, so that the last number is exact.
  const values = Float32Array.from(
    { length: count },
    (_, i) => i < count / 2 ? start + step * i : end - step * (count - 1 - i),
  );
  return Tensor.from(device, values, { dtype: "float32", ...options, shape: [count] });
}

/** Zeros of the shape, dtype and device of another tensor. */
export function zerosLike(x: Tensor, options: FillOptions = {}): Tensor {
  checkTensor("make zeros", x);
  return Tensor.zeros(x.device, x.shape, { dtype: x.dtype, ...options });
}
