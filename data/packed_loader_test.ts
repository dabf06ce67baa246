import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { listSource } from "./list_source.ts";
import { PackedLoader, type PackedLoaderOptions } from "./packed_loader.ts";
import { randomBits } from "./shuffle.ts";
import type { Split } from "./source.ts";
import { NaiveFit } from "./testing/naive_fit.ts";
import type { Encoder } from "./token_stream.ts";

const bos = 1000;
/** Texts are their ids, separated by spaces. */
const encoder = { encode: (text: string) => text.split(" ").map(Number), bos, vocabSize: 1001 };

/** Documents of 1 to `longest` tokens, mostly short, with disjoint ids. */
function makeTexts(count: number, longest: number): string[] {
  return Array.from({ length: count }, (_, d) => {
    const length = 1 + Math.floor((randomBits(1, d) / 2 ** 32) ** 2 * longest);
    return Array.from({ length }, (_, i) => (d * 31 + i * 7) % 1000).join(" ");
  });
}

async function makeSplit(texts: string[]): Promise<Split> {
  return await listSource("numbers", [...texts, "0"], 1).open("train");
}

/** The same documents, several per chunk and some chunks empty, as in files. */
function inChunks(texts: string[], perChunk: number): Split {
  const chunks: string[][] = [[]];
  for (let i = 0; i < texts.length; i += perChunk) chunks.push(texts.slice(i, i + perChunk), []);
  return {
    name: 'the train split of "numbers"',
    fingerprint: "numbers",
    bytes: 1e12,
    chunks: chunks.length,
    read: (chunk) => Promise.resolve(chunks[chunk] ?? []),
  };
}

const texts = makeTexts(150, 80);
const size = { batchSize: 3, sequenceLength: 24, bufferSize: 40 };

/** Reference implementation of nanochat's algorithm. */
function packNaively(
  texts: string[],
  rows: number,
  capacity: number,
  bufferSize: number,
): number[][] {
  const waiting = new NaiveFit<number[]>();
  let next = 0;
  return Array.from({ length: rows }, () => {
    const row: number[] = [];
    while (row.length < capacity) {
      while (waiting.size < bufferSize) {
        waiting.add([bos, ...encoder.encode(texts[next++ % texts.length] ?? "")]);
      }
      const room = capacity - row.length;
      const document = waiting.takeLongest(room) ?? waiting.takeShortest() ?? [];
      row.push(...document.slice(0, room));
    }
    return row;
  });
}

Deno.test("packing with whole documents gives nanochat's rows", async () => {
  const options = {
    ...size,
    split: await makeSplit(texts),
    encoder,
    longDocuments: "crop" as const,
  };
  const loader = await PackedLoader.open(options);
  const rows = packNaively(texts, 60, size.sequenceLength + 1, size.bufferSize);
  for (let i = 0; i < rows.length; i += size.batchSize) {
    const { inputs, targets } = await loader.take();
    const batch = rows.slice(i, i + size.batchSize);
    assertEquals([...inputs], batch.flatMap((row) => row.slice(0, -1)));
    assertEquals([...targets], batch.flatMap((row) => row.slice(1)));
  }
});

for (const [kind, longDocuments] of [["cut", "cut"], ["cropped", "crop"]] as const) {
  Deno.test(`every token is accounted for and every row begins with BOS when long documents are ${kind}`, async () => {
    const split = await makeSplit(texts);
    const loader = await PackedLoader.open({ ...size, split, encoder, seed: 3, longDocuments });
    let used = 0;
    for (let i = 0; i < 60; i++) {
      const { inputs, shape: [rows, length], state } = await loader.take();
      for (let row = 0; row < rows; row++) assertEquals(inputs[row * length], bos);
      used += rows * (length + 1);
      const { tokensRead, tokensUsed, tokensCropped, tokensWaiting, croppedShare } =
        loader.statistics;
      assertEquals(tokensUsed, used);
      assertEquals(tokensRead, tokensUsed + tokensCropped + tokensWaiting);
      assertEquals(croppedShare, tokensCropped / (tokensUsed + tokensCropped));
      assert(tokensWaiting >= 0 && state.waiting.length <= 2 * size.bufferSize);
    }
    assert(loader.statistics.documents > texts.length, "more than an epoch");
  });
}

