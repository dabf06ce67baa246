import { pretrainingSchedule } from "./loop.ts";
import { assert, assertEquals } from "@std/assert";
import { RandomCropLoader } from "../../data/mod.ts";
import { openWebGpuDevice } from "../../tensor/devices/webgpu/device.ts";
import { permutationArray } from "../../tensor/mod.ts";
import { watchEventLoop } from "../../testing/event_loop.ts";
import { adapterTest } from "../../testing/gpu.ts";
import { GPT } from "../model/model.ts";
import { planTraining } from "./scaling.ts";
import { train } from "./run.ts";

/** Maximum delay of a server or page, in milliseconds. */
const LONGEST = 50;

interface Seen {
  readonly losses: number[];
  readonly weights: string;
  /** Maximum timer delay in each step, in milliseconds. */
  readonly delays: number[];
}

/** Trains a model of 1.1 million parameters while a timer runs. */
async function trainAndWatch(worker: boolean): Promise<Seen> {
  const plan = planTraining({
    ...{ depth: 2, aspectRatio: 64, headDim: 64, vocabSize: 1024, maxSeqLen: 128 },
    ...{ deviceBatchSize: 4, totalBatchSize: 512, numIterations: 6 },
  });
  const device = await openWebGpuDevice({ worker });
  const model = new GPT(plan.config, device, { seed: 1 });
  const optimizer = model.optimizer({ ...plan.learningRates, weightDecay: 0.1 });
  const tokens = permutationArray(1, 1024);
  const loader = new RandomCropLoader({ tokens, seed: 1, batchSize: 4, sequenceLength: 128 });
  // An evaluation after each step forces a read-back, so each step has its own delay.
  const evaluate = { every: 1, run: () => Promise.resolve(0) };
  await device.synchronize();

  const watch = watchEventLoop();
  const losses: number[] = [];
  const delays: number[] = [];
  for await (
    const event of train({
      model,
      optimizer,
      loader,
      plan,
      setLearningRates: pretrainingSchedule(plan),
      evaluate,
    })
  ) {
    if (event.kind !== "step") continue;
    losses.push(event.loss);
    delays.push(watch.longest());
  }
  watch.stop();
  const values = await Promise.all([...model.parameters().values()].map((each) => each.data()));
  await device.close();
  return { losses, delays, weights: values.map((of) => of.join()).join() };
}

adapterTest("training in a worker gives the same bits, and lets timers run", async () => {
  const direct = await trainAndWatch(false);
  const remote = await trainAndWatch(true);
  assertEquals(remote.losses, direct.losses);
  assert(remote.weights === direct.weights, "the parameters are not the same");
  // Other programs may interrupt, so half of the steps suffice.
  const inTime = remote.delays.filter((delay) => delay < LONGEST).length;
  assert(inTime >= remote.delays.length / 2, `a timer was late by ${remote.delays} ms`);
});
