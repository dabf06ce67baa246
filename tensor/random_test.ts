import { assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { deriveSeed, normalArray, permutationArray, threefry, uniformArray } from "./random.ts";

Deno.test("threefry gives the generator's published answers", () => {
  // Known answers for Threefry-2x32 with 20 rounds, from Random123.
  assertEquals(threefry(0, 0, 0, 0), [0x6b200159, 0x99ba4efe]);
  assertEquals(
    threefry(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff),
    [0x1cb996fc, 0xbb002be7],
  );
  assertEquals(
    threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3),
    [0xc4923a9c, 0x483df7a0],
  );
});

/** Mean, variance, skewness and kurtosis, the last two of the standardized values. */
function moments(values: Float32Array): [number, number, number, number] {
  const meanOf = (f: (value: number) => number) => {
    let sum = 0;
    for (const value of values) sum += f(value);
    return sum / values.length;
  };
  const mean = meanOf((x) => x);
  const variance = meanOf((x) => (x - mean) ** 2);
  const standardized = (power: number) =>
    meanOf((x) => ((x - mean) / Math.sqrt(variance)) ** power);
  return [mean, variance, standardized(3), standardized(4)];
}

const COUNT = 200_000;

Deno.test("uniform numbers have the moments of their distribution and stay within their range", () => {
  const values = uniformArray(7, COUNT, -2, 4);
  const [mean, variance, skewness, kurtosis] = moments(values);
  // Five standard errors of each.
  assertAlmostEquals(mean, 1, 5 * Math.sqrt(3 / COUNT));
  assertAlmostEquals(variance, 3, 5 * Math.sqrt(7.2 / COUNT));
  assertAlmostEquals(skewness, 0, 0.03);
  assertAlmostEquals(kurtosis, 1.8, 0.03);
  assertEquals(values.every((value) => value >= -2 && value < 4), true);
  assertAlmostEquals(Math.min(...values.slice(0, 50_000)), -2, 0.001);
  assertAlmostEquals(Math.max(...values.slice(0, 50_000)), 4, 0.001);
});

Deno.test("normal numbers have the moments of their distribution", () => {
  const values = normalArray(7, COUNT, 3, 0.5);
  const [mean, variance, skewness, kurtosis] = moments(values);
  assertAlmostEquals(mean, 3, 5 * 0.5 / Math.sqrt(COUNT));
  assertAlmostEquals(variance, 0.25, 5 * 0.25 * Math.sqrt(2 / COUNT));
  assertAlmostEquals(skewness, 0, 5 * Math.sqrt(6 / COUNT));
  assertAlmostEquals(kurtosis, 3, 5 * Math.sqrt(24 / COUNT));
  const within = values.filter((value) => Math.abs(value - 3) < 0.5).length / COUNT;
  assertAlmostEquals(within, 0.6826895, 5 * Math.sqrt(0.68 * 0.32 / COUNT));
});

Deno.test("adjacent numbers of a stream are not correlated", () => {
  const values = normalArray(3, COUNT);
  for (const distance of [1, 2]) {
    let sum = 0;
    for (let i = distance; i < COUNT; i++) sum += values[i]! * values[i - distance]!;
    assertAlmostEquals(sum / COUNT, 0, 5 / Math.sqrt(COUNT));
  }
});

Deno.test("a stream starts the same whatever its length, and odd lengths work", () => {
  for (const make of [uniformArray, normalArray]) {
    const long = make(5, 10);
    for (const count of [0, 1, 3]) {
      assertEquals(make(5, count), long.slice(0, count));
    }
    assertNotEquals(make(6, 10), long);
    assertNotEquals(make(5 + 2 ** 32, 10), long);
  }
});

Deno.test("uniform numbers never round up to the upper limit", () => {
  // This range contains a single float32.
  assertEquals([...uniformArray(1, 100, 1, 1 + 2 ** -23)], new Array(100).fill(1));
});

Deno.test("a permutation has each number once, and each number at each place", () => {
  assertEquals(permutationArray(1, 0).length, 0);
  assertEquals([...permutationArray(1, 1)], [0]);
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = permutationArray(seed, 3).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals([...counts.keys()].sort(), ["0,1,2", "0,2,1", "1,0,2", "1,2,0", "2,0,1", "2,1,0"]);
  // Six standard deviations.
  for (const count of counts.values()) assertAlmostEquals(count, 1000, 6 * Math.sqrt(1000 * 5 / 6));
});

Deno.test("derived seeds differ from each other and from the seed", () => {
  const seeds = Array.from({ length: 1000 }, (_, stream) => deriveSeed(42, stream));
  assertEquals(new Set([...seeds, 42]).size, 1001);
  assertEquals(seeds.every(Number.isSafeInteger), true);
  assertNotEquals(deriveSeed(43, 0), deriveSeed(42, 0));
});

Deno.test("a seed that is not an integer in range is an error", () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => uniformArray(seed, 1), RangeError, `got ${seed}`);
    assertThrows(() => normalArray(seed, 1), RangeError, `got ${seed}`);
    assertThrows(() => permutationArray(seed, 1), RangeError, `got ${seed}`);
    assertThrows(() => deriveSeed(seed, 1), RangeError, `got ${seed}`);
  }
});

Deno.test("an empty range is an error", () => {
  assertThrows(() => uniformArray(1, 1, 2, 2), RangeError, "got low 2 and high 2");
  assertThrows(() => uniformArray(1, 1, NaN, 1), RangeError, "got low NaN and high 1");
});
