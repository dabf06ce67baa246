/** Names in paths of requests. @module */

import { ApiError } from "../openai/errors.ts";

/** Decodes a part of a path. @throws {ApiError} If its encoding is malformed: 400. */
export function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new ApiError(400, `Cannot answer: wanted an encoded name, got ${name.slice(0, 80)}`);
  }
}
