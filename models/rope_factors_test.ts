import { assertEquals } from "@std/assert";
import { ROPE_FACTORS, ropeFactors, scalingOf } from "./rope_factors.ts";

Deno.test(`${ROPE_FACTORS} tells Llama 3.1's scaling, and no other`, () => {
  const rope = { headSize: 128, ropeBase: 500_000 };
  const scaling = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalLength: 8192 };
  const factors = ropeFactors(rope, scaling);
  // Published files: the fast frequencies stay, the slow ones are divided by 8.
  assertEquals([factors[0], factors[63]], [1, 8]);
  assertEquals(scalingOf(factors, rope, 8192), scaling);
  assertEquals(scalingOf(factors, rope, 4096), null);
  assertEquals(scalingOf(factors.slice(1), rope, 8192), null);
  assertEquals(scalingOf(factors.map((_, i) => i === 3 ? 2 : 1), rope, 8192), null);
  assertEquals(scalingOf(factors.map(() => NaN), rope, 8192), null);
});
