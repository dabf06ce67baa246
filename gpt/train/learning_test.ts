import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { relativeDeviation } from "../../testing/golden.ts";
import { type Device, openDevice, permutationArray, Tensor } from "../../tensor/mod.ts";
import { GPT } from "../model/model.ts";

const STEPS = 20;
const ROWS = 4;
const config = {
  sequenceLen: 16,
  vocabSize: 64,
  nLayer: 2,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 64,
  windowPattern: "SL",
};
const learningRates = {
  unembeddingLr: 0.004,
  embeddingLr: 0.2,
  matrixLr: 0.02,
  weightDecay: 0.1,
  scalarLr: 0.5,
};

/** The losses of a two-layer model that memorizes four rows of ids. */
async function learn(device: Device): Promise<number[]> {
  const model = new GPT(config, device, { seed: 1 });
  const optimizer = model.optimizer(learningRates);
  const ids = permutationArray(1, config.vocabSize);
  const rows = (values: Int32Array<ArrayBuffer>) =>
    Tensor.from(device, values, { shape: [ROWS, config.sequenceLen] });
  const [inputs, targets] = [rows(ids), rows(ids.map((id) => (id + 1) % config.vocabSize))];
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    using _scope = device.scope();
    const loss = model.forward(inputs, targets);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    losses.push(await loss.item());
  }
  return losses;
}

testOnEveryDevice("twenty steps of training match one thread of the CPU", async (device) => {
  const losses = await learn(device);
  const cpu = await openDevice("cpu", { threads: 1, blas: false });
  const expected = await learn(cpu);
  await cpu.close();
  assertEquals(losses.length, STEPS);
  assert(losses.at(-1)! < losses[0]! / 2, `the loss went from ${losses[0]} to ${losses.at(-1)}`);
  const deviation = relativeDeviation(losses, expected);
  assert(deviation <= 1e-3, `the losses are off by ${deviation}`);
});
