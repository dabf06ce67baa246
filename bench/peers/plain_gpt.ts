/** The plain GPT on nanodino. */

import { Embedding, Linear, Module } from "../../nn/mod.ts";
import { AdamW } from "../../optim/mod.ts";
import { attention, crossEntropy, type Device, rmsNorm, Tensor } from "../../tensor/mod.ts";
import { ADAMW, batchOf, NORM_EPSILON, SIZES, startingValues } from "./plain_problem.ts";

const norm = (x: Tensor): Tensor => rmsNorm(x, { epsilon: NORM_EPSILON });

function makeLinear(device: Device, inputs: number, outputs: number): Linear {
  return new Linear(device, inputs, outputs, { seed: 0, bias: false });
}

/** A pre-norm transformer layer: attention, then an MLP. */
class PlainLayer extends Module {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly up: Linear;
  readonly down: Linear;

  constructor(device: Device, width: number) {
    super();
    const make = (inputs: number, outputs: number) => makeLinear(device, inputs, outputs);
    this.query = make(width, width);
    this.key = make(width, width);
    this.value = make(width, width);
    this.output = make(width, width);
    this.up = make(width, 4 * width);
    this.down = make(4 * width, width);
  }

  forward(x: Tensor): Tensor {
    const [batch, tokens, width] = x.shape as [number, number, number];
    const normed = norm(x);
    const heads = (layer: Linear) =>
      layer.forward(normed).reshape([batch, tokens, SIZES.heads, width / SIZES.heads]);
    const attended = attention(heads(this.query), heads(this.key), heads(this.value));
    const y = x.add(this.output.forward(attended.reshape([batch, tokens, width])));
    return y.add(this.down.forward(this.up.forward(norm(y)).reluSquared()));
  }
}

/** The plain GPT, with the initial values that all libraries share. */
export class PlainGPT extends Module {
  readonly embedding: Embedding;
  readonly layers: readonly PlainLayer[];
  readonly head: Linear;

  constructor(device: Device) {
    super();
    const { layers, width, vocabSize } = SIZES;
    this.embedding = new Embedding(device, vocabSize, width, { seed: 0 });
    this.layers = Array.from({ length: layers }, () => new PlainLayer(device, width));
    this.head = makeLinear(device, width, vocabSize);
    const parameters = this.parameters();
    for (const { name, data } of startingValues()) {
      const parameter = parameters.get(name) ?? parameters.get(`${name}.weight`);
      if (parameter === undefined) {
        throw new Error(`Cannot initialize the plain GPT: wanted a parameter "${name}", got none`);
      }
      parameter.assign(data);
    }
  }

  /** Mean cross-entropy of a batch. */
  loss(inputs: Tensor, targets: Tensor): Tensor {
    let x = this.embedding.forward(inputs);
    for (const layer of this.layers) x = layer.forward(x);
    return crossEntropy(this.head.forward(norm(x)), targets);
  }
}

export function plainTraining(device: Device): () => Promise<number> {
  const model = new PlainGPT(device);
  const { lr, beta1, beta2, epsilon, weightDecay } = ADAMW;
  const optimizer = new AdamW(model.parameters(), {
    lr,
    betas: [beta1, beta2],
    eps: epsilon,
    weightDecay,
  });
  const shape = [SIZES.batch, SIZES.tokens];
  let step = 0;
  return async () => {
    using _scope = device.scope();
    const { inputs, targets } = batchOf(step++);
    const loss = model.loss(
      Tensor.from(device, inputs, { shape }),
      Tensor.from(device, targets, { shape }),
    );
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return await loss.item();
  };
}
