import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type SetLearningRates, trainingLoop } from "../../gpt/train/loop.ts";
import type { MuonAdamW } from "../../optim/mod.ts";
import { type Device, Tensor } from "../../tensor/mod.ts";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import {
  goldenTest,
  hasGolden,
  readGoldenJson,
  readGoldenTensors,
  relativeDeviation,
} from "../../testing/golden.ts";
import { noteDeviation } from "../testing/deviations.ts";
import { goldenModel } from "../testing/golden_chat.ts";
import { fineTuningMultiplier } from "./schedule.ts";

interface GoldenRun {
  argv: string[];
  losses: number[];
  micro_batches_drawn_before_each_step: number[];
  steps: { lr: number[]; momentum: number[]; weight_decay: number[] }[];
  sampled: Record<string, { stride: number }>;
  "shaken_by_1e-6": { losses: number[]; params: Record<string, number> };
}

const golden = () => readGoldenJson<{ runs: Record<string, GoldenRun> }>("chat/golden-sft");

Deno.test("the multiplier warms up, stays and falls, and no further than to its end", () => {
  const shape = { warmupRatio: 0.2, warmdownRatio: 0.4, finalFraction: 0.1 };
  assertAlmostEquals(fineTuningMultiplier(0, shape), 5e-8, 1e-12);
  assertAlmostEquals(fineTuningMultiplier(0.1, shape), 0.5, 1e-6);
  assertEquals(fineTuningMultiplier(0.5, shape), 1);
  assertAlmostEquals(fineTuningMultiplier(0.8, shape), 0.55, 1e-12);
  assertAlmostEquals(fineTuningMultiplier(1.5, shape), 0.1, 1e-12);
});

goldenTest("the multiplier is the original's for as long as that one is not negative", () => {
  const { fresh, iterations } = golden().runs;
  // Steps of `fresh` begin after 8, 16, 24 and 31 of 28 conversations.
  const relative = fresh!.steps.map(({ lr }) => lr[0]! / fresh!.steps[0]!.lr[0]!);
  [8, 16, 24].forEach((consumed, i) =>
    assertAlmostEquals(fineTuningMultiplier(consumed / 28), relative[i]!, 1e-9)
  );
  const shape = { warmupRatio: 0.4, warmdownRatio: 0.4, finalFraction: 0.1 };
  const drawn = iterations!.micro_batches_drawn_before_each_step;
  // In the last step the original's progress has passed its end.
  drawn.slice(0, -1).forEach((batches, i) =>
    assertAlmostEquals(
      fineTuningMultiplier((batches + 1) / 12, shape),
      // The full rate of x0_lambdas is 0.5.
      iterations!.steps[i]!.lr[4]! / 0.5,
      1e-6,
      `${i}`,
    )
  );
});

if (hasGolden) {
  for (const name of ["fresh", "warm"]) {
    testOnEveryDevice(
      `losses and parameters of three steps are the original's, from a ${name} optimizer`,
      (device) => checkRun(device, name),
    );
  }
}

/** Trains on the original's batches with its rates, and compares. */
async function checkRun(device: Device, name: string): Promise<void> {
  const run = golden().runs[name]!;
  const tensors = readGoldenTensors("chat/golden-sft");
  const model = goldenModel(device);
  const optimizer = model.optimizer({
    unembeddingLr: 0.002,
    embeddingLr: 0.03,
    matrixLr: 0.005,
    scalarLr: 0.5,
    weightDecay: 0,
  });
  if (name === "warm") loadOriginalState(optimizer, device);
  const batches = ["inputs", "targets"].map((key) =>
    Int32Array.from(tensors.get(`${name}/${key}`)!.data, Number)
  );
  let taken = 0;
  const loader = {
    take: () => {
      const [inputs, targets] = batches.map((ids) => ids.slice(taken * 192, (taken + 1) * 192));
      taken++;
      const shape: [number, number] = [2, 96];
      return Promise.resolve({ inputs: inputs!, targets: targets!, shape, state: null });
    },
  };
  const plan = {
    numIterations: 3,
    gradAccumSteps: 2,
  };
  const setLearningRates: SetLearningRates = (_, step) => {
    const { lr, momentum, weight_decay } = run.steps[step]!;
    optimizer.groups.forEach((group, i) => {
      group.lr = lr[i]!;
      group.weightDecay = weight_decay[i]!;
      if (group.kind === "muon") group.momentum = momentum[0]!;
    });
    return 1;
  };
  const losses: number[] = [];
  for await (
    const step of trainingLoop({ model, optimizer, loader, plan, setLearningRates, firstStep: 0 })
  ) {
    for (const loss of step.losses) losses.push(await loss.item());
  }
  losses.forEach((loss, i) => {
    const deviation = Math.abs(loss - run.losses[i]!) / run.losses[i]!;
    noteDeviation(`golden-sft ${name}, losses`, device, deviation);
    assert(deviation <= 1e-3, `loss ${i}: wanted ${run.losses[i]}, got ${loss}`);
  });
  for (const [parameter, tensor] of model.parameters()) {
    const expected = tensors.get(`${name}/param_3/${parameter}`);
    if (expected === undefined) throw new Error(`no golden data for ${parameter}`);
    const stride = run.sampled[`${name}/param_3/${parameter}`]?.stride ?? 1;
    const values = Array.from(await tensor.data()).filter((_, i) => i % stride === 0);
    const shaken = run["shaken_by_1e-6"].params[parameter] ?? 0;
    const deviation = relativeDeviation(values, Array.from(expected.data, Number));
    noteDeviation(`golden-sft ${name}, parameters after 3 steps`, device, deviation);
    assert(deviation <= Math.max(1e-3, shaken), `${parameter}: ${deviation}`);
  }
}

/** Loads the optimizer state of the original's pretraining, whose names are PyTorch's. */
function loadOriginalState(optimizer: MuonAdamW, device: Device): void {
  const tensors = readGoldenTensors("chat/golden-sft-optimizer");
  const { groups } = readGoldenJson<{
    groups: { kind: string; params: string[]; state?: Record<string, number> }[];
  }>("chat/golden-sft-optimizer");
  const state = new Map<string, Tensor | number>();
  const add = (name: string, data: Float32Array<ArrayBuffer>, shape: readonly number[]) =>
    state.set(name, Tensor.from(device, data, { shape: [...shape] }));
  const read = (name: string) => {
    const { data, shape } = tensors.get(`optimizer/${name}`)!;
    return { data: Float32Array.from(data, Number), shape };
  };
  for (const { kind, params, state: steps = {} } of groups) {
    for (const [i, parameter] of params.entries()) {
      if (kind === "adamw") {
        for (const [ours, theirs] of [["average", "exp_avg"], ["squares", "exp_avg_sq"]] as const) {
          const { data, shape } = read(`${parameter}/${theirs}`);
          add(`${parameter}.${ours}`, data, shape);
        }
        state.set(`${parameter}.step`, steps[`${parameter}/step`]!);
        continue;
      }
      // The original keeps one buffer for all matrices of a group.
      for (
        const [ours, theirs] of [
          ["momentum", "momentum_buffer"],
          ["variance", "second_momentum_buffer"],
        ] as const
      ) {
        const { data, shape: [, ...shape] } = read(`${params[0]}/${theirs}`);
        const size = data.length / params.length;
        add(`${parameter}.${ours}`, data.slice(i * size, (i + 1) * size), shape);
      }
    }
  }
  optimizer.loadStateDict(state);
}
