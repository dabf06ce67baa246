import { assertAlmostEquals, assertEquals } from "@std/assert";
import { mean, standardError, studentQuantile, studentTail, welchTest } from "./statistics.ts";

Deno.test("means and their errors are those of the textbook", () => {
  assertEquals(mean([1, 2, 3, 6]), 3);
  // The variance is 14/3.
  assertAlmostEquals(standardError([1, 2, 3, 6])!, Math.sqrt(14 / 12), 1e-12);
  assertEquals(standardError([1]), null);
});

Deno.test("Student's t has the values of its printed table", () => {
  const table = [[1, 12.706], [2, 4.303], [4, 2.776], [10, 2.228], [30, 2.042]] as const;
  for (const [freedom, t] of table) {
    assertAlmostEquals(studentQuantile(0.95, freedom), t, 5e-4, `${freedom}`);
    assertAlmostEquals(studentTail(t, freedom), 0.05, 1e-4, `${freedom}`);
  }
  // The Cauchy distribution, and a closed form: P(|T| > t) = 1 − t / √(2 + t²) for ν = 2.
  assertAlmostEquals(studentTail(1, 1), 0.5, 1e-12);
  assertAlmostEquals(studentTail(3, 2), 1 - 3 / Math.sqrt(11), 1e-9);
  // Far out, and with degrees of freedom that are no whole number.
  assertAlmostEquals(studentTail(100, 2), 1 - 100 / Math.sqrt(10_002), 1e-9);
  assertEquals(
    studentTail(2, 2.5) < studentTail(2, 2) && studentTail(2, 2.5) > studentTail(2, 3),
    true,
  );
  assertAlmostEquals(studentTail(0, 3), 1, 1e-12);
});

Deno.test("Welch's test knows equal groups from different ones", () => {
  // t = 3 / √(2/3) with 4 degrees of freedom, where the distribution has a closed form.
  const t = 3 / Math.sqrt(2 / 3);
  const scaled = 1 + t ** 2 / 4;
  const wanted = 1 - 0.75 * t / Math.sqrt(scaled) * (1 - t ** 2 / (12 * scaled));
  assertAlmostEquals(welchTest([1, 2, 3], [4, 5, 6])!, wanted, 1e-9);
  assertEquals(welchTest([4, 5, 6], [1, 2, 3]), welchTest([1, 2, 3], [4, 5, 6]));
  // Unequal variances leave fewer degrees of freedom: t = 3.93 with 4.37 of them.
  const p = welchTest([1, 2, 3, 4], [6, 7, 8, 12])!;
  assertEquals(p > studentTail(3.926, 5) && p < studentTail(3.925, 4), true, `${p}`);
  assertEquals(welchTest([1, 1], [1, 1]), 1);
  assertEquals(welchTest([1, 1], [2, 2]), 0);
  assertEquals(welchTest([1], [2, 2]), null);
});

Deno.test("among groups without a difference, one in a hundred has p < 0.01", () => {
  // A normal distribution by twelve uniform numbers of a linear congruential generator.
  let state = 12345;
  const uniform = () => (state = (1103515245 * state + 12345) % 2 ** 31) / 2 ** 31;
  const normal = () => Array.from({ length: 12 }, uniform).reduce((sum, x) => sum + x) - 6;
  const five = () => Array.from({ length: 5 }, normal);
  const found = Array.from({ length: 2000 }, () => welchTest(five(), five())! < 0.01);
  const share = found.filter((isFound) => isFound).length / found.length;
  assertEquals(share > 0.003 && share < 0.017, true, `${share}`);
});
