/**
 * Measures what reinforcement learning gains: the reward on held-out questions before and after, for
 * several seeds.
 *
 *     deno run -A bench/reinforcement.ts --task long-arithmetic --seeds 3
 *
 * Begins with the model that was fine-tuned last (`deno task chat`). The last line is one line of JSON.
 */

import process from "node:process";
import { prepareReinforcement } from "../chat/mod.ts";
import { latestRun, rulePractice } from "../chat/internals.ts";
import { openCheckpoint } from "../gpt/mod.ts";
import { decimal, integer, runScript, type Script, text } from "../scripts/flags.ts";
import { alignColumns } from "../scripts/format.ts";
import { benchFlags, openBenchDevice, peakMemory } from "./harness.ts";
import { round } from "./statistics.ts";

const flags = {
  ...benchFlags,
  task: text("long-arithmetic", "What to practice", "NAME"),
  seeds: integer(3, "Runs, each with a seed of its own"),
  numIterations: integer(60, "Steps of a run"),
  examplesPerStep: integer(16, "Questions of a step"),
  numSamples: integer(16, "Answers to each question"),
  deviceBatchSize: integer(8, "Answers sampled in one batch"),
  initLrFrac: decimal(0.2, "The fraction of the learning rates to begin with"),
  maxNewTokens: integer(64, "Maximum tokens of an answer"),
  evalExamples: integer(200, "Held-out questions, each answered as often as fit a batch"),
};

const script: Script<typeof flags> = {
  summary: "Measures the reward on held-out questions before and after reinforcement learning.",
  command: "deno run -A bench/reinforcement.ts",
  flags,
  run: async (values) => {
    const { task: name, numIterations, examplesPerStep, evalExamples } = values;
    const device = await openBenchDevice(values);
    const checkpoint = await openCheckpoint((await latestRun(["sft"])).folder);
    const held = await rulePractice(name, evalExamples, { heldOut: true });
    const runs: { seed: number; rewards: number[]; seconds: number; processor: number }[] = [];
    for (let seed = 1; seed <= values.seeds; seed++) {
      const { run } = await prepareReinforcement({
        ...values,
        initialFraction: values.initLrFrac,
        device,
        checkpoint,
        validation: held,
        folder: await Deno.makeTempDir(),
        seed,
        task: await rulePractice(name, examplesPerStep * numIterations, { seed: 2000 + seed }),
        evalEvery: numIterations,
        saveEvery: -1,
      });
      const [start, usage] = [performance.now(), process.cpuUsage()];
      const rewards: number[] = [];
      for await (const event of run()) {
        if (event.kind === "evaluation") rewards.push(event.passAtK[0]!);
        if (event.kind === "step") {
          console.error(`seed ${seed}, step ${event.step + 1}: reward ${event.reward.toFixed(3)}`);
        }
      }
      const { user, system } = process.cpuUsage(usage);
      const seconds = (performance.now() - start) / 1000;
      runs.push({ seed, rewards, seconds, processor: (user + system) / 1e6 });
    }
    console.log(alignColumns([
      ["seed", "before", "after", "gain", "time", "processor time"],
      ...runs.map(({ seed, rewards, seconds, processor }) => [
        `${seed}`,
        ...rewards.map((reward) => reward.toFixed(3)),
        (rewards[1]! - rewards[0]!).toFixed(3),
        `${round(seconds, 0)} s`,
        `${round(processor, 0)} s`,
      ]),
    ]));
    console.log(JSON.stringify({
      library: "nanodino",
      device: device.info.description,
      config: values,
      model: `${checkpoint.folder}, step ${checkpoint.meta.state.step}`,
      runs,
      peak_rss_mb: peakMemory(),
    }));
    await device.close();
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
