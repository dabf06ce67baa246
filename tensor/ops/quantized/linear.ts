/** The linear layer with a packed weight. @module */

import { applyOne, type Operation } from "../../apply.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import { FLOAT_TYPES, formatShape, isFloat } from "../../layout.ts";
import type { Tensor } from "../../tensor.ts";
import { copyView } from "../elementwise.ts";
import { contiguous } from "../views.ts";
import type { QuantizedMatrix } from "./matrix.ts";
import { multiplyQuantized } from "./multiply.ts";

const WHAT = "compute linear with a packed weight";

const quantizedLinearOperation: Operation<
  null,
  readonly [x: Tensor, weight: QuantizedMatrix, ...bias: Tensor[]]
> = {
  name: "linear",
  infer: ([x, { shape: [n, k] }, bias]) => {
    if (x.shape.at(-1) !== k) {
      throw wrongValue(WHAT, `rows of ${k} numbers`, formatShape(x.shape));
    }
    if (bias !== undefined && bias.shape.join() !== `${n}`) {
      throw wrongValue(WHAT, `a bias [${n}]`, formatShape(bias.shape));
    }
    return [{ shape: [...x.shape.slice(0, -1), n!], dtype: "float32" }];
  },
  run: (device, [x, weight, bias], [y]) => {
    if (bias !== undefined) copyView(device, bias, y);
    const options = { transposeB: true, accumulate: bias !== undefined };
    multiplyQuantized(device, x, weight, y, options);
  },
  gradient: "packed weights have none, nor has what they multiply",
};

/**
 * x Wᵀ + b for a packed weight, in the dtype of x.
 *
 * @throws {Error} If a gradient is asked for.
 * @throws {RangeError} If the shapes do not match.
 * @throws {TypeError} If x has no floats.
 */
export function quantizedLinear(x: Tensor, weight: QuantizedMatrix, bias?: Tensor): Tensor {
  if (!isFloat(x.dtype)) throw wrongType(WHAT, FLOAT_TYPES, x.dtype);
  const rows = contiguous(x.to("float32"));
  const inputs = [rows, weight, ...(bias === undefined ? [] : [bias.to("float32")])] as const;
  return applyOne(quantizedLinearOperation, inputs, null).to(x.dtype);
}
