/** Values in error messages. @module */

const MAX_SHOWN = 80;

/** Formats any value on one line for an error message: at most 80 characters of it. */
export function showValue(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "string") return shorten(JSON.stringify(value.slice(0, MAX_SHOWN)));
  const name = className(value);
  if (name !== null) return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
  try {
    return shorten(JSON.stringify(value) ?? String(value));
  } catch {
    // It is cyclic or too deep, or holds a bigint.
    return Array.isArray(value) ? "a list" : `a ${typeof value}`;
  }
}

/** The name of an object's class; `null` if JSON shows its content: that of lists and plain objects. */
function className(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  // Not its own member: a file may name one so.
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object" ? name : null;
}

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
