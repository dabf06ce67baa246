import { assert, assertEquals } from "@std/assert";
import type { RecordingWebGpuDevice } from "../tensor/devices/webgpu/device.ts";
import { Tensor } from "../tensor/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { configForDepth } from "./scaling.ts";
import { GPT } from "./model.ts";
import { readNumbers } from "./readback.ts";

const shape = [4, 256];
const config = configForDepth({
  ...{ depth: 4, aspectRatio: 64, headDim: 64, vocabSize: 4096, maxSeqLen: shape[1]! },
  windowPattern: "L",
});

function randomIds(device: RecordingWebGpuDevice, seed: number): Tensor {
  const ids = Int32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => (i * 31 + seed) % 4096);
  return Tensor.from(device, ids, { shape });
}

gpuTest(
  "a training step of the base model is few dispatches, and makes nothing new",
  async (device) => {
    const model = new GPT(config, device, { seed: 1 });
    const optimizer = model.optimizer({ weightDecay: 0.1 });
    const step = async (seed: number): Promise<number> => {
      using _scope = device.scope();
      const loss = model.forward(randomIds(device, seed), randomIds(device, seed + 1));
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return (await readNumbers([loss.detach()]))[0]!;
    };
    await step(1);
    await step(2);
    const before = device.statistics;
    assert(Number.isFinite(await step(3)));
    const after = device.statistics;
    const { dispatches, submits, readbacks, ...made } = Object.fromEntries(
      Object.entries(after).map((
        [name, count],
      ) => [name, count - before[name as keyof typeof before]]),
    );
    console.log(`${dispatches} dispatches, ${submits} submits`);
    assert(dispatches! <= 450, `${dispatches} dispatches`);
    assert(submits! <= 4, `${submits} submits`);
    assertEquals(readbacks, 1);
    assertEquals(
      made,
      { buffersCreated: 0, pipelinesCompiled: 0, bindGroupsCreated: 0, bufferBytes: 0 },
    );
  },
);
