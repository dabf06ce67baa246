import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  checkGradient,
  checkValues,
  numericalGradient,
  numericalGradientAsync,
} from "./gradcheck.ts";
import { Value } from "./value.ts";

Deno.test("the derivative of a smooth function is accurate to nine digits", () => {
  const x = [0.3, -1.2, 2];
  const slopes = numericalGradient(([a, b, c]) => Math.sin(a!) * b! + Math.exp(c!), x);
  const exact = [Math.cos(0.3) * -1.2, Math.sin(0.3), Math.exp(2)];
  exact.forEach((slope, i) => {
    assert(Math.abs(slopes[i]! - slope) < 1e-9 * Math.abs(slope), `${slopes[i]} ${slope}`);
  });
});

Deno.test("the step grows with the input, so that it is not lost in rounding", () => {
  const [slope] = numericalGradient(([x]) => Math.log(x!), [1e12]);
  assert(Math.abs(slope! - 1e-12) < 1e-21, `${slope}`);
});

Deno.test("each call of the function gets a new array, and x is unchanged", () => {
  const x = Float64Array.of(1, 2);
  const seen = new Set<Float64Array>();
  numericalGradient((point) => {
    seen.add(point);
    point.fill(0);
    return 0;
  }, x);
  assertEquals(seen.size, 4);
  assertEquals([...x], [1, 2]);
});

Deno.test("an asynchronous function gives the same gradient, one call at a time", async () => {
  let running = 0;
  const f = ([a, b]: Float64Array): number => a! ** 2 * b!;
  const slopes = await numericalGradientAsync(async (x) => {
    assertEquals(++running, 1);
    await Promise.resolve();
    running--;
    return f(x);
  }, [3, 5]);
  assertEquals(slopes, numericalGradient(f, [3, 5]));
  await assertRejects(
    () => numericalGradientAsync(() => Promise.reject(new Error("lost device")), [1]),
    Error,
    "lost device",
  );
});

Deno.test("the report names the element with the largest relative error", () => {
  const report = checkGradient([1, 2 + 3e-9, 3], [1, 2, 3], { relative: 0, absolute: 1e-8 });
  assertEquals(report.index, 1);
  assertEquals([report.analytic, report.numeric, report.allowed], [2 + 3e-9, 2, 1e-8]);
});

Deno.test("a wrong element fails the check, and the message names the worst", () => {
  const error = assertThrows(() => checkGradient([1, 2.1, 4], [1, 2, 3]), Error);
  assertEquals(
    error.message,
    "Gradient check failed at element 2 of 3: wanted 3 within 0.00000301, got 4",
  );
});

Deno.test("the tolerance is absolute for small slopes and relative for large ones", () => {
  checkGradient([1e-9], [0]);
  checkGradient([1e9 + 900], [1e9]);
  assertThrows(() => checkGradient([2e-8], [0]), Error);
  assertThrows(() => checkGradient([1e9 + 1100], [1e9]), Error);
  checkGradient([5], [5], { relative: 0, absolute: 0 });
});

Deno.test("an element that is not finite never passes, even in both gradients", () => {
  for (const [a, n] of [[NaN, NaN], [Infinity, Infinity], [NaN, 1], [1, NaN], [1, Infinity]]) {
    assertThrows(() => checkGradient([0, a!], [0, n!]), Error, "element 1 of 2");
  }
});

Deno.test("gradients of different lengths cannot be compared", () => {
  const error = assertThrows(() => checkGradient([1], [1, 2]), RangeError);
  assertEquals(error.message, "Cannot check a gradient: wanted 2 derivatives, got 1");
});

Deno.test("empty gradients pass", () => {
  assertEquals(checkGradient([], []).index, -1);
});

Deno.test("an operation with a wrong derivative fails the check", () => {
  const wrongCube = (x: Value): Value =>
    new Value(x.data ** 3, { operation: "cube", inputs: [x], gradient: (up) => [up * 2 * x.data] });
  assertThrows(() => checkValues(([x]) => wrongCube(x!), [2]), Error, "element 0 of 1");
  checkValues(([x]) => wrongCube(x!), [0]);
});
