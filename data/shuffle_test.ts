import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { permutation, randomBits } from "./shuffle.ts";

Deno.test("a permutation has every number once, and depends on the seed only", () => {
  const order = permutation(1000, 42, 1);
  assertEquals(order.toSorted(), Int32Array.from({ length: 1000 }, (_, i) => i));
  assertEquals(permutation(1000, 42, 1), order);
  assertNotEquals(permutation(1000, 42, 2), order);
  assertNotEquals(permutation(1000, 43, 1), order);
  assertEquals(permutation(0, 1), new Int32Array(0));
});

Deno.test("each of the 24 permutations of four numbers is about equally frequent", () => {
  const counts = new Map<string, number>();
  const trials = 24_000;
  for (let seed = 0; seed < trials; seed++) {
    const order = permutation(4, seed).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 24);
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  // A correct shuffle exceeds 49.7 once in a thousand runs, with 23 degrees of freedom.
  assert(chiSquare < 49.7, `chi-square ${chiSquare}`);
});

Deno.test("a seed counts beyond its low 32 bits", () => {
  assertNotEquals(randomBits(1, 0), randomBits(1 + 2 ** 32, 0));
  assertNotEquals(randomBits(-1, 0), randomBits(2 ** 32 - 1, 0));
});
