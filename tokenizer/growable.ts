/**
 * Arrays of numbers that grow: the tables of this module hold millions of small numbers, for which
 * typed arrays take a quarter of the memory of ordinary ones.
 *
 * @module
 */

/** What all typed arrays have in common, as far as growing one is concerned. */
interface Fixed<T> {
  readonly length: number;
  set(source: T): void;
}

/**
 * Gives an array with room for `needed` elements: the same one where it is long enough, otherwise
 * a copy at least twice as long, so that growing one by one costs constant time per element.
 */
export function withRoom<T extends Fixed<T>>(
  array: T,
  needed: number,
  make: new (length: number) => T,
): T {
  if (needed <= array.length) return array;
  const larger = new make(Math.max(needed, 2 * array.length));
  larger.set(array);
  return larger;
}
