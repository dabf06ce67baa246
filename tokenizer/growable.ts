/** Growable typed arrays, which take a quarter of the memory of ordinary arrays. @module */

interface Fixed<T> {
  readonly length: number;
  set(source: T): void;
}

/**
 * Returns an array with room for `needed` elements: the same one if it is long enough, otherwise a
 * copy of at least twice the length, so that appending costs amortized constant time.
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
