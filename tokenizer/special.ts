/**
 * The tokens that no text can contain: they mark where documents and the turns of a chat begin.
 *
 * @module
 */

/**
 * nanochat's special tokens in the order of their ids, which follow those of the merges.
 *
 * `<|bos|>` begins every document. The others appear only in rendered conversations: what the user
 * says, what the assistant says, the Python that the assistant runs, and what that printed.
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
