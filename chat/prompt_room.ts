/** How much of a model's context a conversation may take, so that an answer has room. @module */

/**
 * Maximum tokens of a prompt: a quarter of the context at most is kept free for the answer.
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
