import { assert, assertAlmostEquals, assertLess } from "@std/assert";
import { type Device, type FloatType, openDevice, Tensor } from "../../tensor/mod.ts";
import { float16Test, gpuTest } from "../../testing/gpu.ts";
import type { GPTConfig } from "../model/config.ts";
import { estimateMemory, estimateSeconds } from "./estimate.ts";
import { GPT } from "../model/model.ts";
import { planTraining, type ScalingOptions } from "./scaling.ts";

const small = { sequenceLen: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 64, windowPattern: "L" };

/** Peak bytes of two steps, and bytes saved by a forward pass. */
async function measure(
  device: Device,
  config: GPTConfig,
  batchSize: number,
  batches = 1,
  computeDtype: FloatType = "float32",
): Promise<{ peak: number; activations: number }> {
  const model = new GPT(config, device, { computeDtype });
  const optimizer = model.optimizer();
  let activations = 0;
  for (let step = 0; step < 2; step++) {
    for (let batch = 0; batch < batches; batch++) {
      using _scope = device.scope();
      const before = device.memory.liveBytes;
      const shape = [batchSize, config.sequenceLen];
      const ids = Tensor.from(
        device,
        new Int32Array(batchSize * config.sequenceLen).map((_, i) => i % config.vocabSize),
        { shape },
      );
      const loss = model.forward(ids, ids);
      activations = device.memory.liveBytes - before;
      loss.backward();
    }
    optimizer.step();
    optimizer.zeroGrad();
  }
  // Wait, so that the device can be closed.
  await device.synchronize();
  return { peak: device.memory.peakBytes, activations };
}

const cases: [string, GPTConfig, number, number][] = [
  ["the logits", { ...small, vocabSize: 1000 }, 8, 1],
  ["the head", { ...small, vocabSize: 4096 }, 1, 1],
  ["the layers", { ...small, nLayer: 5, vocabSize: 64 }, 4, 1],
  ["the optimizer", { ...small, nEmbd: 128, sequenceLen: 16, vocabSize: 300 }, 1, 1],
  ["several batches", { ...small, vocabSize: 1000 }, 4, 2],
  ["shared keys", { ...small, nHead: 4, nKvHead: 1, nLayer: 3, nEmbd: 128, vocabSize: 512 }, 8, 1],
];

Deno.test("the estimated memory is within 5 % of the memory used, whatever dominates", async (t) => {
  for (const [name, config, deviceBatchSize, gradAccumSteps] of cases) {
    await t.step(name, async () => {
      const device = await openDevice("cpu", { threads: 1, blas: false });
      const measured = await measure(device, config, deviceBatchSize, gradAccumSteps);
      await device.close();
      const estimated = estimateMemory({ config, deviceBatchSize, gradAccumSteps });
      assertLess(Math.abs(estimated.peak / measured.peak - 1), 0.05);
      assertLess(Math.abs(estimated.activations / measured.activations - 1), 0.05);
    });
  }
});

for (const [name, config, deviceBatchSize, gradAccumSteps] of cases) {
  gpuTest(`the estimated memory is within 5 % of what WebGPU uses for ${name}`, async (device) => {
    const measured = await measure(device, config, deviceBatchSize, gradAccumSteps);
    const estimated = estimateMemory({ config, deviceBatchSize, gradAccumSteps });
    assertLess(Math.abs(estimated.peak / measured.peak - 1), 0.05);
    // The rest of the pool is free for the next step.
    assertLess(device.statistics.bufferBytes, 1.5 * measured.peak);
  });
}

gpuTest(
  "the estimated memory is within 15 % if attention scores take much of it",
  async (device) => {
    const config = { ...small, sequenceLen: 256, nHead: 4, nKvHead: 4, nEmbd: 128, vocabSize: 512 };
    const measured = await measure(device, config, 1);
    const estimated = estimateMemory({ config, deviceBatchSize: 1, gradAccumSteps: 1 });
    assertLess(Math.abs(estimated.peak / measured.peak - 1), 0.15);
  },
);

