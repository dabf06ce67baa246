/**
 * Values and gradients of PyTorch in double precision, recorded by `testing/record_pytorch.py`: every
 * case on both devices, in one of three layouts.
 */

import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { BatchNorm1d, BatchNorm2d, GroupNorm, GRU, klDivergence, LSTM } from "../../nn/mod.ts";
import {
  argsort,
  attention,
  type AttentionOptions,
  avgPool2d,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  copyInto,
  crossEntropy,
  cumulativeSum,
  type Device,
  einsum,
  flip,
  fold,
  gather,
  type Index,
  indexSelect,
  matmul,
  maxPool2d,
  noGrad,
  oneHot,
  pad,
  repeat,
  roll,
  scatterAdd,
  sort,
  Tensor,
  topK,
  tril,
  triu,
  unbind,
  unfold,
  where,
} from "../mod.ts";

type Encoded = number | "NaN" | "Infinity" | "-Infinity";

interface Input {
  readonly fill: string;
  readonly shape: readonly number[];
  readonly limit?: number;
}

interface Golden {
  readonly operation: string;
  readonly seed: number;
  readonly inputs: readonly Input[];
  // deno-lint-ignore no-explicit-any
  readonly arguments: readonly any[];
  readonly shape: readonly number[];
  readonly values: readonly Encoded[];
  readonly others?: readonly (readonly Encoded[])[];
  readonly gradients?: readonly (readonly Encoded[] | null)[];
}

const golden: readonly Golden[] = (await Deno.readTextFile(
  new URL("testing/pytorch_golden.jsonl", import.meta.url),
)).trim().split("\n").map((line) => JSON.parse(line));

const extremes = [
  ...[NaN, Infinity, -Infinity, 0, -0, 1, -1, 3e38, -3e38, 1e-30, -1e-30, 100, -100, 0.5, 2.5, -30],
];

/** Inputs of variances and matmuls in `float32`: larger numbers overflow on the way. */
const smallExtremes = extremes.filter((value) =>
  !(Math.abs(value) > 1e3 && Number.isFinite(value))
);

/** The same numbers as `Generator` in `testing/record_pytorch.py`. */
class Generator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 31 - 1;
  }

  fill(kind: string, count: number, limit = 0): number[] {
    if (kind === "extreme" || kind === "small extreme") {
      const values = kind === "extreme" ? extremes : smallExtremes;
      return Array.from({ length: count }, (_, i) => values[(i + limit) % values.length]!);
    }
    const make: Readonly<Record<string, (u: number) => number>> = {
      normal: (u) => 2 * u,
      positive: (u) => u + 1.2,
      whole: (u) => Math.floor((u + 1) * 3.5) - 3,
      integers: (u) => Math.floor(u * 20),
      ids: (u) => Math.floor((u + 1) / 2 * limit),
      mask: (u) => u > -0.3 ? 1 : 0,
      open: (u) => u < -0.5 ? -Infinity : 2 * u,
    };
    return Array.from({ length: count }, () => make[kind]!(this.next()));
  }
}

const isInteger = ({ fill }: Input) => fill === "integers" || fill === "ids";
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The values of a tensor stored with reversed axes, within a larger tensor, or as they are. */
function inLayout(x: Tensor, layout: number): Tensor {
  return noGrad(() => {
    if (layout === 1 && x.shape.length > 1) {
      const order = x.shape.map((_, axis) => axis).reverse();
      return x.permute(order).contiguous().permute(order);
    }
    if (layout === 2 && x.shape.length > 0) {
      const wide = Tensor.full(x.device, x.shape.with(-1, x.shape.at(-1)! + 3), 7, {
        dtype: x.dtype,
      });
      const middle = wide.slice(-1, 1, -2);
      copyInto(x, middle);
      return middle;
    }
    return x;
  });
}

interface Normalized {
  readonly y: Tensor;
  readonly others: readonly Tensor[];
}

