import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import {
  hasGolden,
  readGoldenJson,
  readGoldenTensors,
  relativeDeviation,
} from "../../testing/golden.ts";
import type { Conversation } from "../../tokenizer/mod.ts";
import { isAnsweredRight } from "../tasks/gsm8k.ts";
import { noteDeviation } from "../testing/deviations.ts";
import { goldenModel, goldenTokenizer } from "../testing/golden_chat.ts";
import { GPT } from "../../gpt/mod.ts";
import { Tensor } from "../../tensor/mod.ts";
import { computeAdvantages, policyGradientLoss, rolloutBatch } from "./policy_gradient.ts";

interface GoldenRl {
  questions_in_order: Conversation["messages"][];
  steps: { lr: number[]; momentum: number[]; weight_decay: number[] }[];
  rollouts: {
    prompt: number[];
    samples: { ids: number[]; mask: number[]; text: string; reward: number; advantage: number }[];
  }[];
  pass_losses: number[];
  sampled: Record<string, { stride: number }>;
}

Deno.test("rows hold prompt, answer and padding, and only sampled tokens are targets", () => {
  const rollouts = [
    { prompt: [1, 2], ids: [7, 8, 9], mask: [1, 0, 1] },
    { prompt: [1, 2], ids: [6], mask: [1] },
  ];
  const { inputs, targets, shape } = rolloutBatch(rollouts, 0);
  assertEquals(shape, [2, 4]);
  assertEquals([...inputs], [1, 2, 7, 8, 1, 2, 6, 0]);
  assertEquals([...targets], [-1, 7, -1, 9, -1, 6, -1, -1]);
  assertEquals(rolloutBatch(rollouts, 0, 6).shape, [2, 5]);
  assertThrows(() => rolloutBatch(rollouts, 0, 4), RangeError, "at most 4 tokens, got 5");
});

Deno.test("a group whose answers are equally good has no advantage", () => {
  assertEquals(computeAdvantages([1, 1, 1]), [0, 0, 0]);
  assertEquals(computeAdvantages([0, 1]), [-0.5, 0.5]);
});

testOnEveryDevice(
  "answers are as likely as at the temperature that they were sampled at",
  async (device) => {
    const shape = { sequenceLen: 8, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
    const model = new GPT({ ...shape, vocabSize: 64, windowPattern: "L" }, device, { seed: 1 });
    // A new model's head is zero, and every token equally likely.
    model.parameters().get("lm_head.weight")!.assign(
      Float32Array.from({ length: 64 * 32 }, (_, i) => Math.sin(i)),
    );
    const rollouts = [
      { prompt: [1, 2], ids: [7, 8], mask: [1, 1] },
      { prompt: [1, 2], ids: [6], mask: [1] },
    ];
    const batch = rolloutBatch(rollouts, 0);
    const weights = [0.75, -0.25];
    const ids = Tensor.from(device, batch.inputs, { shape: batch.shape });
    const logits = await model.forward(ids).data();
    for (const temperature of [1, 0.8]) {
      let wanted = 0;
      batch.targets.forEach((target, i) => {
        if (target < 0) return;
        const row = Array.from(logits.subarray(64 * i, 64 * (i + 1)), (x) => x / temperature);
        const normalizer = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
        wanted += (normalizer - row[target]!) * weights[Math.floor(i / 3)]!;
      });
      const loss = policyGradientLoss(model, batch, weights, temperature);
      assertAlmostEquals(await loss.item(), wanted, 1e-5);
    }
  },
);

if (hasGolden) {
  testOnEveryDevice("rewards, losses and gradients are the original's", async (device) => {
    const golden = readGoldenJson<GoldenRl>("chat/golden-rl");
    const tensors = readGoldenTensors("chat/golden-rl");
    const model = goldenModel(device);
    const padding = goldenTokenizer().special("<|assistant_end|>");
    const learningRates = { unembeddingLr: 0.004, embeddingLr: 0.2, matrixLr: 0.02, scalarLr: 0.5 };
    const optimizer = model.optimizer({ ...learningRates, weightDecay: 0 });
    const parameters = model.parameters();
    let pass = 0;
    for (const [step, { lr, momentum, weight_decay }] of golden.steps.entries()) {
      for (const question of [2 * step, 2 * step + 1]) {
        const { prompt, samples } = golden.rollouts[question]!;
        const problem = { messages: golden.questions_in_order[question]! };
        assertEquals(
          samples.map(({ text }) => isAnsweredRight(problem, text) ? 1 : 0),
          samples.map(({ reward }) => reward),
        );
        const advantages = computeAdvantages(samples.map(({ reward }) => reward));
        assertEquals(advantages, samples.map(({ advantage }) => advantage));
        const width = prompt.length + Math.max(...samples.map(({ ids }) => ids.length));
        for (let first = 0; first < samples.length; first += 2) {
          const rows = samples.slice(first, first + 2).map((row) => ({ ...row, prompt }));
          const batch = rolloutBatch(rows, padding, width);
          const wanted = (name: string) =>
            Array.from(tensors.get(`pass_${pass}/${name}`)!.data, Number);
          assertEquals([...batch.inputs], wanted("inputs"));
          assertEquals([...batch.targets], wanted("targets"));
          using _scope = device.scope();
          // Two passes for each of two questions make the step.
          const sampled = batch.targets.filter((target) => target >= 0).length;
          const weights = advantages.slice(first, first + 2).map((one) => one / sampled / 4);
          const loss = policyGradientLoss(model, batch, weights);
          loss.backward();
          const value = await loss.item();
          const wantedLoss = golden.pass_losses[pass++]!;
          noteDeviation("golden-rl, losses", device, Math.abs(value - wantedLoss));
          assertAlmostEquals(value, wantedLoss, 1e-4);
        }
      }
      for (const [name, parameter] of parameters) {
        const key = `step_${step}/grad/${name}`;
        const stride = golden.sampled[key]?.stride ?? 1;
        const gradient = Array.from(await parameter.grad!.data()).filter((_, i) =>
          i % stride === 0
        );
        const expected = Array.from(tensors.get(key)!.data, Number);
        // Gradients of the second step carry the rounding of the first one's update.
        const deviation = relativeDeviation(gradient, expected);
        noteDeviation(`golden-rl, gradients of step ${step + 1}`, device, deviation);
        assert(deviation <= (step === 0 ? 1e-4 : 1e-3), `${key}: ${deviation}`);
      }
      optimizer.groups.forEach((group, i) => {
        group.lr = lr[i]!;
        group.weightDecay = weight_decay[i]!;
        if (group.kind === "muon") group.momentum = momentum[0]!;
      });
      optimizer.step();
      optimizer.zeroGrad();
    }
  });
}
