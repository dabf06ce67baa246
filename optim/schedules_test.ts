import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson } from "../testing/golden.ts";
import { roundHalfToEven } from "./rounding.ts";
import {
  cosineSchedule,
  learningRateMultiplier,
  linearSchedule,
  muonMomentumSchedule,
  weightDecaySchedule,
} from "./schedules.ts";

Deno.test("rounding takes the even one of two equally near integers", () => {
  const values = [-2.5, -1.5, -0.6, 0.5, 1.5, 2.5, 2.4999, 2.5001, 3, 32.5, 2 ** 53];
  assertEquals(values.map(roundHalfToEven), [-2, -2, -1, 0, 2, 2, 2, 3, 3, 32, 2 ** 53]);
});

Deno.test("linear and cosine schedules start and end at the given values, and stay there", () => {
  for (const schedule of [linearSchedule, cosineSchedule]) {
    assertEquals(schedule(0, 10, 3, 1), 3);
    assertEquals(schedule(10, 10, 3, 1), 1);
    assertEquals(schedule(99, 10, 3, 1), 1);
    assertEquals(schedule(0, 0, 3, 1), 1);
    assertAlmostEquals(schedule(5, 10, 3, 1), 2, 1e-15);
  }
  assertAlmostEquals(linearSchedule(1, 4, 0, 8), 2, 1e-15);
  assertAlmostEquals(cosineSchedule(1, 3, 4, 0), 3, 1e-15); // cos 60° = 0.5
});

Deno.test("a run needs neither warmup nor warmdown", () => {
  const flat = { steps: 10, warmupSteps: 0, warmdownRatio: 0 };
  for (const step of [0, 5, 10]) assertEquals(learningRateMultiplier(step, flat), 1);
  assertEquals(muonMomentumSchedule(1000, { steps: 1000, warmdownRatio: 0 }), 0.9);
});

Deno.test("after the last step the learning rate keeps its final value", () => {
  assertEquals(learningRateMultiplier(1200, { steps: 1000 }), 0.05);
  assertEquals(muonMomentumSchedule(1200, { steps: 1000 }), 0.9);
  assertEquals(weightDecaySchedule(1200, 1000, 0.28), 0);
});

Deno.test("steps and fractions out of range are refused by name", () => {
  assertThrows(() => linearSchedule(-1, 10, 0, 1), RangeError, "wanted steps from 0, got -1 of 10");
  assertThrows(() => cosineSchedule(NaN, 10, 0, 1), RangeError, "got NaN of 10");
  assertThrows(() => learningRateMultiplier(-1, { steps: 10 }), RangeError, "wanted step from 0");
  assertThrows(() => learningRateMultiplier(0, { steps: 1.5 }), RangeError, "wanted steps from 0");
  assertThrows(
    () => learningRateMultiplier(0, { steps: 10, warmdownRatio: 65 }),
    RangeError,
    "wanted warmdownRatio from 0 to 1, got 65",
  );
  assertThrows(
    () => learningRateMultiplier(0, { steps: 10, warmupSteps: -1 }),
    RangeError,
    "wanted warmupSteps from 0, got -1",
  );
});

interface GoldenSchedule {
  num_iterations: number;
  weight_decay_scaled: number;
  warmup_steps: number;
  warmdown_ratio: number;
  final_lr_frac: number;
  table: { step: number; lr_multiplier: number; muon_momentum: number; weight_decay: number }[];
}

goldenTest("the schedules equal nanochat's at every recorded step", () => {
  const { schedules } = readGoldenJson<{ schedules: Record<string, GoldenSchedule> }>(
    "golden-scaling",
  );
  for (const [name, golden] of Object.entries(schedules)) {
    const steps = golden.num_iterations;
    const schedule = {
      steps,
      warmupSteps: golden.warmup_steps,
      warmdownRatio: golden.warmdown_ratio,
      finalFraction: golden.final_lr_frac,
    };
    const table = golden.table.map(({ step }) => ({
      step,
      lr_multiplier: learningRateMultiplier(step, schedule),
      muon_momentum: muonMomentumSchedule(step, schedule),
      weight_decay: weightDecaySchedule(step, steps, golden.weight_decay_scaled),
    }));
    assertEquals(table, golden.table, name);
  }
});

Deno.test("Muon's momentum can warm up in fewer steps than nanochat's, and then falls as it does", () => {
  const run = { steps: 440, momentumWarmupSteps: 154 };
  assertEquals(muonMomentumSchedule(0, run), 0.85);
  assertAlmostEquals(muonMomentumSchedule(77, run), 0.91, 1e-12);
  assertAlmostEquals(muonMomentumSchedule(154, run), 0.97, 1e-12);
  // Without the option, a run of 440 steps has hardly reached 0.97 when it is to be down at 0.91.
  assert(muonMomentumSchedule(399, { steps: 440 }) > 0.969);
  assert(muonMomentumSchedule(399, run) < 0.92);
  assertThrows(
    () => muonMomentumSchedule(0, { steps: 440, momentumWarmupSteps: 1.5 }),
    RangeError,
    "momentumWarmupSteps",
  );
});
