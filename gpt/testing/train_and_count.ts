/**
 * Trains a tiny model, counts what it holds after each step, and prints the counts as JSON.
 *
 *     deno run -A --v8-flags=--expose-gc gpt/testing/train_and_count.ts cpu 300 scoped
 */

import { openDevice, permutationArray, Tensor } from "../../tensor/mod.ts";
import { RecordingWebGpuDevice } from "../../tensor/devices/webgpu/device.ts";
import { GPT } from "../model/model.ts";
import { tinyPlan } from "./tiny.ts";

export interface Counts {
  readonly live: number[];
  /** Live allocations after every 20th step, a garbage collection and its finalizers. */
  readonly collected: number[];
  readonly liveBytes: number[];
  /** Resident memory of the process in bytes, after every 20th step and a garbage collection. */
  readonly resident: number[];
  /** The part of it that JavaScript objects take. */
  readonly objects: number[];
  /** Buffers, kernels and bind groups created up to each step; only on WebGPU. */
  readonly created: number[];
  /** Bytes of all buffers, including those waiting for reuse; only on WebGPU. */
  readonly bufferBytes: number[];
}

/**
 * Trains a model of two layers and 32 channels on meaningless ids.
 *
 * @param isScoped Whether each step opens a scope.
 */
export async function trainAndCount(
  kind: "cpu" | "webgpu",
  steps: number,
  isScoped: boolean,
): Promise<Counts> {
  const device = await openDevice(kind, { threads: 2, blas: false });
  const plan = tinyPlan();
  const model = new GPT(plan.config, device, { seed: 1 });
  const optimizer = model.optimizer({ ...plan.learningRates, weightDecay: 0.1 });
  const shape = [2, plan.config.sequenceLen];
  const counts: Counts = {
    live: [],
    liveBytes: [],
    collected: [],
    resident: [],
    objects: [],
    created: [],
    bufferBytes: [],
  };
  for (let step = 0; step < steps; step++) {
    {
      using _scope = isScoped ? device.scope() : null;
      const ids = permutationArray(step, 300).slice(0, 2 * plan.config.sequenceLen);
      const inputs = Tensor.from(device, ids, { shape });
      const loss = model.forward(inputs, inputs);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      await loss.data();
    }
    counts.live.push(device.live);
    counts.liveBytes.push(device.memory.liveBytes);
    if (step % 20 === 0) {
      // Garbage that is not collected yet is no leak.
      Reflect.get(globalThis, "gc")?.();
      await new Promise((resolve) => setTimeout(resolve, 1));
      counts.collected.push(device.live);
      const { rss, heapUsed } = Deno.memoryUsage();
      counts.resident.push(rss);
      counts.objects.push(heapUsed);
    }
    if (device instanceof RecordingWebGpuDevice) {
      const { buffersCreated, pipelinesCompiled, bindGroupsCreated, bufferBytes } =
        device.statistics;
      counts.created.push(buffersCreated + pipelinesCompiled + bindGroupsCreated);
      counts.bufferBytes.push(bufferBytes);
    }
  }
  await device.close();
  return counts;
}

if (import.meta.main) {
  const [kind, steps, scope] = Deno.args;
  if (kind !== "cpu" && kind !== "webgpu") throw new Error(`Cannot train on "${kind}"`);
  console.log(JSON.stringify(await trainAndCount(kind, Number(steps), scope === "scoped")));
}