/** PyTorch's names of options, of which ours are in camel case. */
function camel(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
      value,
    ]),
  );
}

function normalized(
  layer: BatchNorm1d | BatchNorm2d | GroupNorm,
  [x, weight, bias]: readonly Tensor[],
): Tensor {
  // The layer's own parameters give way to those whose gradients are wanted.
  Object.assign(layer, { weight, bias });
  return layer.forward(x!);
}

/** A recurrent layer with the given parameters: its output and last states, one after the other. */
function recurrent(Layer: typeof LSTM | typeof GRU, states: readonly ("hidden" | "cell")[]): Run {
  return ([x, ...rest], inputs, width, { num_layers: layers = 1, ...options }, hasStates) => {
    const layer: LSTM | GRU = new Layer(x!.device, inputs, width, {
      seed: null,
      layers,
      ...options,
    });
    const given = hasStates
      ? Object.fromEntries(states.map((name) => [name, rest.shift()!]))
      : undefined;
    const names = [...layer.parameters().keys()];
    assertEquals(names.length, rest.length);
    Object.assign(layer, Object.fromEntries(names.map((name, i) => [name, rest[i]!])));
    const result = new Map(Object.entries(layer.forward(x!, given as never)));
    return concat(["output", ...states].map((name) => result.get(name)!.reshape([-1])));
  };
}

// deno-lint-ignore no-explicit-any
type Run = (x: readonly Tensor[], ...args: any[]) => Tensor | Normalized;

const unary = (f: (x: Tensor) => Tensor): Run => ([x]) => f(x!);
const convolution = (f: typeof conv2d): Run => ([x, weight, bias], options) =>
  f(x!, weight!, { ...camel(options), bias });
const nonZero = (x: Tensor) => x.eq(0).mul(7).to("int32").add(x);

