import { getEventListeners } from "node:events";
import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine, type LanguageModel } from "../../gpt/mod.ts";
import { StoppedClock } from "../../testing/clock.ts";
import { openTinyModel } from "../testing/tiny_server.ts";
import { Batcher, type GenerationRequest, type HeldCache, QueueFullError } from "./batcher.ts";

const options: Omit<GenerationRequest, "prompt"> = {
  maxTokens: 24,
  choices: 1,
  temperature: 0,
  topK: 0,
  topP: 1,
  seed: 5,
  topLogprobs: null,
};

type Model = Awaited<ReturnType<typeof openTinyModel>>;

function batcherTest(name: string, body: (model: Model) => Promise<void>): void {
  Deno.test(name, async () => {
    const opened = await openTinyModel();
    await body(opened);
    await opened.device.close();
  });
}

/** The tokens of each choice. */
async function tokensOf(batcher: Batcher, request: GenerationRequest): Promise<number[][]> {
  const tokens = Array.from({ length: request.choices }, (): number[] => []);
  await batcher.generate(request, (choice, { token }) => {
    tokens[choice]!.push(token);
    return true;
  });
  return tokens;
}

const prompts = Array.from(
  { length: 9 },
  (_, i) => Array.from({ length: 1 + 7 * i % 40 }, (_, j) => (i * 31 + j * 17) % 256),
);

for (const temperature of [0, 0.9]) {
  const how = temperature === 0 ? "greedy" : "sampled with a seed";
  batcherTest(`a request's tokens, ${how}, are the same alone and in a batch`, async (opened) => {
    const { model, tokenizer } = opened;
    const requests = prompts.map((prompt, i) => ({
      ...options,
      prompt,
      temperature,
      topP: i % 3 === 0 ? 0.9 : 1,
      topK: i % 2 * 20,
      seed: i,
      maxTokens: 8 + 5 * i,
      choices: 1 + i % 2,
    }));
    const alone: number[][][] = [];
    for (const request of requests) {
      const batcher = new Batcher(model, tokenizer);
      alone.push(await tokensOf(batcher, request));
      await batcher.close();
    }
    const batcher = new Batcher(model, tokenizer, { maxSequences: 7, prefillTokens: 16 });
    assertEquals(await Promise.all(requests.map((each) => tokensOf(batcher, each))), alone);
    // The second time, prompts are found in the KV caches of the first.
    assertEquals(await Promise.all(requests.map((each) => tokensOf(batcher, each))), alone);
    assertEquals(batcher.statistics.cachedTokens > 0, true);
    await batcher.close();
    assertNotEquals(alone[3], alone[4]);
  });
}

batcherTest("greedy tokens are those of the engine, and so are sampled ones", async (opened) => {
  const { model, tokenizer } = opened;
  const batcher = new Batcher(model, tokenizer);
  for (const sampling of [{ temperature: 0 }, { temperature: 1, topK: 10, seed: 9 }]) {
    const wanted: number[] = [];
    const engine = new Engine(model, tokenizer);
    const steps = engine.generate(prompts[4]!, { ...sampling, maxTokens: 30 });
    for await (const { tokens } of steps) wanted.push(tokens[0]!);
    const request = { ...options, ...sampling, prompt: prompts[4]!, maxTokens: 30 };
    assertEquals(await tokensOf(batcher, request), [wanted]);
  }
  await batcher.close();
});

batcherTest("tokens are sampled on the device, and only they are read", async (opened) => {
  const { model, device, tokenizer } = opened;
  const { vocabSize } = model.config;
  const batcher = new Batcher(model, tokenizer);
  const read: number[] = [];
  const original = device.read;
  device.read = (allocation, offset, length) => {
    read.push(length);
    return original.call(device, allocation, offset, length);
  };
  const ask = (more: Partial<GenerationRequest>) =>
    [[1], [2], [3]].map((prompt) => tokensOf(batcher, { ...options, prompt, ...more }));
  const few = { maxTokens: 6, temperature: 0.7 };
  await Promise.all(ask(few));
  // The logits after the prompts are sampled on the host, as several choices may follow from them.
  assertEquals(read.toSpliced(0, read.lastIndexOf(4 * 3 * vocabSize) + 1), Array(5).fill(4 * 3));
  read.length = 0;
  const logprobs = await Promise.all(ask({ ...few, topLogprobs: 1, choices: 2 }));
  assertEquals(read.includes(4 * 6 * vocabSize), true);
  assertEquals(
    logprobs.map(([first]) => first),
    await Promise.all(ask(few).map(async (each) => (await each)[0]!)),
  );
  device.read = original;
  await batcher.close();
});

