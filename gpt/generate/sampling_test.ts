import { assertEquals, assertThrows } from "@std/assert";
import { fresh, testOnEveryDevice } from "../../testing/every_device.ts";
import { deriveSeed, Tensor, uniformArray } from "../../tensor/mod.ts";
import { sampleRows } from "./sample_rows.ts";
import { sampleToken } from "./sample_token.ts";
import { checkSampled, checkSampling, sampleTokens, type SamplingOptions } from "./sampling.ts";

const everyWay: readonly SamplingOptions[] = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 0.7, topK: 2 },
  { temperature: 1e-300 },
  { temperature: 1e-300, topK: 3 },
  { temperature: 1e30 },
];

testOnEveryDevice("a row whose largest logit is not finite gives -1", async (device) => {
  const rows = [
    [1, NaN, 3, 2],
    [1, Infinity, 3, 2],
    [-Infinity, -Infinity, -Infinity, -Infinity],
    [NaN, NaN, NaN, NaN],
    [-Infinity, -Infinity, -1e30, -Infinity],
  ];
  for (const options of everyWay) {
    using _scope = device.scope();
    const tokens = sampleTokens(Tensor.from(device, rows), 0, options);
    assertEquals([...await tokens.data()], [-1, -1, -1, -1, 2], JSON.stringify(options));
  }
});

testOnEveryDevice("the lowest temperatures take the most likely token", async (device) => {
  const logits = Tensor.from(device, [[-15, 14.999999, 15, 3], [1e-30, -1e-30, 0, -3]]);
  for (const temperature of [0, 1e-300, 1e-45, 1e-38, 1e-37]) {
    for (const topK of [0, 2]) {
      const tokens = sampleTokens(logits, 3, { temperature, topK });
      assertEquals([...await tokens.data()], [2, 0], `temperature ${temperature}, topK ${topK}`);
    }
  }
});

testOnEveryDevice("the host samples what the device does", async (device) => {
  const [rows, vocabSize] = [4, 300];
  const values = Float32Array.from(
    uniformArray(5, rows * vocabSize),
    (uniform, i) => i % 7 === 0 ? uniform + 5 : 3 * uniform,
  );
  const logits = Tensor.from(device, values, { shape: [rows, vocabSize] });
  for (const options of [{ temperature: 0 }, { temperature: 0.8 }, { topK: 40 }, { topK: 1 }]) {
    for (let step = 0; step < 10; step++) {
      using _scope = device.scope();
      const seeded = { ...options, seed: 11 };
      const tokens = await sampleTokens(logits, step, seeded).data();
      const uniforms = uniformArray(deriveSeed(11, step), rows);
      const wanted = Array.from(
        uniforms,
        (uniform, row) =>
          sampleToken(values.subarray(row * vocabSize, (row + 1) * vocabSize), seeded, uniform),
      );
      assertEquals([...tokens], wanted, `${JSON.stringify(options)}, step ${step}`);
    }
  }
});

fresh.testOnEveryDevice(
  "rows with options of their own are sampled as each alone",
  async (device) => {
    const [rows, vocabSize] = [6, 300];
    const values = Float32Array.from(uniformArray(8, rows * vocabSize), (uniform) => 4 * uniform);
    values[3 * vocabSize + 7] = NaN;
    const logits = Tensor.from(device, values, { shape: [rows, vocabSize] });
    const ways = [{ temperature: 0 }, { temperature: 0.8 }, { temperature: 0.8, topK: 5 }, {}];
    const asked = uniformArray(3, 10).entries().map(([i, uniform]) => ({
      // Not in order, one of them twice, and one not at all.
      row: [5, 0, 3, 1, 2, 0, 3, 1, 2, 5][i]!,
      options: ways[i % ways.length]!,
      uniform,
    })).toArray();
    const before = device.live;
    const tokens = await sampleRows(logits, asked);
    assertEquals(device.live, before);
    const wanted = asked.map(({ row, options, uniform }) =>
      sampleToken(values.subarray(row * vocabSize, (row + 1) * vocabSize), options, uniform)
    );
    assertEquals([...tokens], wanted);
    assertEquals(wanted.indexOf(-1), 2);
    assertEquals([...await sampleRows(logits, [])], []);
  },
);

Deno.test("options out of range are refused by name", () => {
  for (
    const [options, message] of [
      [{ temperature: -1 }, "wanted a temperature from 0 up, got -1"],
      [{ topK: 1.5 }, "wanted a topK from 0 up (0: all tokens), got 1.5"],
      [{ topP: 1.1 }, "wanted a topP from 0 to 1, got 1.1"],
      [{ topP: NaN }, "wanted a topP from 0 to 1, got NaN"],
      [{ frequencyPenalty: Infinity }, "wanted a finite frequencyPenalty, got Infinity"],
      [{ presencePenalty: NaN }, "wanted a finite presencePenalty, got NaN"],
    ] as const
  ) {
    assertThrows(() => checkSampling(options), RangeError, message);
  }
});

Deno.test("an error names the row that could not be sampled", () => {
  checkSampled([0, 5, 1]);
  assertThrows(
    () => checkSampled([4, -1]),
    Error,
    "Cannot sample a token: wanted finite logits, got NaN or infinity in row 1. Are all of the model's",
  );
});
