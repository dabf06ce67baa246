/**
 * A deep-learning stack in TypeScript, from a scalar that remembers where it came from up to a GPT
 * that trains on a corpus and writes.
 *
 * Each module works without those above it: `autograd` differentiates anything, `tensor` puts arrays
 * on a GPU or the CPU, `nn` and `optim` build and train networks, `tokenizer` and `data` turn a
 * corpus into batches, `stories` tells stories that a program can check, `mpi` connects processes,
 * and `gpt` combines them into nanochat. `interchange` and `models` open and export models of other
 * programs, `chat` fine-tunes and evaluates models, and `serve` puts them behind OpenAI's API.
 * `lessons` explains it all with worked examples.
 *
 * @example Fit a line
 * ```ts
 * import { nn, optim, tensor } from "./mod.ts";
 *
 * const device = await tensor.openDevice("cpu", { threads: 1, blas: false });
 * const x = tensor.Tensor.from(device, [[0], [1], [2], [3]]);
 * const y = tensor.Tensor.from(device, [[1], [3], [5], [7]]);
 * const line = new nn.Linear(device, 1, 1, { seed: 1 });
 * const optimizer = new optim.SGD(line.parameters(), { lr: 0.1 });
 * for (let step = 0; step < 200; step++) {
 *   using _scope = device.scope();
 *   optimizer.zeroGrad();
 *   nn.meanSquaredError(line.forward(x), y).backward();
 *   optimizer.step();
 * }
 * const slope = await line.weight.item();
 * if (Math.abs(slope - 2) > 1e-3) throw new Error(`expected 2, got ${slope}`);
 * await device.close();
 * ```
 *
 * @module
 */

export * as autograd from "./autograd/mod.ts";
export * as chat from "./chat/mod.ts";
export * as data from "./data/mod.ts";
export * as gpt from "./gpt/mod.ts";
export * as interchange from "./interchange/mod.ts";
export * as lessons from "./lessons/mod.ts";
export * as models from "./models/mod.ts";
export * as mpi from "./mpi/mod.ts";
export * as nn from "./nn/mod.ts";
export * as optim from "./optim/mod.ts";
export * as serve from "./serve/mod.ts";
export * as stories from "./stories/mod.ts";
export * as tensor from "./tensor/mod.ts";
export * as tokenizer from "./tokenizer/mod.ts";
