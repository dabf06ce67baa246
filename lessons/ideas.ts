/**
 * Where each idea of the worked examples lives in the library.
 *
 * @module
 */

/** An idea, and the file that turns it into code. */
export interface Idea {
  /** What the examples call it. */
  readonly idea: string;
  /** The file, from the root of the repository. */
  readonly path: string;
  /** What it has become there. */
  readonly becomes: string;
}

/**
 * From the smallest idea to the largest: each of them, and the file to read next.
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
  { idea: "a layer", path: "tensor/ops/matmul/matmul.ts", becomes: "one matrix product" },
  { idea: "an activation", path: "tensor/ops/elementwise.ts", becomes: "one expression, fused" },
  { idea: "letters", path: "tokenizer/train.ts", becomes: "pieces of words, learned" },
  { idea: "rows of weights", path: "nn/embedding.ts", becomes: "a table, looked up" },
  { idea: "the last three", path: "nn/self_attention.ts", becomes: "all that went before" },
  { idea: "the forward pass", path: "gpt/model/model.ts", becomes: "the whole GPT" },
  {
    idea: "the loss",
    path: "nn/losses.ts",
    becomes: "over a whole vocabulary",
  },
  { idea: "backpropagation", path: "autograd/tape.ts", becomes: "the very same file" },
  { idea: "gradient descent", path: "optim/sgd.ts", becomes: "an optimiser" },
  {
    idea: "a better descent",
    path: "optim/muon_adamw.ts",
    becomes: "what trains the GPT",
  },
  { idea: "the training loop", path: "gpt/train/loop.ts", becomes: "the same five steps" },
  { idea: "writing words", path: "gpt/generate/engine.ts", becomes: "text, from a prompt" },
];
