import { assertEquals } from "@std/assert";
import { gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import {
  attention,
  copyInto,
  type Device,
  embedding,
  noGrad,
  rmsNorm,
  rotary,
  rotaryAngles,
  Tensor,
} from "../../../tensor/mod.ts";
import { attentionStep } from "./attention_step.ts";

/** Sizes of a case; the cache has room for two more tokens than it holds. */
interface Case {
  readonly batch: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly position: number;
  readonly window: number;
  readonly embeds: boolean;
}

const scale = { scores: 0.3, gate: 3 };

function tensor(device: Device, shape: number[], seed: number): Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length }, (_, i) => Math.sin(1 + i * 1.9 + seed * 7.1) * 1.5);
  return Tensor.from(device, values, { shape });
}

/** The operands of a step, with projections in one allocation, as from `linears`. */
function operands(device: Device, sizes: Case) {
  const { batch, heads, keyHeads, headSize, position, window, embeds } = sizes;
  const [own, others] = [batch * heads * headSize, batch * keyHeads * headSize];
  const all = tensor(device, [own + 2 * others + batch * keyHeads], 1);
  const part = (begin: number, shape: number[]) =>
    all.slice(0, begin, begin + shape.reduce((product, size) => product * size, 1)).reshape(shape);
  const angles = rotaryAngles(position + 1, headSize);
  const turns = [angles.cos, angles.sin].flatMap((each) =>
    Array.from(each.slice(position * headSize / 2))
  );
  const both = Tensor.from(device, turns, { shape: [2, 1, 1, headSize / 2] });
  const cached = (seed: number) =>
    tensor(device, [batch, keyHeads, position + 2, headSize], seed).transpose(1, 2);
  return {
    queries: part(0, [batch, 1, heads, headSize]),
    keys: part(own, [batch, 1, keyHeads, headSize]),
    values: part(own + others, [batch, 1, keyHeads, headSize]),
    cos: both.slice(0, 0, 1).squeeze(0),
    sin: both.slice(0, 1, 2).squeeze(0),
    embedding: embeds
      ? {
        table: tensor(device, [5, keyHeads * headSize], 2),
        ids: Tensor.from(device, Array.from({ length: batch }, (_, i) => [(i + 3) % 5]), {
          dtype: "int32",
        }),
        gate: part(own + 2 * others, [batch, 1, keyHeads]),
        scale: scale.gate,
      }
      : null,
    cachedKeys: cached(3),
    cachedValues: cached(4),
    position,
    window,
    scale: scale.scores,
  };
}

function composed(step: ReturnType<typeof operands>): Tensor {
  const { queries, keys, cos, sin, position, window, cachedKeys, cachedValues } = step;
  let { values } = step;
  if (step.embedding !== null) {
    const { table, ids, gate } = step.embedding;
    const share = gate.unsqueeze(-1).sigmoid().mul(scale.gate);
    values = values.add(share.mul(embedding(table, ids).reshape(values.shape)));
  }
  const place = (x: Tensor) => rmsNorm(rotary(x, cos, sin));
  const end = position + 1;
  copyInto(place(keys), cachedKeys.slice(1, position, end));
  copyInto(values, cachedValues.slice(1, position, end));
  return attention(place(queries), cachedKeys.slice(1, 0, end), cachedValues.slice(1, 0, end), {
    window,
    scale: scale.scores,
  });
}

const base: Case = {
  batch: 1,
  heads: 4,
  keyHeads: 4,
  headSize: 64,
  position: 37,
  window: -1,
  embeds: true,
};
const otherPlaces: Case[] = [
  { ...base, embeds: false },
  { ...base, position: 0 },
  { ...base, window: 5 },
  { ...base, window: 0, embeds: false },
];
const otherHeads: Case[] = [
  { ...base, batch: 3, keyHeads: 2, headSize: 16 },
  { ...base, heads: 6, keyHeads: 2, headSize: 8, position: 1 },
  { ...base, headSize: 128, position: 200, window: 150 },
];

for (
  const [where, given, options] of [
    ["", [base], {}],
    [" at other places", otherPlaces, {}],
    [" in heads of other sizes", otherHeads, {}],
    [" (tiny device)", [base, ...otherPlaces, ...otherHeads], tinyDevice],
  ] as const
) {
  gpuTest(`a step in one kernel equals the separate operations${where}`, async (device) => {
    for (const sizes of given) {
      const step = operands(device, sizes);
      const wanted = composed(operands(device, sizes));
      const before = device.statistics.dispatches;
      const got = noGrad(() => attentionStep(step));
      if (got === null) throw new Error(`expected one kernel for ${JSON.stringify(sizes)}`);
      assertEquals(device.statistics.dispatches - before, 1);
      const twin = operands(device, sizes);
      composed(twin);
      for (
        const [one, other] of [
          [got, wanted],
          [step.cachedKeys, twin.cachedKeys],
          [step.cachedValues, twin.cachedValues],
        ] as const
      ) {
        assertEquals(one.shape, other.shape);
        const [a, b] = [await one.data(), await other.data()];
        const wrong = a.findIndex((value, i) => !(Math.abs(value - b[i]!) <= 2e-5));
        assertEquals(wrong, -1, `${JSON.stringify(sizes)}: ${a[wrong]}, wanted ${b[wrong]}`);
      }
    }
  }, options);
}

gpuTest("a step that needs more than one kernel is left to the caller", (device) => {
  const step = operands(device, base);
  assertEquals(attentionStep(step), null, "a gradient may be asked for");
  const refused = [
    { ...step, queries: tensor(device, [1, 1, 4, 64], 1) },
    { ...step, position: 39 },
    { ...step, cos: tensor(device, [1, 1, 32], 1) },
    operands(device, { ...base, headSize: 12 }),
    operands(device, { ...base, headSize: 136 }),
  ];
  for (const each of refused) assertEquals(noGrad(() => attentionStep(each)), null);
});

gpuTest("a NaN spoils the heads that see it, and no others", async (device) => {
  const step = operands(device, { ...base, heads: 2, keyHeads: 2 });
  copyInto(
    Tensor.from(device, [NaN]),
    step.cachedKeys.slice(1, 3, 4).slice(2, 1, 2).slice(3, 0, 1),
  );
  const found = await noGrad(() => attentionStep(step))!.data();
  assertEquals(Array.from(found, Number.isNaN), Array.from(found, (_, i) => i >= 64));
});
