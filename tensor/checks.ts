/**
 * Checks of arguments from programs that may not be type-checked.
 *
 * An operation checks where it would read a property anyway, so that a small tensor costs no more.
 *
 * @module
 */

import { type TypeError, wrongType, wrongValue } from "./errors.ts";

/** The names of options: `true` for each, or what else a table has for them, such as defaults. */
export type OptionNames<Options> = Readonly<Record<keyof Options, unknown>>;

/**
 * Describes a value for the end of a message: "wanted a tensor, got …".
 *
 * @example
 * ```ts
 * import { describeValue } from "./checks.ts";
 *
 * const texts = [3, "3", [3], { seed: 3 }, new Map()].map(describeValue);
 * if (texts.join() !== '3,"3",an array,{ seed },a Map') throw new Error(texts.join());
 * ```
 */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  if (value instanceof Promise) return "a promise, to be awaited";
  if (isDevice(value)) return "a device";
  const name: unknown = value.constructor?.name;
  if (isPlainObject(value)) return `{ ${Object.keys(value).join(", ")} }`.replace("{  }", "{}");
  return typeof name === "string" && name !== "" ? withArticle(name) : "an object";
}

/** A name of a class with its article: "a Linear", "an MLP". */
export function withArticle(name: string): string {
  return /^([AEIOaeio]|[FHLMNRSX][A-Z])/.test(name) ? `an ${name}` : `a ${name}`;
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isDevice(value: object): boolean {
  return "scopes" in value && "allocate" in value;
}

/** Checks a device that is needed for `what`, as in "make a Linear"; `place` is where it stands. */
export function checkDevice(what: string, device: object, place = "first"): void {
  if (typeof device === "object" && device !== null && isDevice(device)) return;
  throw wrongType(what, `a device ${place}, as openDevice returns it`, describeValue(device));
}

/** Checks a list that is needed for `what`; `wanted` has an example: "a shape, as in [2, 3]". */
export function checkList(what: string, wanted: string, list: ArrayLike<unknown>): void {
  if (Array.isArray(list) || ArrayBuffer.isView(list)) return;
  throw wrongType(what, wanted, describeValue(list));
}

/** Checks a number; `wanted` has its name and what it should be: "a number for low". */
export function checkIsNumber(what: string, wanted: string, value: number): void {
  if (typeof value === "number") return;
  throw wrongType(what, wanted, describeValue(value));
}

/** Checks that a switch is on or off, not an object of options. */
export function checkIsBoolean(what: string, name: string, value: boolean): void {
  if (value === true || value === false) return;
  throw wrongType(what, `${name} to be true or false`, describeValue(value));
}

/** Throws a RangeError unless a condition holds: for what need not be fast. */
export function checkThat(holds: boolean, what: string, wanted: string, got: unknown): void {
  if (!holds) throw wrongValue(what, wanted, describeValue(got));
}

/**
 * Checks that options have no other names than those known, which a program that is not
 * type-checked would not notice.
 *
 * @param what What they are for: "make a Linear".
 * @param required Options without a default.
 * @throws {TypeError} If it is no object, an option is unknown or a required one is missing.
 *
 * @example
 * ```ts
 * import { checkOptions } from "./checks.ts";
 *
 * const options: { seed?: number } = JSON.parse('{ "sede": 1 }');
 * let message = "";
 * try {
 *   checkOptions("sample", options, { seed: true });
 * } catch (error) {
 *   message = String(error);
 * }
 * if (!message.endsWith("wanted options named seed, got sede. Did you mean seed?")) {
 *   throw new Error(message);
 * }
 * ```
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  known: OptionNames<Options>,
  required: readonly (keyof Options & string)[] = NONE,
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrongOptions(what, options, known, required);
  }
  for (const name in options) {
    // Not merely `in`: every object has names such as `toString`.
    if (!Object.hasOwn(known, name)) throw wrongOptions(what, options, known, required, name);
    const value: unknown = options[name];
    // Strings from a form or a query, both of which would count as true.
    if (value === "true" || value === "false") {
      throw wrongType(what, `${name} to be true or false`, describeValue(value));
    }
  }
  for (const name of required) {
    if (options[name] === undefined) throw wrongOptions(what, options, known, required);
  }
}

const NONE: readonly never[] = [];

function wrongOptions(
  what: string,
  options: unknown,
  known: object,
  required: readonly string[],
  unknown?: string,
): TypeError {
  const names = Object.keys(known);
  if (unknown === undefined && required.length > 0) {
    const example = required.map((name) => `${name}: …`).join(", ");
    return wrongType(what, `options with { ${example} }`, describeValue(options));
  }
  const isNamed = unknown !== undefined && isPlainObject(options as object);
  const similar = isNamed ? names.find((name) => areSimilar(name, unknown)) : undefined;
  const got = isNamed ? unknown : describeValue(options);
  const hint = similar === undefined ? "" : `. Did you mean ${similar}?`;
  return wrongType(what, `options named ${names.join(", ")}`, got + hint);
}

/** Whether one name may be meant by another: half of their pairs of letters are common. */
function areSimilar(name: string, other: string): boolean {
  const [a, b] = [pairsOf(name), pairsOf(other)];
  return 2 * a.filter((pair) => b.includes(pair)).length >= (a.length + b.length) / 2;
}

function pairsOf(name: string): string[] {
  const letters = [...name.toLowerCase().replace(/[^a-z]/g, "")];
  return letters.slice(1).map((letter, i) => letters[i]! + letter);
}