batcherTest(
  "memory is as before when all requests have ended",
  async ({ model, device, tokenizer }) => {
    const before = device.live;
    for (let round = 0; round < 2; round++) {
      const batcher = new Batcher(model, tokenizer, { maxSequences: 4, keptBytes: 100_000 });
      await Promise.all(
        prompts.map((prompt, i) => {
          const signal = AbortSignal.timeout(i % 3 === 0 ? 1 : 10_000);
          return tokensOf(batcher, { ...options, prompt, signal }).catch(() => {});
        }),
      );
      await batcher.close();
    }
    assertEquals(device.live, before);
  },
);

batcherTest("a request that is given up leaves its place to the next", async (opened) => {
  const { model, tokenizer } = opened;
  const batcher = new Batcher(model, tokenizer, { maxSequences: 1, maxQueue: 1 });
  const leaving = new AbortController();
  const { promise: hasBegun, resolve } = Promise.withResolvers<void>();
  const endless = { ...options, prompt: [1], maxTokens: 2000, temperature: 1 };
  const first = batcher.generate({ ...endless, signal: leaving.signal }, () => {
    resolve();
    return true;
  });
  await hasBegun;
  const second = tokensOf(batcher, { ...options, prompt: [2], maxTokens: 3 });
  assertThrows(() => batcher.generate({ ...endless, prompt: [3] }, () => true), QueueFullError);
  leaving.abort(new Error("left"));
  await assertRejects(() => first, Error, "left");
  assertEquals((await second)[0]!.length, 3);
  assertEquals([batcher.running, batcher.statistics.cancelled], [0, 1]);
  await batcher.close();
});

batcherTest("only requests that find no place in the batch count as waiting", async (opened) => {
  const { model, tokenizer } = opened;
  for (
    const [maxQueue, choices, accepted] of [[0, 1, 4], [0, 2, 2], [1, 2, 3], [0, 3, 1]] as const
  ) {
    const batcher = new Batcher(model, tokenizer, { maxSequences: 4, maxQueue });
    const request = { ...options, prompt: [1], maxTokens: 3, choices };
    batcher.checkRoom(accepted, choices);
    assertThrows(() => batcher.checkRoom(accepted + 1, choices), QueueFullError);
    const leaving = new AbortController();
    const left = batcher.generate({ ...request, signal: leaving.signal }, () => true);
    const others = Array.from({ length: accepted - 1 }, () => tokensOf(batcher, request));
    assertThrows(() => batcher.generate(request, () => true), QueueFullError);
    leaving.abort(new Error("left"));
    await assertRejects(() => left, Error, "left");
    others.push(tokensOf(batcher, request));
    assertEquals((await Promise.all(others)).length, accepted);
    await batcher.close();
  }
});

batcherTest("a signal of many requests does not hold on to those that ended", async (opened) => {
  const { model, tokenizer } = opened;
  const batcher = new Batcher(model, tokenizer);
  const { signal } = new AbortController();
  for (let i = 0; i < 3; i++) {
    await tokensOf(batcher, { ...options, prompt: [1], maxTokens: 2, signal });
  }
  const failing = batcher.generate({ ...options, prompt: [1], signal }, () => {
    throw new Error("nobody takes it");
  });
  await assertRejects(() => failing, Error, "nobody takes it");
  assertEquals(getEventListeners(signal, "abort").length, 0);
  await batcher.close();
});

batcherTest("what cannot be sampled fails one request, and the others go on", async (opened) => {
  const { model, tokenizer } = opened;
  const batcher = new Batcher(model, tokenizer);
  const failing = batcher.generate({ ...options, prompt: [4] }, () => {
    throw new Error("nobody takes it");
  });
  const other = tokensOf(batcher, { ...options, prompt: [5] });
  await assertRejects(() => failing, Error, "nobody takes it");
  assertEquals((await other)[0]!.length > 0, true);
  await batcher.close();
  assertThrows(() => batcher.generate({ ...options, prompt: [4] }, () => true), Error, "closed");
});

