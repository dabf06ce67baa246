import { pretrainingSchedule } from "./loop.ts";
import { assert, assertEquals } from "@std/assert";
import { PackedLoader } from "../../data/mod.ts";
import { type Device, type Profile, type ProfileEvent, Tensor } from "../../tensor/mod.ts";
import { cpuTest, testOnEveryDevice } from "../../testing/every_device.ts";
import { GPT } from "../model/model.ts";
import { encoderOf } from "./pretrain.ts";
import type { ScalingOptions } from "./scaling.ts";
import { tinyPlan, tinySource, tinyTokenizer } from "../testing/tiny.ts";
import { train, type TrainingEvent } from "./run.ts";

const tokenizer = await tinyTokenizer();

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
  const optimizer = model.optimizer(plan.learningRates);
  return await Array.fromAsync(
    train({
      model,
      optimizer,
      loader,
      plan,
      setLearningRates: pretrainingSchedule(plan),
      profile: true,
    }),
  );
}

const profilesOf = (events: readonly TrainingEvent[]) =>
  events.filter((event) => event.kind === "profile");

testOnEveryDevice("a run profiles one whole step, after warmup", async (device) => {
  const profiles = profilesOf(await run(device, { numIterations: 6 }));
  assertEquals(profiles.map(({ step }) => step), [3]);
  const { profile } = profiles[0]!;
  const names = new Set(profile.events.map(({ name }) => name));
  // Something of each: a batch forward, backward, and the optimizer.
  for (const name of ["attention", "rmsNorm gradient", "muon momentum", "adam"]) {
    assert(names.has(name), `${name} is not among ${[...names]}`);
  }
  assert(!names.has("compile kernels"));
  const calls = profile.events.filter(({ name }) => name === "attention").length;
  assertEquals(calls, 2 * 2, "two batches through two layers");
});

cpuTest("operations account for at least 95 % of a step", async (device) => {
  const size = { depth: 1, aspectRatio: 256, headDim: 64, maxSeqLen: 256, totalBatchSize: 512 };
  const { config, learningRates } = tinyPlan(size);
  const model = new GPT(config, device, { seed: 3 });
  const optimizer = model.optimizer(learningRates);
  const ids = Tensor.from(device, new Int32Array(1024).fill(1), { shape: [4, 256] });
  const profileStep = () =>
    device.profile(() => {
      using _scope = device.scope();
      model.forward(ids, ids).backward();
      optimizer.step();
      optimizer.zeroGrad();
    });
  // The first steps compile.
  for (let step = 0; step < 3; step++) await profileStep();
  // Other programs may interrupt any step, but hardly all at the same operation: so the minimum of
  // each operation, and of the time before it, counts. The engine optimizes its code beside the
  // steps, which takes more of them on a busy machine.
  const warm: Profile[] = [];
  const shortest = (duration: (profile: Profile, event: number) => number) =>
    warm[0]!.events.reduce(
      (sum, _, i) => sum + Math.min(...warm.map((profile) => duration(profile, i))),
      0,
    );
  const account = () => {
    const operations = shortest(({ events }, i) => events[i]!.milliseconds);
    const between = shortest(({ events }, i) => events[i]!.start - endOf(events[i - 1]));
    const after = Math.min(
      ...warm.map(({ events, milliseconds }) => milliseconds - endOf(events.at(-1))),
    );
    return { operations, between, share: operations / (operations + between + after) };
  };
  do warm.push(await profileStep()); while (
    warm.length < 5 || account().share < 0.95 && warm.length < 60
  );
  const { operations, between, share } = account();
  assert(share >= 0.95, `${share}: ${operations} ms, and ${between} ms between`);
}, 1);

/** When an event ended; 0 if none. */
function endOf(event: ProfileEvent | undefined): number {
  return event === undefined ? 0 : event.start + event.milliseconds;
}
