/** Batches of examples that are in memory. @module */

import { checkList, checkOptions, type OptionNames } from "../tensor/checks.ts";
import { RangeError, TypeError, wrongValue } from "../tensor/errors.ts";
import { formatShape } from "../tensor/layout.ts";
import { indexSelect, permutationArray, Tensor } from "../tensor/mod.ts";
import { checkTensor } from "../tensor/tensor.ts";

/** Options for {@linkcode batches}. */
export interface BatchesOptions {
  /** Examples in a batch; the last one may have fewer. */
  readonly batchSize: number;
  /** Whether to take the examples in a random order. @default {false} */
  readonly shuffle?: boolean;
  /** Random seed of the order: another one for each epoch, such as its number. */
  readonly seed?: number;
  /** Whether to leave out a last batch with fewer examples. @default {false} */
  readonly dropLast?: boolean;
}

const OPTIONS: OptionNames<BatchesOptions> = {
  batchSize: true,
  shuffle: true,
  seed: true,
  dropLast: true,
};

/**
 * Goes once through examples, in batches. A batch lives until the next one.
 *
 * @param tensors Inputs, targets and so on, of any dtypes; the first axis of each counts the examples.
 * @returns For each batch a list with a part of each tensor.
 * @throws {RangeError} If the tensors have different numbers of examples, or `batchSize` is not a whole
 * number above 0.
 * @throws {TypeError} If `shuffle` comes without a seed, or there are no tensors.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { batches } from "./batches.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const X = Tensor.from(device, [[1, 1], [2, 2], [3, 3]]);
 * const Y = Tensor.from(device, [1, 2, 3], { dtype: "int32" });
 * const sizes: number[] = [];
 * for (const [x, y] of batches([X, Y], { batchSize: 2, shuffle: true, seed: 1 })) {
 *   if ((await x.mean(1).data()).join() !== (await y.data()).join()) throw new Error("mixed up");
 *   sizes.push(y.size);
 * }
 * if (sizes.join() !== "2,1") throw new Error(`got ${sizes}`);
 * await device.close();
 * ```
 */
export function batches<const Tensors extends readonly Tensor[]>(
  tensors: Tensors,
  options: BatchesOptions,
): Generator<{ readonly [I in keyof Tensors]: Tensor }, void, void> {
  const what = "make batches";
  checkList(what, "a list of tensors, as in batches([x, y], …)", tensors);
  for (const tensor of tensors) checkTensor(what, tensor, "tensors");
  checkOptions(what, options, OPTIONS, ["batchSize"]);
  const { batchSize, shuffle = false, seed } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw wrongValue(what, "a batchSize of 1 or more", batchSize);
  }
  if (shuffle && seed === undefined) {
    throw new TypeError(`Cannot ${what}: wanted a seed with shuffle, got none`);
  }
  const count = tensors[0]?.shape[0];
  if (count === undefined) throw wrongValue(what, "tensors of examples", "none");
  if (tensors.some(({ shape }) => shape[0] !== count)) {
    const shapes = tensors.map(({ shape }) => formatShape(shape)).join(" and ");
    throw new RangeError(`Cannot ${what}: wanted as many examples in each tensor, got ${shapes}`);
  }
  // Checked now, and not when the first batch is asked for.
  return take(tensors, count, options);
}

function* take<Tensors extends readonly Tensor[]>(
  tensors: Tensors,
  count: number,
  { batchSize, shuffle = false, seed, dropLast = false }: BatchesOptions,
): Generator<{ readonly [I in keyof Tensors]: Tensor }, void, void> {
  const order = shuffle ? permutationArray(seed!, count) : null;
  const end = dropLast ? count - count % batchSize : count;
  for (let start = 0; start < end; start += batchSize) {
    const stop = Math.min(start + batchSize, end);
    const batch = examples(tensors, start, stop, order);
    try {
      yield batch as { readonly [I in keyof Tensors]: Tensor };
    } finally {
      for (const each of batch) each.dispose();
    }
  }
}

/** A part of each tensor, which outlives every scope. */
function examples(
  tensors: readonly Tensor[],
  start: number,
  stop: number,
  order: Int32Array<ArrayBuffer> | null,
): Tensor[] {
  using _temporaries = tensors[0]!.device.scope();
  const ids = order && Tensor.from(tensors[0]!.device, order.slice(start, stop));
  return tensors.map((each) =>
    (ids === null ? each.slice(0, start, stop) : indexSelect(each, 0, ids)).keep()
  );
}
