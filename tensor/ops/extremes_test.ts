import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { unaryFunctions } from "../formula/testing/evaluate.ts";
import { defineProgram, type Device, expression as ex, runProgram, Tensor, where } from "../mod.ts";
import { bases, expected, expectedPowers } from "./testing/extremes.ts";
import { assertExtremes, type Difference, isClose } from "./testing/compare_extremes.ts";

const formula = (f: (x: ex.Expression) => ex.Expression): (x: Tensor) => Tensor => {
  const program = defineProgram({ name: f.name, inputs: ["x"] }, ({ x }) => [f(x)]);
  return (x) => runProgram(program, [x]);
};

/** How each expression of PyTorch is written here. */
const operations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "-x": (x) => x.neg(),
  "1 / x": (x) => Tensor.ones(x.device, []).div(x),
  "torch.exp(x)": (x) => x.exp(),
  "torch.log(x)": (x) => x.log(),
  "torch.sqrt(x)": (x) => x.sqrt(),
  "torch.square(x)": (x) => x.square(),
  "torch.abs(x)": (x) => x.abs(),
  "torch.tanh(x)": (x) => x.tanh(),
  "torch.sigmoid(x)": (x) => x.sigmoid(),
  "torch.sin(x)": formula(ex.sin),
  "torch.cos(x)": formula(ex.cos),
  "torch.erf(x)": formula(ex.erf),
  "torch.floor(x)": formula(ex.floor),
  "torch.sign(x)": formula(ex.sign),
  "torch.maximum(x, torch.zeros(()))": (x) => x.maximum(0),
  "torch.minimum(x, torch.zeros(()))": (x) => x.minimum(0),
  "F.relu(x)": (x) => x.relu(),
  "F.relu(x) ** 2": (x) => x.reluSquared(),
  "F.silu(x)": (x) => x.silu(),
  'F.gelu(x, approximate="tanh")': (x) => x.gelu(),
  "F.gelu(x)": (x) => x.gelu("erf"),
  "15 * torch.tanh(x / 15)": (x) => x.softcap(15),
  "x.clamp(-0.5, 150)": (x) => x.clamp(-0.5, 150),
  ...Object.fromEntries(
    [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 15, -0.5, -1, -1.5, -2, -3].map((p) => [
      `x ** ${p}`,
      (x: Tensor) => x.pow(p),
    ]),
  ),
};

/** Where the results differ from PyTorch's on purpose: a wrong number or NaN there, if not said otherwise. */
const differences: readonly Difference[] = [
  // NaN is not hidden.
  { expression: "torch.abs(x)", part: "gradient", at: NaN, ours: NaN },
  { expression: "torch.sign(x)", part: "value", at: NaN, ours: NaN },
  // Values that are not clamped pass their gradient, NaN as well; PyTorch gives 0.
  { expression: "x.clamp(-0.5, 150)", part: "gradient", at: NaN, ours: 1 },
  // It is 2 √y, and the output y is infinite.
  { expression: "F.relu(x) ** 2", part: "gradient", at: 1e30, ours: Infinity },
  // The limit.
  { expression: "F.gelu(x)", part: "value", at: Infinity, ours: Infinity },
  // As the standard for floats (IEEE 754) and Math.pow: PyTorch takes a square root.
  { expression: "x ** 1.5", part: "gradient", at: -Infinity, ours: Infinity },
  { expression: "x ** -0.5", part: "value", at: -Infinity, ours: 0 },
  { expression: "x ** -0.5", part: "value", at: -0, ours: Infinity },
  // The floats beside 1e30 are 7e22 apart, so that it does not determine an angle: any sine will do.
  ...["torch.sin(x)", "torch.cos(x)"].flatMap((expression) =>
    (["value", "gradient"] as const).flatMap((part) =>
      [-1e30, 1e30].map((at) => ({ expression, part, at, ours: "from -1 to 1" as const }))
    )
  ),
];

testOnEveryDevice("values and gradients at the extremes are PyTorch's", async (device) => {
  // Losses are in `nn`.
  const isLoss = (expression: string) => expression.includes("reduction=");
  assertEquals(
    Object.keys(expected).filter((expression) => !isLoss(expression)).sort(),
    Object.keys(operations).sort(),
  );
  await assertExtremes(device, operations, differences);
});

Deno.test("every unary function of expressions is compared with PyTorch's", () => {
  const inPyTorch = (name: string) => name === "negate" ? "-x" : `torch.${name}(x)`;
  const missing = Object.keys(unaryFunctions).filter((name) => !(inPyTorch(name) in operations));
  assertEquals(missing, []);
});

async function powers(device: Device, exponent: number): Promise<(readonly number[])[]> {
  const x = Tensor.from(device, bases, { requiresGrad: true });
  const p = Tensor.full(device, [bases.length], exponent, { requiresGrad: true });
  const y = x.pow(p);
  y.backward(Tensor.ones(device, [bases.length]));
  return (await Promise.all([y, x.grad!, p.grad!].map((each) => each.data()))).map((
    data,
  ) => [...data]);
}

testOnEveryDevice("powers of two tensors at the extremes are PyTorch's", async (device) => {
  for (const [exponent, ...wanted] of expectedPowers) {
    using _scope = device.scope();
    const results = await powers(device, exponent);
    results.forEach((result, part) =>
      result.forEach((got, i) => {
        const place = `${
          ["the value", "the gradient by the base", "the gradient by the exponent"][part]
        }`;
        const message = `${place} of ${bases[i]} ** ${exponent}: wanted ${
          wanted[part]![i]
        }, got ${got}`;
        assert(isClose(got, wanted[part]![i]!), message);
      })
    );
  }
});

