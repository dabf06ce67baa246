/** Values in error messages. @module */

const MAX_SHOWN = 80;

/** Formats any value on one line for an error message: at most 80 characters of it. */
export function showValue(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return shorten(JSON.stringify(value.slice(0, MAX_SHOWN)));
  try {
    return shorten(JSON.stringify(value) ?? String(value));
  } catch {
    // It is cyclic or too deep, or holds a bigint.
    return Array.isArray(value) ? "a list" : `a ${typeof value}`;
  }
}

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
