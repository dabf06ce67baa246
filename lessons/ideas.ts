/** Where each idea of the worked examples is implemented in the library. @module */

export interface Idea {
  /** Its name in the examples. */
  readonly idea: string;
  /** The file, relative to the root of the repository. */
  readonly path: string;
  /** Its place in the library. */
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
  { idea: "a number", path: "tensor/tensor.ts", becomes: "an array on a device" },
  { idea: "a neuron", path: "nn/linear.ts", becomes: "one row of a matrix" },
  { idea: "a layer", path: "tensor/ops/matmul/matmul.ts", becomes: "one matmul" },
  { idea: "an activation", path: "tensor/ops/elementwise.ts", becomes: "one expression, fused" },
  { idea: "letters", path: "tokenizer/train.ts", becomes: "tokens, learned" },
  { idea: "rows of weights", path: "nn/embedding.ts", becomes: "an embedding table" },
  { idea: "the last three", path: "nn/self_attention.ts", becomes: "all earlier tokens" },
  { idea: "the forward pass", path: "gpt/model/model.ts", becomes: "the whole GPT" },
  {
    idea: "the loss",
    path: "nn/losses.ts",
    becomes: "over a whole vocabulary",
  },
  { idea: "backpropagation", path: "autograd/tape.ts", becomes: "the same file" },
  { idea: "gradient descent", path: "optim/sgd.ts", becomes: "an optimizer" },
  {
    idea: "a better descent",
    path: "optim/muon_adamw.ts",
    becomes: "the GPT's optimizer",
  },
  { idea: "the training loop", path: "gpt/train/loop.ts", becomes: "the same five steps" },
  { idea: "sampling words", path: "gpt/generate/engine.ts", becomes: "text from a prompt" },
];
