/**
 * A byte-level BPE tokenizer: training, encoding, decoding, chats, and the files of other
 * tokenizers.
 *
 * ```ts
 * import { Tokenizer } from "./mod.ts";
 *
 * const tokenizer = await Tokenizer.train(["so much depends upon a red wheel barrow"], {
 *   vocabSize: 280,
 * });
 * const ids = tokenizer.encode("a red wheel");
 * if (tokenizer.decode(ids) !== "a red wheel") throw new Error("every text comes back");
 * ```
 *
 * To read it in the order of the data: `pattern.ts` and `scan.ts` cut text into pieces, `train.ts`
 * finds the merges, `encode.ts` applies them, `tokenizer.ts` puts these together, `conversation.ts`
 * renders chats, `formats/` reads and writes files.
 *
 * Everything here runs in a browser. Saving to and loading from files is in `files.ts`, which needs
 * Deno and is imported by itself.
 *
 * @module
 */
export {
  type Conversation,
  type Message,
  type MessagePart,
  renderConversation,
  type RenderedConversation,
  renderForCompletion,
  type RenderOptions,
  visualizeTokenization,
} from "./conversation.ts";
export { readHuggingFace, writeHuggingFace } from "./formats/hugging_face.ts";
export type { TokenizerJson } from "./formats/json.ts";
export { readTiktoken, type TiktokenOptions, writeTiktoken } from "./formats/tiktoken.ts";
export { GPT2_PATTERN, SPLIT_PATTERN, toRegExp } from "./pattern.ts";
export { SPECIAL_TOKENS } from "./special.ts";
export { type EncodeOptions, Tokenizer, type TrainOptions } from "./tokenizer.ts";
export type { Merge, Vocabulary } from "./vocabulary.ts";
