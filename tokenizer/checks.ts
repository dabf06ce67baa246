/** Checks of arguments from programs that may not be type-checked. @module */
import { showValue } from "./show.ts";

/** The error for a value of a type that `what` cannot use. */
export function wrongType(what: string, wanted: string, got: unknown): TypeError {
  return new TypeError(`Cannot ${what}: wanted ${wanted}, got ${showValue(got)}`);
}

/**
 * Checks that options have no other names than those known, which a program that is not
 * type-checked would not notice.
 *
 * @param what Purpose of the options: "encode".
 * @throws {TypeError} If they are no object, or one is unknown.
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  known: Readonly<Record<keyof Options, true>>,
): void {
  const wanted = () => `options named ${Object.keys(known).join(", ")}`;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrongType(what, wanted(), options);
  }
  for (const name in options) {
    // Not merely `in`: every object has names such as `toString`.
    if (!Object.hasOwn(known, name)) throw wrongType(what, wanted(), name);
  }
}

/** Checks that texts are several, not one. @throws {TypeError} If they are not. */
export function checkTexts(what: string, texts: object, isAsync = false): void {
  if (typeof texts === "string") {
    throw new TypeError(`Cannot ${what}: wanted an iterable of texts, got one string`);
  }
  const isIterable = typeof texts === "object" && texts !== null &&
    (Symbol.iterator in texts || isAsync && Symbol.asyncIterator in texts);
  if (!isIterable) throw wrongType(what, "an iterable of texts", texts);
}