Deno.test("with a buffer of 1, short documents begin rows as often as longer ones, and with many hardly ever", async () => {
  const [short, long] = [1, 2];
  const texts = Array.from({ length: 600 }, (_, d) => {
    const length = (d % 2 === 0 ? 20 : 26) + randomBits(2, d) % 5;
    return [d % 2 === 0 ? short : long, ...Array<number>(length - 1).fill(3)].join(" ");
  });
  const split = await makeSplit(texts);
  const begunByShort = async (bufferSize: number) => {
    const options = { split, encoder, seed: 1, batchSize: 200, sequenceLength: 63, bufferSize };
    const { inputs } = await (await PackedLoader.open(options)).take();
    const first = Array.from({ length: 200 }, (_, row) => inputs[63 * row + 1]);
    return first.filter((kind) => kind === short).length / 200;
  };
  assertAlmostEquals(await begunByShort(1), 0.5, 0.15);
  assertLess(await begunByShort(200), 0.05);
});

Deno.test("every epoch has every document once, in a different order", async () => {
  // Documents fill rows exactly, so each row identifies a document.
  const texts = Array.from(
    { length: 30 },
    (_, d) => Array.from({ length: 8 }, (_, i) => d * 8 + i).join(" "),
  );
  const options = {
    split: await makeSplit(texts),
    encoder,
    seed: 3,
    batchSize: 1,
    sequenceLength: 8,
    bufferSize: 7,
  };
  const loader = await PackedLoader.open(options);
  const seen: number[] = [];
  while (seen.length < 60) seen.push(((await loader.take()).targets[0] ?? NaN) / 8);
  const first = seen.slice(0, 30);
  const second = seen.slice(30);
  const all = Array.from({ length: 30 }, (_, d) => d);
  assertEquals(first.toSorted((a, b) => a - b), all);
  assertEquals(second.toSorted((a, b) => a - b), all);
  assertNotEquals(first, second);
  assertNotEquals(first, all);
  assertEquals(loader.statistics.tokensCropped, 0);
});

