/** Everything that takes a model takes one of another architecture, too. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  ChatSession,
  evaluateCore,
  evaluateGenerative,
  prepareFineTuning,
  prepareReinforcement,
  ruleConversations,
} from "../chat/mod.ts";
import { listRuns, stagePath } from "../chat/internals.ts";
import { letters } from "../chat/testing/letters.ts";
import {
  type Checkpoint,
  Engine,
  evaluateBitsPerByte,
  inspect,
  loadModel,
  openCheckpoint,
  saveCheckpoint,
  type TrainingEvent,
  untrained,
  writeText,
} from "../gpt/mod.ts";
import { measureInference } from "../gpt/internals.ts";
import { Bigram, bigram } from "../gpt/testing/bigram.ts";
import { type Device, openDevice, Tensor } from "../tensor/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { serve } from "./mod.ts";

const words = { common: ["river", "cloud"], many: ["stone"], heldOut: ["house"] };
const countries = [{ name: "France", capital: "Paris", currency: "euro" }];
const task = await ruleConversations(40, { countries, words });
const tokenizer = await Tokenizer.train(
  Array.from({ length: 40 }, (_, i) => JSON.stringify(task.get(i))),
  { vocabSize: 300 },
);
const config = { vocabSize: 300, sequenceLen: 64, width: 8 };

function secondModelTest(name: string, body: (model: Bigram, device: Device) => Promise<void>) {
  Deno.test(name, async () => {
    const device = await openDevice("cpu", { threads: 1, blas: false });
    await body(new Bigram(config, device, 1), device);
    await device.close();
  });
}

/** A checkpoint of the model, opened with the list of architectures. */
async function saved(model: Bigram): Promise<Checkpoint> {
  const folder = await Deno.makeTempDir();
  await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
  return await openCheckpoint(folder, undefined, { architectures: [bigram] });
}

/** The tokens that follow most likely, by hand. */
async function likeliest(model: Bigram, token: number, count: number): Promise<number[]> {
  const tokens: number[] = [];
  for (let last = token; tokens.length < count; tokens.push(last)) {
    const logits = model.forward(Tensor.from(model.device, [[last]], { dtype: "int32" }));
    const values = await logits.data();
    last = values.indexOf(Math.max(...values));
  }
  return tokens;
}

secondModelTest("the engine samples from a second model, one or several at once", async (model) => {
  const engine = new Engine(model, tokenizer);
  const options = { maxTokens: 12, temperature: 0 };
  const wanted = await likeliest(model, 5, 12);
  for (const samples of [1, 3]) {
    const { tokens } = await engine.generateBatch([9, 5], { ...options, samples });
    assertEquals(tokens, Array.from({ length: samples }, () => [9, 5, ...wanted]));
  }
  const text = await Array.fromAsync(writeText(model, tokenizer, "river", { maxTokens: 5 }));
  assert(text.length > 0);
  using session = new ChatSession(model, tokenizer);
  await Array.fromAsync(session.answer("Hi!", { maxTokens: 8, seed: 1 }));
  assertEquals(session.messages.length, 2);
});

secondModelTest("a server of a second model answers several requests at once", async (model) => {
  const server = await serve(model, tokenizer, { name: "bigram", port: 0 });
  const ask = async (token: number) => {
    const response = await fetch(`${server.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: [1, 2, token], max_tokens: 9, temperature: 0 }),
    });
    return (await response.json()).choices[0].text;
  };
  const tokens = [5, 6, 7, 8];
  const texts = await Promise.all(tokens.map(ask));
  for (const [i, token] of tokens.entries()) {
    assertEquals(texts[i], tokenizer.decode(await likeliest(model, token, 9)));
  }
  await server.stop();
});

secondModelTest("one looks into a second model", async (model) => {
  const { stages, attention, smear, candidates } = await inspect(model, [4, 7], { candidates: 1 });
  assertEquals([stages.length, attention.length, smear.length], [1, 0, 0]);
  const [first] = await likeliest(model, 4, 1);
  assertEquals([candidates[0], stages[0]!.likely[0]], [first, first]);
});

secondModelTest("a second model is evaluated, and its speed measured", async (model) => {
  const inputs = Int32Array.from({ length: 64 }, (_, i) => i);
  const targets = Int32Array.from({ length: 64 }, (_, i) => i + 1);
  const batch = { inputs, targets, shape: [1, 64] as [number, number] };
  const batches = (async function* () {
    yield await Promise.resolve(batch);
  })();
  const bits = await evaluateBitsPerByte(model, batches, new Int32Array(300).fill(1));
  assert(Math.abs(bits - Math.log2(300)) < 2, `${bits}`);
  const examples = [{ context: "one two", continuation: "three" }];
  const { core } = await evaluateCore(model, tokenizer, {
    tasks: [{
      label: "count",
      type: "language_modeling",
      examples,
      fewShot: 0,
      delimiter: " ",
      baseline: 0,
    }],
  });
  assertEquals(core, 0);
  assertEquals((await evaluateGenerative(model, tokenizer, letters)).length, letters.length);
  const sizes = { promptTokens: 8, decodeTokens: 4, bandwidth: 1e10, peakFlops: 1e10 };
  assert((await measureInference(model, 2, sizes)).tokensPerSecond > 0);
});

for (const loraRank of [0, 4]) {
  const how = loraRank === 0 ? "as a whole" : "through adapters";
  secondModelTest(
    `a second model is fine-tuned ${how}, and its run listed`,
    async (model, device) => {
      Deno.env.set("NANODINO_HOME", await Deno.makeTempDir());
      const folder = stagePath("sft", "d1");
      const tuning = await prepareFineTuning({
        device,
        checkpoint: await saved(model),
        folder,
        task,
        sequenceLength: 64,
        deviceBatchSize: 2,
        totalBatchSize: 128,
        numIterations: 16,
        learningRates: { matrixLr: 0.05 },
        loraRank,
        loraLr: 0.05,
        validation: task,
        evalEvery: 16,
        evalTokens: 256,
        saveEvery: -1,
        seed: 1,
      });
      const events: TrainingEvent[] = await Array.fromAsync(tuning.run());
      const bits = events.flatMap((event) =>
        event.kind === "evaluation" ? [event.bitsPerByte] : []
      );
      assert(bits.at(-1)! < 0.9 * bits[0]!, `${bits}`);
      const again = await openCheckpoint(folder, undefined, { architectures: [bigram] });
      assertEquals(again.meta.architecture, "bigram");
      assertEquals(again.meta.modelConfig, config);
      assertEquals(again.meta.parameters, 2 * 300 * 8);
      const loaded = await loadModel(again, device);
      const [before, after] = [model, loaded].map((each) => each.parameters().get("head.weight")!);
      assertNotEquals(await after!.data(), await before!.data());
      const { runs } = await listRuns();
      assertEquals(runs.map(({ name, parameters }) => [name, parameters]), [["sft/d1", 4800]]);
      await assertRejects(
        async () => await loadModel(await openCheckpoint(folder), device),
        RangeError,
        "wanted an architecture of nanochat, got bigram",
      );
    },
  );
}

secondModelTest("a second model is reinforced", async (model, device) => {
  const run = await prepareReinforcement({
    device,
    checkpoint: await saved(model),
    folder: await Deno.makeTempDir(),
    task: letters,
    numIterations: 2,
    examplesPerStep: 2,
    numSamples: 4,
    deviceBatchSize: 2,
    maxNewTokens: 2,
    evalEvery: -1,
    saveEvery: -1,
  });
  const events = await Array.fromAsync(run.run());
  assertEquals(events.at(-1)?.kind, "end");
});
