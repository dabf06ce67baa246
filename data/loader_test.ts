import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { RandomCropLoader } from "./random_crop_loader.ts";
import { SequentialLoader } from "./sequential_loader.ts";

const stream = Uint16Array.from({ length: 1000 }, (_, i) => i);

Deno.test("a random crop is a range of the stream, with targets shifted by one", async () => {
  const loader = new RandomCropLoader({
    tokens: stream,
    seed: 5,
    batchSize: 4,
    sequenceLength: 16,
  });
  const { inputs, targets, shape } = await loader.take();
  assertEquals(shape, [4, 16]);
  for (let i = 0; i < inputs.length; i++) {
    assertEquals(inputs[i], (inputs[i - i % 16] ?? NaN) + i % 16);
    assertEquals(targets[i], (inputs[i] ?? NaN) + 1);
  }
});

Deno.test("random crops reach the first and the last token, at uniform positions", async () => {
  const tokens = stream.subarray(0, 12);
  const loader = new RandomCropLoader({ tokens, seed: 5, batchSize: 1, sequenceLength: 8 });
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) {
    const start = (await loader.take()).inputs[0] ?? NaN;
    counts[start] = (counts[start] ?? NaN) + 1;
  }
  const chiSquare = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  // A correct sampler exceeds 16.3 once in a thousand runs, with 3 degrees of freedom.
  assertEquals([counts.length, chiSquare < 16.3], [4, true], `${counts}`);
});

Deno.test("random crops depend on the seed and the row number, not on the batch size", async () => {
  const options = { tokens: stream, seed: 5, batchSize: 4, sequenceLength: 16 };
  const four = await new RandomCropLoader(options).take();
  const two = new RandomCropLoader({ ...options, batchSize: 2 });
  assertEquals(
    four.inputs,
    Int32Array.of(...(await two.take()).inputs, ...(await two.take()).inputs),
  );
  assertNotEquals((await new RandomCropLoader({ ...options, seed: 6 }).take()).inputs, four.inputs);
});

Deno.test("random crops resume from the state of every batch", async () => {
  const options = { tokens: stream, seed: 5, batchSize: 3, sequenceLength: 10 };
  const loader = new RandomCropLoader(options);
  let last = await loader.take();
  for (let i = 0; i < 10; i++) {
    const resumed = new RandomCropLoader({
      ...options,
      state: JSON.parse(JSON.stringify(last.state)),
    });
    last = await loader.take();
    assertEquals(await resumed.take(), last);
  }
});

Deno.test("a sequential loader has every token but the first as a target once, then ends", async () => {
  for (const length of [17, 18, 100, 113, 1000]) {
    const loader = new SequentialLoader({
      tokens: stream.subarray(0, length),
      batchSize: 3,
      sequenceLength: 16,
    });
    const batches = await Array.fromAsync(loader);
    const targets = batches.flatMap((batch) => [...batch.targets]);
    const rows = Math.floor((length - 1) / 16);
    assertEquals(targets, Array.from({ length: rows * 16 }, (_, i) => i + 1));
    assertEquals(batches.flatMap((batch) => [...batch.inputs]), targets.map((id) => id - 1));
    assertEquals(batches.map((batch) => batch.shape[0]).reduce((a, b) => a + b), rows);
    assertEquals(loader.rows, rows);
    await assertRejects(() => loader.take(), RangeError, "got the end of the data");
  }
});

Deno.test("a sequential loader resumes from the state of every batch", async () => {
  const options = { tokens: stream, batchSize: 7, sequenceLength: 10 };
  const batches = await Array.fromAsync(new SequentialLoader(options));
  for (const [index, { state }] of batches.entries()) {
    const rest = new SequentialLoader({ ...options, state: JSON.parse(JSON.stringify(state)) });
    assertEquals(await Array.fromAsync(rest), batches.slice(index + 1));
  }
});

Deno.test("leaving a loop loses no batch, and concurrent requests resolve in order", async () => {
  const loader = new SequentialLoader({ tokens: stream, batchSize: 1, sequenceLength: 10 });
  const firsts: (number | undefined)[] = [];
  for await (const { inputs } of loader) {
    firsts.push(inputs[0]);
    if (firsts.length % 2 === 0) break;
  }
  for await (const { inputs } of loader) {
    firsts.push(inputs[0]);
    break;
  }
  for (const { inputs } of await Promise.all([loader.take(), loader.take()])) {
    firsts.push(inputs[0]);
  }
  assertEquals(firsts, [0, 10, 20, 30, 40]);
});

Deno.test("a stream shorter than a batch is an error", () => {
  const tokens = stream.subarray(0, 33);
  assertThrows(
    () => new RandomCropLoader({ tokens, seed: 1, batchSize: 2, sequenceLength: 16 }),
    RangeError,
    "Cannot fill a batch from the stream: wanted 34 or more tokens, got 33",
  );
  assertThrows(
    () =>
      new RandomCropLoader({ tokens, name: "a.txt", seed: 1, batchSize: 2, sequenceLength: 16 }),
    RangeError,
    "Cannot fill a batch from a.txt: wanted",
  );
  assertThrows(
    () => new SequentialLoader({ tokens, batchSize: 1, sequenceLength: 33 }),
    RangeError,
    "Cannot fill a row from the stream: wanted 34 or more tokens, got 33",
  );
});

Deno.test("invalid sizes, seeds and states are errors that name them", () => {
  const options = { tokens: stream, seed: 1, batchSize: 2, sequenceLength: 16 };
  assertThrows(
    () => new RandomCropLoader({ ...options, batchSize: 0 }),
    RangeError,
    "wanted a whole batchSize of 1 or more, got 0",
  );
  assertThrows(
    () => new RandomCropLoader({ ...options, sequenceLength: 1.5 }),
    RangeError,
    "sequenceLength of 1 or more, got 1.5",
  );
  assertThrows(
    () => new RandomCropLoader({ ...options, seed: NaN }),
    RangeError,
    "wanted a whole number as seed, got NaN",
  );
  const state = { seed: 2, sequenceLength: 16, streamLength: 1000, rows: 3 };
  assertThrows(
    () => new RandomCropLoader({ ...options, state }),
    Error,
    "wanted a state with seed 1, got 2",
  );
  assertThrows(
    () => new RandomCropLoader({ ...options, state: { ...state, seed: 1, rows: -1 } }),
    TypeError,
    "wanted a whole number for rows in the state, got -1",
  );
  const long = JSON.parse(`"${"x".repeat(500)}"`);
  const { message } = assertThrows(
    () => new RandomCropLoader({ ...options, state: { ...state, seed: long } }),
  ) as Error;
  assertEquals(message.split(", got ")[1], `"${"x".repeat(79)}…`);
  assertThrows(
    () => new SequentialLoader({ ...options, state: JSON.parse("null") }),
    Error,
    "got undefined",
  );
});

Deno.test("a stream that is a list, and sizes that are texts, are named", () => {
  const tokens = [1, 2, 3] as unknown as Int32Array;
  const size = { batchSize: 1, sequenceLength: 1 };
  for (
    const open of [
      () => new RandomCropLoader({ tokens, seed: 1, ...size }),
      () => new SequentialLoader({ tokens, ...size }),
    ]
  ) {
    assertThrows(open, TypeError, "wanted tokens in an Int32Array or Uint16Array, got [1,2,3]");
  }
  assertThrows(
    () => new SequentialLoader({ tokens: stream, ...size, batchSize: "8" as unknown as number }),
    RangeError,
    'wanted a whole batchSize of 1 or more, got "8"',
  );
});