batcherTest(
  "a request is answered however soon it follows on the end of another",
  async (opened) => {
    const { model, tokenizer } = opened;
    const batcher = new Batcher(model, tokenizer);
    const request = { ...options, prompt: [1], maxTokens: 2 };
    for (let turns = 0; turns < 12; turns++) {
      await batcher.generate(request, () => true);
      for (let i = 0; i < turns; i++) await null;
      const { finishReasons } = await batcher.generate(request, () => true);
      assertEquals(finishReasons, ["length"]);
    }
    await batcher.close();
  },
);

batcherTest("short steps share a turn of the event loop", async (opened) => {
  const { model, tokenizer } = opened;
  const { setImmediate } = globalThis;
  using clock = new StoppedClock();
  let turns = 0;
  globalThis.setImmediate = ((callback: () => void) => {
    turns++;
    return setImmediate(callback);
  }) as typeof setImmediate;
  const batcher = new Batcher(model, tokenizer, { onStep: () => clock.pass(0.5) });
  try {
    await tokensOf(batcher, { ...options, prompt: [1], maxTokens: 100 });
    // One in two milliseconds.
    assertEquals(turns, 25);
    clock.pass(100);
    await tokensOf(batcher, { ...options, prompt: [1], maxTokens: 1 });
    assertEquals(turns, 26);
  } finally {
    globalThis.setImmediate = setImmediate;
  }
  await batcher.close();
});

batcherTest("a long prompt is prefilled in chunks, while others go on", async (opened) => {
  const { model, tokenizer } = opened;
  const batcher = new Batcher(model, tokenizer, { prefillTokens: 20 });
  const read: number[] = [];
  const { promise: hasBegun, resolve } = Promise.withResolvers<void>();
  const short = batcher.generate({ ...options, prompt: [1, 2], maxTokens: 60 }, () => {
    read.push(batcher.statistics.promptTokens);
    resolve();
    return true;
  });
  await hasBegun;
  const prompt = Array.from({ length: 200 }, (_, i) => i * 7 % 256);
  const wanted = new Engine(model, tokenizer)
    .generateBatch(prompt, { maxTokens: 5, temperature: 0 });
  const [tokens] = await tokensOf(batcher, { ...options, prompt, maxTokens: 5 });
  assertEquals([...prompt, ...tokens!], (await wanted).tokens[0]);
  await short;
  const chunks = read.slice(1).map((tokens, i) => tokens - read[i]!);
  assertEquals(chunks.every((tokens) => tokens <= 20), true, `${chunks}`);
  assertEquals(chunks.filter((tokens) => tokens > 0).length >= 10, true, `${chunks}`);
  await batcher.close();
});

batcherTest("a short prompt does not wait for the end of a long one", async (opened) => {
  const { model, tokenizer } = opened;
  const batcher = new Batcher(model, tokenizer, { prefillTokens: 16 });
  const prompt = Array.from({ length: 200 }, (_, i) => i * 7 % 256);
  const first: { name: string; read: number }[] = [];
  const ask = (name: string, prompt: readonly number[]) =>
    batcher.generate({ ...options, prompt, maxTokens: 1 }, () => {
      first.push({ name, read: batcher.statistics.promptTokens });
      return true;
    });
  await Promise.all([ask("long", prompt), ask("short", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0])]);
  // In two steps of equal shares.
  assertEquals(first.map(({ name }) => name), ["short", "long"]);
  assertEquals(first[0]!.read <= 32, true, `${first[0]!.read}`);
  await batcher.close();
});

batcherTest(
  "a beginning that prompts share is prefilled once, although they come together",
  async (opened) => {
    const { model, tokenizer } = opened;
    const batcher = new Batcher(model, tokenizer, { prefillTokens: 16 });
    const system = Array.from({ length: 100 }, (_, i) => i * 7 % 256);
    const requests = [1, 2, 3, 4].map((last) => ({
      ...options,
      prompt: [...system, last, last, last],
      maxTokens: 5,
    }));
    const together = await Promise.all(requests.map((each) => tokensOf(batcher, each)));
    assertEquals(batcher.statistics.promptTokens, 103 + 3 * 3);
    assertEquals(batcher.statistics.cachedTokens, 3 * 100);
    await batcher.close();
    for (const [i, request] of requests.entries()) {
      const alone = new Batcher(model, tokenizer);
      assertEquals(await tokensOf(alone, request), together[i]);
      await alone.close();
    }
  },
);

