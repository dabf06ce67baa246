/** Values in error messages, and JSON that quotes itself in them. @module */

const MAX_SHOWN = 80;

/** Formats a value from a file as JSON for an error message: at most 80 characters of it. */
export function showValue(value: unknown): string {
  return shorten(JSON.stringify(value) ?? String(value));
}

/** Parses JSON. @throws {SyntaxError} If it is not JSON; the error quotes its beginning. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`wanted JSON, got ${showValue(text)}`, { cause });
  }
}

/** The type of a value from a file, for an error message: `a list`, `an object`. */
export function typeInWords(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
