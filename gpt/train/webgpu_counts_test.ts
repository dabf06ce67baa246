import { assert, assertEquals } from "@std/assert";
import type { RecordingWebGpuDevice } from "../../tensor/devices/webgpu/device.ts";
import { type Device, openDevice, Tensor } from "../../tensor/mod.ts";
import { gpuTest, tinyDevice } from "../../testing/gpu.ts";
import { configForDepth } from "./scaling.ts";
import { GPT } from "../model/model.ts";
import { readNumbers } from "./readback.ts";

const shape = [4, 64];
const config = configForDepth({
  depth: 4,
  aspectRatio: 64,
  headDim: 64,
  vocabSize: 4096,
  maxSeqLen: shape[1]!,
  windowPattern: "L",
});

function randomIds(device: RecordingWebGpuDevice, seed: number): Tensor {
  const ids = Int32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => (i * 31 + seed) % 4096);
  return Tensor.from(device, ids, { shape });
}

gpuTest(
  "a training step of the base model is few dispatches, and creates nothing",
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
    assert(dispatches! <= 430, `${dispatches} dispatches`);
    assert(submits! <= 1, `${submits} submits`);
    assertEquals(readbacks, 1);
    assertEquals(
      made,
      { buffersCreated: 0, pipelinesCompiled: 0, bindGroupsCreated: 0, bufferBytes: 0 },
    );
  },
);

gpuTest("a model with tables larger than a binding trains as on the CPU", async (device) => {
  const plan = { aspectRatio: 32, headDim: 32, vocabSize: 4200, maxSeqLen: 64 };
  const config = configForDepth({ ...plan, depth: 2, windowPattern: "L" });
  const cpu = await openDevice("cpu", { threads: 1, blas: false });
  const losses = async (device: Device): Promise<number[]> => {
    const model = new GPT(config, device, { seed: 1 });
    assert(4 * model.transformer.wte.weight.size > tinyDevice.limits!.maxStorageBufferBindingSize!);
    const optimizer = model.optimizer({ weightDecay: 0.1 });
    const read: number[] = [];
    for (let i = 0; i < 3; i++) {
      using _scope = device.scope();
      const ids = Int32Array.from({ length: 256 }, (_, i) => (i * i * 31) % 4200);
      const inputs = Tensor.from(device, ids, { shape: [4, 64] });
      const targets = Tensor.from(device, ids.map((id) => (id + 1) % 4200), { shape: [4, 64] });
      const loss = model.forward(inputs, targets);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      read.push(await loss.item());
    }
    return read;
  };
  const [got, wanted] = [await losses(device), await losses(cpu)];
  for (const [i, loss] of wanted.entries()) {
    assert(Math.abs(got[i]! / loss - 1) < 1e-4, `step ${i}: the loss is ${got[i]}, wanted ${loss}`);
  }
  await cpu.close();
}, tinyDevice);
