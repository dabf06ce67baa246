/**
 * The members of a JSON object, one at a time.
 *
 * `JSON.parse` parses everything before anything can be validated, silently keeps the last of two
 * equal names, and takes a minute for an object of millions of names.
 *
 * @module
 */

import { SyntaxError } from "./errors.ts";

/** Refuses a safetensors file. */
export function malformed(wanted: string, got: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`Cannot read safetensors: wanted ${wanted}, got ${got}`, { cause });
}

/** Parses a piece of the header; `wanted` says what it should be. */
export function parseJson(json: string, wanted: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw malformed(`a header in JSON, with ${wanted}`, quote(json), cause);
  }
}

/** Deepest nesting of a value: parsing millions of levels takes gigabytes. */
const MAX_DEPTH = 16;

/**
 * Iterates over the members of an object in JSON text, without parsing their values.
 *
 * @throws {SyntaxError} If the text is not an object, a name is repeated, or a value is nested more
 * than 16 levels deep. Values may be malformed in other ways.
 */
export function* membersOf(text: string): Generator<[name: string, value: string]> {
  const names = new Set<string>();
  let i = expect("{", "an object at the start", skipSpace(0));
  while (text[i] !== "}" || names.size > 0) {
    if (text[i] !== '"') throw wanted("a name in quotes", i);
    const nameEnd = endOfString(i);
    const name = String(parseJson(text.slice(i, nameEnd), "names that are strings"));
    if (names.has(name)) {
      throw malformed("a header in JSON, with every name once", `${quote(name)} twice`);
    }
    names.add(name);
    const begin = expect(":", "a colon after a name", skipSpace(nameEnd));
    i = endOfValue(begin);
    yield [name, text.slice(begin, i)];
    if (text[i] === "}") break;
    i = expect(",", "a comma between members", i);
  }
  i = skipSpace(i + 1);
  if (i < text.length) throw wanted("nothing after the object", i);

  function wanted(what: string, place: number): Error {
    const got = place < text.length ? quote(text.slice(place, place + 81)) : "its end";
    return malformed(`a header in JSON, with ${what}`, got);
  }

  function expect(character: string, what: string, place: number): number {
    if (text[place] !== character) throw wanted(what, place);
    return skipSpace(place + 1);
  }

  function skipSpace(start: number): number {
    let i = start;
    while (text[i] === " " || text[i] === "\n" || text[i] === "\t" || text[i] === "\r") i++;
    return i;
  }

  function endOfString(start: number): number {
    for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
      let backslashes = 0;
      while (text[end - 1 - backslashes] === "\\") backslashes++;
      if (backslashes % 2 === 0) return end + 1;
    }
    throw wanted("an end of every string", start);
  }

  /** The comma or brace after the value that starts at `start`. */
  function endOfValue(start: number): number {
    let depth = 0;
    for (let i = start; i < text.length; i++) {
      const character = text[i];
      if (character === '"') i = endOfString(i) - 1;
      else if (character === "{" || character === "[") {
        if (++depth > MAX_DEPTH) throw wanted(`at most ${MAX_DEPTH} levels`, i);
      } else if (character === "}" || character === "]") {
        if (depth-- === 0) return i;
      } else if (character === "," && depth === 0) return i;
    }
    throw wanted("an end of the object", start);
  }
}

/** Formats text on one line for an error message: at most 80 characters of it. */
function quote(text: string): string {
  const shown = JSON.stringify(text.slice(0, 80));
  return text.length > 80 ? `${shown}…` : shown;
}
