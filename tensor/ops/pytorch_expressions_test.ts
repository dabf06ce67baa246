/** Random expressions, with PyTorch's results, recorded by `testing/record_pytorch_expressions.py`. */

import { assert, assertEquals } from "@std/assert";
import { cpuTest } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import {
  concat,
  conv1d,
  cumulativeSum,
  type Device,
  flip,
  indexSelect,
  layerNorm,
  pad,
  repeat,
  roll,
  sort,
  Tensor,
  where,
} from "../mod.ts";

/** A leaf by its name, or the name of an operation and its operands. */
type Expression = string | readonly Expression[];
type Encoded = number | "NaN" | "Infinity" | "-Infinity";

interface Recorded {
  readonly expression: Expression;
  readonly extreme: boolean;
  readonly inputs: readonly (readonly Encoded[])[];
  readonly upstream: readonly number[];
  readonly shape: readonly number[];
  readonly values: readonly Encoded[];
  readonly gradients: readonly (readonly Encoded[])[];
}

const recorded: readonly Recorded[] = (await Deno.readTextFile(
  new URL("testing/pytorch_expressions.jsonl", import.meta.url),
)).trim().split("\n").map((line) => JSON.parse(line));

const leafShapes: Readonly<Record<string, readonly number[]>> = {
  a: [2, 3],
  b: [3],
  c: [2, 1],
  w: [3, 3],
};

/** With other values after it, so that a row has enough for a variance. */
const doubled = (x: Tensor) => concat([x, x.mul(0.5).add(1)], -1);
const length = (x: Tensor) => x.shape.at(-1)!;

type Operation = (x: Tensor, y: Tensor, weight: Tensor) => Tensor;

/** Operations that are not methods of the same name without arguments. */
const operations: Readonly<Record<string, Operation>> = {
  add: (x, y) => x.add(y),
  sub: (x, y) => x.sub(y),
  mul: (x, y) => x.mul(y),
  div: (x, y) => x.div(y),
  maximum: (x, y) => x.maximum(y),
  minimum: (x, y) => x.minimum(y),
  whereLess: (x, y) => where(x.lt(y), x, y.mul(2)),
  maskedFill: (x, y) => x.maskedFill(y.gt(0), 0.5),
  clamp: (x) => x.clamp(-1, 1),
  logSumExp: (x) => x.logSumExp(-1, true),
  sum: (x) => x.sum(-1, true),
  mean: (x) => x.mean(-1, true),
  max: (x) => x.max(-1, true),
  min: (x) => x.min(-1, true),
  norm: (x) => x.norm(-1, true),
  prod: (x) => x.prod(-1, true),
  std: (x) => doubled(x).std(-1, true),
  layerNorm: (x) => layerNorm(doubled(x), { epsilon: 0.1 }).slice(-1, 0, length(x)),
  cumulativeSum: (x) => cumulativeSum(x, -1),
  sort: (x) => sort(x).values,
  flip: (x) => flip(x, -1),
  roll: (x) => roll(x, 1, -1),
  at: (x) => x.at(...new Array(x.shape.length - 1).fill([]), [0, length(x), 2]).sum(-1, true),
  indexSelect: (x) =>
    indexSelect(x, -1, Tensor.from(x.device, [length(x) - 1, 0, 0], { dtype: "int32" })),
  pad: (x) => pad(x, [1, 2], 0.25).slice(-1, 1, 1 + length(x)),
  repeat: (x) =>
    repeat(x, x.shape.map((_, i) => i === x.shape.length - 1 ? 2 : 1))
      .slice(-1, 0, length(x)),
  matmul: (x, _, weight) => x.expand(x.shape.with(-1, 3)).matmul(weight),
  conv1d: (x, _, weight) =>
    conv1d(x.reshape([1, 1, -1]), weight.slice(0, 0, 1).reshape([1, 1, 3]), { padding: 1 })
      .reshape(x.shape),
};

