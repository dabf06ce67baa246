import { deriveSeed } from "../tensor/mod.ts";

/**
 * Derives the seed of a named part, such as `"weight"`. It depends only on the seed and the name,
 * so adding a part does not change the random values of others.
 *
 * @example
 * ```ts
 * import { namedSeed } from "./seeds.ts";
 *
 * const [weight, bias] = [namedSeed(42, "weight"), namedSeed(42, "bias")];
 * if (weight === bias) throw new Error("expected two seeds");
 * ```
 */
export function namedSeed(seed: number, name: string): number;
/** Derives the seed of a named part; `null` stays `null`. */
export function namedSeed(seed: number | null, name: string): number | null;
export function namedSeed(seed: number | null, name: string): number | null {
  if (seed === null) return null;
  // FNV-1a (Fowler, Noll and Vo), in 32 bits.
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return deriveSeed(seed, hash);
}
