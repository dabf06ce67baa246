import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { fitScalingLaws, lossAt, type ScalingPoint } from "./scaling_laws.ts";

const budgets = [1e12, 3e12, 1e13];
const factors = [0.25, 0.5, 1, 2];

/** Runs whose best size is `2 · C^0.45`, with a loss that is off by some noise. */
function runs(noise: (i: number) => number): ScalingPoint[] {
  let i = 0;
  return budgets.flatMap((budget) =>
    factors.map((factor) => {
      const parameters = factor * 2 * budget ** 0.45;
      const loss = 5 - 0.1 * Math.log10(budget) + 0.7 * Math.log10(factor) ** 2 + noise(i++);
      return { budget, parameters, tokens: budget / 6 / parameters, loss };
    })
  );
}

Deno.test("laws that runs follow exactly are found, with intervals of no width", () => {
  const { optima, parameters, tokens } = fitScalingLaws(runs(() => 0));
  assertEquals(optima.map(({ budget }) => budget), budgets);
  for (const { budget, parameters, tokens, loss, isInside, parabola } of optima) {
    assertAlmostEquals(parameters! / (2 * budget ** 0.45), 1, 1e-9);
    assertAlmostEquals(tokens! * 6 * parameters! / budget, 1, 1e-9);
    assertAlmostEquals(loss!, 5 - 0.1 * Math.log10(budget), 1e-9);
    assertAlmostEquals(lossAt(parabola, 10 * parameters!), loss! + 0.7, 1e-9);
    assertEquals(isInside, true);
  }
  assertAlmostEquals(parameters!.exponent, 0.45, 1e-9);
  assertAlmostEquals(parameters!.factor, 2, 1e-6);
  assertAlmostEquals(tokens!.exponent, 0.55, 1e-9);
  const [low, high] = parameters!.interval!;
  assertEquals(high - low < 1e-6, true);
});

Deno.test("nineteen of twenty intervals contain the exponent", () => {
  let state = 1;
  const uniform = () => (state = (1103515245 * state + 12345) % 2 ** 31) / 2 ** 31;
  const normal = () => Array.from({ length: 12 }, uniform).reduce((sum, x) => sum + x) - 6;
  let [inParameters, inTokens] = [0, 0];
  const trials = 300;
  for (let i = 0; i < trials; i++) {
    const { parameters, tokens } = fitScalingLaws(runs(() => 0.005 * normal()));
    const has = ([low, high]: readonly [number, number], value: number) =>
      low < value && value < high;
    if (has(parameters!.interval!, 0.45)) inParameters++;
    if (has(tokens!.interval!, 0.55)) inTokens++;
  }
  assertEquals(
    inParameters > 0.91 * trials && inParameters < 0.985 * trials,
    true,
    `${inParameters}`,
  );
  assertEquals(inTokens > 0.91 * trials && inTokens < 0.985 * trials, true, `${inTokens}`);
});

Deno.test("the same runs give the same laws, in whatever order they come", () => {
  const points = runs((i) => Math.sin(i) / 100);
  const laws = fitScalingLaws(points);
  assertEquals(fitScalingLaws(points), laws);
  const turned = fitScalingLaws(points.toReversed());
  assertAlmostEquals(turned.parameters!.exponent, laws.parameters!.exponent, 1e-9);
});

Deno.test("extrapolated minima, and parabolas without one, are distinguished", () => {
  const points = runs(() => 0).map((point) => {
    const { budget, parameters, loss } = point;
    // The smallest model is best for the first budget, the middle ones are worst for the second.
    if (budget === 1e12) return { ...point, loss: 3 + Math.log10(parameters / 1e3) ** 2 };
    return budget === 3e12 ? { ...point, loss: -loss + 10 } : point;
  });
  const { optima, parameters, tokens } = fitScalingLaws(points);
  assertEquals(optima.map(({ isInside }) => isInside), [false, false, true]);
  assertAlmostEquals(optima[0]!.parameters!, 1e3, 1e-3);
  assertEquals([optima[1]!.parameters, optima[1]!.tokens], [null, null]);
  // One budget with a minimum that is known makes no law.
  assertEquals([parameters, tokens], [null, null]);
});

Deno.test("without runs to spare there is no interval", () => {
  const three = runs(() => 0).filter((_, i) => i % 4 > 0);
  assertEquals(fitScalingLaws(three).parameters!.interval, null);
});

Deno.test("runs that allow no fit are refused", () => {
  const points = runs(() => 0);
  const cases: [points: ScalingPoint[], message: string][] = [
    [[], "wanted runs, got none"],
    [points.slice(0, 6), "wanted models of at least 3 sizes for 3000000000000 FLOPs, got 2"],
    [[...points, { ...points[0]!, loss: NaN }], "wanted a number of loss above 0, got NaN"],
    [[...points, { ...points[0]!, tokens: 0 }], "wanted a number of tokens above 0, got 0"],
  ];
  for (const [given, message] of cases) {
    assertThrows(() => fitScalingLaws(given), RangeError, message);
  }
});
