import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  GPT,
  openCheckpoint,
  openDevice,
  readMetrics,
  saveCheckpoint,
  untrained,
} from "../../gpt/mod.ts";
import { type Conversation, Tokenizer } from "../../tokenizer/mod.ts";
import { type GenerativeTask, listTask } from "../tasks/task.ts";
import { prepareReinforcement, type ReinforceOptions } from "./reinforce.ts";

const tokenizer = await Tokenizer.train([], { vocabSize: 265 });

/** Right is what contains a small letter. */
const letters: GenerativeTask = {
  ...listTask<Conversation>(
    "letters",
    [..."0123456789"].map((content) => ({
      messages: [{ role: "user", content }, { role: "assistant", content: "a" }],
    })),
  ),
  isRight: (_, completion) => /[a-z]/.test(completion.replace(/<\|.*?\|>/g, "")),
};

async function setUp(options: Partial<ReinforceOptions> = {}): Promise<ReinforceOptions> {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  const model = new GPT({ ...shape, vocabSize: 265, windowPattern: "L" }, device, { seed: 1 });
  const base = await Deno.makeTempDir();
  await saveCheckpoint(base, { model, tokenizer, state: untrained, settings: {} });
  return {
    ...{ device, checkpoint: await openCheckpoint(base), folder: await Deno.makeTempDir() },
    ...{ task: letters, validation: letters, numIterations: 20, examplesPerStep: 8 },
    ...{ numSamples: 8, deviceBatchSize: 4, maxNewTokens: 2, initialFraction: 0.3 },
    ...{ evalEvery: 20, saveEvery: -1 },
    ...options,
  };
}

Deno.test("answers that are rewarded become likelier", async () => {
  const options = await setUp();
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
  assertEquals(events.at(-1), { kind: "end", step: 20, finished: true });
  await options.device.close();
});

Deno.test("where all answers are equally good, nothing is learned", async () => {
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

Deno.test("a run that is stopped saves what it has", async () => {
  const stop = new AbortController();
  const options = await setUp({ signal: stop.signal, evalEvery: -1 });
  let last: unknown;
  for await (const event of (await prepareReinforcement(options)).run()) {
    if (event.kind === "step" && event.step === 1) stop.abort();
    last = event;
  }
  assertEquals(last, { kind: "end", step: 2, finished: false });
  assertEquals((await openCheckpoint(options.folder)).meta.state.step, 2);
  await options.device.close();
});

Deno.test("samples that do not fill their batches are refused", async () => {
  const options = await setUp({ numSamples: 6 });
  await assertRejects(() => prepareReinforcement(options), RangeError, "deviceBatchSize 4, got 6");
  const task = { ...letters, length: 0 };
  await assertRejects(async () => await prepareReinforcement(await setUp({ task })), RangeError);
  await options.device.close();
});
