/**
 * The list of cases: everything here is tested on every device, differentiated, and timed. Add a
 * new operation here to get all three. @module
 */

import {
  at,
  build,
  map,
  mapLines,
  matmulReference,
  reduceAxes,
  type ReferenceArray,
  sizeOf,
} from "../../../testing/reference_array.ts";
import { unaryFunctions } from "../../formula/testing/evaluate.ts";
import {
  concat,
  layerNorm,
  linear,
  rmsNorm,
  rotary,
  rotaryAngles,
  split,
  stack,
  Tensor,
  where,
} from "../../mod.ts";
import { einsumCases } from "./einsum_cases.ts";
import { logSumExpLine, lossCases } from "./loss_cases.ts";

export type Filling =
  /** Numbers between about −2 and 2. */
  | "normal"
  /** Numbers between about 0.2 and 2.2. */
  | "positive"
  /** Integers, with ties. */
  | "whole"
  /** NaN, infinities, zeros of both signs, large and tiny numbers. */
  | "extreme"
  /** Classes from −1 to 3, as `int32`. */
  | "classes";

export interface CaseInput {
  readonly shape: readonly number[];
  readonly filling: Filling;
}

export interface Case {
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly run: (inputs: readonly Tensor[]) => Tensor;
  readonly reference: (inputs: readonly ReferenceArray[]) => ReferenceArray;
  /** Whether to check its gradient: not at kinks, and not for extreme inputs. */
  readonly differentiable: boolean;
  readonly tolerance?: number;
  /** Whether it needs the range of `float32`, which half precision lacks. */
  readonly needsRange?: boolean;
}

type Shape = readonly number[];

const normal = (...shape: number[]): CaseInput => ({ shape, filling: "normal" });
const input = (shape: Shape, filling: Filling): CaseInput => ({ shape, filling });

const oneShapes: Shape[] = [[], [1], [0], [7], [4, 8], [3, 5], [2, 1, 9], [2, 0, 3], [1030]];
const twoShapes: [Shape, Shape][] = [
  [[], []],
  [[4], []],
  [[0, 3], [3]],
  [[3, 5], [3, 5]],
  [[3, 5], [5]],
  [[3, 1], [1, 5]],
  [[2, 3, 4], [3, 1]],
  [[2, 1, 4], [1, 3, 1]],
  [[33, 64], [33, 64]],
];

function unaryCases(
  name: string,
  run: (x: Tensor) => Tensor,
  f: (x: number) => number,
  filling: Filling = "normal",
  differentiable = true,
): Case[] {
  const make = (shape: Shape, filled: Filling): Case => ({
    name: `${name} ${filled} [${shape}]`,
    inputs: [input(shape, filled)],
    run: ([x]) => run(x!),
    reference: ([x]) => map(f, x!),
    differentiable: differentiable && filled !== "extreme",
  });
  return [...oneShapes.map((shape) => make(shape, filling)), make([16], "extreme")];
}

