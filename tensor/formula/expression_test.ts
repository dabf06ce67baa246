import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as ex from "./expression.ts";
import { defineProgram, type Program, reductionPasses } from "./program.ts";
import { differentiate } from "./differentiate.ts";
import { evaluate, unaryFunctions } from "./testing/evaluate.ts";

const softmax = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
  const e = ex.exp(ex.subtract(x, ex.detach(ex.rowMax(x))));
  return [ex.divide(e, ex.rowSum(e))];
});

const crossEntropy = defineProgram(
  { name: "cross entropy", inputs: ["x", "target"], perRow: ["target"] },
  ({ x, target }) => {
    const largest = ex.detach(ex.rowMax(x));
    const logOfSum = ex.add(largest, ex.log(ex.rowSum(ex.exp(ex.subtract(x, largest)))));
    const chosen = ex.rowSum(ex.select(ex.equal(ex.columnIndex, target), x, 0));
    return [ex.select(ex.equal(target, -1), 0, ex.subtract(logOfSum, chosen))];
  },
);

const sample = (n: number, seed: number) =>
  Float64Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233) * 1.7);

/** Compares the derived gradient with finite differences, for a weighted sum of the outputs. */
function checkDerivative(program: Program, scalars: number[] = [], rows = 3, columns = 4): void {
  const inputs = program.inputs.map(({ isPerRow }, i) =>
    sample(isPerRow ? rows : rows * columns, i + 1)
  );
  const weights = program.outputVaries.map((v, i) => sample(v ? rows * columns : rows, i + 9));
  const loss = () =>
    evaluate(program, rows, columns, inputs, scalars)
      .reduce((sum, out, o) => sum + out.reduce((s, y, i) => s + y * weights[o]![i]!, 0), 0);
  const gradient = differentiate(program, program.inputs.map(() => true));
  const gradients = evaluate(gradient, rows, columns, [...inputs, ...weights], scalars);
  inputs.forEach((x, k) => {
    assertEquals(gradients[k]!.length, x.length, `${program.name}: length of gradient ${k}`);
    for (let i = 0; i < x.length; i++) {
      const at = x[i]!;
      x[i] = at + 1e-5;
      const above = loss();
      x[i] = at - 1e-5;
      const below = loss();
      x[i] = at;
      const slope = (above - below) / 2e-5;
      const tolerance = 1e-7 * (1 + Math.abs(slope));
      assertAlmostEquals(gradients[k]![i]!, slope, tolerance, `${program.name} ${k}`);
    }
  });
}

Deno.test("a softmax evaluates to probabilities in each row", () => {
  const [y] = evaluate(softmax, 2, 3, [Float64Array.of(1, 2, 3, 1000, 1000, -1000)], []);
  assertAlmostEquals(y![0]! + y![1]! + y![2]!, 1, 1e-15);
  assertEquals([...y!.slice(3)], [0.5, 0.5, 0]);
});

Deno.test("equal formulas are the same object", () => {
  assertStrictEquals(ex.add(ex.input(0), 1), ex.add(ex.input(0), 1));
  assert(ex.input(0) !== ex.input(0, true));
});

Deno.test("constants fold, and neutral operands disappear", () => {
  const x = ex.input(0);
  assertStrictEquals(ex.add(2, 3), ex.constant(5));
  assertStrictEquals(ex.negate(2), ex.constant(-2));
  assertStrictEquals(ex.multiply(x, 1), x);
  assertStrictEquals(ex.add(0, x), x);
  assertStrictEquals(ex.negate(ex.negate(x)), x);
});

Deno.test("reductions are scheduled after the ones that they depend on", () => {
  const passes = reductionPasses(softmax).map((pass) =>
    pass.map((e) => e.kind === "reduce" ? e.operation : "")
  );
  assertEquals(passes, [["max"], ["sum"]]);
});

