import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { fitLine, lineLoss, temperatures } from "./line.ts";

Deno.test("a line learns the rule of temperatures from wherever its dials stand", () => {
  for (const start of [{ a: 0, b: 0 }, { a: -3, b: 50 }, { a: 3, b: -50 }]) {
    const { a, b } = [...fitLine({ start })].at(-1)!;
    assertAlmostEquals(a, 9 / 5, 0.005);
    assertAlmostEquals(b, 32, 0.05);
  }
});

Deno.test("the first step is the gradient of the mean squared error, by finite differences", () => {
  const h = 1e-4;
  const { a, b, loss } = [...fitLine({ steps: 1 })].at(-1)!;
  assertEquals(loss, lineLoss({ a: 0, b: 0 }));
  assertAlmostEquals(
    a,
    -0.003 * (lineLoss({ a: h, b: 0 }) - lineLoss({ a: -h, b: 0 })) / (2 * h),
    1e-6,
  );
  assertAlmostEquals(
    b,
    -0.003 * (lineLoss({ a: 0, b: h }) - lineLoss({ a: 0, b: -h })) / (2 * h),
    1e-6,
  );
});

Deno.test("a learning rate that is too large makes the loss grow", () => {
  const losses = [...fitLine({ learningRate: 0.005, steps: 50 })].map(({ loss }) => loss);
  assert(losses.at(-1)! > 100 * losses[0]!, `${losses.at(-1)}`);
});

Deno.test("the examples follow the rule", () => {
  for (const [celsius, fahrenheit] of temperatures) assertEquals(fahrenheit, celsius * 9 / 5 + 32);
});
