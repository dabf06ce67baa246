import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { smooth } from "./smoothing.ts";

function smoothed(values: readonly number[], decay?: number): number[] {
  let average = 0;
  return values.map((value, count) => average = smooth(average, value, count, decay));
}

Deno.test("a level loss is smoothed to itself from the first step on", () => {
  for (const value of smoothed(Array(90).fill(5))) assertAlmostEquals(value, 5, 1e-12);
});

Deno.test("a loss that falls fast at first is followed, and not shown where it was before", () => {
  // 28 steps from 8.3 down to 5.6, as at the start of a run on words.
  const losses = Array.from({ length: 28 }, (_, i) => 5.5 + 2.8 * Math.exp(-i / 8));
  const lagOf = (values: readonly number[]) =>
    Math.max(...values.map((value, i) => Math.abs(value - losses[i]!)));
  assert(lagOf(smoothed(losses)) < 0.22, `got ${lagOf(smoothed(losses))}`);
  // A plain average with bias correction is behind by almost three times as much.
  let average = 0;
  const plain = losses.map((loss, i) =>
    (average = 0.9 * average + 0.1 * loss) / (1 - 0.9 ** (i + 1))
  );
  assert(lagOf(plain) > 2.8 * lagOf(smoothed(losses)), `got ${lagOf(plain)}`);
});

Deno.test("a loss that collapses is not smoothed to less than it was", () => {
  const losses = [7, 7, 6, 4, 1, 0.1, 0.01, 0.001, 0.001];
  for (const value of smoothed(losses)) assert(value >= 0.001 && value <= 7, `got ${value}`);
});

Deno.test("noise is smoothed to less than half", () => {
  const noise = Array.from({ length: 400 }, (_, i) => Math.sin(i * i));
  const deviation = (values: readonly number[]) =>
    Math.sqrt(values.slice(50).reduce((sum, value) => sum + value ** 2, 0) / (values.length - 50));
  assert(deviation(smoothed(noise)) < deviation(noise) / 2);
});

Deno.test("a decay of 0 smooths nothing, and in the long run the average is a moving one", () => {
  assertEquals(smoothed([3, 1, 4], 0), [3, 1, 4]);
  assertAlmostEquals(smooth(2, 3, 1000), 0.9 * 2 + 0.1 * 3, 1e-12);
});
