/**
 * Run by tests as ranks: three steps of a small model, with an optimizer that the ranks share or that
 * each of them has. Each rank prints digests of the parameters and of the optimizer's state.
 */

import { SharedLoader } from "../../data/mod.ts";
import { addressOf, World } from "../../mpi/mod.ts";
import type { MuonAdamW } from "../../optim/mod.ts";
import { type FloatType, openDevice, readSafetensors, type Tensor } from "../../tensor/mod.ts";
import { encodeModel, encodeOptimizer } from "../files/checkpoint_content.ts";
import { GPT } from "../model/model.ts";
import { RunRanks } from "../parallel.ts";
import { pretrainingSchedule, trainingLoop } from "../train/loop.ts";
import { openTinyLoader, tinyPlan } from "./tiny.ts";

const [kind, deviceKind, computeDtype] = Deno.args as [
  "sharded" | "replicated",
  "cpu" | "webgpu",
  FloatType,
];
const world = World.open();
const ranks = new RunRanks(world, addressOf, world.ranks);
const device = await openDevice(deviceKind, { threads: 1 });
const size = { numIterations: 3, totalBatchSize: 32 * ranks.ranks };
const plan = tinyPlan({ ...size, ranks: ranks.ranks });
const model = new GPT(plan.config, device, { seed: ranks.rank, computeDtype });
await ranks.shareParameters(model);
const sharded = ranks.optimizer(model, plan.learningRates);
const whole = model.optimizer(plan.learningRates);

const steps = trainingLoop({
  model,
  optimizer: kind === "sharded" ? sharded : replicated(whole),
  loader: new SharedLoader(await openTinyLoader(plan), ranks),
  plan,
  setLearningRates: pretrainingSchedule(plan),
  firstStep: 0,
  ranks: ranks.ranks,
});
const losses: number[] = [];
for await (const step of steps) {
  losses.push(ranks.sum([await step.losses[0]!.item()])[0]! / ranks.ranks);
}

const bytes = kind === "sharded"
  ? await ranks.encodeOptimizer(sharded)
  : await encodeOptimizer(whole);
const state = bytes === null ? null : await digestOf(bytes);
const parameters = await digestOf(await encodeModel(model));
console.log(JSON.stringify({ rank: ranks.rank, losses, parameters, state }));
ranks.close();
Deno.exit();

/** An optimizer that sums all gradients on all ranks before each step. */
function replicated(optimizer: MuonAdamW): MuonAdamW {
  const step = optimizer.step.bind(optimizer);
  const sumAndStep = async () => {
    for (const parameter of model.parameters().values()) await sumOver(parameter.grad!);
    step();
  };
  return Object.assign(optimizer, { step: sumAndStep });
}

async function sumOver(tensor: Tensor): Promise<void> {
  const values = await tensor.data() as Float32Array<ArrayBuffer>;
  world.allReduce(addressOf(values), values.length, "float32", "sum");
  tensor.assign(values);
}

/** A digest of arrays by name, whatever their order in the file. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  const arrays = [...readSafetensors(bytes)].sort(([a], [b]) => a < b ? -1 : 1);
  const text = JSON.stringify(arrays.map(([name, { data }]) => [name, [...data]]));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
