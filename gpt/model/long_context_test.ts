/** Memory of long rows: attention must never store a number per pair of tokens. */

import { assert, assertLess } from "@std/assert";
import { openWebGpuDevice } from "../../tensor/devices/webgpu/device.ts";
import { Tensor } from "../../tensor/mod.ts";
import { adapterTest } from "../../testing/gpu.ts";
import { estimateMemory } from "../train/estimate.ts";
import { GPT } from "./model.ts";
import { configForDepth } from "../train/scaling.ts";

/** Memory of a step in bytes: peak in use, and all buffers. */
interface StepMemory {
  readonly peak: number;
  readonly buffers: number;
  readonly estimated: number;
}

/** Trains a model of depth 2 and width 64 for one step, on one row with full attention. */
async function trainOneStep(maxSeqLen: number): Promise<StepMemory> {
  const plan = { depth: 2, aspectRatio: 32, headDim: 64, vocabSize: 512, windowPattern: "L" };
  const config = configForDepth({ ...plan, maxSeqLen });
  const device = await openWebGpuDevice();
  const model = new GPT(config, device, { seed: 1 });
  const optimizer = model.optimizer();
  const ids = Int32Array.from({ length: maxSeqLen + 1 }, (_, i) => i * i % config.vocabSize);
  const row = (from: number) =>
    Tensor.from(device, ids.slice(from, from + maxSeqLen), { shape: [1, maxSeqLen] });
  {
    using _scope = device.scope();
    const loss = model.forward(row(0), row(1));
    loss.backward();
    optimizer.step();
    const value = await loss.item();
    assert(Number.isFinite(value), `the loss of ${maxSeqLen} tokens is ${value}`);
  }
  const { memory: { peakBytes }, statistics: { bufferBytes } } = device;
  await device.close();
  const estimated = estimateMemory({ config, deviceBatchSize: 1 }).peak;
  return { peak: peakBytes, buffers: bufferBytes, estimated };
}

adapterTest(
  "memory of training is linear in the tokens: a model of depth 2 and width 64 takes 8,192 within 512 MB",
  async () => {
    const steps: StepMemory[] = [];
    // The time of attention is not linear, so the last steps to 8,192 are computed.
    for (const tokens of [256, 512, 1024]) {
      const step = await trainOneStep(tokens);
      const off = Math.abs(step.peak / step.estimated - 1);
      assert(off < 0.05, `${tokens} tokens take ${step.peak}, estimated ${step.estimated}`);
      steps.push(step);
    }
    const [short, middle, long] = steps as [StepMemory, StepMemory, StepMemory];
    const growth = (long.peak - middle.peak) / (middle.peak - short.peak);
    assert(Math.abs(growth / 2 - 1) < 0.01, `twice the tokens need ${growth} times as much`);
    // One matrix of 8,192 × 8,192 numbers, of one head, would be 256 MiB.
    assertLess(long.buffers + 14 * (long.buffers - middle.buffers), 512e6);
  },
);
