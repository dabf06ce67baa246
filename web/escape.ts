/**
 * Escapes text for HTML.
 *
 * @example
 * ```ts
 * import { escapeHtml } from "./escape.ts";
 *
 * if (escapeHtml('<a b="c">') !== "&#60;a b=&#34;c&#34;&#62;") throw new Error();
 * ```
 *
 * @module
 */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