function binaryCases(
  name: string,
  run: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  filling: Filling = "normal",
  differentiable = true,
): Case[] {
  const make = (a: Shape, b: Shape, filled: Filling): Case => ({
    name: `${name} ${filled} [${a}] with [${b}]`,
    inputs: [input(a, filled), input(b, filled)],
    run: ([x, y]) => run(x!, y!),
    reference: ([x, y]) => map(f, x!, y!),
    differentiable: differentiable && filled !== "extreme",
  });
  return [...twoShapes.map(([a, b]) => make(a, b, filling)), make([16, 1], [16], "extreme")];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const relu = (x: number): number => x <= 0 ? 0 : x;
const larger = (a: number, b: number): number => Math.max(a, b);

const elementwise: Case[] = [
  ...unaryCases("neg", (x) => x.neg(), (x) => -x),
  ...unaryCases("exp", (x) => x.exp(), Math.exp),
  ...unaryCases("log", (x) => x.log(), Math.log, "positive"),
  ...unaryCases("sqrt", (x) => x.sqrt(), Math.sqrt, "positive"),
  ...unaryCases("square", (x) => x.square(), (x) => x * x),
  ...unaryCases("abs", (x) => x.abs(), Math.abs),
  ...unaryCases("tanh", (x) => x.tanh(), Math.tanh),
  ...unaryCases("sigmoid", (x) => x.sigmoid(), sigmoid),
  ...unaryCases("relu", (x) => x.relu(), relu),
  ...unaryCases("reluSquared", (x) => x.reluSquared(), (x) => relu(x) ** 2),
  ...unaryCases("silu", (x) => x.silu(), (x) => x * sigmoid(x)),
  ...unaryCases("softcap", (x) => x.softcap(1.5), (x) => 1.5 * Math.tanh(x / 1.5)),
  ...unaryCases("clamp", (x) => x.clamp(-0.5, 1), (x) => x < -0.5 ? -0.5 : x > 1 ? 1 : x),
  ...unaryCases(
    "gelu",
    (x) => x.gelu(),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ),
  ...unaryCases(
    "gelu (erf)",
    (x) => x.gelu("erf"),
    (x) => 0.5 * x * (1 + unaryFunctions.erf(x * Math.SQRT1_2)),
  ),
  ...unaryCases("pow 3", (x) => x.pow(3), (x) => x ** 3),
  ...unaryCases("pow 5", (x) => x.pow(5), (x) => x ** 5),
  ...unaryCases("pow 2.5", (x) => x.pow(2.5), (x) => x ** 2.5, "positive"),
  ...unaryCases("pow -1", (x) => x.pow(-1), (x) => 1 / x, "positive"),
  ...unaryCases("pow -2", (x) => x.pow(-2), (x) => x ** -2, "positive"),
  ...unaryCases("add a number", (x) => x.add(2.5), (x) => x + 2.5),
  ...unaryCases("div by a number", (x) => x.div(3), (x) => x / 3),
  ...binaryCases("add", (a, b) => a.add(b), (a, b) => a + b),
  ...binaryCases("sub", (a, b) => a.sub(b), (a, b) => a - b),
  ...binaryCases("mul", (a, b) => a.mul(b), (a, b) => a * b),
  ...binaryCases("div", (a, b) => a.div(b), (a, b) => a / b, "positive"),
  ...binaryCases("pow", (a, b) => a.pow(b), (a, b) => a ** b, "positive").filter(isOrdinary),
  ...binaryCases("pow of whole numbers", (a, b) => a.pow(b), (a, b) => a ** b, "whole", false)
    .filter(isOrdinary),
  ...binaryCases("maximum", (a, b) => a.maximum(b), larger),
  ...binaryCases("minimum", (a, b) => a.minimum(b), Math.min),
  ...binaryCases("lt", (a, b) => a.lt(b), (a, b) => Number(a < b), "whole", false),
  ...binaryCases("le", (a, b) => a.le(b), (a, b) => Number(a <= b), "whole", false),
  ...binaryCases("gt", (a, b) => a.gt(b), (a, b) => Number(a > b), "whole", false),
  ...binaryCases("ge", (a, b) => a.ge(b), (a, b) => Number(a >= b), "whole", false),
  ...binaryCases("eq", (a, b) => a.eq(b), (a, b) => Number(a === b), "whole", false),
  ...binaryCases("ne", (a, b) => a.ne(b), (a, b) => Number(a !== b), "whole", false),
  ...binaryCases("where", (a, b) => where(a.gt(0), a.mul(b), b), (a, b) => a > 0 ? a * b : b),
];

/** Powers of extremes differ between libraries; ours have a test of their own. */
function isOrdinary(each: Case): boolean {
  return !each.inputs.some(({ filling }) => filling === "extreme");
}

const reductionShapes: [Shape, number[] | undefined][] = [
  [[5], undefined],
  [[], undefined],
  [[3, 7], [1]],
  [[3, 7], [0]],
  [[4, 8], [-1]],
  [[2, 3, 4], [0, 2]],
  [[2, 3, 4], [1]],
  [[2, 3, 4], [1, 2]],
  [[1, 9], [0]],
  [[65, 3], undefined],
  [[2, 10007], [1]],
  [[3, 16384], undefined],
];

function reductionCases(
  name: string,
  run: (x: Tensor, axes: number[] | undefined, keepAxes: boolean) => Tensor,
  reduce: (values: number[]) => number,
  filling: Filling = "normal",
): Case[] {
  const make = (shape: Shape, axes: number[] | undefined, filled: Filling, keepAxes: boolean) => ({
    name: `${name} ${filled} [${shape}] along ${axes ?? "all"}${keepAxes ? ", kept" : ""}`,
    inputs: [input(shape, filled)],
    run: ([x]: readonly Tensor[]) => run(x!, axes, keepAxes),
    reference: ([x]: readonly ReferenceArray[]) =>
      reduceAxes(x!, axes ?? shape.map((_, axis) => axis), keepAxes, reduce),
    differentiable: filled !== "extreme",
  });
  return [
    ...reductionShapes.map(([shape, axes]) => make(shape, axes, filling, false)),
    make([3, 4, 2], [1], filling, true),
    make([2, 16], [1], "extreme", false),
    make([16, 2], [0], "extreme", false),
  ];
}

const add = (values: number[]): number => values.reduce((sum, value) => sum + value, 0);
const mean = (values: number[]): number => add(values) / values.length;
const variance = (values: number[]): number => {
  const center = mean(values);
  return add(values.map((value) => (value - center) ** 2)) / (values.length - 1);
};
const argmax = (values: number[]): number => {
  const firstNaN = values.findIndex(Number.isNaN);
  return firstNaN >= 0 ? firstNaN : values.indexOf(Math.max(...values));
};
const extremeOf = (compare: (...values: number[]) => number) => (values: number[]): number =>
  values.reduce((best, value) => compare(best, value));

const reductions: Case[] = [
  ...reductionCases("sum", (x, axes, keep) => x.sum(axes, keep), add),
  ...reductionCases("mean", (x, axes, keep) => x.mean(axes, keep), mean),
  ...reductionCases("max", (x, axes, keep) => x.max(axes, keep), extremeOf(Math.max)),
  ...reductionCases("min", (x, axes, keep) => x.min(axes, keep), extremeOf(Math.min)),
  ...reductionCases("variance", (x, axes, keep) => x.variance(axes, keep), variance)
    .filter(({ inputs }) => sizeOf(inputs[0]!.shape) > 1 && inputs[0]!.shape[0] !== 1),
  {
    name: "sum of nothing",
    inputs: [normal(3, 0)],
    run: ([x]) => x!.sum(1),
    reference: () => build([3], () => 0),
    differentiable: false,
  },
  ...([[[3, 7], 1], [[3, 7], 0], [[2, 16], 1], [[1], 0], [[2, 3, 5], 1]] as const).flatMap((
    [shape, axis],
  ) =>
    (["normal", "whole", "extreme"] as const).map((filling): Case => ({
      name: `argmax ${filling} [${shape}] along ${axis}`,
      inputs: [input(shape, filling)],
      run: ([x]) => x!.argmax(axis),
      reference: ([x]) => reduceAxes(x!, [axis], false, argmax),
      differentiable: false,
    }))
  ),
];

const softmaxLine = (line: readonly number[]): number[] => {
  const largest = Math.max(...line);
  const powers = line.map((x) => Math.exp(x - largest));
  return powers.map((e) => e / add(powers));
};
const rmsLine = (epsilon: number) => (line: readonly number[]): number[] => {
  const root = Math.sqrt(mean(line.map((x) => x * x)) + epsilon);
  return line.map((x) => x / root);
};
const layerNormLine = (line: readonly number[]): number[] => {
  const center = mean([...line]);
  const root = Math.sqrt(mean(line.map((x) => (x - center) ** 2)) + 1e-5);
  return line.map((x) => (x - center) / root);
};

const rowShapes: [Shape, number][] = [
  [[5], -1],
  [[1], -1],
  [[3, 1], -1],
  [[4, 8], -1],
  [[3, 37], -1],
  [[3, 37], 0],
  [[2, 5, 3], 1],
  [[0, 4], -1],
  [[2, 1029], -1],
];

function rowCases(
  name: string,
  run: (x: Tensor, axis: number) => Tensor,
  line: (values: readonly number[]) => readonly number[],
): Case[] {
  return rowShapes.map(([shape, axis]): Case => ({
    name: `${name} [${shape}] along ${axis}`,
    inputs: [input(shape, "normal")],
    run: ([x]) => run(x!, axis),
    reference: ([x]) => mapLines(x!, axis, line),
    differentiable: true,
  }));
}

const lastAxis = (run: (x: Tensor) => Tensor) => (x: Tensor, axis: number): Tensor =>
  axis === -1 ? run(x) : run(x.transpose(axis, -1)).transpose(axis, -1);

const rows: Case[] = [
  ...rowCases("softmax", (x, axis) => x.softmax(axis), softmaxLine),
  ...rowCases(
    "logSoftmax",
    (x, axis) => x.logSoftmax(axis),
    (line) => line.map((x) => x - logSumExpLine(line)),
  ),
  ...rowCases("rmsNorm", lastAxis((x) => rmsNorm(x)), rmsLine(2 ** -23)),
  ...rowCases(
    "rmsNorm scaled",
    lastAxis((x) => rmsNorm(x, { scale: 1.2 })),
    (line) => rmsLine(2 ** -23)(line).map((x) => 1.2 * x),
  ),
  ...rowCases("layerNorm", lastAxis((x) => layerNorm(x)), layerNormLine),
  {
    name: "softmax of large numbers",
    inputs: [normal(3, 6)],
    run: ([x]) => x!.mul(1e30).softmax(),
    reference: ([x]) => mapLines(x!, -1, (line) => softmaxLine(line.map((v) => v * 1e30))),
    differentiable: false,
    needsRange: true,
  },
  ...([[3, 7], [5], [2, 3, 4]] as const).map((shape): Case => ({
    name: `logSumExp [${shape}]`,
    inputs: [normal(...shape)],
    run: ([x]) => x!.logSumExp(),
    reference: ([x]) => reduceAxes(x!, [-1], false, logSumExpLine),
    differentiable: true,
  })),
  {
    name: "rmsNorm with a weight",
    inputs: [normal(3, 4, 9), normal(9)],
    run: ([x, weight]) => rmsNorm(x!, { weight: weight!, epsilon: 1e-3 }),
    reference: ([x, weight]) => map((a, b) => a * b, mapLines(x!, -1, rmsLine(1e-3)), weight!),
    differentiable: true,
  },
  {
    name: "layerNorm with weight and bias",
    inputs: [normal(3, 4, 9), normal(9), normal(9)],
    run: ([x, weight, bias]) => layerNorm(x!, { weight: weight!, bias: bias! }),
    reference: ([x, weight, bias]) =>
      map((a, b, c) => a * b + c, mapLines(x!, -1, layerNormLine), weight!, bias!),
    differentiable: true,
  },
];

const viewsAndJoins: Case[] = [
  {
    name: "reshape of a transpose",
    inputs: [normal(3, 4, 5)],
    run: ([x]) => x!.permute([2, 0, 1]).reshape([15, -1]),
    reference: ([x]) => ({
      ...build([5, 3, 4], ([i, j, k]) => at(x!, [j!, k!, i!])),
      shape: [15, 4],
    }),
    differentiable: true,
  },
  {
    name: "slice and expand",
    inputs: [normal(4, 6, 1)],
    run: ([x]) => x!.slice(0, 1, 3).slice(1, -4, -1).expand([2, 3, 5]).contiguous(),
    reference: ([x]) => build([2, 3, 5], ([i, j]) => at(x!, [i! + 1, j! + 2, 0])),
    differentiable: true,
  },
  {
    name: "squeeze and unsqueeze",
    inputs: [normal(1, 5, 1)],
    run: ([x]) => x!.squeeze().unsqueeze(1).squeeze(-1).unsqueeze(-1).unsqueeze(0),
    reference: ([x]) => ({ shape: [1, 5, 1], data: x!.data }),
    differentiable: true,
  },
  {
    name: "a tensor used twice",
    inputs: [normal(3, 4)],
    run: ([x]) => x!.mul(x!).add(x!.transpose().transpose()),
    reference: ([x]) => map((v) => v * v + v, x!),
    differentiable: true,
  },
  {
    name: "concat",
    inputs: [normal(2, 3, 2), normal(2, 1, 2), normal(2, 0, 2)],
    run: (parts) => concat(parts, 1),
    reference: ([a, b]) =>
      build([2, 4, 2], ([i, j, k]) => j! < 3 ? at(a!, [i!, j!, k!]) : at(b!, [i!, 0, k!])),
    differentiable: true,
  },
  {
    name: "stack of split parts",
    inputs: [normal(3, 6)],
    run: ([x]) => stack(split(x!, [2, 2, 2], 1).toReversed(), 0),
    reference: ([x]) => build([3, 3, 2], ([i, j, k]) => at(x!, [j!, (2 - i!) * 2 + k!])),
    differentiable: true,
  },
];

const matmulShapes: [Shape, Shape, boolean, boolean][] = [
  [[2, 3], [3, 4], false, false],
  [[3, 2], [3, 4], true, false],
  [[2, 3], [4, 3], false, true],
  [[3, 2], [4, 3], true, true],
  [[1, 1], [1, 1], false, false],
  [[1, 9], [9, 17], false, false],
  [[5, 0], [0, 3], false, false],
  [[0, 3], [3, 2], false, false],
  [[13, 7], [7, 19], false, false],
  [[2, 3, 4], [4, 5], false, false],
  [[2, 3, 4], [2, 4, 5], false, false],
  [[2, 1, 3, 4], [3, 4, 2], false, false],
  [[2, 4, 3], [5, 4], true, true],
];

const matmulsWithBias = matmulShapes.map(([a, b, transposeA, transposeB]): Case => {
  const columns = b.at(transposeB ? -2 : -1)!;
  return {
    name: `matmul [${a}] by [${b}] with bias`,
    inputs: [normal(...a), normal(...b), normal(columns)],
    run: ([x, y, bias]) => x!.matmul(y!, { transposeA, transposeB, bias }),
    reference: ([x, y, bias]) =>
      map((z, bias) => z + bias, matmulReference(x!, y!, transposeA, transposeB), bias!),
    differentiable: true,
  };
});

const angles = rotaryAngles(3, 6, 2);

/** The angles of three positions, for rows of six. */
function constantAngles({ device }: Tensor): [cos: Tensor, sin: Tensor] {
  const table = (data: Float32Array<ArrayBuffer>) =>
    Tensor.from(device, data, { shape: [3, 1, 3] });
  return [table(angles.cos), table(angles.sin)];
}

/** x `[2, 3, 2, 6]`, rotated by {@linkcode constantAngles}. */
function turned(x: ReferenceArray): ReferenceArray {
  return build([2, 3, 2, 6], ([b, t, h, d]) => {
    const [c, s] = [angles.cos[3 * t! + d! % 3]!, angles.sin[3 * t! + d! % 3]!];
    const [first, second] = [at(x, [b!, t!, h!, d! % 3]), at(x, [b!, t!, h!, d! % 3 + 3])];
    return d! < 3 ? first * c + second * s : second * c - first * s;
  });
}

const products: Case[] = [
  ...matmulShapes.map(([a, b, transposeA, transposeB]): Case => ({
    name: `matmul [${a}]${transposeA ? "ᵀ" : ""} by [${b}]${transposeB ? "ᵀ" : ""}`,
    inputs: [input(a, "normal"), input(b, "normal")],
    run: ([x, y]) => x!.matmul(y!, { transposeA, transposeB }),
    reference: ([x, y]) => matmulReference(x!, y!, transposeA, transposeB),
    differentiable: true,
  })),
  ...matmulsWithBias,
  {
    name: "linear with a bias",
    inputs: [normal(2, 3, 5), normal(4, 5), normal(4)],
    run: ([x, weight, bias]) => linear(x!, weight!, bias!),
    reference: ([x, weight, bias]) =>
      map((a, b) => a + b, matmulReference(x!, weight!, false, true), bias!),
    differentiable: true,
  },
  {
    name: "rotary",
    inputs: [normal(2, 3, 2, 6), normal(3, 1, 3), normal(3, 1, 3)],
    run: ([x, cos, sin]) => rotary(x!, cos!.detach(), sin!.detach()),
    reference: ([x, cos, sin]) =>
      build([2, 3, 2, 6], (index) => {
        const [b, t, h, d] = index as [number, number, number, number];
        const [c, s] = [at(cos!, [t, 0, d % 3]), at(sin!, [t, 0, d % 3])];
        const [first, second] = [at(x!, [b, t, h, d % 3]), at(x!, [b, t, h, d % 3 + 3])];
        return d < 3 ? first * c + second * s : second * c - first * s;
      }),
    differentiable: false,
  },
  {
    name: "rotary at given angles",
    inputs: [normal(2, 3, 2, 6)],
    run: ([x]) => rotary(x!, ...constantAngles(x!)),
    reference: ([x]) => turned(x!),
    differentiable: true,
  },
];

export const cases: readonly Case[] = [
  ...elementwise,
  ...reductions,
  ...rows,
  ...lossCases,
  ...einsumCases,
  ...viewsAndJoins,
  ...products,
];

const extremes = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1,
  -1,
  3e38,
  -3e38,
  1e-38,
  -1e-38,
  100,
  -100,
  0.5,
  2,
  -30,
];

/** The values of an input: rounded to float32, deterministic. */
export function fill({ shape, filling }: CaseInput, seed: number): ReferenceArray {
  let state = seed * 2654435761 + 1;
  const random = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2C1B3C6D) + 0x297A2D39) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  const value = (position: number): number => {
    switch (filling) {
      case "normal":
        return random() * 4 - 2;
      case "positive":
        return random() * 2 + 0.2;
      case "whole":
        return Math.floor(random() * 5) - 2;
      case "classes":
        // The first one is not ignored, so that the mean has at least one target.
        return position === 0 ? 1 : Math.floor(random() * 5) - 1;
      case "extreme":
        return extremes[(position + seed) % extremes.length]!;
    }
  };
  return {
    shape,
    data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(value(i))),
  };
}
