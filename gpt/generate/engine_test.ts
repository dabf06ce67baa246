import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { type Device, openDevice } from "../../tensor/mod.ts";
import { generateWithoutCache } from "../testing/without_cache.ts";
import { Engine, type GenerateOptions } from "./engine.ts";
import type { EngineTokenizer } from "./row_state.ts";
import { GPT } from "../model/model.ts";

const config = {
  sequenceLen: 24,
  vocabSize: 61,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 32,
  windowPattern: "SL",
};
const prompt = [3, 14, 15, 9, 26];

const bare: EngineTokenizer = {
  special: (name) => {
    throw new RangeError(`no ${name}`);
  },
  encode: () => [],
  decode: () => "",
};

/** A model whose layers matter: projections start at zero. */
function makeModel(device: Device): GPT {
  const model = new GPT(config, device, { seed: 7 });
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|smear_lambda|lm_head/.test(name)) continue;
    parameter.assign(
      Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 1.7 + 1) * 0.5),
    );
  }
  return model;
}

async function firstOf(
  engine: Engine,
  options: Parameters<Engine["generate"]>[1],
): Promise<number[]> {
  const steps = await Array.fromAsync(engine.generate(prompt, options));
  return steps.map(({ tokens }) => tokens[0]!);
}

testOnEveryDevice("generating with a cache equals generating without", async (device) => {
  const model = makeModel(device);
  const engine = new Engine(model, bare);
  for (const options of [{ temperature: 0 }, { temperature: 0.9, seed: 3 }, { topK: 5, seed: 4 }]) {
    const all = { ...options, maxTokens: 12 };
    const plain = await Array.fromAsync(generateWithoutCache(model, prompt, all));
    assertEquals(await firstOf(engine, all), plain, JSON.stringify(options));
    assertEquals(plain.length, 12);
  }
});

fresh.testOnEveryDevice("top-p and penalties change what is sampled", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  const before = device.live;
  const nucleus = { maxTokens: 12, samples: 2, topP: 0.5, seed: 4 };
  const sampled = await engine.generateBatch(prompt, nucleus);
  assertEquals(await engine.generateBatch(prompt, nucleus), sampled);
  assertNotEquals(sampled.tokens[0], sampled.tokens[1]);
  const likeliest = await firstOf(engine, { maxTokens: 20, temperature: 0 });
  assertEquals(await firstOf(engine, { maxTokens: 20, topP: 0 }), likeliest);
  assert(new Set(likeliest).size < 20);
  const penalized = { maxTokens: 20, temperature: 0, presencePenalty: 1000 };
  assertEquals(new Set(await firstOf(engine, penalized)).size, 20);
  assertEquals(device.live, before);
});

fresh.testOnEveryDevice(
  "samples do not depend on how many tokens are read together",
  async (device) => {
    const model = makeModel(device);
    const before = device.live;
    for (const [maxTokens, topK] of [[13, 0], [1, 5], [16, 5]] as const) {
      const all = { maxTokens, topK, samples: 2, temperature: 1.5 };
      const sample = (readEvery: number) =>
        new Engine(model, bare).generateBatch(prompt, { ...all, readEvery });
      const one = await sample(1);
      assertEquals(one.tokens[0]!.length, prompt.length + maxTokens);
      for (const readEvery of [2, 5, 16, 100]) assertEquals(await sample(readEvery), one);
      assertEquals(await new Engine(model, bare).generateBatch(prompt, all), one);
    }
    assertEquals(device.live, before);
  },
);

gpuTest("several tokens are read together, the first of them alone", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  const before = device.statistics.readbacks;
  const readAfter: number[] = [];
  for await (const _step of engine.generate(prompt, { maxTokens: 17, readEvery: 8 })) {
    readAfter.push(device.statistics.readbacks - before);
  }
  assertEquals(readAfter, [1, ...Array(8).fill(2), ...Array(8).fill(3)]);
});

fresh.testOnEveryDevice("weights that are not finite are named when sampling", async (device) => {
  const model = makeModel(device);
  const head = model.parameters().get("lm_head.weight")!;
  head.assign(new Float32Array(head.size).fill(NaN, head.size / 2));
  const engine = new Engine(model, bare);
  const live = device.live;
  for (const options of [{ temperature: 0 }, { temperature: 0.9 }, { topK: 5, samples: 2 }]) {
    const all = { ...options, maxTokens: 4 };
    const wanted = "wanted finite logits, got NaN or infinity in row 0";
    await assertRejects(() => engine.generateBatch(prompt, all), Error, wanted);
    const plain = generateWithoutCache(model, prompt, all);
    await assertRejects(() => plain.next(), Error, wanted);
  }
  assertEquals(device.live, live);
});