const operations: Readonly<Record<string, Run>> = {
  conv2d: convolution(conv2d),
  conv1d: convolution(conv1d as typeof conv2d),
  convTranspose2d: convolution(convTranspose2d),
  maxPool2d: ([x], kernel, options) => maxPool2d(x!, kernel, options),
  avgPool2d: ([x], kernel, options) => avgPool2d(x!, kernel, options),
  unfold: ([x], kernel, options) => unfold(x!, kernel, options),
  fold: ([x], image, kernel, options) => fold(x!, image, kernel, options),
  batchNorm: (inputs, { momentum }) => {
    const Layer = inputs[0]!.shape.length === 4 ? BatchNorm2d : BatchNorm1d;
    const layer = new Layer(inputs[0]!.device, inputs[1]!.size, { momentum });
    return { y: normalized(layer, inputs), others: [layer.running_mean, layer.running_var] };
  },
  groupNorm: (inputs, groups) =>
    normalized(new GroupNorm(inputs[0]!.device, groups, inputs[1]!.size), inputs),
  geluErf: ([x]) => x!.gelu("erf"),
  clampLow: ([x]) => x!.clamp(-0.5),
  clampHigh: ([x]) => x!.clamp(null, 0.7),
  maskedFill: ([x, mask], value) => x!.maskedFill(mask!, Number(value)),
  remainder: ([a, b]) => a!.remainder(b!),
  floorDivide: ([a, b]) => a!.floorDivide(b!),
  absOfIntegers: unary((x) => x.abs()),
  clampOfIntegers: unary((x) => x.clamp(-3, 8)),
  remainderOfIntegers: ([a, b]) => a!.remainder(nonZero(b!)),
  floorDivideOfIntegers: ([a, b]) => a!.floorDivide(nonZero(b!)),
  cumulativeSumOfIntegers: ([x], axis) => cumulativeSum(x!, axis),
  topKOfIntegers: ([x], k, axis) => topK(x!, k, axis).values,
  argmin: ([x], axis) => x!.argmin(axis),
  at: ([x, ...ids], ...indices) => {
    const left = [...ids];
    return x!.at(...indices.map((index): Index => index === "ids" ? left.shift()! : index));
  },
  indexSelect: ([x, ids], axis) => indexSelect(x!, axis, ids!),
  scatterAdd: ([x, positions, values], axis) => scatterAdd(x!, axis, positions!, values!),
  gather: ([x, positions], axis) => gather(x!, axis, positions!),
  oneHot: ([ids], classes) => oneHot(ids!, classes),
  sort: ([x], axis, options) => sort(x!, axis, options).values,
  sortOfIntegers: ([x], axis, options) => sort(x!, axis, options).values,
  argsort: ([x], axis, options) => argsort(x!, axis, options),
  unbind: ([x], axis, i) => unbind(x!, axis)[i]!,
  flip: ([x], axes) => flip(x!, axes),
  pad: ([x], lengths, value) => pad(x!, lengths, value),
  repeat: ([x], counts) => repeat(x!, counts),
  roll: ([x], shift, axis) => roll(x!, shift, axis),
  tril: ([x], diagonal) => tril(x!, diagonal),
  triu: ([x], diagonal) => triu(x!, diagonal),
  matmul: ([a, b]) => matmul(a!, b!),
  attention: ([q, k, v, mask], options: AttentionOptions) =>
    attention(q!, k!, v!, { ...options, mask }),
  crossEntropy: ([logits, ids, weight], { ignore, ...options }) => {
    const isIgnored = Tensor.arange(ids!.device, 0, ids!.size).remainder(2).eq(0)
      .reshape(ids!.shape);
    const targets = ignore ? where(isIgnored, -1, ids!) : ids!;
    // PyTorch does not differentiate with respect to the weight.
    return crossEntropy(logits!, targets, { ...camel(options), weight: weight?.detach() });
  },
  crossEntropyOfProbabilities: ([logits, target, weight], options) =>
    crossEntropy(logits!, target!, { ...camel(options), weight }),
  klDivergence: ([x, target], options) => klDivergence(x!, target!, camel(options)),
  einsum: (operands, equation) => einsum(equation, operands),
  lstm: recurrent(LSTM, ["hidden", "cell"]),
  gru: recurrent(GRU, ["hidden"]),
};

/** Operations that are methods of that name, of a tensor, or of a tensor and axes. */
const methods = ["std", "norm", "prod", "any", "all"];

function runOf(operation: string): Run {
  const run = operations[operation];
  if (run !== undefined) return run;
  const named = (x: Tensor) => x[operation as "sin"] as (axes?: number[]) => Tensor;
  if (methods.includes(operation)) return ([x], axes) => named(x!).call(x!, axes ?? undefined);
  return ([x]) => named(x!).call(x!);
}

/** Elements that differ, each with the reason, in what is a value of one input. */
const known: Readonly<Record<string, (x: number, isGradient: boolean) => boolean>> = {
  // As the documentation says.
  sin: (x) => Math.abs(x) > 1e4,
  cos: (x) => Math.abs(x) > 1e4,
  sign: (x) => Number.isNaN(x),
  abs: (x, isGradient) => isGradient && Number.isNaN(x),
  clampLow: (x, isGradient) => isGradient && Number.isNaN(x),
  clampHigh: (x, isGradient) => isGradient && Number.isNaN(x),
  // As PyTorch in single precision, where the cube is ∞.
  gelu: (x, isGradient) => isGradient && Math.abs(x) > 1e12,
  hardswish: (x) => x === -Infinity,
  geluErf: (x, isGradient) => Math.abs(x) === Infinity && !isGradient,
};

