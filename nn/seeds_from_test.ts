import { assertEquals, assertThrows } from "@std/assert";
import { seedsFrom } from "./mod.ts";

Deno.test("a source of seeds gives different ones, the same again for the same seed", () => {
  const take = (seed: number) => {
    const next = seedsFrom(seed);
    return Array.from({ length: 100 }, next);
  };
  const [a, b] = [take(1), take(2)];
  assertEquals(new Set([...a, ...b]).size, 200);
  assertEquals(a, take(1));
  for (const seed of a) assertEquals(Number.isSafeInteger(seed) && seed >= 0, true);
  assertThrows(() => seedsFrom(1.5), RangeError);
});
