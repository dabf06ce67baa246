/**
 * The part of `chat` that also runs in a browser: how a conversation becomes tokens, and tokens an answer.
 *
 * @module
 */

export { type AnswerPiece, PartReader } from "./part_reader.ts";
export { promptRoom } from "./prompt_room.ts";
