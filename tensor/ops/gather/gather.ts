/**
 * Gathering by index, and the scatter-add of its gradients. No kernel uses atomic adds: additions
 * to an element happen in a fixed order, so equal inputs give equal bits. @module
 */

import { applyOne, named, type Operation } from "../../apply.ts";
import { bytesPerElement, checkFloat, formatShape, normalizeAxis } from "../../layout.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { addAlong, takeAlong, takeRows } from "./kernels.ts";
import { QuantizedMatrix, takePackedRows } from "../quantized/mod.ts";
import { sumRows } from "./sum_rows.ts";
import { contiguous, slice, transpose } from "../views.ts";

/**
 * Throws a `RangeError` if ids that the host wrote are out of range. Those that were computed on
 * the device, or are a slice of what was written, are checked by the kernels, which return NaN.
 */
export function checkIds(
  operation: string,
  what: string,
  ids: Tensor,
  low: number,
  count: number,
): void {
  if (ids.dtype !== "int32") throw wrongType(operation, `${what}s of type int32`, ids.dtype);
  const isWhole = ids.size * bytesPerElement(ids.dtype) === ids.storage.allocation.bytes;
  const range = isWhole && ids.size > 0 ? ids.storage.integerRange : null;
  if (range === null) return;
  const bad = range[0] < low ? range[0] : range[1] >= count ? range[1] : null;
  if (bad !== null) throw wrongValue(operation, `${what}s from ${low} to ${count - 1}`, bad);
}

/** The rows of a matrix, of any dtype; only floats carry a gradient. */
export const embeddingOperation: Operation<null, readonly [weight: Tensor, ids: Tensor]> = {
  name: "embedding",
  infer: ([weight, ids]) => [{
    shape: [...ids.shape, weight.shape[1]!],
    dtype: weight.dtype,
  }],
  run: (device, [weight, ids], [output]) =>
    weight instanceof QuantizedMatrix
      ? takePackedRows(device, weight, ids, output)
      : takeRows(device, weight, ids, output),
  gradient: {
    savesInputs: [1],
    apply: (upstream, saved, _attributes, _wanted, [sum]) => {
      const [x, ids] = [contiguous(upstream), saved.input(1)];
      const specification = { shape: saved.inputShapes[0]!, dtype: x.dtype };
      const output = sum ?? allocate(x.device, specification, "sum rows by id");
      sumRows(x.device, { x, ids, output, accumulate: output === sum });
      return [output, null];
    },
  },
};

/**
 * Embedding lookup: the rows of a table for token ids.
 *
 * An invalid id is an error if the host knows it. One that was computed on the device gives a row
 * of NaN.
 *
 * @param weight Floats, `[V, D]`; the rows of a {@linkcode QuantizedMatrix} are unpacked.
 * @param ids `int32 [...]`
 * @returns `[..., D]`, of the dtype of the weight.
 * @throws {TypeError} If the ids are not `int32`, or the weight is.
 * @throws {RangeError} If the weight does not have two axes, or an id is out of range.
 *
 * @example
 * ```ts
 * import { embedding, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.from(device, [[1, 2], [3, 4], [5, 6]], { requiresGrad: true });
 * const rows = embedding(weight, Tensor.from(device, [2, 0, 2], { dtype: "int32" }));
 * if ((await rows.data()).join() !== "5,6,1,2,5,6") throw new Error("expected rows 2, 0 and 2");
 *
 * rows.sum().backward();
 * const gradient = await weight.grad!.data();
 * if (gradient.join() !== "1,1,0,0,2,2") throw new Error("expected row 2 to count twice");
 * await device.close();
 * ```
 */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  const what = "compute embedding";
  checkTensor(what, weight, "a tensor as the weight");
  checkTensor(what, ids, "a tensor of ids");
  if (weight.shape.length !== 2) {
    throw wrongValue(what, "a weight with 2 axes", formatShape(weight.shape));
  }
  checkFloat(what, weight.dtype, "a weight of type ");
  checkIds(what, "id", ids, 0, weight.shape[0]!);
  return applyOne(embeddingOperation, [contiguous(weight), contiguous(ids)], null);
}

const gatherOperation: Operation<null, readonly [x: Tensor, positions: Tensor]> = {
  name: "gather",
  infer: ([x, positions]) => [{ shape: positions.shape, dtype: x.dtype }],
  run: (device, [x, positions], [output]) => takeAlong(device, x, positions, output),
  gradient: {
    savesInputs: [1],
    apply: (upstream, saved) => {
      const length = saved.inputShapes[0]!.at(-1)!;
      // Accumulating in float16 memory would round at each addition.
      return [sumAlong(upstream.to("float32"), saved.input(1), length), null];
    },
  },
};

/**
 * Scatter-adds the elements of the rows of `x`, `float32 [..., k]`, to rows of zeros,
 * `[..., length]`, at the given indices: 1, 2, 4 at 3, 0, 3 give 2, 0, 0, 5, 0 if the length is 5. The
 * transpose of {@linkcode gather} along the last axis. Invalid indices are skipped. Not recorded.
 */
export function sumAlong(x: Tensor, positions: Tensor, length: number): Tensor {
  const shape = [...x.shape.slice(0, -1), length];
  const output = allocate(x.device, { shape, dtype: "float32" }, "sum by position");
  addAlong(x.device, contiguous(x), contiguous(positions), output);
  return output;
}

/**
 * Gathers elements at the given indices along an axis: `result[i][j] = x[i][positions[i][j]]` for
 * two axes and the last one, as in PyTorch.
 *
 * An invalid index is an error if the host knows it. One that was computed on the device gives NaN,
 * or −1 in an `int32`.
 *
 * @param x Of any dtype.
 * @param positions `int32`, of the shape of the result; its other axes may be shorter than those of `x`.
 * @throws {TypeError} If the indices are not `int32`.
 * @throws {RangeError} If another axis of the positions is longer, or an index is out of range.
 *
 * @example
 * ```ts
 * import { gather, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [[10, 20, 30], [40, 50, 60]]);
 * const chosen = gather(x, -1, Tensor.from(device, [[2], [0]], { dtype: "int32" }));
 * if ((await chosen.data()).join() !== "30,40") throw new Error("expected 30 and 40");
 * await device.close();
 * ```
 */
export function gather(x: Tensor, axis: number, positions: Tensor): Tensor {
  checkTensor("gather", x);
  checkTensor("gather", positions, "a tensor of positions");
  const along = normalizeAxis(axis, x.shape, "gather");
  const fits = x.shape.length === positions.shape.length &&
    x.shape.every((length, a) => a === along || positions.shape[a]! <= length);
  if (!fits) {
    const got = `${formatShape(x.shape)} and positions ${formatShape(positions.shape)}`;
    throw wrongValue(`gather along axis ${axis}`, "positions within the other axes", got);
  }
  checkIds("gather", "position", positions, 0, x.shape[along]!);
  const rows = (tensor: Tensor) => contiguous(transpose(tensor, along, -1));
  const within = positions.shape.reduce(
    (part, length, a) => a === along ? part : slice(part, a, 0, length),
    x,
  );
  const result = applyOne(gatherOperation, [rows(within), rows(positions)], null);
  return named("gather", transpose(result, along, -1));
}
