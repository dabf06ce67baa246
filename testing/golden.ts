/**
 * Access to the golden data: outputs recorded from the original implementations.
 *
 * The data lies next to the repository, not in it. If it is absent, tests that need it are ignored,
 * and their names say so.
 */

import { readSafetensors, type SafetensorsTensor } from "../tensor/safetensors.ts";

const folder = new URL("../../shared/golden/", import.meta.url);

export const hasGolden: boolean = isFolder(folder);

export function goldenTest(name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void {
  Deno.test({
    name: hasGolden ? name : `${name} (ignored: the folder ../shared/golden is absent)`,
    ignore: !hasGolden,
    fn,
  });
}

/** Reads a golden JSON file, by its name without extension, such as `"golden-ops"`. */
export function readGoldenJson<Content>(name: string): Content {
  return JSON.parse(Deno.readTextFileSync(new URL(`${name}.json`, folder)));
}

/** Reads the arrays of a golden JSON file, by their names. */
export function readGoldenTensors(name: string): Map<string, SafetensorsTensor> {
  return readSafetensors(Deno.readFileSync(new URL(`${name}.safetensors`, folder)));
}

/**
 * The deviation that the golden data's tolerances refer to: the largest absolute difference divided
 * by the largest expected magnitude.
 *
 * Infinite if non-finite values differ.
 *
 * @returns 0 for equal arrays, infinity for arrays of different length.
 *
 * @example
 * ```ts
 * import { relativeDeviation } from "./golden.ts";
 *
 * const deviation = relativeDeviation([1, 4.5], [1, 5]);
 * if (deviation !== 0.1) throw new Error(`expected 0.1, got ${deviation}`);
 * ```
 */
export function relativeDeviation(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    const [got, wanted] = [actual[i]!, expected[i]!];
    if (Object.is(got, wanted)) {
      if (Number.isFinite(wanted)) largest = Math.max(largest, Math.abs(wanted));
      continue;
    }
    if (!Number.isFinite(got) || !Number.isFinite(wanted)) return Infinity;
    largest = Math.max(largest, Math.abs(wanted));
    difference = Math.max(difference, Math.abs(got - wanted));
  }
  return difference === 0 ? 0 : difference / largest;
}

function isFolder(url: URL): boolean {
  try {
    return Deno.statSync(url).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
