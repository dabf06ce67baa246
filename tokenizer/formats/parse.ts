/** Shared by the readers of all formats. @module */
import { findProblem, type Vocabulary } from "../vocabulary.ts";

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses the text of a file. @throws {SyntaxError} With one line that names the kind of file. */
export function parseJson(text: string, kind: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, " ") : error;
    return malformed(kind, `wanted JSON, got ${text.length} characters that are not: ${reason}`);
  }
}

export function malformed(kind: string, problem: string): never {
  throw new SyntaxError(`Cannot read ${kind}: ${problem}`);
}

/** Returns the vocabulary if it is valid. @throws {SyntaxError} If not. */
export function checked(vocabulary: Vocabulary, kind: string): Vocabulary {
  const problem = findProblem(vocabulary);
  return problem === null ? vocabulary : malformed(kind, problem);
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Decodes base64; `null` if the text is invalid. */
export function fromBase64(text: string): Uint8Array | null {
  try {
    const binary = atob(text);
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
