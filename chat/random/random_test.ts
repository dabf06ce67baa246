import { assertEquals, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { numpyPermutation, pcg64, seedSequence } from "./numpy_permutation.ts";
import { mixtureOrder } from "../tasks/task.ts";
import { PythonRandom, randomOf } from "./python_random.ts";

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

Deno.test("permutations are those of numpy 2.2, up to as many as SmolTalk has", async () => {
  // Recorded from numpy.random.default_rng(42).permutation(n): the first eight, and the SHA-256 digest
  // of all of them, joined by commas.
  const recorded: [n: number, first: number[], digest: string][] = [
    [1, [0], "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"],
    [2, [1, 0], "b0e4f9bb7b55e4b181760ae93c958c14b451a7556206dfa952d81f0f2165a9da"],
    [
      7,
      [3, 2, 6, 4, 1, 5, 0],
      "b9610a4a3f7e6b26b96295979d6305d50edf8d5acd7cd24258ef3e356c0e72f9",
    ],
    [
      100,
      [59, 21, 56, 18, 33, 42, 50, 27],
      "42a7aa65ad2570b089ad467964e84704bb9c9510fcd639cdf555c5a1b02a5d5c",
    ],
    [
      460_341,
      [21697, 61600, 155055, 325090, 320249, 306258, 166388, 113198],
      "73d4884ab012b43bd9cded471a83c41f816b1d72bea26310278796e3559eaa26",
    ],
  ];
  for (const [n, first, digest] of recorded) {
    const order = numpyPermutation(42, n);
    assertEquals(order.slice(0, 8), first);
    assertEquals(await sha256(order.join(",")), digest, `n ${n}`);
  }
});

Deno.test("a mixture as long as nanochat's has Python's order", async () => {
  // Recorded from random.Random(42).shuffle of all (task, row) pairs: SmolTalk, 1,000 conversations of
  // one's own, MMLU three times, GSM8K four times.
  const lengths = [460_341, 1000, 99_842, 99_842, 99_842, 7473, 7473, 7473, 7473];
  const first: [number, number][] = [
    [0, 399097],
    [4, 43555],
    [0, 56313],
    [3, 87026],
    [0, 26301],
    [0, 125822],
    [0, 243223],
    [4, 79208],
    [0, 81346],
    [0, 41371],
    [2, 98530],
    [2, 98270],
    [0, 9311],
    [0, 183598],
    [0, 375927],
    [4, 86413],
    [2, 56680],
    [0, 74608],
    [4, 29898],
    [0, 183195],
    [0, 169021],
    [0, 172237],
    [4, 28380],
    [0, 442475],
    [0, 431045],
    [0, 344972],
    [4, 93558],
    [3, 38040],
    [0, 446108],
    [0, 386129],
    [0, 255024],
    [3, 29362],
    [3, 73912],
    [0, 396805],
    [0, 38419],
    [3, 79428],
    [4, 10757],
    [2, 80553],
    [0, 453400],
    [2, 16306],
    [0, 385557],
    [0, 136013],
    [2, 34411],
    [2, 27672],
    [2, 17291],
    [3, 32806],
    [0, 17686],
    [3, 71923],
    [4, 95158],
    [2, 81799],
    [0, 240638],
    [3, 92612],
    [0, 151204],
    [0, 272567],
    [0, 133207],
    [2, 7957],
    [0, 356022],
    [0, 221716],
    [4, 44845],
    [0, 126193],
    [3, 72064],
    [0, 275495],
    [2, 38707],
    [3, 24050],
    [3, 10789],
    [0, 429386],
    [0, 130622],
    [4, 57126],
    [2, 67772],
    [0, 245091],
    [0, 125898],
    [3, 59340],
    [0, 392502],
    [2, 48555],
    [0, 40129],
    [0, 117770],
    [0, 439537],
    [0, 371644],
    [3, 35088],
    [0, 439148],
    [2, 13751],
    [3, 63047],
    [0, 255075],
    [3, 45956],
    [0, 401454],
    [6, 2886],
    [0, 42096],
    [2, 99056],
    [0, 289417],
    [0, 395504],
    [2, 93445],
    [0, 180390],
    [0, 86775],
    [3, 97795],
    [0, 133187],
    [0, 267950],
    [0, 211572],
    [3, 24106],
    [0, 179889],
    [0, 142538],
  ];
  const order = mixtureOrder(lengths);
  assertEquals(order.length, 790_759);
  assertEquals(order.slice(0, 100), first);
  const text = order.map(([task, row]) => `${task},${row}`).join(";");
  assertEquals(
    await sha256(text),
    "1479c6f97f9171dd426047d65f018933d1e92c7e34a389d10807d2bf5c1d7bb4",
  );
});

Deno.test("items have random numbers of their own, for seeds of any size", () => {
  const first = (random: PythonRandom) => random.getrandbits(32);
  assertEquals(first(randomOf(3, 5)), first(new PythonRandom(3 * 2 ** 32 + 5)));
  const seeds = [2 ** 21, 20_261_203, Number.MAX_SAFE_INTEGER];
  const numbers = seeds.flatMap((seed) => [0, 1].map((index) => first(randomOf(seed, index))));
  assertEquals(new Set(numbers).size, numbers.length);
});
