import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadModel, openCheckpoint, readMetrics } from "../../gpt/mod.ts";
import { readRunInfo } from "../../gpt/internals.ts";
import { launch, type TestedMpi, testUnderOneMpi } from "../../mpi/testing/ranks.ts";
import type { Conversation } from "../../tokenizer/mod.ts";
import { letters, reinforceLetters as setUp } from "../testing/letters.ts";
import { prepareReinforcement } from "./reinforce.ts";

Deno.test("answers that are rewarded become likelier", async () => {
  const options = await setUp();
  // A process that was killed while it saved leaves this.
  const left = `${options.folder}/model_000006.safetensors.${crypto.randomUUID()}.tmp`;
  await Deno.writeTextFile(left, "");
  const events = await Array.fromAsync((await prepareReinforcement(options)).run());
  const rewards = events.flatMap((event) => event.kind === "step" ? [event.reward] : []);
  assertEquals(rewards.length, 20);
  assert(rewards.at(-1)! > rewards[0]! + 0.3, `${rewards}`);
  const measured = events.flatMap((event) => event.kind === "evaluation" ? [event.passAtK] : []);
  assert(measured[1]![0]! > measured[0]![0]! + 0.3, `${measured}`);
  for (const passAtK of measured) {
    assert(passAtK.every((value, i) => i === 0 || value >= passAtK[i - 1]!), `${passAtK}`);
  }
  assertEquals((await openCheckpoint(options.folder)).meta.state.step, 20);
  const metrics = await readMetrics(`${options.folder}/metrics.jsonl`);
  assertEquals(metrics.filter(({ kind }) => kind === "step").length, 20);
  assertEquals(events.at(-1), { kind: "end", step: 20, finished: true, exitCode: 0 });
  const info = await readRunInfo(options.folder);
  assertEquals([info?.steps, info?.tokensPerStep], [20, null]);
  assertEquals(info?.modelConfig, options.checkpoint.meta.modelConfig);
  await assertRejects(() => Deno.stat(left), Deno.errors.NotFound);
  await options.device.close();
});

Deno.test("answers become more likely in bfloat16 as well, and checkpoints do not depend on it", async () => {
  const options = await setUp({ computeDtype: "bfloat16", evalEvery: -1 });
  const { model, run } = await prepareReinforcement(options);
  assertEquals(model.computeDtype, "bfloat16");
  const rewards: number[] = [];
  for await (const event of run()) if (event.kind === "step") rewards.push(event.reward);
  assert(rewards.at(-1)! > rewards[0]! + 0.3, `${rewards}`);
  const saved = await loadModel(await openCheckpoint(options.folder), options.device);
  assertEquals(saved.computeDtype, "float32");
  await options.device.close();
});

Deno.test("if all answers are equally good, nothing is learned", async () => {
  const task = { ...letters, isRight: () => true };
  const options = await setUp({ task, numIterations: 2, evalEvery: -1 });
  const { model, run } = await prepareReinforcement(options);
  const before = await model.parameters().get("transformer.h.0.mlp.c_fc.weight")!.data();
  for await (const event of run()) {
    if (event.kind === "step") assertEquals([event.reward, event.withoutSignal], [1, 1]);
  }
  assertEquals(await model.parameters().get("transformer.h.0.mlp.c_fc.weight")!.data(), before);
  await options.device.close();
});

Deno.test("answers that are shown become likelier, and count among no rewards", async () => {
  // The task shows "a", and no sampled answer is right.
  const nothing = { ...letters, isRight: () => false, isShown: () => true };
  const options = await setUp({ task: nothing, numIterations: 80, evalEvery: 80 });
  const events = await Array.fromAsync((await prepareReinforcement(options)).run());
  const measured = events.flatMap((event) =>
    event.kind === "evaluation" ? [event.passAtK[0]!] : []
  );
  assert(measured[0]! < 0.5 && measured[1]! > 0.8, `${measured}`);
  for (const event of events) {
    if (event.kind !== "step") continue;
    const { reward, sequenceLength, withoutSignal } = event;
    assertEquals({ reward, sequenceLength, withoutSignal }, {
      reward: 0,
      sequenceLength: 0,
      withoutSignal: 0,
    });
  }
  const isShown = ({ messages }: Conversation) => Number(messages[0]!.content) % 2 === 1;
  const half = { ...letters, isRight: () => true, isShown };
  const all = await prepareReinforcement({ ...options, task: half, numIterations: 2 });
  for await (const event of all.run()) {
    if (event.kind !== "step") continue;
    assertEquals([event.reward, event.withoutSignal], [1, 1]);
    assert(event.sequenceLength > 5, `${event.sequenceLength}`);
  }
  await options.device.close();
});

Deno.test("a run that is stopped saves what it has", async () => {
  const stop = new AbortController();
  const options = await setUp({ signal: stop.signal, evalEvery: -1 });
  let last: unknown;
  for await (const event of (await prepareReinforcement(options)).run()) {
    if (event.kind === "step" && event.step === 1) stop.abort();
    last = event;
  }
  assertEquals(last, { kind: "end", step: 2, finished: false, exitCode: 130 });
  assertEquals((await openCheckpoint(options.folder)).meta.state.step, 2);
  await options.device.close();
});

Deno.test("samples that do not fill their batches are refused", async () => {
  const options = await setUp({ numSamples: 6 });
  await assertRejects(() => prepareReinforcement(options), RangeError, "deviceBatchSize 4, got 6");
  for (const temperature of [0, NaN]) {
    const options = await setUp({ temperature });
    await assertRejects(
      () => prepareReinforcement(options),
      RangeError,
      "temperature above 0, got",
    );
    await options.device.close();
  }
  const task = { ...letters, length: 0 };
  await assertRejects(async () => await prepareReinforcement(await setUp({ task })), RangeError);
  await options.device.close();
});

/** The output of each rank, in order. */
async function runRanks(mpi: TestedMpi | null, ranks: number) {
  const script = new URL("../testing/reinforce_ranks.ts", import.meta.url);
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await launch({ mpi, ranks, script, args: [folder] });
  assertEquals(code, 0, stderr);
  const texts = Array.from({ length: ranks }, (_, i) => Deno.readTextFile(`${folder}/${i}.json`));
  return (await Promise.all(texts)).map((text) => JSON.parse(text));
}

testUnderOneMpi("2 ranks reinforce what one process does", async (mpi) => {
  const [one] = await runRanks(null, 1);
  const [first, second] = await runRanks(mpi, 2);
  assertEquals(first.events, one.events);
  assertEquals(one.events.filter(({ kind }: { kind: string }) => kind === "step").length, 3);
  assertEquals(one.events.at(0).kind, "evaluation");
  assert(one.events.some((event: { withoutSignal?: number }) => event.withoutSignal === 0.5));
  assertEquals([second.events, second.parameters], [first.events, first.parameters]);
  const squares = (values: readonly number[]) => values.reduce((sum, x) => sum + x * x, 0);
  const difference = first.parameters.map((x: number, i: number) => x - one.parameters[i]);
  const rms = Math.sqrt(squares(difference) / squares(one.parameters));
  // Each rank batches the answers of its own questions, so sums are added up in another order, which the
  // normalization of the optimizer makes larger where gradients are small.
  assert(rms < 1e-4, `${rms}`);
});
