import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Device } from "../../tensor/mod.ts";
import { fresh, testOnEveryDevice } from "../../testing/every_device.ts";
import { GPT } from "../model/model.ts";
import { Engine } from "./engine.ts";
import { generateEach } from "./generate_each.ts";

/** Some samples end early: by one of several tokens. */
const tokenizer = {
  special: () => -1,
  encode: () => [],
  decode: () => "",
  ends: [3, 9, 17, 28, 40],
};

const prompts = [
  { prompt: [7, 1, 2], samples: 5, maxTokens: 12, seed: 1 },
  { prompt: [3], maxTokens: 20 },
  { prompt: [8, 8, 1, 60, 2, 31], samples: 0, maxTokens: 4 },
  { prompt: [8, 8, 1, 60, 2, 31], samples: 3, maxTokens: 1, seed: 5 },
  { prompt: [2, 2], samples: 8, maxTokens: 16, seed: 9 },
];

function openModel(device: Device): GPT {
  const shape = { sequenceLen: 32, vocabSize: 64, nLayer: 2, nHead: 2, nKvHead: 1, nEmbd: 32 };
  const model = new GPT({ ...shape, windowPattern: "SL" }, device, { seed: 1 });
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lm_head|smear_lambda|ve_gate/.test(name)) continue;
    parameter.assign(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 7) / 2));
  }
  return model;
}

testOnEveryDevice(
  "many prompts are continued as each is alone, however many fit into a batch",
  async (device) => {
    const model = openModel(device);
    const engine = new Engine(model, tokenizer);
    const lengths: number[] = [];
    for (const sampling of [{ temperature: 1 }, { temperature: 0.7, topK: 5 }]) {
      const wanted = [];
      for (const { prompt, samples = 1, ...options } of prompts) {
        if (samples === 0) {
          wanted.push([]);
          continue;
        }
        const all = await engine.generateBatch(prompt, { ...options, ...sampling, samples });
        wanted.push(all.tokens.map((tokens, i) => ({
          tokens: tokens.slice(prompt.length),
          masks: all.masks[i]!.slice(prompt.length),
          isFinished: tokens.length < prompt.length + options.maxTokens,
        })));
      }
      lengths.push(...wanted.flat().map(({ tokens }) => tokens.length));
      for (const batchSize of [1, 6, 100]) {
        const options = { ...sampling, batchSize };
        assertEquals(await generateEach(model, tokenizer, prompts, options), wanted);
      }
    }
    // Samples that end at once, later, and not at all.
    assert(lengths.includes(0) && lengths.includes(20) && new Set(lengths).size > 6, `${lengths}`);
  },
);

testOnEveryDevice("what a tool answers is forced in each sample by itself", async (device) => {
  const model = openModel(device);
  const plain = { maxTokens: 12, temperature: 1, samples: 4 };
  const bare = { ...tokenizer, ends: [] };
  const { tokens } = await new Engine(model, bare).generateBatch([5], plain);
  const [start, expression, end] = tokens[2]!.slice(3) as [number, number, number];
  const specials: Record<string, number> = {
    "<|python_start|>": start,
    "<|python_end|>": end,
    "<|output_start|>": 50,
    "<|output_end|>": 51,
  };
  const calculating = {
    ...bare,
    special: (name: string) => specials[name] ?? -1,
    encode: (text: string) => [...text].map((character) => character.charCodeAt(0)),
    decode: (ids: number[]) => ids.every((id) => id === expression) ? "2*3" : "",
  };
  const wanted = await new Engine(model, calculating).generateBatch([5], plain);
  const [got] = await generateEach(model, calculating, [{ prompt: [5], ...plain }]);
  assertEquals(got!.map(({ tokens }) => [5, ...tokens]), wanted.tokens);
  assertEquals(got!.map(({ masks }) => [0, ...masks]), wanted.masks);
  assert(got![2]!.masks.includes(0));
});

fresh.testOnEveryDevice(
  "progress is reported, and what is aborted or fails leaves no memory behind",
  async (device) => {
    const model = openModel(device);
    await generateEach(model, tokenizer, prompts, { batchSize: 6 });
    const before = device.live;
    const done: number[] = [];
    await generateEach(model, tokenizer, prompts, { onProgress: (count) => done.push(count) });
    assertEquals(done.at(-1), prompts.length);
    assertEquals(done, done.toSorted((a, b) => a - b));
    assertEquals(device.live, before);

    const controller = new AbortController();
    let steps = 0;
    const options = {
      batchSize: 6,
      signal: controller.signal,
      onProgress: () => void (++steps === 3 && controller.abort(new Error("enough"))),
    };
    await assertRejects(() => generateEach(model, tokenizer, prompts, options), Error, "enough");
    assertEquals([steps, device.live], [3, before]);

    const refused = async (prompt: number[], maxTokens: number, part: string) => {
      const all = [...prompts, { prompt, maxTokens }];
      await assertRejects(() => generateEach(model, tokenizer, all), RangeError, part);
      assertEquals(device.live, before, part);
    };
    await refused([64], 1, "got 64");
    await refused([], 1, "no tokens");
    await refused([1], 1000, "from 1 to 319");
    await refused([1], 0, "maxTokens");
    await refused([1], 2.5, "maxTokens");
    await assertRejects(
      () => generateEach(model, tokenizer, prompts, { batchSize: 0 }),
      RangeError,
      "batchSize from 1 up, got 0",
    );
    const sampling = { temperature: -1 };
    await assertRejects(() => generateEach(model, tokenizer, prompts, sampling), RangeError, "-1");
  },
);
