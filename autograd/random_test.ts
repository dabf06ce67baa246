import { assert, assertEquals } from "@std/assert";
import { childSeed, randomUniform } from "./random.ts";

Deno.test("a number is a function of seed and index, and the low 32 bits of the seed count", () => {
  assertEquals(randomUniform(3, 5), randomUniform(3, 5));
  assertEquals(randomUniform(3, 5), randomUniform(3 + 2 ** 32, 5));
  assertEquals(new Set(Array.from({ length: 100 }, (_, seed) => randomUniform(seed, 0))).size, 100);
});

Deno.test("numbers fill [0, 1) evenly, along a stream and across seeds", () => {
  const n = 16_000, bins = 16;
  const draws: Record<string, (i: number) => number> = {
    "one stream": (i) => randomUniform(0, i),
    "neighboring seeds": (i) => randomUniform(i, 0),
    "child streams": (i) => randomUniform(childSeed(1, i), 0),
  };
  for (const [name, draw] of Object.entries(draws)) {
    const counts = new Array<number>(bins).fill(0);
    for (let i = 0; i < n; i++) counts[Math.floor(draw(i) * bins)]!++;
    const chiSquared = counts.reduce((sum, count) => sum + (count - n / bins) ** 2, 0) / (n / bins);
    // With 15 degrees of freedom, more than 37.7 has a probability of one in a thousand.
    assert(chiSquared < 37.7, `${name}: ${chiSquared}`);
  }
});
