/** Selecting by positions along an axis, and adding at positions. @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import { formatShape, normalizeAxis, shapesEqual, sizeOf } from "../../layout.ts";
import { checkTensor, Tensor } from "../../tensor.ts";
import { add, copyInto, equal } from "../elementwise.ts";
import { checkIds, embeddingOperation, gather, sumAlong } from "../gather/gather.ts";
import { contiguous, permute, reshape, transpose, unsqueeze } from "../views.ts";

/** The rows of a matrix, of any dtype. */
const selectOperation: typeof embeddingOperation = { ...embeddingOperation, name: "indexSelect" };

/**
 * Selects along an axis: index i of the result is index `ids[i]` of `x`.
 *
 * An invalid id is an error if the host knows it. One that was computed on the device gives NaN, or −1
 * in an `int32`.
 *
 * @param x Of any dtype.
 * @param ids `int32`, of any shape, which replaces the axis in that of the result.
 * @throws {TypeError} If the ids are not `int32`.
 * @throws {RangeError} If there is no such axis, or an id is out of range.
 *
 * @example
 * ```ts
 * import { indexSelect, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]]);
 * const columns = indexSelect(x, 1, Tensor.from(device, [2, 0], { dtype: "int32" }));
 * if ((await columns.data()).join() !== "3,1,6,4") throw new Error("expected columns 2 and 0");
 * await device.close();
 * ```
 */
export function indexSelect(x: Tensor, axis: number, ids: Tensor): Tensor {
  const what = "compute indexSelect";
  checkTensor(what, x);
  checkTensor(what, ids, "a tensor of ids");
  const along = normalizeAxis(axis, x.shape, what);
  checkIds(what, "id", ids, 0, x.shape[along]!);
  const first = x.shape.map((_, i) => i).toSpliced(along, 1).toSpliced(0, 0, along);
  const [count, ...rest] = first.map((i) => x.shape[i]!) as [number, ...number[]];
  const rows = reshape(permute(x, first), [count, sizeOf(rest)]);
  const chosen = applyOne(selectOperation, [contiguous(rows), contiguous(ids)], null);
  const ordered = reshape(chosen, [...ids.shape, ...rest]);
  const order = ordered.shape.map((_, i) => i);
  const ofIds = order.splice(0, ids.shape.length);
  return named("indexSelect", permute(ordered, order.toSpliced(along, 0, ...ofIds)));
}

/** Scatters rows to rows of zeros; the attribute is the length of these. */
const scatterOperation: Operation<number, readonly [values: Tensor, positions: Tensor]> = {
  name: "scatterAdd",
  infer: ([{ shape, dtype }], length) => [{ shape: shape.with(-1, length), dtype }],
  run: (_device, [values, positions], [output], length) => {
    using _temporaries = values.device.scopes.openSync();
    copyInto(sumAlong(values, positions, length), output);
  },
  gradient: {
    savesInputs: [1],
    apply: (upstream, saved) => [gather(upstream, -1, saved.input(1)), null],
  },
};

/**
 * Adds values at positions along an axis: for two axes and the last one,
 * `result[i][positions[i][j]] += values[i][j]`. Additions to an element happen in order.
 *
 * Positions that were computed on the device and are invalid are skipped.
 *
 * @param x `float32`; it is not changed.
 * @param positions `int32`, of the shape of the values.
 * @param values `float32`, of the shape of `x` but for the axis.
 * @throws {TypeError} If a dtype is another one.
 * @throws {RangeError} If the shapes do not fit, or a position is out of range.
 *
 * @example
 * ```ts
 * import { openDevice, scatterAdd, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const positions = Tensor.from(device, [3, 0, 3], { dtype: "int32" });
 * const y = scatterAdd(Tensor.zeros(device, [5]), 0, positions, Tensor.from(device, [1, 2, 4]));
 * if ((await y.data()).join() !== "2,0,0,5,0") throw new Error("expected 2, 0, 0, 5, 0");
 * await device.close();
 * ```
 */
export function scatterAdd(x: Tensor, axis: number, positions: Tensor, values: Tensor): Tensor {
  const what = "compute scatterAdd";
  checkTensor(what, x);
  checkTensor(what, positions, "a tensor of positions");
  checkTensor(what, values, "a tensor of values");
  const along = normalizeAxis(axis, x.shape, what);
  for (const { dtype } of [x, values]) {
    if (dtype !== "float32") throw wrongType(what, "float32", dtype);
  }
  if (!shapesEqual(values.shape, positions.shape)) {
    const got = `${formatShape(values.shape)} and ${formatShape(positions.shape)}`;
    throw wrongValue(what, "values and positions of one shape", got);
  }
  const length = values.shape[along];
  if (length === undefined || !shapesEqual(values.shape, x.shape.with(along, length))) {
    const wanted = `values that differ from ${formatShape(x.shape)} only along axis ${axis}`;
    throw wrongValue(what, wanted, formatShape(values.shape));
  }
  checkIds(what, "position", positions, 0, x.shape[along]!);
  const rows = (tensor: Tensor) => contiguous(transpose(tensor, along, -1));
  const sums = applyOne(scatterOperation, [rows(values), rows(positions)], x.shape[along]!);
  return named("scatterAdd", add(x, transpose(sums, along, -1)));
}

/**
 * One-hot vectors: 1 at the class, 0 elsewhere.
 *
 * @param ids `int32 [...]`
 * @returns `float32 [..., classes]`
 * @throws {TypeError} If the ids are not `int32`.
 * @throws {RangeError} If an id is out of range, or `classes` is not a whole number.
 *
 * @example
 * ```ts
 * import { oneHot, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = oneHot(Tensor.from(device, [1, 0], { dtype: "int32" }), 3);
 * if ((await y.data()).join() !== "0,1,0,1,0,0") throw new Error("expected two vectors");
 * await device.close();
 * ```
 */
export function oneHot(ids: Tensor, classes: number): Tensor {
  const what = "compute oneHot";
  checkTensor(what, ids, "a tensor of ids");
  if (!Number.isSafeInteger(classes) || classes < 1) {
    throw wrongValue(what, "the number of classes", String(classes));
  }
  checkIds(what, "id", ids, 0, classes);
  const all = Tensor.arange(ids.device, 0, classes);
  return named("oneHot", equal(unsqueeze(ids, -1), all));
}
