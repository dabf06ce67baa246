/** Running sums (prefix sums). @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import { TypeError } from "../../errors.ts";
import { normalizeAxis } from "../../shape.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { cumulativeSumOnCpu } from "./scan_wasm.ts";
import { cumulativeSumOnWebGpu } from "./scan_wgsl.ts";
import { contiguous, transpose } from "../views.ts";

interface Attributes {
  /** Whether to sum from the last element to the first. */
  readonly reverse: boolean;
}

const cumulativeSumOperation: Operation<Attributes> = {
  name: "cumulativeSum",
  infer: ([x]) => {
    if (x!.dtype !== "float32") {
      throw new TypeError(`Cannot compute cumulativeSum: wanted float32, got ${x!.dtype}`);
    }
    return [{ shape: x!.shape, dtype: "float32" }];
  },
  run: (device, [x], [output], { reverse }) =>
    device.kind === "cpu"
      ? cumulativeSumOnCpu(device, x!, output!, reverse)
      : cumulativeSumOnWebGpu(device, x!, output!, reverse),
  gradient: {
    // An element is part of its own sum and of all that follow.
    apply: (upstream, _saved, { reverse }) => [
      applyOne(cumulativeSumOperation, [contiguous(upstream)], { reverse: !reverse }),
    ],
  },
};

/**
 * The cumulative (running) sum along an axis of a `float32` tensor. Rows are summed in 128 pieces,
 * so the rounding error grows with the length of a piece, not of the row. The sums of non-negative
 * numbers never decrease.
 *
 * @throws {RangeError} If there is no such axis.
 * @throws {TypeError} If `x` is not `float32`.
 *
 * @example
 * ```ts
 * import { cumulativeSum, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
 * const sums = cumulativeSum(x, 0);
 * if ((await sums.data()).join() !== "1,3,6") throw new Error("expected 1, 3, 6");
 *
 * sums.sum().backward();
 * if ((await x.grad!.data()).join() !== "3,2,1") throw new Error("expected 3, 2, 1");
 * await device.close();
 * ```
 */
export function cumulativeSum(x: Tensor, axis: number): Tensor {
  checkTensor("compute cumulativeSum", x);
  const along = normalizeAxis(axis, x.shape, "compute cumulativeSum");
  const rows = contiguous(transpose(x, along, -1));
  const sums = applyOne(cumulativeSumOperation, [rows], { reverse: false });
  return named("cumulativeSum", transpose(sums, along, -1));
}
