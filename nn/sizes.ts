/** Validates layer sizes. @module */

import { describeValue, withArticle } from "../tensor/checks.ts";
import { RangeError } from "../tensor/errors.ts";

export function checkSize(module: string, what: string, size: number): void {
  if (Number.isSafeInteger(size) && size > 0) return;
  throw new RangeError(
    `Cannot make ${withArticle(module)}: wanted ${what} to be 1 or more, got ${
      describeValue(size)
    }`,
  );
}
