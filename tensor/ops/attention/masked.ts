/** Attention with a mask of one's own, of ordinary operations: all scores are in memory. @module */

import { named } from "../../apply.ts";
import { RangeError } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import { noGrad } from "../../grad_mode.ts";
import { broadcastShapes, formatShape, shapesEqual } from "../../layout.ts";
import { checkTensor, Tensor } from "../../tensor.ts";
import { equal, greaterEqual, lessEqual, multiply } from "../elementwise.ts";
import { matmul } from "../matmul/matmul.ts";
import { runProgram } from "../program.ts";
import { LARGEST_FLOAT32 } from "../rows.ts";
import { contiguous, permute, reshape, unsqueeze } from "../views.ts";
import type { AttentionProblem } from "./problem.ts";

/** The softmax over what the mask shows; zeros where it shows nothing. */
const maskedSoftmax = defineProgram(
  { name: "masked softmax", inputs: ["scores", "mask"], scalars: ["scale"] },
  ({ scores, mask, scale }) => {
    const shown = ex.select(
      ex.equal(mask, 0),
      -Infinity,
      ex.multiply(ex.multiply(scores, scale), mask),
    );
    // A finite shift, because ∞ − ∞ is NaN.
    const shift = ex.detach(ex.max(ex.rowMax(shown), -LARGEST_FLOAT32));
    const powers = ex.exp(ex.subtract(shown, shift));
    const sum = ex.rowSum(powers);
    const isEmpty = ex.equal(sum, 0);
    return [ex.multiply(powers, ex.select(isEmpty, 0, ex.divide(1, ex.select(isEmpty, 1, sum))))];
  },
);

/** 1 where a key is within the reach of a query, `[Tq, Tk]`. */
function withinReach(q: Tensor, k: Tensor, left: number, right: number): Tensor {
  const [queries, keys] = [q.shape[1]!, k.shape[1]!];
  const position = unsqueeze(Tensor.arange(q.device, keys - queries, keys), 1);
  const key = Tensor.arange(q.device, 0, keys);
  const isAfter = greaterEqual(key, position.sub(left));
  return multiply(isAfter, lessEqual(key, position.add(right)));
}

/** NaN instead of what is neither 0 nor 1: a mask that is to be added to the scores has −∞ and 0. */
function zerosAndOnes(mask: Tensor): Tensor {
  const isShown = equal(mask, 1);
  return isShown.div(isShown.add(equal(mask, 0)));
}

/**
 * Attention of checked operands, where the mask shows: `[B, Tq, H, D]`. What it hides must be finite,
 * as in PyTorch.
 */
export function maskedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor,
  { scale, left, right }: Pick<AttentionProblem, "scale" | "left" | "right">,
): Tensor {
  const what = "compute attention";
  checkTensor(what, mask, "a tensor as the mask");
  const [batch, queries, heads, headSize] = q.shape as [number, number, number, number];
  const [, keys, keyHeads] = k.shape as [number, number, number];
  const shape = [batch, heads, queries, keys];
  if (!shapesEqual(broadcastShapes([mask.shape, shape], what), shape)) {
    throw new RangeError(
      `Cannot ${what}: wanted a mask that broadcasts to [batch, heads, queries, keys], ` +
        `${formatShape(shape)}, got ${formatShape(mask.shape)}`,
    );
  }
  const shown = noGrad(() => multiply(zerosAndOnes(mask), withinReach(q, k, left, right)));
  const group = heads / keyHeads;
  const byHead = (x: Tensor, heads: readonly number[]) =>
    reshape(permute(x, [0, 2, 1, 3]), [batch, ...heads, x.shape[1]!, headSize]);
  const [queriesOf, keysOf, valuesOf] = [
    byHead(q, [keyHeads, group]),
    byHead(k, [keyHeads, 1]),
    byHead(v, [keyHeads, 1]),
  ];
  const scores = matmul(queriesOf, keysOf, { transposeB: true });
  const flat = reshape(scores, shape);
  const weights = runProgram(maskedSoftmax, [flat, shown], [scale], scores.dtype);
  const y = matmul(reshape(weights, scores.shape), valuesOf);
  return named(
    "attention",
    contiguous(permute(reshape(y, [batch, heads, queries, headSize]), [0, 2, 1, 3])),
  );
}