function evaluate(expression: Expression, leaves: Readonly<Record<string, Tensor>>): Tensor {
  if (typeof expression === "string") return leaves[expression]!;
  const [name, ...operands] = expression as readonly [string, ...Expression[]];
  const [x, y] = operands.map((each) => evaluate(each, leaves));
  const operation = operations[name];
  return operation === undefined ? x![name as "sin"]() : operation(x!, y!, leaves.w!);
}

/**
 * Whether gradients may be finite where PyTorch has NaN: those of `amax` and `amin` are 0 / 0 for a whole
 * row that has a NaN, and 0 · ∞ for what is not the largest. Here, only the largest gets a gradient; and
 * that of a norm of 0 is 0 whatever follows.
 */
function mayBeFinite(expression: Expression): boolean {
  if (typeof expression === "string") return false;
  const [name, ...operands] = expression as readonly [string, ...Expression[]];
  return ["max", "min", "norm"].includes(name) || operands.some(mayBeFinite);
}

async function problemsOf(
  what: string,
  got: Tensor | null,
  wanted: readonly Encoded[],
  tolerance: number,
  isNaNKnown = false,
): Promise<string[]> {
  const actual = got === null ? new Float32Array(wanted.length) : await got.data();
  const values = wanted.map((value) => Math.fround(Number(value)));
  const largest = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
  return values.flatMap((value, i) => {
    if (isNaNKnown && Number.isNaN(value)) return [];
    const isSame = Object.is(value, actual[i]) || value === actual[i] ||
      Math.abs(value - actual[i]!) <= tolerance * largest + 1e-30;
    return isSame ? [] : [`${what}, element ${i}: wanted ${value}, got ${actual[i]}`];
  });
}

/** Not asynchronous, so that the reads of many expressions can be awaited together. */
function check(device: Device, each: Recorded): Promise<string[][]> {
  using _scope = device.scope();
  const leaves = Object.fromEntries(
    Object.entries(leafShapes).map(([name, shape], i) => {
      const values = each.inputs[i]!.map(Number);
      return [name, Tensor.from(device, values, { shape, requiresGrad: true })];
    }),
  );
  const y = evaluate(each.expression, leaves);
  const what = JSON.stringify(each.expression);
  assertEquals([...y.shape], [...each.shape], what);
  y.backward(Tensor.from(device, each.upstream, { shape: each.shape }));
  return Promise.all([
    problemsOf(what, y, each.values, 1e-5),
    ...Object.entries(leaves).map(([name, leaf], i) =>
      problemsOf(
        `${what}, gradient of ${name}`,
        leaf.grad,
        each.gradients[i]!,
        1e-4,
        mayBeFinite(each.expression),
      )
    ),
  ]);
}

async function checkAll(device: Device, some: readonly Recorded[]): Promise<void> {
  const problems: string[] = [];
  let wrong = 0;
  for (let start = 0; start < some.length; start += 50) {
    const found = some.slice(start, start + 50).map(async (each) => {
      try {
        return (await check(device, each)).flat();
      } catch (error) {
        return [`${JSON.stringify(each.expression)}: ${error}`];
      }
    });
    for (const each of await Promise.all(found)) {
      if (each.length > 0) wrong++;
      problems.push(...each);
    }
  }
  assert(wrong === 0, `${wrong} of ${some.length} expressions\n${problems.join("\n")}`);
}

Deno.test("there are 600 expressions, a third of them extreme", () => {
  assertEquals(recorded.length, 600);
  assertEquals(recorded.filter(({ extreme }) => extreme).length, 200);
});

cpuTest("random expressions and their gradients are PyTorch's (cpu)", async (device) => {
  await checkAll(device, recorded);
});

// Most of the time goes into compiling a kernel for each gradient.
gpuTest("random expressions and their gradients are PyTorch's (webgpu)", async (device) => {
  await checkAll(device, recorded.filter((_, i) => i % 10 < 2));
});