Deno.test("the derivative of every operation agrees with finite differences", () => {
  const unary = [ex.negate, ex.exp, ex.tanh, ex.abs, ex.sin, ex.cos, ex.erf, ex.sign, ex.floor];
  for (const f of unary) {
    checkDerivative(defineProgram({ name: f.name, inputs: ["x"] }, ({ x }) => [f(x)]));
  }
  for (const f of [ex.log, ex.sqrt]) {
    checkDerivative(
      defineProgram({ name: f.name, inputs: ["x"] }, ({ x }) => [f(ex.add(ex.square(x), 0.3))]),
    );
  }
  for (const f of [ex.add, ex.subtract, ex.multiply, ex.divide, ex.max, ex.min, ex.less]) {
    checkDerivative(
      defineProgram({ name: f.name, inputs: ["x", "y"] }, ({ x, y }) => [f(x, y), f(y, x)]),
    );
  }
});

Deno.test("slopes replace the derivative that follows from the formula", () => {
  const product = defineProgram(
    { name: "product", inputs: ["x", "y"], scalars: ["s"] },
    ({ x, y, s }) => [ex.multiply(s, ex.multiply(x, y))],
    ({ x, y, s }) => ({ x: ex.multiply(s, y), y: ex.multiply(s, ex.add(x, 1)) }),
  );
  const inputs = [2, 3, 10].map((value) => Float64Array.of(value));
  const both = evaluate(differentiate(product, [true, true]), 1, 1, inputs, [5]);
  assertEquals(both.map(([value]) => value), [150, 150]);
  const [second] = evaluate(differentiate(product, [false, true]), 1, 1, inputs, [5]);
  assertEquals([...second!], [150]);
  assertThrows(
    () =>
      defineProgram({ name: "sum", inputs: ["x"] }, ({ x }) => [ex.rowSum(x)], ({ x }) => ({ x })),
    RangeError,
    'Cannot define "sum" with slopes: wanted an elementwise program with one output, got a row program',
  );
});

Deno.test("the derivative of row programs agrees with finite differences", () => {
  checkDerivative(softmax);
  for (const f of [ex.rowSum, ex.rowMax, ex.rowMin, ex.rowMean]) {
    checkDerivative(defineProgram({ name: f.name, inputs: ["x"] }, ({ x }) => [f(x)]));
    checkDerivative(
      defineProgram({ name: `${f.name} used twice`, inputs: ["x"] }, ({ x }) => [
        ex.multiply(f(x), x),
        f(f(ex.square(x))),
      ]),
    );
  }
  checkDerivative(
    defineProgram({ name: "row weight", inputs: ["x", "w"], perRow: ["w"] }, ({ x, w }) => [
      ex.multiply(x, w),
    ]),
  );
  for (const f of [ex.add, ex.max, ex.multiply]) {
    checkDerivative(
      defineProgram({ name: "row weight", inputs: ["x", "w"], perRow: ["w"] }, ({ x, w }) => [
        ex.add(ex.rowSum(f(x, w)), ex.rowSum(ex.square(w))),
      ]),
    );
  }
  checkDerivative(
    defineProgram(
      { name: "scaled", inputs: ["x"], scalars: ["s"] },
      ({ x, s }) => [ex.multiply(s, ex.tanh(x))],
    ),
    [1.5],
  );
});

Deno.test("the derivative of cross-entropy is softmax minus target", () => {
  const x = Float64Array.of(1, 2, 3, 4, 5, 6);
  const targets = Float64Array.of(2, -1);
  const gradient = differentiate(crossEntropy, [true, false]);
  const [dx] = evaluate(gradient, 2, 3, [x, targets, Float64Array.of(1, 1)], []);
  const [p] = evaluate(softmax, 2, 3, [x], []);
  const expected = [p![0]!, p![1]!, p![2]! - 1, 0, 0, 0];
  expected.forEach((e, i) => assertAlmostEquals(dx![i]!, e, 1e-15));
});

Deno.test("the error function equals known values", () => {
  const { erf } = unaryFunctions;
  assertAlmostEquals(erf(0.5), 0.5204998778130465, 1e-15);
  assertAlmostEquals(erf(2), 0.9953222650189527, 1e-15);
  assertAlmostEquals(erf(-3), -0.9999779095030014, 1e-15);
  assertEquals([erf(0), erf(Infinity), erf(-Infinity)], [0, 1, -1]);
});
