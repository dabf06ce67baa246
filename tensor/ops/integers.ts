/** Operations on `int32` that formulas lack: division and running sums. @module */

import { applyOne, type Operation } from "../apply.ts";
import { wrongType, wrongValue } from "../errors.ts";
import { defineKernel, runKernel } from "../kernel/run.ts";
import { broadcastShapes, sizeOf } from "../layout.ts";
import { checkTensor, type Tensor, type TensorOrNumber } from "../tensor.ts";
import { checkInteger, fill } from "./elementwise.ts";
import { contiguous, expand } from "./views.ts";

/** Elements that justify waking another thread. */
const ELEMENTS_PER_THREAD = 16_384;

/** Work items are elements. Dividing by 0, and −2³¹ by −1, would stop a thread of the CPU. */
const DIVIDE = defineKernel(
  {
    key: "floor divide",
    buffers: { a: "i32", b: "i32", quotient: "i32" },
    writes: ["quotient"],
    arguments: [],
  },
  (k, i, { a, b, quotient }) => {
    const [x, y] = [k.let(a.load(i)), k.let(b.load(i))];
    const result = k.variable(k.int(-1));
    k.if(y.equal(-1), () => k.set(result, k.int(0).subtract(x)), () =>
      k.if(y.notEqual(0), () => {
        k.set(result, x.divide(y));
        const rest = k.let(x.remainder(y));
        const isBelow = rest.less(0).and(k.int(0).less(y))
          .or(k.int(0).less(rest).and(y.less(0)));
        k.if(isBelow, () => k.set(result, result.subtract(1)));
      }));
    quotient.store(i, result);
  },
);

const divideOperation: Operation<null, readonly [a: Tensor, b: Tensor]> = {
  name: "floorDivide",
  infer: ([{ shape }]) => [{ shape, dtype: "int32" }],
  run: (device, [a, b], [quotient]) => {
    const count = sizeOf(a.shape);
    if (count === 0) return;
    runKernel(device, DIVIDE, [a, b, quotient], [], count, { grain: ELEMENTS_PER_THREAD });
  },
  gradient: "integers have none",
};

/** ⌊a / b⌋ of integers; −1 for b = 0. `name` is that of the operation that asks for it. */
export function divideIntegers(name: string, a: Tensor, b: TensorOrNumber): Tensor {
  const what = `compute ${name}`;
  if (typeof b === "number") {
    checkInteger(what, b);
    if (b === 0) throw wrongValue(what, "a divisor other than 0", b);
  } else {
    checkTensor(what, b, "a tensor or a number");
    if (b.dtype !== "int32") throw wrongType(what, "two tensors of int32", b.dtype);
  }
  const divisor = typeof b === "number" ? fill(a.device, [], b, "int32") : b;
  const shape = broadcastShapes([a.shape, divisor.shape], what);
  const [x, y] = [a, divisor].map((each) => contiguous(expand(each, shape))) as [Tensor, Tensor];
  return applyOne(divideOperation, [x, y], null);
}

/** Work items are rows. */
const ADD_UP = defineKernel(
  {
    key: "cumulative sum of integers",
    buffers: { x: "i32", sums: "i32" },
    writes: ["sums"],
    arguments: ["length"],
  },
  (k, row, { x, sums }, { length }) => {
    const begin = k.let(row.multiply(length));
    const sum = k.variable(k.int(0));
    k.loop(begin, begin.add(length), (i) => {
      k.set(sum, sum.add(x.load(i)));
      sums.store(i, sum);
    });
  },
);

/** Running sums of `int32` along the last axis, of a contiguous tensor; they wrap around. */
export const cumulativeSumOfIntegers: Operation<null, readonly [x: Tensor]> = {
  name: "cumulativeSum",
  infer: ([{ shape }]) => [{ shape, dtype: "int32" }],
  run: (device, [x], [sums]) => {
    if (x.size === 0) return;
    const length = x.shape.at(-1)!;
    const grain = Math.ceil(ELEMENTS_PER_THREAD / length);
    runKernel(device, ADD_UP, [x, sums], [length], x.size / length, { grain });
  },
  gradient: "integers have none",
};
