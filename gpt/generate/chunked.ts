/** Parts of a list. @module */

/** Splits a list into parts of `size`; the last one may be shorter. */
export function chunked<T>(all: readonly T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(all.length / size) },
    (_, i) => all.slice(i * size, (i + 1) * size),
  );
}
