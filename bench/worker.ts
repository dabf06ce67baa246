/**
 * Times training steps on WebGPU, direct and in a worker, and how long they block the event loop.
 *
 *     deno run -A bench/worker.ts --depth 4 --vocab-size 4096 --max-seq-len 256 --device-batch-size 4
 *
 * The last line is one line of JSON: medians and maxima in milliseconds, for both.
 */

import { RandomCropLoader } from "../data/mod.ts";
import {
  GPT,
  planTraining,
  pretrainingSchedule,
  type StepEvent,
  train,
  type TrainingEvent,
} from "../gpt/mod.ts";
import { type Device, openDevice, permutationArray } from "../tensor/mod.ts";
import { watchEventLoop } from "../testing/event_loop.ts";
import { integer, runScript, type Script, text, type Values } from "../scripts/flags.ts";
import { median, modelFlags, round } from "./harness.ts";

const flags = {
  ...modelFlags,
  windowPattern: text("L", "Long (L) and short (S) attention windows", "LS"),
  deviceBatchSize: integer(4, "Sequences of a step"),
  steps: integer(6, "Timed steps"),
  warmup: integer(2, "Untimed steps before them", { least: 0 }),
};

const ways = ["direct", "worker"] as const;

const script: Script<typeof flags> = {
  summary: "Compares WebGPU in a worker with direct WebGPU, in alternating steps.",
  command: "deno run -A bench/worker.ts",
  flags,
  run: async (values) => {
    const watch = watchEventLoop();
    const runs = await Promise.all(ways.map(async (way) => {
      const device = await openDevice("webgpu", { worker: way === "worker" });
      return { way, device, steps: startTraining(device, values), ms: [], delays: [] } as Run;
    }));
    for (let step = 0; step < values.warmup + values.steps; step++) {
      for (const { steps, ms, delays } of runs) {
        watch.longest();
        const start = performance.now();
        await nextStep(steps);
        ms.push(performance.now() - start);
        delays.push(watch.longest());
      }
    }
    watch.stop();
    const results = runs.map(({ way, ms, delays }) => {
      const steady = delays.slice(values.warmup);
      return [way, {
        step: round(median(ms.slice(values.warmup)), 1),
        delay: round(median(steady), 1),
        worst_delay: round(Math.max(...steady), 1),
        worst_delay_warmup: round(Math.max(0, ...delays.slice(0, values.warmup)), 1),
      }] as const;
    });
    for (const { device } of runs) console.log(device.info.description);
    for (const [way, { step, delay, worst_delay, worst_delay_warmup }] of results) {
      console.log(
        `${way}: ${step} ms a step; the event loop is blocked for ${delay} ms, at worst ${worst_delay} ` +
          `(${worst_delay_warmup} in the first steps)`,
      );
    }
    console.log(JSON.stringify({ config: values, ms: Object.fromEntries(results) }));
    for (const { device } of runs) await device.close();
  },
};

/** A training run on one device, and the times of its steps in milliseconds. */
interface Run {
  readonly way: (typeof ways)[number];
  readonly device: Device;
  readonly steps: AsyncGenerator<TrainingEvent>;
  readonly ms: number[];
  readonly delays: number[];
}

/** Trains on random tokens, and reads the loss after each step. */
function startTraining(
  device: Device,
  values: Values<typeof flags>,
): AsyncGenerator<TrainingEvent> {
  const { deviceBatchSize: batchSize, maxSeqLen: sequenceLength } = values;
  const plan = planTraining({
    ...values,
    totalBatchSize: batchSize * sequenceLength,
    numIterations: values.warmup + values.steps,
  });
  const model = new GPT(plan.config, device, { seed: 1 });
  const optimizer = model.optimizer(plan.learningRates);
  const tokens = permutationArray(1, values.vocabSize);
  const loader = new RandomCropLoader({ tokens, seed: 1, batchSize, sequenceLength });
  return train({
    setLearningRates: pretrainingSchedule(plan),
    ...{ model, optimizer, loader, plan },
    // An evaluation after every step makes the loop read the loss.
    evaluate: { every: 1, run: () => Promise.resolve(0) },
  });
}

async function nextStep(events: AsyncGenerator<TrainingEvent>): Promise<StepEvent> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) throw new Error("Cannot train: wanted another step, got the end of the run");
    if (value.kind === "step") return value;
  }
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
