import { assert, assertEquals } from "@std/assert";
import { GPT } from "../../gpt/mod.ts";
import { type Device, Tensor } from "../../tensor/mod.ts";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { relativeDeviation } from "../../testing/golden.ts";
import type { Group } from "./answer_sampler.ts";
import { computeAdvantages, policyGradientLoss, rolloutBatch } from "./policy_gradient.ts";
import { addGradients } from "./policy_step.ts";

/** Answers of different lengths, some of whose tokens a tool wrote. */
function group(prompt: number[], rewards: number[]): Group {
  const rollouts = rewards.map((reward, i) => {
    const ids = Array.from({ length: 1 + (i * 5 + prompt.length) % 7 }, (_, at) => 7 * at + i);
    return { ids, mask: ids.map((_, at) => at === 2 ? 0 : 1), reward };
  });
  return { prompt, rollouts };
}

const groups = [
  group([3], [1, 0, 0, 0.5]),
  group([9, 8, 7, 6, 5], [1, 1, 1, 1]),
  group([1, 2, 3], [0, 0, 0, 1]),
];
const settings = {
  deviceBatchSize: 2,
  examplesPerStep: 3,
  temperature: 1,
  format: { ends: [60] },
};

function openModel(device: Device): GPT {
  const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
  const model = new GPT({ ...shape, windowPattern: "L" }, device, { seed: 1 });
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lm_head/.test(name)) continue;
    parameter.assign(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 7) / 2));
  }
  return model;
}

/** Asserts that two models have the same gradients but for rounding. */
async function assertSameGradients(model: GPT, reference: GPT): Promise<void> {
  const wanted = reference.parameters();
  let compared = 0;
  for (const [name, { grad }] of model.parameters()) {
    const [got, expected] = await Promise.all([grad!.data(), wanted.get(name)!.grad!.data()]);
    // With two layers, the backout only scales what is normed: its gradient is 0 but for rounding.
    if (Array.from(expected).every((x) => Math.abs(Number(x)) < 1e-6)) continue;
    compared++;
    const deviation = relativeDeviation(Array.from(got, Number), Array.from(expected, Number));
    assert(deviation < 1e-5, `${name}: ${deviation}`);
  }
  assert(compared > 10, `${compared}`);
}

testOnEveryDevice(
  "answers to several questions have the gradients that nanochat's passes add up to",
  async (device) => {
    const [model, reference] = [openModel(device), openModel(device)];
    addGradients(model, groups, settings);
    for (const { prompt, rollouts } of groups) {
      const advantages = computeAdvantages(rollouts.map(({ reward }) => reward));
      for (const first of [0, 2]) {
        using _scope = device.scope();
        const rows = rollouts.slice(first, first + 2).map((row) => ({ ...row, prompt }));
        const batch = rolloutBatch(rows, 60);
        const sampled = batch.targets.filter((id) => id >= 0).length;
        const weights = advantages.slice(first, first + 2).map((one) => one / sampled);
        // Two passes for each of three questions.
        policyGradientLoss(reference, batch, weights).div(6).backward();
      }
    }
    await assertSameGradients(model, reference);
  },
);

testOnEveryDevice("a step whose groups have no signal has no gradients", (device) => {
  const model = openModel(device);
  addGradients(model, [groups[1]!], settings);
  assertEquals([...model.parameters().values()].filter(({ grad }) => grad !== null), []);
});

testOnEveryDevice(
  "a shown answer has the gradient of fine-tuning, whatever else is in the step",
  async (device) => {
    const [model, reference] = [openModel(device), openModel(device)];
    const shown = { ids: [4, 8, 15, 16], mask: [1, 0, 1, 1] };
    const prompt = [2, 3, 5];
    const noRoom = { prompt, rollouts: [], shown: { ids: [7], mask: [0] } };
    addGradients(model, [{ prompt, rollouts: [], shown }, noRoom, groups[0]!], settings);
    addGradients(reference, [groups[0]!], settings);
    {
      using _scope = device.scope();
      const inputs = Tensor.from(device, Int32Array.of(2, 3, 5, 4, 8, 15), { shape: [1, 6] });
      const targets = Tensor.from(device, Int32Array.of(-1, -1, 4, -1, 15, 16), { shape: [1, 6] });
      // The mean over three tokens, of one of three questions.
      reference.forward(inputs, targets, { reduction: "none" }).sum().div(9).backward();
    }
    await assertSameGradients(model, reference);
  },
);