for (const [name, config, deviceBatchSize, gradAccumSteps] of cases) {
  float16Test(`the estimate holds in half precision for ${name}`, async (device) => {
    const computeDtype = "float16";
    const measured = await measure(device, config, deviceBatchSize, gradAccumSteps, computeDtype);
    const shape = { config, deviceBatchSize, gradAccumSteps };
    const estimated = estimateMemory({ ...shape, computeDtype });
    assertLess(Math.abs(estimated.peak / measured.peak - 1), 0.05);
    assertLess(Math.abs(estimated.activations / measured.activations - 1), 0.05);
    // With that few tokens, converted weights take more than is saved.
    if (name === "the optimizer") return;
    assertLess(estimated.activations, estimateMemory(shape).activations);
  });
}

Deno.test("the estimate holds in bfloat16, where a library multiplies it faster", async (t) => {
  for (const [name, config, deviceBatchSize, gradAccumSteps] of cases) {
    const device = await openDevice("cpu", { threads: 1 });
    // Elsewhere copies of the operands in single precision come on top.
    const ignore = device.kind !== "cpu" || device.bfloat16Speed < 1;
    await t.step({
      name: ignore ? `${name} (ignored: none is faster)` : name,
      ignore,
      fn: async () => {
        const shape = {
          config,
          deviceBatchSize,
          gradAccumSteps,
          computeDtype: "bfloat16",
        } as const;
        const measured = await measure(
          device,
          config,
          deviceBatchSize,
          gradAccumSteps,
          "bfloat16",
        );
        const estimated = estimateMemory(shape);
        assertLess(Math.abs(estimated.peak / measured.peak - 1), 0.05);
        assertLess(Math.abs(estimated.activations / measured.activations - 1), 0.05);
      },
    });
    await device.close();
  }
});

/** Peak memory of a process that trains and saves once, divided by the estimate. */
async function processMemoryRatio(plan: Partial<ScalingOptions>): Promise<number> {
  const path = new URL("../testing/train_and_save.ts", import.meta.url).href;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, JSON.stringify(plan)],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { peak, estimated } = JSON.parse(new TextDecoder().decode(stdout));
  return peak / estimated;
}

const processCases: [string, Partial<ScalingOptions>][] = [
  ["Deno itself", {}],
  ["a checkpoint and a tokenizer", {
    aspectRatio: 64,
    headDim: 64,
    vocabSize: 23_704,
    maxSeqLen: 32,
  }],
];

for (const [name, plan] of processCases) {
  Deno.test({
    name: `the estimated memory of the process is roughly right if ${name} dominates`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const ratio = await processMemoryRatio(plan);
      assert(ratio > 0.5 && ratio < 1.1, `used ${ratio} of the estimate`);
    },
  });
}

Deno.test("the estimated time counts the model and Muon's orthogonalization", () => {
  const plan = planTraining({
    depth: 1,
    vocabSize: 64,
    aspectRatio: 32,
    headDim: 32,
    maxSeqLen: 16,
    deviceBatchSize: 1,
    totalBatchSize: 16,
    numIterations: 10,
  });
  // One layer: four matrices of 32 × 32, two of 32 × 128, a gate of 1 × 12. Two of the iterations
  // touch the long ones; these take 9 + 5 symmetric matmuls besides.
  const square = 4 * 5 * (3 * 32 * 32 * 32 + 32 ** 3);
  const wide = 2 * (2 * 3 * 32 * 128 * 32 + 14 * 32 ** 3);
  const gate = 2 * 3 * 1 * 12 * 1 + 14;
  const flops = plan.totalFlops + 10 * (square + wide + gate);
  assertAlmostEquals(estimateSeconds(plan, 1e9), flops / 0.8e9, 1e-12);
});
