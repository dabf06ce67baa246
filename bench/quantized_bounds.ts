/**
 * Bounds of decoding: the bytes of weights that matmuls read per second, compared with what their
 * kernels reach if the weights are in the cache, and with a plain read of as much memory.
 *
 * On an AMD EPYC with AVX-512, one thread reads from the cache, in GB/s: float32 68, q8 27, q4 18, which
 * are 17, 24 and 28 billion weights. So float32 waits for memory, but q4 is bound by its instructions: from
 * memory it reads as fast as from the cache.
 *
 * @module
 */

import { Engine, type TrainableModel } from "../gpt/mod.ts";
import {
  linear,
  noGrad,
  normalArray,
  openDevice,
  type Packing,
  type Profile,
  quantize,
  Tensor,
} from "../tensor/mod.ts";
import { median, round } from "./statistics.ts";

/**
 * SIMD instructions of the kernels for one row per byte of weights, counted in `skinny_matmul.ts` and
 * `quantized_skinny.ts`, where four columns share what is done for x. float32, 16 bytes: load,
 * multiply-add. q8, 36 bytes of a block: 2 loads, 2 times xor, 2 dot products of pairs, 3 to add them up.
 * q4, 20 bytes: 1 load, 3 to take nibbles apart, 2 dot products, 1 to add them up. Of four blocks: 9 to
 * bring their sums into lanes, a summand, for q4 one to widen them, to float, load of the scales, times
 * those of x, multiply-add. Of x: 2 loads a block, for q8 the magnitudes and signs of both, and 2 of four.
 */
const INSTRUCTIONS_PER_BYTE = {
  f32: (2 + 1 / 4) / 16,
  q8: (9 + 14 / 4 + (6 + 2 / 4) / 4) / 36,
  q4: (7 + 15 / 4 + (2 + 2 / 4) / 4) / 20,
};

/** Where the time of a token goes. */
export interface Bounds {
  /** Milliseconds of matmuls. */
  readonly matmul_ms: number;
  /** Milliseconds of other kernels. */
  readonly other_kernels_ms: number;
  /** Milliseconds between kernels: JavaScript, and the profile. */
  readonly between_ms: number;
  /** Gigabytes per second that matmuls read. */
  readonly gb_per_second: number;
  /** The same if the weights are in the cache, of one thread. */
  readonly in_cache_gb_per_second_and_thread: number;
  /** Billions of SIMD instructions per second and thread for `gb_per_second`. */
  readonly simd_per_second_and_thread: number;
}

/** Tokens that are profiled. */
const TOKENS = 25;

/** Profiles tokens after the prompt, one by one: the medians. */
export async function measureBounds(
  model: TrainableModel,
  type: "f32" | Packing,
  prompt: readonly number[],
): Promise<Bounds> {
  const { device } = model;
  const tokenizer = { special: () => -1, encode: () => [], decode: () => "" };
  const tokens = new Engine(model, tokenizer)
    .generate(prompt, { maxTokens: TOKENS + 5, temperature: 0 });
  // The first tokens compile kernels.
  for (let i = 0; i < 5; i++) await tokens.next();
  const profiles: Profile[] = [];
  for (let i = 0; i < TOKENS; i++) {
    profiles.push(await device.profile(async () => void await tokens.next()));
  }
  await tokens.return();
  const parts = profiles.map(({ events, milliseconds }) => {
    const total = (some: Profile["events"], of: "milliseconds" | "bytes") =>
      some.reduce((sum, event) => sum + (event[of] ?? 0), 0);
    const matmuls = events.filter(isMatmul);
    const [own, all] = [matmuls, events].map((some) => total(some, "milliseconds"));
    return { own: own!, all: all!, milliseconds, bytes: total(matmuls, "bytes") };
  });
  const of = (value: (part: typeof parts[number]) => number) => median(parts.map(value));
  const speed = of(({ bytes, own }) => bytes / own / 1e6);
  const threads = device.kind === "cpu" ? device.threads : 1;
  return {
    matmul_ms: round(of(({ own }) => own), 3),
    other_kernels_ms: round(of(({ own, all }) => all - own), 3),
    between_ms: round(of(({ all, milliseconds }) => milliseconds - all), 3),
    gb_per_second: round(speed, 1),
    in_cache_gb_per_second_and_thread: round(await speedInCache(type), 1),
    simd_per_second_and_thread: round(speed * INSTRUCTIONS_PER_BYTE[type] / threads, 2),
  };
}

/** Gigabytes per second of one row times a matrix of 288 × 576: 0.7 MB in float32. */
async function speedInCache(type: "f32" | Packing): Promise<number> {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const random = (seed: number, shape: readonly [number, number]) =>
    Tensor.from(device, normalArray(seed, shape[0] * shape[1]), { shape });
  const whole = random(1, [288, 576]);
  const weight = type === "f32" ? whole : quantize(whole, type);
  const x = random(2, [1, 576]);
  const run = () => {
    using _scope = device.scope();
    noGrad(() => void linear(x, weight));
  };
  for (let i = 0; i < 50; i++) run();
  const { events } = await device.profile(() => {
    for (let i = 0; i < 300; i++) run();
  });
  await device.close();
  return median(
    events.filter(isMatmul).map(({ bytes, milliseconds }) => bytes! / milliseconds / 1e6),
  );
}

const isMatmul = ({ name }: { readonly name: string }): boolean => name.startsWith("matmul");
