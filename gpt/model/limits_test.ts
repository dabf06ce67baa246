import { assert, assertThrows } from "@std/assert";
import { openDevice } from "../../tensor/mod.ts";
import { processorTime } from "../../testing/clock.ts";
import type { GPTConfig } from "./config.ts";
import { GPT } from "./model.ts";

const base: GPTConfig = {
  sequenceLen: 16,
  vocabSize: 64,
  nLayer: 2,
  nHead: 2,
  nKvHead: 2,
  nEmbd: 32,
  windowPattern: "L",
};

const cases: [changes: Partial<GPTConfig>, message: string][] = [
  [{ nLayer: 1e9 }, "Cannot build a GPT: wanted nLayer to be at most 1000, got 1000000000"],
  [{ nEmbd: 1e9 }, "Cannot build a GPT: wanted nEmbd to be at most 1048576, got 1000000000"],
  [{ vocabSize: 2 ** 40 }, "Cannot build a GPT: wanted vocabSize to be at most 16777216, got"],
  [{ sequenceLen: 2 ** 40 }, "Cannot build a GPT: wanted sequenceLen to be at most 16777216, got"],
  ...[{ nEmbd: 2 ** 20 }, { vocabSize: 2 ** 24, nEmbd: 512 }, { sequenceLen: 2 ** 24, nHead: 1 }]
    .map((changes): [Partial<GPTConfig>, string] => [
      { nKvHead: 1, ...changes },
      "wanted at most 4294967296 bytes of memory on the cpu device, got",
    ]),
];

Deno.test("a model beyond every limit is refused immediately, and the error says what is too large", async (t) => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  for (const [changes, message] of cases) {
    await t.step(JSON.stringify(changes), () => {
      const start = processorTime();
      assertThrows(() => new GPT({ ...base, ...changes }, device), RangeError, message);
      const milliseconds = processorTime() - start;
      assert(milliseconds < 2000, `wanted an error at once, got it after ${milliseconds} ms`);
    });
  }
  await device.close();
});