testOnEveryDevice(
  "logits that are not finite are reported with their token, however many are read together",
  async (device) => {
    const model = makeModel(device);
    const wanted = await firstOf(new Engine(model, bare), { maxTokens: 4, temperature: 0 });
    // The row of a later token, whose logits are the first NaN.
    const place = wanted.findIndex((token) => !prompt.includes(token));
    const table = model.parameters().get("transformer.wte.weight")!;
    const values = (await table.data()) as Float32Array<ArrayBuffer>;
    values.fill(NaN, wanted[place]! * config.nEmbd, (wanted[place]! + 1) * config.nEmbd);
    table.assign(values);
    for (const readEvery of [1, 2, 8]) {
      const got: number[] = [];
      await assertRejects(
        async () => {
          const options = { maxTokens: 10, temperature: 0, readEvery };
          for await (const { tokens } of new Engine(model, bare).generate(prompt, options)) {
            got.push(tokens[0]!);
          }
        },
        Error,
        "wanted finite logits",
      );
      assertEquals(got, wanted.slice(0, place + 1));
    }
  },
);

cpuTest("the same seed samples the same tokens, another seed others", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  const sample = (seed: number) => firstOf(engine, { maxTokens: 16, temperature: 2, seed });
  assertEquals(await sample(1), await sample(1));
  assertNotEquals(await sample(1), await sample(2));
});

cpuTest("parallel samples are independent", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  const { tokens, masks } = await engine.generateBatch(prompt, {
    samples: 3,
    maxTokens: 10,
    temperature: 2,
  });
  assertEquals(tokens.map((row) => row.slice(0, prompt.length)), [prompt, prompt, prompt]);
  assertEquals(tokens.map((row) => row.length), [15, 15, 15]);
  assertEquals(masks[0], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  assertEquals(new Set(tokens.map((row) => row.join())).size, 3);
  const greedy = await engine.generateBatch(prompt, { samples: 2, maxTokens: 10, temperature: 0 });
  assertEquals(greedy.tokens[0], greedy.tokens[1]);
  const alone = await engine.generateBatch(prompt, { maxTokens: 10, temperature: 0 });
  assertEquals(greedy.tokens[0], alone.tokens[0]);
});

testOnEveryDevice(
  "a sample ends before the token that ends it",
  async (device) => {
    const model = makeModel(device);
    const endless = await firstOf(new Engine(model, bare), { maxTokens: 12, temperature: 0 });
    const end = endless.find((token, i) => i > 2 && endless.indexOf(token) === i)!;
    const ending = { ...bare, special: (name: string) => name === "<|bos|>" ? end : -1 };
    const engine = new Engine(model, ending);
    for (const readEvery of [1, 2, 12]) {
      const steps = await firstOf(engine, { maxTokens: 12, temperature: 0, readEvery });
      assertEquals(steps, endless.slice(0, endless.indexOf(end) + 1));
    }
    const { tokens } = await engine.generateBatch(prompt, { maxTokens: 12, temperature: 0 });
    assertEquals(tokens[0], [...prompt, ...endless.slice(0, endless.indexOf(end))]);
  },
);

testOnEveryDevice("the calculator answers in the middle of a sample", async (device) => {
  const model = makeModel(device);
  const plain = { maxTokens: 20, temperature: 2, seed: 6 };
  const sampled = await firstOf(new Engine(model, bare), plain);
  assertEquals(new Set(sampled.slice(0, 6)).size, 6);
  // The first token is read alone; the others begin and end an expression within a batch.
  for (const begin of [0, 1, 3]) {
    const [start, expression, end] = sampled.slice(begin) as [number, number, number];
    const specials: Record<string, number> = {
      "<|python_start|>": start,
      "<|python_end|>": end,
      "<|output_start|>": 50,
      "<|output_end|>": 51,
    };
    const engine = new Engine(model, {
      special: (name) => specials[name] ?? -1,
      encode: (text) => [...text].map((character) => character.charCodeAt(0)),
      decode: (ids) => ids.every((id) => id === expression) ? "2*3" : "",
    });
    const sample = (readEvery: number) =>
      Array.fromAsync(engine.generate(prompt, { ...plain, readEvery }));
    const steps = await sample(1);
    assertEquals(
      steps.slice(0, begin + 6).map(({ tokens, masks }) => [tokens[0], masks[0]]),
      [
        ...sampled.slice(0, begin + 3).map((token) => [token, 1]),
        ...[[50, 0], ["6".charCodeAt(0), 0], [51, 0]],
      ],
    );
    assertEquals(steps[begin + 6]?.masks[0], 1);
    // Lookahead tokens in place of the output are dropped.
    for (const readEvery of [2, 5, 100]) assertEquals(await sample(readEvery), steps);
  }
});

fresh.cpuTest("a cache frees its memory when the reader leaves early", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  const before = device.live;
  for await (const _step of engine.generate(prompt, { maxTokens: 10 })) break;
  let seen = 0;
  for await (const _step of engine.generate(prompt, { maxTokens: 10, readEvery: 4 })) {
    if (++seen === 3) break;
  }
  await firstOf(engine, { maxTokens: 3 });
  assertEquals(device.live, before);
});

