import { assertAlmostEquals, assertEquals } from "@std/assert";
import { largestLogits, logProbabilities, sampleToken } from "./sample_token.ts";
import type { SamplingOptions } from "./sampling.ts";

const all = { temperature: 1, topK: 0, topP: 1 };

/** How often each token comes for evenly spaced numbers. */
function shares(logits: number[], options: Partial<typeof all>): number[] {
  const counts = logits.map(() => 0);
  for (let i = 0; i < 10_000; i++) {
    counts[sampleToken(Float32Array.from(logits), { ...all, ...options }, i / 10_000)]!++;
  }
  return counts.map((count) => count / 10_000);
}

Deno.test("tokens come as often as the softmax says", () => {
  const logits = [0, Math.log(2), -Infinity, Math.log(5)];
  shares(logits, {}).forEach((share, i) => {
    assertAlmostEquals(share, [1 / 8, 2 / 8, 0, 5 / 8][i]!, 1e-3);
  });
  shares(logits, { temperature: 0.5 }).forEach((share, i) => {
    assertAlmostEquals(share, [1 / 30, 4 / 30, 0, 25 / 30][i]!, 1e-3);
  });
});

Deno.test("top-k and top-p limit the tokens, and what is left keeps its shares", () => {
  const logits = [Math.log(1), Math.log(2), Math.log(4), Math.log(3)];
  const near = (got: number[], wanted: number[]) =>
    got.forEach((share, i) => assertAlmostEquals(share, wanted[i]!, 1e-3));
  near(shares(logits, { topK: 2 }), [0, 0, 4 / 7, 3 / 7]);
  near(shares(logits, { topP: 0.65 }), [0, 0, 4 / 7, 3 / 7]);
  near(shares(logits, { topP: 0.71 }), [0, 2 / 9, 4 / 9, 3 / 9]);
  near(shares(logits, { topP: 0 }), [0, 0, 1, 0]);
  near(shares(logits, { topK: 3, topP: 0.4 }), [0, 0, 1, 0]);
});

/** The sampled token by the definitions: a sort of all tokens, then sums one by one. */
function sampleBySorting(logits: Float32Array, options: typeof all, uniform: number): number {
  const { temperature, topK, topP } = options;
  const largest = Math.max(...logits);
  const weight = (id: number) => Math.exp((logits[id]! - largest) / temperature);
  let ids = Array.from(logits, (_, id) => id);
  if (topK > 0 || topP < 1) {
    let total = 0;
    if (topK === 0) { for (const id of ids) total += weight(id); }
    ids.sort((a, b) => logits[b]! - logits[a]! || a - b);
    if (topK > 0) ids = ids.slice(0, topK);
    if (topK > 0) { for (const id of ids) total += weight(id); }
    let sum = 0;
    const last = ids.findIndex((id) => (sum += weight(id)) >= topP * total);
    if (topP < 1 && last !== -1) ids = ids.slice(0, last + 1);
  }
  let whole = 0;
  for (const id of ids) whole += weight(id);
  let sum = 0;
  return ids.find((id) => (sum += weight(id)) > uniform * whole) ?? ids[0]!;
}

Deno.test("tokens are those of a sort of the whole vocabulary, flat or peaked, with equals", () => {
  for (const scale of [0, 0.5, 5, 50, 1000]) {
    const logits = Float32Array.from({ length: 2000 }, (_, i) => {
      // Zeros of both signs, equals, and tokens that never come.
      if (i % 97 === 5) return i % 2 === 0 ? -0 : 0;
      if (i % 89 === 7) return -Infinity;
      return Math.fround(scale * Math.round(Math.sin(i * 12.9898) * 40) / 40);
    });
    for (const topP of [0, 0.1, 0.5, 0.9, 0.999, 1]) {
      for (const topK of [0, 7, 300]) {
        for (const [temperature, uniform] of [[1, 0.3], [0.7, 0.999], [2, 0]] as const) {
          const options = { temperature, topK, topP };
          assertEquals(
            sampleToken(logits, options, uniform),
            sampleBySorting(logits, options, uniform),
            JSON.stringify({ scale, uniform, ...options }),
          );
        }
      }
    }
  }
});

Deno.test("a NaN or an infinite logit is noticed, and the first of equals is the likeliest", () => {
  const greedy = { ...all, temperature: 0 };
  assertEquals(sampleToken(Float32Array.of(1, NaN), all, 0.5), -1);
  assertEquals(sampleToken(Float32Array.of(NaN, 1), greedy, 0.5), -1);
  assertEquals(sampleToken(Float32Array.of(1, Infinity), greedy, 0.5), -1);
  assertEquals(sampleToken(Float32Array.of(1, 3, 3), greedy, 0.5), 1);
  assertEquals(sampleToken(Float32Array.of(1, 3, 3), { ...all, temperature: 1e-300 }, 0.4), 1);
});

Deno.test("the largest logits are those of a sort, by either way", () => {
  const logits = Float32Array.from({ length: 3000 }, (_, i) => Math.round(Math.sin(i * 7.3) * 500));
  const sorted = Array.from(logits, (_, id) => id)
    .sort((a, b) => logits[b]! - logits[a]! || a - b);
  for (const count of [1, 20, 64, 500, 3000]) {
    assertEquals(Array.from(largestLogits(logits, count)), sorted.slice(0, count), `${count}`);
  }
});

Deno.test("log probabilities add up to one", () => {
  const logits = Float32Array.of(3, -4, 12, 0.5);
  const of = logProbabilities(logits);
  const sum = [0, 1, 2, 3].reduce((sum, id) => sum + Math.exp(of(id)), 0);
  assertAlmostEquals(sum, 1, 1e-12);
});

Deno.test("penalties lower the logits of what was sampled, by how often and by whether", () => {
  const logits = Float32Array.of(2, 1, 0, -1);
  const greedy = (options: SamplingOptions, counts: readonly (readonly [number, number])[]) =>
    sampleToken(logits, { temperature: 0, ...options }, 0.5, new Map(counts));
  assertEquals(greedy({}, [[0, 9]]), 0);
  // 2 − 3 · 0.5 is less than 1, and 2 − 2 · 0.5 is not.
  assertEquals(greedy({ frequencyPenalty: 0.5 }, [[0, 3]]), 1);
  assertEquals(greedy({ frequencyPenalty: 0.5 }, [[0, 2]]), 0);
  assertEquals(greedy({ presencePenalty: 1.5 }, [[0, 1], [1, 7]]), 0);
  assertEquals(greedy({ presencePenalty: 2.5 }, [[0, 1], [1, 1]]), 2);
  assertEquals(greedy({ frequencyPenalty: -1, presencePenalty: -1 }, [[2, 2]]), 2);
  assertEquals(logits, Float32Array.of(2, 1, 0, -1));
});
