import { assert, assertEquals } from "@std/assert";
import { PackedLoader } from "../data/mod.ts";
import type { Device, Profile } from "../tensor/mod.ts";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { GPT } from "./model.ts";
import { encoderOf } from "./pretrain.ts";
import type { ScalingOptions } from "./scaling.ts";
import { tinyPlan, tinySource, tinyTokenizer } from "./testing/tiny.ts";
import { train, type TrainingEvent } from "./train.ts";

const tokenizer = await tinyTokenizer();

/** Trains a small model with a profile. */
async function run(device: Device, options: Partial<ScalingOptions>): Promise<TrainingEvent[]> {
  const plan = tinyPlan(options);
  const model = new GPT(plan.config, device, { seed: 3 });
  const split = await tinySource().open("train");
  const batch = { batchSize: 2, sequenceLength: plan.config.sequenceLen };
  const loader = await PackedLoader.open({
    split,
    encoder: encoderOf(tokenizer),
    seed: 1,
    ...batch,
  });
  const optimizer = model.optimizer(plan.rates);
  return await Array.fromAsync(train({ model, optimizer, loader, plan, profile: true }));
}

/** The part of the time that kernels account for. */
function accountedFor({ events, milliseconds }: Profile): number {
  return events.reduce((sum, event) => sum + event.milliseconds, 0) / milliseconds;
}

const profilesOf = (events: readonly TrainingEvent[]) =>
  events.filter((event) => event.kind === "profile");

testOnEveryDevice("a run profiles one whole step, when everything is warm", async (device) => {
  const profiles = profilesOf(await run(device, { numIterations: 6 }));
  assertEquals(profiles.map(({ step }) => step), [3]);
  const { profile } = profiles[0]!;
  const names = new Set(profile.events.map(({ name }) => name));
  // Something of each: a batch forward, backward, and the optimiser.
  for (const name of ["attention", "rmsNorm gradient", "muon momentum", "adam"]) {
    assert(names.has(name), `${name} is not among ${[...names]}`);
  }
  assert(!names.has("compile kernels"));
  const calls = profile.events.filter(({ name }) => name === "attention").length;
  assertEquals(calls, 2 * 2, "two batches through two layers");
});

cpuTest("operations account for at least 95 % of a step", async (device) => {
  // Other programs may take the processor just while JavaScript runs: so the best of some steps counts.
  const size = { aspectRatio: 96, headDim: 64, maxSeqLen: 128, totalBatchSize: 256 };
  const shares: number[] = [];
  while (shares.length < 5 && !(Math.max(...shares) >= 0.95)) {
    const [event] = profilesOf(await run(device, { ...size, numIterations: 4 }));
    shares.push(accountedFor(event!.profile));
  }
  assert(Math.max(...shares) >= 0.95, `${shares}`);
}, 1);