function checkClose(
  what: string,
  got: ArrayLike<number>,
  wanted: readonly Encoded[],
  tolerance: number,
  isKnown: (i: number) => boolean = () => false,
): string[] {
  if (got.length !== wanted.length) return [`${what}: ${got.length} of ${wanted.length} elements`];
  const values = wanted.map(Number).map(Math.fround);
  const largest = values.filter(Number.isFinite).reduce(
    (m, value) => Math.max(m, Math.abs(value)),
    0,
  );
  return values.flatMap((value, i) => {
    const isSame = got[i] === value || Object.is(got[i], value) ||
      Math.abs(got[i]! - value) <= tolerance * largest + 1e-37;
    return isSame || isKnown(i) ? [] : [`${what}, element ${i}: wanted ${value}, got ${got[i]}`];
  });
}

/**
 * The problems of a case. Not asynchronous: its scope ends when it returns, but the reads have started,
 * and those of many cases can be awaited together.
 */
function check(device: Device, each: Golden, layout: number): Promise<string[][]> {
  using _scope = device.scope();
  const generator = new Generator(each.seed);
  const values = each.inputs.map(({ fill, shape, limit }) =>
    generator.fill(fill, sizeOf(shape), limit)
  );
  const inputs = each.inputs.map((input, i) => {
    const dtype = isInteger(input) ? "int32" : "float32";
    const plain = Tensor.from(device, values[i]!, { shape: input.shape, dtype });
    // Positions are checked by the host only if they are all of what it wrote.
    const x = input.fill === "ids" ? plain : inLayout(plain, layout);
    return dtype === "float32" && input.fill !== "mask" ? x.requireGrad() : x;
  });
  const result = runOf(each.operation)(inputs, ...each.arguments);
  const y = result instanceof Tensor ? result : result.y;
  const what = `${each.operation} ${JSON.stringify(each.inputs)} ${JSON.stringify(each.arguments)}`;
  assertEquals([...y.shape], [...each.shape], what);
  const isElementwise = inputs.length === 1 && y.size === inputs[0]!.size;
  const isKnown = (isGradient: boolean) => (i: number) =>
    isElementwise && (known[each.operation]?.(values[0]![i]!, isGradient) ?? false);
  const compare = async (
    name: string,
    got: Tensor,
    wanted: readonly Encoded[],
    isGradient: boolean,
  ) =>
    checkClose(
      `${what}${name}`,
      await got.data(),
      wanted,
      isGradient ? 1e-4 : 1e-5,
      isKnown(isGradient),
    );
  const problems = [
    compare("", y, each.values, false),
    ...(each.others ?? []).map((other, i) =>
      compare(`, other ${i}`, (result as Normalized).others[i]!, other, false)
    ),
  ];
  if (each.gradients !== undefined && y.requiresGrad) {
    const upstream = generator.fill("normal", y.size).map(Math.fround);
    y.backward(Tensor.from(device, upstream, { shape: y.shape }));
  }
  const leaves = inputs.filter((input) => input.requiresGrad);
  for (const [i, wanted] of (each.gradients ?? []).entries()) {
    const { grad, shape, size } = leaves[i]!;
    const got = grad ?? Tensor.zeros(device, shape);
    problems.push(compare(`, gradient ${i}`, got, wanted ?? new Array(size).fill(0), true));
  }
  return Promise.all(problems);
}

/** Cases whose results are read together: on WebGPU waiting dominates. */
const TOGETHER = 50;

testOnEveryDevice("values and gradients are PyTorch's", async (device) => {
  const problems: string[] = [];
  for (let start = 0; start < golden.length; start += TOGETHER) {
    const some = golden.slice(start, start + TOGETHER).map(async (each, i) => {
      try {
        problems.push(...(await check(device, each, (start + i) % 3)).flat());
      } catch (error) {
        problems.push(`${each.operation} ${JSON.stringify(each.arguments)}: ${error}`);
      }
    });
    await Promise.all(some);
  }
  assert(problems.length === 0, `${problems.length} problems\n${problems.join("\n")}`);
});

Deno.test("each operation has at least twelve cases of PyTorch", () => {
  const counts = Map.groupBy(golden, ({ operation }) => operation);
  for (const [operation, cases] of counts) assert(cases.length >= 12, operation);
  assertEquals(counts.size, 70);
});
