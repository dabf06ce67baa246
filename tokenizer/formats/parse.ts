/**
 * What the readers of all formats share.
 *
 * @module
 */
import { findProblem, type Vocabulary } from "../vocabulary.ts";

/** A JSON object of which nothing is known yet. */
export type JsonObject = { readonly [key: string]: unknown };

/** Whether a value is an object and neither `null` nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses the text of a file. @throws {SyntaxError} With one line that names the file's kind. */
export function parseJson(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, " ") : error;
    return malformed(kind, `wanted JSON, got ${text.length} characters that are not: ${reason}`);
  }
}

/** Throws the error for a file that is not what it should be. */
export function malformed(kind: string, problem: string): never {
  throw new SyntaxError(`Cannot read ${kind}: ${problem}`);
}

/** Gives a vocabulary back that a tokenizer can be made of. @throws {SyntaxError} If not. */
export function checked(vocabulary: Vocabulary, kind: string): Vocabulary {
  const problem = findProblem(vocabulary);
  return problem === null ? vocabulary : malformed(kind, problem);
}

/** A short form of any value, on one line, to be shown in an error. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Bytes from base64; `null` where the text is no base64. */
export function fromBase64(text: string): Uint8Array | null {
  try {
    const binary = atob(text);
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
