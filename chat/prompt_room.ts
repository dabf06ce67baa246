/** The part of a model's context that a prompt may take, so that an answer has room. @module */

/**
 * Maximum tokens of a prompt: the answer's maximum is kept free, but no more than a quarter of the
 * context.
 *
 * @param context Tokens of a prompt and its answer.
 * @param maxTokens Maximum tokens of the answer.
 *
 * @example
 * ```ts
 * import { promptRoom } from "./prompt_room.ts";
 *
 * if (promptRoom(256, 1000) !== 192 || promptRoom(256, 16) !== 240) throw new Error("wrong room");
 * ```
 */
export function promptRoom(context: number, maxTokens: number): number {
  return context - Math.min(maxTokens, Math.floor(context / 4));
}
