/** Checking the sizes that layers are made with. @module */

/** Checks a size. @throws {RangeError} If it is not a positive integer. */
export function checkSize(module: string, what: string, size: number): void {
  if (Number.isSafeInteger(size) && size > 0) return;
  throw new RangeError(`Cannot make a ${module}: wanted ${what} to be 1 or more, got ${size}`);
}
