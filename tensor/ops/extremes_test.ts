import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { unaryFunctions } from "../expression/testing/evaluate.ts";
import { defineProgram, type Device, expression as ex, runProgram, Tensor } from "../mod.ts";
import { bases, expected, expectedPowers } from "./testing/extremes.ts";
import { assertExtremes, type Difference, isClose } from "./testing/compare_extremes.ts";

const formula = (f: (x: ex.Expression) => ex.Expression): (x: Tensor) => Tensor => {
  const program = defineProgram({ name: f.name, inputs: ["x"] }, ({ x }) => [f(x)]);
  return (x) => runProgram(program, [x])[0]!;
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
