/** Checks of configs, which come from files. @module */

import { RangeError, TypeError } from "../tensor/errors.ts";

/** No model has a larger size: anything larger is a mistake, and would take all memory. */
const MAX_SIZE = 2 ** 24;
const MAX_LAYERS = 1000;

/** Checks that a config has exactly these names besides `vocabSize` and `sequenceLen`. */
export function configNames(kind: string, config: object, names: readonly string[]): void {
  const wanted = ["vocabSize", "sequenceLen", ...names];
  const unknown = Object.keys(config).find((name) => !wanted.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot build a ${kind}: wanted ${wanted.join(", ")}, got ${unknown}`);
  }
  const missing = wanted.find((name) => !(name in config));
  if (missing !== undefined) {
    throw new TypeError(`Cannot build a ${kind}: wanted ${missing}, got none`);
  }
}

/**
 * Checks that sizes are whole numbers in range, and that the first of each pair is a multiple of the
 * second.
 *
 * @throws {RangeError} If not; the message names the size.
 */
export function checkSizes<Name extends string>(
  kind: string,
  config: Readonly<Record<Name | "vocabSize" | "sequenceLen", unknown>>,
  names: readonly Name[],
  multiples: readonly (readonly [Name, Name])[],
): void {
  for (const name of ["vocabSize", "sequenceLen", ...names] as const) {
    const size = config[name];
    const most = name === "layers" ? MAX_LAYERS : MAX_SIZE;
    if (typeof size === "number" && Number.isInteger(size) && size >= 1 && size <= most) continue;
    throw new RangeError(
      `Cannot build a ${kind}: wanted ${name} as a whole number from 1 to ${most}, got ${size}`,
    );
  }
  for (const [name, divisor] of multiples) {
    if (Number(config[name]) % Number(config[divisor]) === 0) continue;
    throw new RangeError(
      `Cannot build a ${kind}: wanted ${name} to be a multiple of ${divisor}, got ` +
        `${config[name]} and ${config[divisor]}`,
    );
  }
}
