import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { smooth, unsmoothed } from "./smoothing.ts";

function smoothed(values: readonly number[], decay?: number): number[] {
  let state = unsmoothed;
  return values.map((each) => {
    const next = smooth(state, each, decay);
    state = next.state;
    return next.value;
  });
}

Deno.test("a level loss is smoothed to itself from the first step on", () => {
  for (const value of smoothed(Array(30).fill(5))) assertAlmostEquals(value, 5, 1e-12);
});

Deno.test("a loss that falls fast at first is followed, and not shown where it was before", () => {
  // 28 steps from 8.3 down to 5.6, as at the start of a run on words.
  const losses = Array.from({ length: 28 }, (_, i) => 5.5 + 2.8 * Math.exp(-i / 8));
  const values = smoothed(losses);
  const lag = Math.max(...values.map((value, i) => Math.abs(value - losses[i]!)));
  assert(lag < 0.25, `got ${lag}`);
  // A plain average with bias correction is behind by three times as much.
  let average = 0;
  const plain = losses.map((loss, i) =>
    (average = 0.9 * average + 0.1 * loss) / (1 - 0.9 ** (i + 1))
  );
  assert(Math.max(...plain.map((value, i) => value - losses[i]!)) > 3 * lag);
});

Deno.test("noise is smoothed to less than half", () => {
  const noise = Array.from({ length: 400 }, (_, i) => Math.sin(i * i));
  const deviation = (values: readonly number[]) =>
    Math.sqrt(values.slice(50).reduce((sum, value) => sum + value ** 2, 0) / (values.length - 50));
  assert(deviation(smoothed(noise)) < deviation(noise) / 2);
});

Deno.test("a decay of 0 smooths nothing, and a state goes on where it was", () => {
  assertEquals(smoothed([3, 1, 4], 0), [3, 1, 4]);
  const { state } = smooth(smooth(unsmoothed, 3).state, 1);
  assertEquals(smooth(JSON.parse(JSON.stringify(state)), 4).value, smoothed([3, 1, 4])[2]);
});
