/** Where each idea of the worked examples is implemented in the library. @module */

export interface Idea {
  /** The name in the examples. */
  readonly idea: string;
  /** The file, relative to the root of the repository. */
  readonly path: string;
  /** Where nanochat has it: a file of its repository. */
  readonly nanochat: string;
  /** The place in the library. */
  readonly becomes: string;
}

/**
 * All ideas, from the smallest to the largest, each with the file to read next.
 *
 * @example
 * ```ts
 * import { ideas } from "./ideas.ts";
 *
 * const path = ideas.find(({ idea }) => idea === "the training loop")?.path;
 * if (path !== "gpt/train/loop.ts") throw new Error(`${path}`);
 * ```
 */
export const ideas: readonly Idea[] = [
  {
    idea: "a number",
    path: "tensor/tensor.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "an array on a device",
  },
  {
    idea: "a neuron",
    path: "nn/linear.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "one row of a matrix",
  },
  {
    idea: "a layer",
    path: "tensor/ops/matmul/matmul.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "one matmul",
  },
  {
    idea: "an activation",
    path: "tensor/ops/elementwise.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "one expression, fused",
  },
  {
    idea: "letters",
    path: "tokenizer/train.ts",
    nanochat: "nanochat/tokenizer.py",
    becomes: "tokens, learned",
  },
  {
    idea: "rows of weights",
    path: "nn/embedding.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "an embedding table",
  },
  {
    idea: "the last three",
    path: "nn/self_attention.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "all earlier tokens",
  },
  {
    idea: "the forward pass",
    path: "gpt/model/model.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "the whole GPT",
  },
  {
    idea: "the loss",
    path: "nn/losses.ts",
    nanochat: "nanochat/gpt.py",
    becomes: "over a whole vocabulary",
  },
  {
    idea: "backpropagation",
    path: "autograd/tape.ts",
    nanochat: "scripts/base_train.py",
    becomes: "the same file",
  },
  {
    idea: "gradient descent",
    path: "optim/sgd.ts",
    nanochat: "nanochat/optim.py",
    becomes: "an optimizer",
  },
  {
    idea: "a better descent",
    path: "optim/muon_adamw.ts",
    nanochat: "nanochat/optim.py",
    becomes: "the GPT's optimizer",
  },
  {
    idea: "the training loop",
    path: "gpt/train/loop.ts",
    nanochat: "scripts/base_train.py",
    becomes: "the same five steps",
  },
  {
    idea: "sampling words",
    path: "gpt/generate/engine.ts",
    nanochat: "nanochat/engine.py",
    becomes: "text from a prompt",
  },
  {
    idea: "a text with markers",
    path: "tokenizer/conversation.ts",
    nanochat: "nanochat/tokenizer.py",
    becomes: "a conversation",
  },
  {
    idea: "fine-tuning",
    path: "chat/sft/conversation_loader.ts",
    nanochat: "scripts/chat_sft.py",
    becomes: "a model that answers",
  },
  {
    idea: "a calculator",
    path: "gpt/generate/row_state.ts",
    nanochat: "nanochat/engine.py",
    becomes: "any tool",
  },
  {
    idea: "a reward",
    path: "chat/rl/reinforce.ts",
    nanochat: "scripts/chat_rl.py",
    becomes: "reinforcement",
  },
  {
    idea: "three people ask",
    path: "serve/batch/batcher.ts",
    nanochat: "scripts/chat_web.py",
    becomes: "a server",
  },
];
