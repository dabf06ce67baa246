/** Validates what layers are made of. @module */

import {
  checkDevice,
  checkOptions,
  describeValue,
  type OptionNames,
  withArticle,
} from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import type { Device } from "../tensor/mod.ts";

/** Checks the arguments of a layer: its device, its sizes by name, and its options. */
export function checkLayer<Options extends object>(
  layer: string,
  device: Device,
  sizes: Readonly<Record<string, number>>,
  options: Options,
  known: OptionNames<Options>,
  required: readonly (keyof Options & string)[] = [],
): void {
  const what = `make ${withArticle(layer)}`;
  checkDevice(what, device);
  checkSizes(what, sizes);
  checkOptions(what, options, known, required);
}

export function checkSizes(what: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size > 0) continue;
    throw wrongValue(what, `${name} to be 1 or more`, describeValue(size));
  }
}
