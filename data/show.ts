/** Values in error messages. @module */

const MAX_SHOWN = 80;

/** Formats a value from a file as JSON for an error message: at most 80 characters of it. */
export function showValue(value: unknown): string {
  return shorten(JSON.stringify(value) ?? String(value));
}

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
