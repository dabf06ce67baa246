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

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
