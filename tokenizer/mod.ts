/**
 * A byte-level BPE tokenizer: training, encoding, decoding, chat rendering, and other tokenizers'
 * file formats.
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
 * Reading order: `pattern.ts` and `scan.ts` split text into pieces, `train.ts` learns the merges,
 * `encode.ts` applies them, `tokenizer.ts` combines these, `conversation.ts` renders chats,
 * `formats/` reads and writes files.
 *
 * Everything here runs in a browser. Saving and loading files is in `files.ts`, which needs Deno
 * and is imported separately.
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
export {
  DIGIT_PATTERN,
  GPT2_PATTERN,
  LLAMA3_PATTERN,
  QWEN2_PATTERN,
  SPLIT_PATTERN,
  toRegExp,
} from "./pattern.ts";
export { SPECIAL_TOKENS } from "./special.ts";
export { type MergeStep, mergeSteps, type PairCount } from "./train.ts";
export { type EncodeOptions, Tokenizer, type TrainOptions } from "./tokenizer.ts";
export {
  MAX_VOCABULARY_SIZE,
  type Merge,
  type NormalizationForm,
  startOfTexts,
  type Vocabulary,
} from "./vocabulary.ts";
