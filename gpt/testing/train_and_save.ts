/**
 * Trains a model for three steps, saves it, and prints its peak memory and the estimate as JSON.
 * Needs Linux.
 *
 *     deno run -A gpt/testing/train_and_save.ts '{"depth": 2}'
 */

import { openDevice } from "../../tensor/mod.ts";
import { estimateMemory } from "../train/estimate.ts";
import { preparePretraining } from "../train/pretrain.ts";
import { tinyPlan, tinyRun, tinyTokenizer } from "./tiny.ts";

const plan = tinyPlan({ numIterations: 3, ...JSON.parse(Deno.args[0] ?? "{}") });
const device = await openDevice("cpu", { threads: 2, blas: false });
const folder = await Deno.makeTempDir();
const run = { ...tinyRun, device, tokenizer: await tinyTokenizer(), folder, plan, saveEvery: 3 };
for await (const _event of (await preparePretraining(run)).run()) {
  // The run saves itself.
}
await device.close();
await Deno.remove(folder, { recursive: true });
const status = await Deno.readTextFile("/proc/self/status");
const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
const estimated = estimateMemory({ ...plan, deviceBatchSize: tinyRun.deviceBatchSize }).process;
console.log(JSON.stringify({ peak, estimated }));