Deno.test("a loader without a seed keeps the order of the split in every epoch", async () => {
  const texts = Array.from({ length: 5 }, (_, d) => `${d} ${d}`);
  const options = {
    split: await makeSplit(texts),
    encoder,
    batchSize: 1,
    sequenceLength: 2,
    bufferSize: 1,
  };
  const loader = await PackedLoader.open(options);
  const seen: (number | undefined)[] = [];
  for (let i = 0; i < 10; i++) seen.push((await loader.take()).targets[0]);
  assertEquals(seen, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
});

const few = texts.slice(0, 60);
const kinds: [string, (texts: string[]) => Split | Promise<Split>, number][] = [
  ["kept tokens", makeSplit, 2 ** 26],
  ["chunks of one document", makeSplit, 0],
  ["chunks of many documents", (texts) => inChunks(texts, 20), 0],
];
for (const [name, make, cacheBytes] of kinds) {
  for (const seed of [undefined, 11]) {
    const order = seed === undefined ? "in order" : "shuffled";
    Deno.test(`a loader over ${name}, ${order}, resumes from the state of every batch`, async () => {
      const options: PackedLoaderOptions = {
        ...size,
        split: await make(few),
        encoder,
        cacheBytes,
      };
      if (seed !== undefined) options.seed = seed;
      const loader = await PackedLoader.open(options);
      let last = await loader.take();
      for (let step = 0; step < 60; step++) {
        const resumed = await PackedLoader.open({
          ...options,
          state: JSON.parse(JSON.stringify(last.state)),
        });
        last = await loader.take();
        assertEquals(await resumed.take(), last);
        assertEquals(resumed.statistics, loader.statistics);
      }
      assert(last.state.epoch > 2, "the run passed the end of an epoch");
    });
  }
}

Deno.test("a state resumes with another batch size, and loaders with the same seed agree", async () => {
  const options = { ...size, split: await makeSplit(texts), encoder, seed: 11 };
  const loader = await PackedLoader.open(options);
  const { state } = await loader.take();
  const narrow = await PackedLoader.open({ ...options, batchSize: 1, state });
  const rows = [await narrow.take(), await narrow.take(), await narrow.take()];
  assertEquals(
    (await loader.take()).inputs,
    Int32Array.from(rows.flatMap(({ inputs }) => [...inputs])),
  );
  const other = await PackedLoader.open({ ...options, seed: 12 });
  const same = await PackedLoader.open(options);
  const { inputs } = await same.take();
  assertNotEquals((await other.take()).inputs, inputs);
});

Deno.test("a state of another corpus, order or row length is refused", async () => {
  const options = { ...size, split: await makeSplit(texts), encoder, seed: 11 };
  const { state } = await (await PackedLoader.open(options)).take();
  const resume = (other: Partial<PackedLoaderOptions>): Promise<PackedLoader> =>
    PackedLoader.open({ ...options, state, ...other });
  await assertRejects(() => resume({ seed: 12 }), Error, "wanted a state with seed 12, got 11");
  await assertRejects(
    () => resume({ sequenceLength: 25 }),
    Error,
    "wanted a state with sequenceLength 25, got 24",
  );
  await assertRejects(
    () => resume({ bufferSize: 41 }),
    Error,
    "wanted a state with bufferSize 41, got 40",
  );
  const split = await makeSplit(texts.slice(1));
  await assertRejects(() => resume({ split }), Error, "wanted a state with corpus");
  await assertRejects(() => resume({ cacheBytes: 0 }), Error, "wanted a state with corpus");
  await assertRejects(
    () => resume({ state: { ...state, epoch: -1 } }),
    TypeError,
    "wanted a whole number for epoch",
  );
  await assertRejects(
    () => resume({ state: { ...state, waiting: [0, 1e9] } }),
    RangeError,
    "got 1000000000",
  );
  await assertRejects(
    () => resume({ state: { ...state, waiting: [7, 0] } }),
    RangeError,
    "wanted a chunk below 1, got 7",
  );
});

Deno.test("a corpus shorter than a batch is an error before the first batch", async () => {
  const split = await makeSplit(["1 2 3", "4 5 6"]);
  for (const cacheBytes of [0, 1e6]) {
    await assertRejects(
      () => PackedLoader.open({ split, encoder, batchSize: 3, sequenceLength: 3, cacheBytes }),
      RangeError,
      'Cannot fill a batch from the train split of "numbers": wanted 12 or more tokens, got 8',
    );
  }
});

Deno.test("a corpus without tokens is an error, not an endless loop", async () => {
  const split = await makeSplit(["1 2 3", "4 5 6"]);
  for (const cacheBytes of [0, 1e6]) {
    await assertRejects(
      () =>
        PackedLoader.open({
          split,
          encoder: { ...encoder, encode: () => [] },
          ...size,
          cacheBytes,
        }),
      RangeError,
      "wanted at least one document with text, got none",
    );
  }
});

Deno.test("an id outside the vocabulary is an error that says where it occurred", async () => {
  const split = await makeSplit(["1 2 3", "4 5000 6"]);
  await assertRejects(
    () => PackedLoader.open({ split, encoder, ...size }),
    RangeError,
    'Cannot encode document 0 of chunk 1 of the train split of "numbers": wanted ids that are whole numbers from 0 to 1000, got 5000',
  );
});

Deno.test("a loader of one epoch ends, resumes, and leaves out only what does not fill a row", async () => {
  const split = await makeSplit(texts);
  const options = { ...size, split, encoder, epochs: 1 };
  const loader = await PackedLoader.open(options);
  const batches = await Array.fromAsync(loader);
  const rows = batches.reduce((sum, { shape }) => sum + shape[0], 0);
  const { tokensUsed, tokensCropped, tokensWaiting } = loader.statistics;
  assertEquals(tokensWaiting, 0);
  const ids = texts.reduce((sum, text) => sum + encoder.encode(text).length, 0);
  // Each piece begins with BOS, and documents longer than a row are several.
  assert(tokensUsed + tokensCropped >= ids + texts.length);
  assert(tokensUsed - 25 * rows < 25, "all but what does not fill the last row");
  const seen = new Set(batches.flatMap(({ inputs }) => [...inputs]));
  assert(seen.size > 900, `${seen.size} different ids`);

  const [first, ...rest] = batches;
  const resumed = await PackedLoader.open({ ...options, state: first!.state });
  assertEquals(await Array.fromAsync(resumed), rest);
  await assertRejects(
    () => PackedLoader.open({ ...options, epochs: 0 }),
    RangeError,
    "wanted 1 or more epochs, got 0",
  );
});

Deno.test("a source is no split, and an encoder is needed", async () => {
  const source = listSource("letters", ["ab", "cd"], 1);
  const size = { seed: 1, batchSize: 1, sequenceLength: 1 };
  const open = (split: unknown, encoder: unknown) =>
    PackedLoader.open({ split: split as Split, encoder: encoder as Encoder, ...size });
  const encoder = { encode: () => [1], bos: 0, vocabSize: 2 };
  await assertRejects(
    () => open(source, encoder),
    TypeError,
    'wanted a split, as in await source.open("train"), got {"name":"letters"}',
  );
  const split = await source.open("train");
  await assertRejects(
    () => open(split, undefined),
    TypeError,
    "wanted an encoder with the method encode, got undefined",
  );
});
