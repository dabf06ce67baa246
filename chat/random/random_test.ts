import { assertEquals, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { numpyPermutation, pcg64, seedSequence } from "./numpy_permutation.ts";
import { PythonRandom } from "./python_random.ts";

interface GoldenRandom {
  generator: {
    seed: string;
    getrandbits32: number[];
    getrandbits32_from_697: number[];
    random: number[];
    randbelow: { n: number[]; values: number[] };
  }[];
  shuffle: { seed: number; n: number; order: number[] | null; sha256: string }[];
  sample: { index: number; examples: number; shots: number; picks: number[] }[];
  choice: { seed: string; from: string; picks: string }[];
  numpy_permutation: { seed: number; n: number; permutation: number[] | null; sha256: string }[];
  numpy_raw: { seed: number; seed_sequence_state: unknown; raw64: string[] }[];
}

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

Deno.test("arguments that no generator has are refused", () => {
  assertThrows(() => new PythonRandom(0.5), RangeError, "wanted an integer, got 0.5");
  assertThrows(() => new PythonRandom(1).randbelow(0), RangeError, "below 0");
  assertThrows(() => new PythonRandom(1).getrandbits(33), RangeError, "wanted 1 to 32");
  assertThrows(() => new PythonRandom(1).sample([1], 2), RangeError, "wanted 0 to 1");
  assertThrows(() => numpyPermutation(-1, 3), RangeError, "got -1");
  assertThrows(() => numpyPermutation(1, 0.5), RangeError, "0.5");
});

goldenTest("PythonRandom gives the numbers of Python's random.Random", () => {
  const { generator, choice } = readGoldenJson<GoldenRandom>("chat/golden-random");
  for (const { seed, getrandbits32, getrandbits32_from_697, random, randbelow } of generator) {
    const bits = new PythonRandom(BigInt(seed));
    assertEquals(getrandbits32.map(() => bits.getrandbits(32)), getrandbits32, `seed ${seed}`);
    const later = new PythonRandom(BigInt(seed));
    for (let i = 0; i < 697; i++) later.getrandbits(32);
    assertEquals(getrandbits32_from_697.map(() => later.getrandbits(32)), getrandbits32_from_697);
    const floats = new PythonRandom(BigInt(seed));
    assertEquals(random.map(() => floats.random()), random, `seed ${seed}`);
    const below = new PythonRandom(BigInt(seed));
    assertEquals(randbelow.n.map((n) => below.randbelow(n)), randbelow.values, `seed ${seed}`);
  }
  for (const { seed, from, picks } of choice) {
    const random = new PythonRandom(BigInt(seed));
    assertEquals([...picks].map(() => random.choice(from)).join(""), picks);
  }
});

goldenTest("shuffles and few-shot picks are Python's", async () => {
  const { shuffle, sample } = readGoldenJson<GoldenRandom>("chat/golden-random");
  for (const { seed, n, sha256: digest } of shuffle) {
    const order = Array.from({ length: n }, (_, i) => i);
    new PythonRandom(seed).shuffle(order);
    assertEquals(await sha256(order.join(",")), digest, `seed ${seed}, n ${n}`);
  }
  for (const { index, examples, shots, picks } of sample) {
    const others = Array.from({ length: examples }, (_, i) => i).filter((i) => i !== index);
    assertEquals(new PythonRandom(1234 + index).sample(others, shots), picks);
  }
});

goldenTest("permutations are those of numpy's default_rng", async () => {
  const golden = readGoldenJson<GoldenRandom>("chat/golden-random");
  for (const { seed, n, sha256: digest } of golden.numpy_permutation) {
    assertEquals(await sha256(numpyPermutation(seed, n).join(",")), digest, `${seed}, ${n}`);
  }
  for (const { seed, raw64 } of golden.numpy_raw) {
    const next = pcg64(seedSequence(seed));
    assertEquals(raw64.map(() => String(next())), raw64);
  }
});