/** A model with a device that has no room for more than some tokens of KV cache. */
function withLimit(model: Model["model"], most: number): LanguageModel {
  const caches = new Set<{ capacity: number; dispose(): void }>();
  return {
    device: model.device,
    config: model.config,
    maximumLength: model.maximumLength,
    createCache(batchSize, capacity) {
      const taken = [...caches].reduce((sum, { capacity }) => sum + capacity, capacity);
      if (taken > most) throw new RangeError(`Cannot reserve ${capacity} tokens`);
      const cache = model.createCache(batchSize, capacity);
      caches.add(cache);
      const dispose = cache.dispose.bind(cache);
      cache.dispose = () => void (caches.delete(cache), dispose());
      return cache;
    },
    forward: (ids, targets, given) => model.forward(ids, targets, given),
    decode: (ids, given, counts) => model.decode(ids, given, counts),
  };
}

batcherTest("a request without room fails alone, and what is kept makes room", async (opened) => {
  const { model, tokenizer } = opened;
  const limited = withLimit(model, 100);
  const batcher = new Batcher(limited, tokenizer);
  const first = { ...options, prompt: [1, 2, 3], maxTokens: 40 };
  const running = tokensOf(batcher, first);
  const large = tokensOf(batcher, { ...options, prompt: [4], maxTokens: 90 });
  await assertRejects(() => large, RangeError, "Cannot reserve 91 tokens");
  assertEquals((await running)[0]!.length, 40);
  // The cache of the first has been kept; now it is freed.
  assertEquals(
    (await tokensOf(batcher, { ...options, prompt: [4], maxTokens: 90 }))[0]!.length,
    90,
  );
  assertThrows(
    () => batcher.generate({ ...options, prompt: [1, 300] }, () => true),
    RangeError,
    "wanted ids below 298, got 300",
  );
  await batcher.close();
});

batcherTest(
  "requests with a common prefix find room where kept caches filled it",
  async (opened) => {
    const { model, tokenizer } = opened;
    const prefix = [5, 6, 7, 8, 9, 10, 11, 12];
    const batcher = new Batcher(withLimit(model, 100), tokenizer);
    for (let last = 20; last < 27; last++) {
      const request = { ...options, prompt: [...prefix, last], maxTokens: 20 };
      const alone = await tokensOf(new Batcher(model, tokenizer), request);
      assertEquals(await tokensOf(batcher, request), alone);
      // Each choice has a cache of its own.
      const both = await tokensOf(batcher, { ...request, choices: 2 });
      assertEquals(both, [...alone, ...alone]);
    }
    await batcher.close();
  },
);

batcherTest(
  "caches fill by a token a step, and are kept or freed when requests end",
  async (opened) => {
    const { model, tokenizer } = opened;
    for (const keptBytes of [2 ** 28, 0]) {
      const seen: HeldCache[][] = [];
      const batcher: Batcher = new Batcher(model, tokenizer, {
        keptBytes,
        onStep: () => seen.push(batcher.caches),
      });
      const request = { ...options, prompt: [1, 2, 3], maxTokens: 6 };
      await Promise.all([
        tokensOf(batcher, request),
        tokensOf(batcher, { ...request, prompt: [4, 5, 6, 7, 8], maxTokens: 3, choices: 2 }),
      ]);
      const of = (request: number, choice: number) =>
        seen.map((caches) => caches.find((one) => one.request === request && one.choice === choice))
          .flatMap((one) => one === undefined ? [] : [[one.phase, one.position, one.capacity]]);
      // The last token that is sampled is not read any more.
      const first = [3, 4, 5, 6, 7].map((position) => ["decode", position, 9]);
      const others = [5, 6].map((position) => ["decode", position, 8]);
      const kept = (position: number, capacity: number) =>
        keptBytes === 0 ? [] : [["kept", position, capacity]];
      assertEquals(of(0, 0), [...first, ...kept(8, 9)]);
      assertEquals(of(1, 0), [...others, ...Array(4).fill(kept(7, 8)).flat()]);
      assertEquals(of(1, 1).slice(0, 2), others);
      assertEquals(batcher.statistics.steps, 5);
      assertEquals(batcher.caches.length > 0, keptBytes > 0);
      await batcher.close();
      assertEquals(batcher.caches, []);
    }
  },
);
