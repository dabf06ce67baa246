/**
 * Trains a model for three steps, saves it, and prints its peak memory and the estimate as JSON.
 * Needs Linux.
 *
 *     deno run -A gpt/testing/train_and_save.ts '{"depth": 2}'
 */

import { openDevice } from "../../tensor/mod.ts";
import { estimateMemory } from "../train/estimate.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { preparePretraining } from "../train/pretrain.ts";
import { tinyPlan, tinyRun, tinyTokenizer } from "./tiny.ts";

const plan = tinyPlan({ numIterations: 3, ...JSON.parse(Deno.args[0] ?? "{}") });
const device = await openDevice("cpu", { threads: 2, blas: false });
const folder = await Deno.makeTempDir();
const tokenizer = await tokenizerOf(plan.config.vocabSize);
const run = { ...tinyRun, device, tokenizer, folder, plan, saveEvery: 3 };
for await (const _event of (await preparePretraining(run)).run()) {
  // The run saves itself.
}
await device.close();
await Deno.remove(folder, { recursive: true });
const status = await Deno.readTextFile("/proc/self/status");
const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
const estimated = estimateMemory({ ...plan, deviceBatchSize: tinyRun.deviceBatchSize }).process;
console.log(JSON.stringify({ peak, estimated }));

/** A tokenizer of this size as it is read from its file: the tiny one, and all pairs of bytes. */
async function tokenizerOf(vocabSize: number): Promise<Tokenizer> {
  const { pattern, specialTokens, vocabulary } = await tinyTokenizer();
  const tokens = vocabulary.tokens.slice(0, 256);
  const others = vocabSize - specialTokens.size - tokens.length;
  for (let i = 0; i < others; i++) tokens.push(Uint8Array.of(i >> 8, i));
  const special = [...specialTokens.keys()].map((name, i) => [name, tokens.length + i] as const);
  const made = new Tokenizer({ pattern, tokens, specialTokens: new Map(special) });
  return Tokenizer.fromJSON(JSON.stringify(made));
}
