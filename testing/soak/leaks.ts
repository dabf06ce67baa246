/** Memory after generations that are broken off, calls that fail, and steps: as before. @module */

import { Engine } from "../../gpt/mod.ts";
import { openTinyModel } from "../../serve/testing/tiny_server.ts";
import { type Device, Tensor } from "../../tensor/mod.ts";
import type { Random } from "./random.ts";
import type { OpenTrial, Trial } from "./trial.ts";

/** Calls with shapes, ids and dtypes that do not fit. */
const MISTAKES: readonly ((x: Tensor) => unknown)[] = [
  (x) => x.matmul(x),
  (x) => x.add(Tensor.ones(x.device, [7])),
  (x) => x.reshape([5, 5]),
  (x) => x.exp().sum().add(1).backward(Tensor.ones(x.device, [2])),
  (x) => x.mul(2).backward(),
  (x) => x.to("int32").softmax(),
  (x) => Tensor.from(x.device, [1, 2, 3], { shape: [2, 2] }),
];

async function fail(device: Device, random: Random): Promise<string> {
  using _scope = device.scope();
  const x = Tensor.ones(device, [2, 3]);
  try {
    random.pick(MISTAKES)(x.mul(random.next()));
  } catch {
    await x.data();
    return "failed calls";
  }
  throw new Error("wanted a call that fails");
}

const memory: Trial = {
  name: "leaks/tensors",
  limit: 120,
  async open(): Promise<OpenTrial> {
    const { model, tokenizer, device } = await openTinyModel(64);
    const engine = new Engine(model, tokenizer);
    const tokens = tokenizer.encode("I have a rose, and you");
    const generate = async (random: Random): Promise<string> => {
      const maxTokens = 1 + random.below(20);
      const end = random.below(maxTokens);
      const options = {
        samples: 1 + random.below(3),
        maxTokens,
        temperature: random.pick([0, 0.7, 1.5]),
        seed: random.below(1000),
      };
      let step = 0;
      for await (const _ of engine.generate(tokens, options)) if (step++ === end) break;
      return "generations";
    };
    const train = (random: Random): Promise<string> => {
      using _scope = device.scope();
      const length = 2 + random.below(30);
      const ids = Tensor.from(device, new Int32Array(length).fill(random.below(100)), {
        shape: [1, length],
      });
      model.forward(ids, ids).backward();
      for (const parameter of model.parameters().values()) parameter.zeroGrad();
      return Promise.resolve("steps");
    };
    const kinds = [generate, (random: Random) => fail(device, random), train];
    return {
      async run(random) {
        const before = [device.live, device.memory.liveBytes];
        const outcome = await random.pick(kinds)(random);
        const after = [device.live, device.memory.liveBytes];
        if (`${before}` !== `${after}`) {
          throw new Error(`wanted ${before} allocations and bytes after ${outcome}, got ${after}`);
        }
        return outcome;
      },
      [Symbol.asyncDispose]: () => device.close(),
    };
  },
};

export const leakTrials: readonly Trial[] = [memory];
