/**
 * Times a training step.
 *
 *     deno run -A bench/step.ts --device cpu --depth 4 --vocab-size 4096 --max-seq-len 256 --device-batch-size 4
 *
 * The last line is one line of JSON: medians in milliseconds, tokens per second, peak memory.
 */

import { configForDepth, GPT } from "../gpt/browser.ts";
import { AdamW, type MuonAdamW } from "../optim/mod.ts";
import { deriveSeed, type Device, permutationArray, Tensor } from "../tensor/mod.ts";
import { choice, integer, runScript, type Script, text, type Values } from "../scripts/flags.ts";
import { profileFlags, showProfile, wantsProfile } from "../scripts/profile.ts";
import {
  benchFlags,
  dtypeFlag,
  dtypes,
  modelFlags,
  openBenchDevice,
  peakMemory,
} from "./harness.ts";
import { median, round } from "./statistics.ts";

const flags = {
  ...benchFlags,
  ...modelFlags,
  windowPattern: text("L", "Long (L) and short (S) attention windows", "LS"),
  deviceBatchSize: integer(4, "Sequences of a step"),
  ...dtypeFlag,
  optimizer: choice(["muon", "adamw"], "muon", "MuonAdamW, or AdamW for all parameters"),
  steps: integer(10, "Timed steps"),
  warmup: integer(6, "Untimed steps before them, while JavaScript is compiled", { least: 0 }),
  ...profileFlags,
};

const parts = ["forward", "backward", "optimizer", "step"] as const;

const script: Script<typeof flags> = {
  summary: "Times a training step of a GPT on random tokens.",
  command: "deno run -A bench/step.ts",
  flags,
  run: async (values) => {
    const device = await openBenchDevice(values);
    const config = configForDepth(values);
    const computeDtype = dtypes[values.dtype];
    const model = new GPT(config, device, { seed: 1, computeDtype });
    const optimizer = values.optimizer === "adamw"
      ? new AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.01 })
      : model.optimizer({ weightDecay: 0.1 });
    const { loss, times } = await timeSteps(device, model, optimizer, values);
    if (!Number.isFinite(loss)) {
      throw new Error(`Cannot use the times: wanted a finite loss, got ${loss}`);
    }
    const ms = Object.fromEntries(parts.map((part) => [part, round(median(times[part]), 2)]));
    const tokens = values.deviceBatchSize * values.maxSeqLen;
    console.log(device.info.description);
    if (wantsProfile(values)) {
      using _scope = device.scope();
      const [inputs, targets] = randomBatch(device, values, 0);
      const profile = await device.profile(() => {
        model.forward(inputs, targets).backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
      await showProfile("A step", profile, model, values);
    }
    console.log(JSON.stringify({
      library: "nanodino",
      device: device.info.description,
      config: values,
      ms,
      tokens_per_second: round(tokens / median(times.step) * 1000, 1),
      loss: round(loss, 4),
      parameters: [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0),
      live: device.live,
      peak_device_mb: round(device.memory.peakBytes / 2 ** 20, 1),
      peak_rss_mb: peakMemory(),
    }));
    await device.close();
  },
};

export type StepTimes = Record<(typeof parts)[number], number[]>;

export type Timing = Pick<
  Values<typeof flags>,
  "deviceBatchSize" | "maxSeqLen" | "vocabSize" | "steps" | "warmup"
>;

export async function timeSteps(
  device: Device,
  model: GPT,
  optimizer: AdamW | MuonAdamW,
  values: Timing,
): Promise<{ loss: number; times: StepTimes }> {
  const times: StepTimes = { forward: [], backward: [], optimizer: [], step: [] };
  let loss = NaN;
  for (let i = 0; i < values.warmup + 2 * values.steps; i++) {
    // A GPU works while JavaScript records the next commands: waiting after each part would make the
    // step slower than in training. So parts and whole steps are timed alternately.
    const waitsForParts = i % 2 === 0;
    using _scope = device.scope();
    const [inputs, targets] = randomBatch(device, values, i);
    await device.synchronize();
    const wait = async () => {
      if (waitsForParts) await device.synchronize();
      return performance.now();
    };
    const start = performance.now();
    const mean = model.forward(inputs, targets);
    const forward = await wait();
    mean.backward();
    const backward = await wait();
    optimizer.step();
    optimizer.zeroGrad();
    await device.synchronize();
    const end = performance.now();
    loss = await mean.item();
    if (i < values.warmup) continue;
    if (waitsForParts) {
      times.forward.push(forward - start);
      times.backward.push(backward - forward);
      times.optimizer.push(end - backward);
    } else times.step.push(end - start);
  }
  return { loss, times };
}

/** Random inputs and targets of a step. */
export function randomBatch(
  device: Device,
  { deviceBatchSize, maxSeqLen, vocabSize }: Omit<Timing, "steps" | "warmup">,
  step: number,
): [inputs: Tensor, targets: Tensor] {
  const ids = (seed: number) => {
    const shuffled = permutationArray(deriveSeed(1, seed), deviceBatchSize * maxSeqLen);
    const shape = [deviceBatchSize, maxSeqLen];
    return Tensor.from(device, shuffled.map((value) => value % vocabSize), { shape });
  };
  return [ids(2 * step), ids(2 * step + 1)];
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
