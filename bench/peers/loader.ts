/** The job that measures how long a training step waits for its batch. */

import { PackedLoader, sotuSource } from "../../data/mod.ts";
import { configForDepth, GPT } from "../../gpt/mod.ts";
import { openDevice, Tensor } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { addresses } from "../../tokenizer/testing/texts.ts";
import { type Job, serve } from "./protocol.ts";

const STEPS = 20;

/** `base` steps with MuonAdamW on the addresses. */
async function wait(): Promise<Job> {
  const size = { vocabSize: 4096, maxSeqLen: 256 };
  const tokenizer = await Tokenizer.train(await addresses(), { vocabSize: size.vocabSize });
  const encoder = {
    encode: (text: string) => tokenizer.encode(text),
    bos: tokenizer.special("<|bos|>"),
  };
  const split = await sotuSource().open("train");
  const loader = await PackedLoader.open({
    split,
    encoder,
    seed: 1,
    batchSize: 4,
    sequenceLength: size.maxSeqLen,
  });
  const device = await openDevice("cpu");
  const config = configForDepth({
    depth: 4,
    aspectRatio: 64,
    headDim: 64,
    ...size,
    windowPattern: "L",
  });
  const model = new GPT(config, device, { seed: 1 });
  const optimizer = model.optimizer();
  let waited = 0;
  const step = async () => {
    using _scope = device.scope();
    const start = performance.now();
    const { inputs, targets, shape } = await loader.take();
    waited += performance.now() - start;
    const [x, y] = [inputs, targets].map((ids) => Tensor.from(device, ids, { shape })) as [
      Tensor,
      Tensor,
    ];
    model.forward(x, y).backward();
    optimizer.step();
    optimizer.zeroGrad();
    await device.synchronize();
  };
  for (let i = 0; i < 3; i++) await step();
  return {
    check: [],
    measure: async () => {
      waited = 0;
      const start = performance.now();
      for (let i = 0; i < STEPS; i++) await step();
      return { percent: 100 * waited / (performance.now() - start) };
    },
  };
}

await serve({ wait });