cpuTest("by default, generation ends at the training length", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  assertEquals((await firstOf(engine, {})).length, config.sequenceLen - prompt.length);
  assertEquals((await firstOf(engine, { maxTokens: 0 })).length, 0);
  assertEquals((await firstOf(engine, { maxTokens: 60 })).length, 60);
});

cpuTest("invalid options are refused before anything is computed", async (device) => {
  const engine = new Engine(makeModel(device), bare);
  const refused = async (
    tokens: number[],
    options: Parameters<Engine["generate"]>[1],
    part: string,
  ) => {
    const run = () => Array.fromAsync(engine.generate(tokens, options));
    const error = await assertRejects(run, RangeError) as Error;
    assert(error.message.includes(part), error.message);
  };
  await refused([], {}, "no tokens");
  await refused([61], { maxTokens: 1 }, "got 61");
  await refused(prompt, { samples: 0 }, "got 0");
  await refused(prompt, { maxTokens: 1000 }, "at most 240");
  await refused(prompt, { readEvery: 0 }, "got 0");
  await refused(prompt, { temperature: -1 }, "got -1");
  await refused(prompt, { temperature: NaN }, "got NaN");
  await refused(prompt, { topK: 1.5 }, "got 1.5");
  await refused(prompt, { seed: -1 }, "got -1");
});

testOnEveryDevice(
  "continuing a kept cache equals a single prompt",
  async (device) => {
    const model = makeModel(device);
    const engine = new Engine(model, bare);
    const collect = async (tokens: number[], options: GenerateOptions) => {
      const generated: number[] = [];
      for await (const { tokens: [token] } of engine.generate(tokens, options)) {
        generated.push(
          token!,
        );
      }
      return generated;
    };
    const sampling = { temperature: 0 };
    using _scope = device.scope();
    for (const readEvery of [1, 4]) {
      const cache = model.createCache(1, 40);
      const text = [1, 2, 3];
      for (const [turn, prompt] of [[1, 2, 3], [4, 5], [6]].entries()) {
        if (turn > 0) text.push(...prompt);
        const options = { ...sampling, maxTokens: 6, readEvery };
        const wanted = await collect(text, options);
        const answer = await collect(text.slice(cache.position), { ...options, cache });
        assertEquals(answer, wanted);
        text.push(...answer);
        // The last token is not in the cache.
        assertEquals(cache.position, text.length - 1);
      }
      cache.dispose();
    }
  },
);

Deno.test("a kept cache is for one sample, and must be large enough", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const model = makeModel(device);
  const engine = new Engine(model, bare);
  const cache = model.createCache(1, 8);
  const first = (options: GenerateOptions) => engine.generate([1, 2], { cache, ...options }).next();
  await assertRejects(() => first({ samples: 2 }), RangeError, "wanted 1 sample with a kept cache");
  await assertRejects(() => first({ maxTokens: 7 }), RangeError, "at most 8 in all, the cache's");
  await device.close();
});

fresh.testOnEveryDevice("a generation that fails frees its cache", async (device) => {
  const model = makeModel(device);
  const engine = new Engine(model, bare);
  const options = { maxTokens: 4, temperature: 0 };
  await firstOf(engine, options);
  const before = device.live;
  for (let i = 0; i < 5; i++) {
    const hostile = [1, config.vocabSize + i];
    await assertRejects(() => engine.generateBatch(hostile, options), RangeError, "got 6");
  }
  assertEquals(device.live, before);
  // One that fails after some tokens: the third ends an expression that cannot be decoded.
  const sampled = await firstOf(engine, options);
  assertEquals(new Set(sampled.slice(0, 3)).size, 3);
  const failing = new Engine(model, {
    special: (name) => name === "<|python_start|>" ? sampled[0]! : sampled[2]!,
    encode: () => [],
    decode: () => {
      throw new Error("no such token");
    },
  });
  await assertRejects(() => failing.generateBatch(prompt, options), Error, "no such token");
  assertEquals(device.live, before);
});

gpuTest("a cache that does not fit into memory leaks nothing", async (device) => {
  const model = makeModel(device);
  const before = device.live;
  const options = { samples: 16, maxTokens: 200 };
  await assertRejects(
    () => new Engine(model, bare).generateBatch(prompt, options),
    RangeError,
    "Cannot allocate",
  );
  assertEquals(device.live, before);
}, { memoryLimit: 2 ** 20 });

cpuTest("an empty prompt is refused without a cache, too", async (device) => {
  const generate = () => generateWithoutCache(makeModel(device), [], { maxTokens: 2 }).next();
  await assertRejects(generate, RangeError, "Cannot generate: wanted a prompt, got no tokens");
});