/** Compares values with the wanted ones; of zeros the sign does not count. */
async function assertValues(x: Tensor | null, wanted: readonly number[]): Promise<void> {
  const got = [...await x!.data()];
  assert(got.every((value, i) => isClose(value, wanted[i]!)), `wanted ${wanted}, got ${got}`);
}

/** The gradient of some rows with respect to what they are made of, where 1 flows back to each. */
function gradientOf(x: Tensor, y: Tensor): Tensor {
  y.backward(Tensor.ones(x.device, y.shape));
  return x.grad!;
}

const rowsOf = (device: Device, rows: readonly (readonly number[])[]): Tensor =>
  Tensor.from(device, rows, { requiresGrad: true });

// The wanted numbers below follow from the definitions in PyTorch's source, named in each test.

testOnEveryDevice("logSumExp of a row with ∞ is ∞, and of −∞ alone −∞", async (device) => {
  // ATen/native/ReduceOps.cpp: log Σ exp(x − m) + m, where m is 0 if the maximum is infinite;
  // the gradient is exp(x − result).
  const x = rowsOf(device, [
    [Infinity, 1, 2],
    [-Infinity, -Infinity, -Infinity],
    [Infinity, 3e38, -Infinity],
    [-Infinity, 0, 0],
    [NaN, Infinity, 0],
  ]);
  const y = x.logSumExp();
  await assertValues(y, [Infinity, -Infinity, Infinity, Math.LN2, NaN]);
  // deno-fmt-ignore
  await assertValues(gradientOf(x, y), [
    NaN, 0, 0, NaN, NaN, NaN, NaN, 0, 0, 0, 0.5, 0.5, NaN, NaN, NaN,
  ]);
});

testOnEveryDevice(
  "the loser of maximum and minimum gets no gradient, not even NaN",
  async (device) => {
    // tools/autograd/derivatives.yaml: masked_fill(self < other, 0), and half at ties.
    for (const [name, signs] of [["maximum", 1], ["minimum", -1]] as const) {
      const a = rowsOf(device, [[1, 2, 2, NaN].map((value) => value * signs)]);
      const b = rowsOf(device, [[2, 1, 2, 1].map((value) => value * signs)]);
      a[name](b).backward(Tensor.from(device, [[NaN, Infinity, 1, 1]]));
      await assertValues(a.grad, [0, Infinity, 0.5, 1]);
      await assertValues(b.grad, [NaN, 0, 0.5, 1]);
    }
  },
);

testOnEveryDevice(
  "the losers of max and min along a row get no gradient, not even NaN",
  async (device) => {
    // torch.max(x) of a tensor: evenly_distribute_backward, which gives NaN its gradient.
    const signs = [1, -1];
    for (const [i, name] of (["max", "min"] as const).entries()) {
      const x = rowsOf(
        device,
        [[1, 3, 3], [1, NaN, Infinity], [1, 2, 3]].map((row) => row.map((v) => v * signs[i]!)),
      );
      x[name](-1).backward(Tensor.from(device, [1, 1, NaN]));
      await assertValues(x.grad, [0, 0.5, 0.5, 0, 1, 0, 0, 0, NaN]);
    }
  },
);

testOnEveryDevice("1 to any power is 1, and −1 to an infinite one", async (device) => {
  // As C's pow, IEEE 754 and PyTorch define it, and Math.pow does not.
  const base = Tensor.from(device, [1, 1, 1, -1, -1, -1, 2, 0.5, 0.5], { requiresGrad: true });
  const exponents = [NaN, Infinity, -Infinity, Infinity, -Infinity, NaN, NaN, Infinity, -Infinity];
  const y = base.pow(Tensor.from(device, exponents));
  await assertValues(y, [1, 1, 1, 1, 1, NaN, NaN, 0, Infinity]);
  // ATen: exponent · self ^ (exponent − 1).
  await assertValues(gradientOf(base, y), [
    ...[NaN, Infinity, -Infinity, Infinity, -Infinity, NaN],
    ...[NaN, NaN, -Infinity],
  ]);
  await assertValues(Tensor.ones(device, [1]).pow(NaN), [1]);
});

testOnEveryDevice(
  "the gradient of a variance at ∞ is infinite for the finite elements",
  async (device) => {
    // torch/csrc/autograd/FunctionsManual.cpp: 2 / (n − correction) · (x − mean).
    const x = rowsOf(device, [[Infinity, 1, 2], [-Infinity, 0, 0], [1, 2, 6], [NaN, 1, 2]]);
    const y = x.variance(-1);
    await assertValues(y, [NaN, NaN, 7, NaN]);
    // deno-fmt-ignore
    await assertValues(gradientOf(x, y), [
    NaN, -Infinity, -Infinity, NaN, Infinity, Infinity, -2, -1, 3, NaN, NaN, NaN,
  ]);
  },
);

testOnEveryDevice("what is only compared gets no gradient, not even 0 · ∞", async (device) => {
  const x = Tensor.from(device, [0, 4], { requiresGrad: true });
  const y = Tensor.from(device, [1, 2], { requiresGrad: true });
  // The slope of the root at 0 is infinite.
  where(x.sqrt().lt(1), y, y.mul(2)).add(x).sum().backward();
  assertEquals([...await x.grad!.data()], [1, 1]);
  assertEquals([...await y.grad!.data()], [1, 2]);
  x.sqrt().gt(1).mul(y).sum().backward();
  assertEquals([...await x.grad!.data()], [1, 1]);
});
