import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { SequentialLoader } from "../../data/mod.ts";
import { noGrad, openDevice, Tensor } from "../../tensor/mod.ts";
import { evaluateBitsPerByte } from "./evaluate.ts";
import { GPT } from "../model/model.ts";
import { tinyPlan, tinyTexts, tinyTokenizer } from "../testing/tiny.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const tokenizer = await tinyTokenizer();
const model = new GPT(tinyPlan().config, device, { seed: 3 });
const tokens = Int32Array.from(
  tinyTexts.flatMap((text) => tokenizer.encode(text, { prepend: "<|bos|>" })).slice(0, 600),
);
const bytes = tokenizer.tokenBytes();

/** The same from the loss of each token, row by row, summed in double precision. */
async function reference(rows: number): Promise<number> {
  let [nats, count] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const part = tokens.slice(row * 16, row * 16 + 17);
    const targets = part.slice(1);
    const losses = await noGrad(() =>
      model.forward(
        Tensor.from(device, part.slice(0, 16), { shape: [1, 16] }),
        Tensor.from(device, targets, { shape: [1, 16] }),
        { reduction: "none" },
      )
    ).data();
    targets.forEach((id, i) => {
      if (bytes[id]! > 0) nats += losses[i]!;
      count += bytes[id]!;
    });
  }
  return nats / Math.log(2) / count;
}

Deno.test("bits per byte count every target but special tokens, whatever the batch size", async () => {
  const wanted = await reference(Math.floor((tokens.length - 1) / 16));
  for (const batchSize of [1, 7, 64]) {
    const batches = new SequentialLoader({ tokens, batchSize, sequenceLength: 16 });
    assertAlmostEquals(await evaluateBitsPerByte(model, batches, bytes), wanted, 1e-5);
  }
});

Deno.test("targets that are ignored count neither as bits nor as bytes", async () => {
  const batches = new SequentialLoader({ tokens, batchSize: 1, sequenceLength: 16 });
  const { inputs, targets } = await batches.take();
  const wanted = await reference(1);
  const twice = {
    inputs: new Int32Array([...inputs, ...inputs]),
    targets: new Int32Array([...targets, ...new Int32Array(16).fill(-1)]),
    shape: [2, 16] as [number, number],
  };
  const list = (async function* () {
    yield twice;
  })();
  assertAlmostEquals(await evaluateBitsPerByte(model, list, bytes), wanted, 1e-5);
});

Deno.test("an evaluation leaks nothing", async () => {
  const own = await openDevice("cpu", { threads: 1, blas: false });
  const ownModel = new GPT(tinyPlan().config, own);
  const before = own.live;
  const batches = new SequentialLoader({ tokens, batchSize: 2, sequenceLength: 16 });
  await evaluateBitsPerByte(ownModel, batches, bytes);
  assertEquals(own.live, before);
  await own.close();
});

Deno.test("an evaluation refuses targets outside the vocabulary, and targets without text", async () => {
  const batch = (target: number) =>
    (async function* () {
      yield {
        inputs: new Int32Array(16),
        targets: new Int32Array(16).fill(target),
        shape: [1, 16] as [number, number],
      };
    })();
  await assertRejects(
    () => evaluateBitsPerByte(model, batch(300), bytes),
    RangeError,
    "wanted targets below 300, the size of the vocabulary, got 300",
  );
  await assertRejects(
    () => evaluateBitsPerByte(model, batch(tokenizer.bos), bytes),
    RangeError,
    "wanted targets that stand for text, got none",
  );
});

Deno.test("a signal stops an evaluation", async () => {
  const batches = new SequentialLoader({ tokens, batchSize: 2, sequenceLength: 16 });
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(
    () => evaluateBitsPerByte(model, batches, bytes, { signal }),
    Error,
    "enough",
  );
});
