/** Special tokens, which text never encodes to: they mark documents and chat turns. @module */

/**
 * nanochat's special tokens in id order; their ids follow those of the merges.
 *
 * `<|bos|>` starts every document. The others occur only in rendered conversations: user turns,
 * assistant turns, the assistant's Python calls, and their output.
 */
export const SPECIAL_TOKENS: readonly string[] = [
  "<|bos|>",
  "<|user_start|>",
  "<|user_end|>",
  "<|assistant_start|>",
  "<|assistant_end|>",
  "<|python_start|>",
  "<|python_end|>",
  "<|output_start|>",
  "<|output_end|>",
];
