import { deriveSeed } from "../tensor/mod.ts";

/**
 * Makes a source of seeds, for layers that need a different one each: equal seeds give layers equal
 * weights.
 *
 * @param seed An integer from 0 to 2⁵³ − 1.
 * @returns A function that returns another seed at each call, the same ones again for the same seed.
 * @throws {RangeError} If the seed is not such an integer.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { Linear } from "./linear.ts";
 * import { seedsFrom } from "./seeds_from.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const next = seedsFrom(42);
 * const layers = [8, 8].map((width) => new Linear(device, width, width, { seed: next() }));
 * const [first, second] = await Promise.all(layers.map((layer) => layer.weight.data()));
 * if (first!.join() === second!.join()) throw new Error("expected different weights");
 * await device.close();
 * ```
 */
export function seedsFrom(seed: number): () => number {
  let calls = 0;
  // Derived at once, so that a wrong seed is an error here.
  let next = deriveSeed(seed, calls);
  return () => {
    const current = next;
    next = deriveSeed(seed, ++calls);
    return current;
  };
}
