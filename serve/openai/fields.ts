/** Reading the fields of a request, whose types nobody has checked. @module */

import { ApiError } from "./errors.ts";

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Maximum characters of a value that a message shows. */
const MAX_SHOWN = 40;

/** The error for a field with a wrong value. */
export function wrongField(param: string, wanted: string, value: unknown): ApiError {
  return new ApiError(400, `Cannot use ${param}: wanted ${wanted}, got ${showValue(value)}`, {
    param,
    code: "invalid_value",
  });
}

/**
 * A number, or the fallback where the field is absent or null.
 *
 * @throws {ApiError} If it is not a number, or out of range.
 *
 * @example
 * ```ts
 * import { numberField } from "./fields.ts";
 *
 * const least = 0, most = 2;
 * if (numberField({ temperature: 0.5 }, "temperature", { least, most }, 1) !== 0.5) throw new Error();
 * if (numberField({}, "temperature", { least, most }, 1) !== 1) throw new Error("expected 1");
 * ```
 */
export function numberField<Fallback>(
  body: JsonObject,
  name: string,
  { least, most, isWhole = false }: {
    readonly least: number;
    readonly most: number;
    readonly isWhole?: boolean;
  },
  fallback: Fallback,
): number | Fallback {
  const value = body[name];
  if (value === undefined || value === null) return fallback;
  const isFine = typeof value === "number" && value >= least && value <= most &&
    (!isWhole || Number.isSafeInteger(value));
  if (isFine) return value;
  const kind = isWhole ? "a whole number" : "a number";
  throw wrongField(name, `${kind} from ${least} to ${most}`, value);
}

/**
 * A truth value, or false where the field is absent or null.
 *
 * @throws {ApiError} If it is something else.
 */
export function booleanField(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === "boolean") return value;
  throw wrongField(name, "true or false", value);
}

/**
 * A JSON object, or an empty one where the field is absent or null.
 *
 * @throws {ApiError} If it is something else.
 */
export function objectField(body: JsonObject, name: string): JsonObject {
  const value = body[name] ?? {};
  if (isObject(value)) return value;
  throw wrongField(name, "an object", value);
}

/**
 * Texts: the field may be one, or a list of them.
 *
 * @throws {ApiError} If it is something else, or there are too many, or one is empty or too long.
 */
export function textsField(
  body: JsonObject,
  name: string,
  { most, longest }: { readonly most: number; readonly longest: number },
): readonly string[] {
  const value = body[name] ?? [];
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isFine = (text: unknown): text is string =>
    typeof text === "string" && text !== "" && text.length <= longest;
  if (texts.length <= most && texts.every(isFine)) return texts;
  throw wrongField(name, `at most ${most} texts of 1 to ${longest} characters`, value);
}

/** Whether a value is a JSON object, and neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as a message shows it, shortened. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  if (typeof value !== "string") return `${value}`;
  return value.length > MAX_SHOWN ? `"${value.slice(0, MAX_SHOWN)}…"` : `"${value}"`;
}
