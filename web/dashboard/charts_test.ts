import { assert, assertEquals } from "@std/assert";
import type { Point } from "../parts/plot.tsx";
import { chartsOf, verticalAxis } from "./charts.ts";

/** A loss as it falls in training: from 8.3 to 5 in a few steps, then slowly to 4.2. */
const loss = Array.from(
  { length: 400 },
  (_, step): Point => [step, 4.2 + 0.8 * Math.exp(-step / 150) + 3.3 * Math.exp(-step / 4)],
);

Deno.test("pass@k is one chart, memory is another, and figures without a group have their own", () => {
  const passes = Array.from({ length: 8 }, (_, k) => `pass@${k + 1}`);
  const figures = ["loss", "smoothLoss", "liveBytes", ...passes, "peakBytes", "reward"];
  assertEquals(chartsOf(figures), [
    { name: "loss", figures: ["loss"] },
    { name: "memory", figures: ["liveBytes", "peakBytes"] },
    { name: "passAtK", figures: ["pass@1", "pass@2", "pass@4", "pass@8"] },
    { name: "reward", figures: ["reward"] },
  ]);
});

Deno.test("an axis shows most of a run, and says where a curve starts that is above it", () => {
  const { ends: [low, high], startsAt } = verticalAxis("loss", [loss]);
  assert(low < 4.3 && low > 4 && high > 4.9 && high < 5.1, `${low} to ${high}`);
  assertEquals(startsAt, loss[0]![1]);
  // Most of the axis is used.
  const seen = loss.filter(([step]) => step >= 20).map(([, y]) => y);
  assert((seen[0]! - seen.at(-1)!) / (high - low) > 0.75);
  // A run of few steps, and an axis that is logarithmic, are shown whole.
  assertEquals(verticalAxis("loss", [loss.slice(0, 15)]).startsAt, null);
  assertEquals(verticalAxis("loss", [loss], true).startsAt, null);
});

Deno.test("what hardly changes is a line and no noise, what counts starts at 0, shares end at 1", () => {
  const flat = (value: number, noise: number): Point[] =>
    Array.from({ length: 50 }, (_, step) => [step, value + noise * (step % 2)]);
  const [low, high] = verticalAxis("core", [flat(10, 1e-4)]).ends;
  assert(high - low > 0.2, `${low} to ${high}`);
  const [memoryLow, memoryHigh] = verticalAxis("memory", [flat(1e9, 1e6)]).ends;
  assert(memoryLow === 0 && memoryHigh > 1e9 && memoryHigh < 1.1e9);
  assertEquals(verticalAxis("passAtK", [flat(0.4, 0.1)]).ends, [0, 1]);
  assertEquals(verticalAxis("tokensPerSecond", [[[0, 0]]]).ends, [0, 1]);
});
