import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { type Device, normal, normalArray, Tensor } from "../tensor/mod.ts";
import { SelfAttention, type SelfAttentionOptions } from "./self_attention.ts";

const width = 8;
const positions = 6;

/** The outputs, one row per position; optionally with the input of one position changed. */
async function outputs(
  device: Device,
  options: Partial<SelfAttentionOptions>,
  changed?: number,
): Promise<number[][]> {
  const layer = new SelfAttention(device, width, { heads: 4, seed: 1, ...options });
  const values = normalArray(2, positions * width);
  if (changed !== undefined) values.set(normalArray(3, width), changed * width);
  const y = await layer.forward(Tensor.from(device, values, { shape: [1, positions, width] }))
    .data();
  return Array.from({ length: positions }, (_, i) => [...y.slice(i * width, (i + 1) * width)]);
}

/** The positions whose outputs depend on the input at one position. */
async function influence(
  device: Device,
  options: Partial<SelfAttentionOptions>,
  changed: number,
): Promise<number[]> {
  const [before, after] = [await outputs(device, options), await outputs(device, options, changed)];
  return before.flatMap((row, i) => row.some((value, j) => value !== after[i]![j]) ? [i] : []);
}

testOnEveryDevice("a position is seen by itself and those behind it", async (device) => {
  assertEquals(await influence(device, {}, 2), [2, 3, 4, 5]);
  assertEquals(await influence(device, { rotary: true, keyValueHeads: 2 }, 2), [2, 3, 4, 5]);
});

testOnEveryDevice(
  "a window ends what a position sees, and without a cause all see all",
  async (device) => {
    assertEquals(await influence(device, { window: 1 }, 2), [2, 3]);
    assertEquals(await influence(device, { causal: false }, 2), [0, 1, 2, 3, 4, 5]);
  },
);

cpuTest(
  "the outputs are those of the formula, for one head in double precision",
  async (device) => {
    const layer = new SelfAttention(device, 2, { heads: 1, seed: 1 });
    const x = [[1, 2], [-1, 0.5], [0.3, -2]];
    const y = await layer.forward(Tensor.from(device, [x])).data();
    const [query, key, value, projection] = await Promise.all(
      [layer.query, layer.key, layer.value, layer.projection].map(async ({ weight, bias }) => {
        const [w, b] = [await weight.data(), await bias!.data()];
        return (row: number[]) =>
          [0, 1].map((o) => row[0]! * w[2 * o]! + row[1]! * w[2 * o + 1]! + b[o]!);
      }),
    );
    const dot = (a: number[], b: number[]) => a[0]! * b[0]! + a[1]! * b[1]!;
    x.forEach((row, i) => {
      const seen = x.slice(0, i + 1);
      const weights = seen.map((other) => Math.exp(dot(query!(row), key!(other)) / Math.SQRT2));
      const total = weights.reduce((sum, each) => sum + each, 0);
      const mixed = [0, 1].map((c) =>
        seen.reduce((sum, other, j) => sum + weights[j]! / total * value!(other)[c]!, 0)
      );
      projection!(mixed).forEach((wanted, c) => assertAlmostEquals(y[2 * i + c]!, wanted, 1e-5));
    });
  },
);

cpuTest(
  "shared key and value heads equal copied ones",
  async (device) => {
    const shared = new SelfAttention(device, width, { heads: 4, keyValueHeads: 2, seed: 1 });
    const own = new SelfAttention(device, width, { heads: 4, seed: 1 });
    const repeat = (x: Tensor) => {
      const rest = x.shape.slice(1);
      return x.reshape([2, 1, 2, ...rest]).expand([2, 2, 2, ...rest]).reshape([8, ...rest]);
    };
    const state = shared.stateDict();
    for (const name of ["key.weight", "key.bias", "value.weight", "value.bias"]) {
      state.set(name, repeat(state.get(name)!.detach()));
    }
    own.loadStateDict(state);
    const x = normal(device, [2, positions, width], { seed: 2 });
    const [a, b] = [await shared.forward(x).data(), await own.forward(x).data()];
    a.forEach((value, i) => assertAlmostEquals(value, b[i]!, 1e-6));
  },
);

cpuTest("rotary embeddings tell apart orders that are otherwise equal", async (device) => {
  const lastOf = async (rotary: boolean, order: number[]) => {
    const layer = new SelfAttention(device, width, { heads: 2, rotary, seed: 1 });
    const rows = order.map((seed) => [...normalArray(seed, width)]);
    return (await layer.forward(Tensor.from(device, [rows])).data()).slice(-width);
  };
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
  const plain = distance(await lastOf(false, [1, 2, 3]), await lastOf(false, [2, 1, 3]));
  const turned = distance(await lastOf(true, [1, 2, 3]), await lastOf(true, [2, 1, 3]));
  assert(plain < 1e-6 && turned > 1e-3, `${plain} without and ${turned} with turning`);
});

cpuTest(
  "a longer sequence after a shorter one, and in a scope, finds the angles it needs",
  async (device) => {
    const layer = new SelfAttention(device, width, { heads: 2, rotary: true, seed: 1 });
    const x = normal(device, [1, positions, width], { seed: 2 });
    const wanted = await layer.forward(x).data();
    const fresh = new SelfAttention(device, width, { heads: 2, rotary: true, seed: 1 });
    {
      using _scope = device.scope();
      fresh.forward(x.slice(1, 0, 2));
    }
    assertEquals(await fresh.forward(x).data(), wanted);
    const start = await fresh.forward(x.slice(1, 0, 2)).data();
    start.forEach((value, i) => assertAlmostEquals(value, wanted[i]!, 1e-6));
  },
);

cpuTest("every parameter gets a gradient", (device) => {
  const layer = new SelfAttention(device, width, { heads: 2, rotary: true, seed: 1 });
  layer.forward(normal(device, [2, positions, width], { seed: 2 })).square().sum().backward();
  for (const [name, { grad }] of layer.parameters()) assert(grad !== null, name);
});

cpuTest("heads that do not divide evenly are refused", (device) => {
  const make = (options: Omit<SelfAttentionOptions, "seed">) =>
    new SelfAttention(device, width, { seed: 1, ...options });
  assertThrows(() => make({ heads: 3 }), RangeError, "got 3, 3 and 8");
  assertThrows(() => make({ heads: 4, keyValueHeads: 3 }), RangeError, "got 3, 4 and 8");
  assertThrows(() => make({ heads: 8, rotary: true }), RangeError, "wanted an even head size");
  assertThrows(() => make({ heads: 0 }), RangeError, "wanted heads to be 1 or more, got 0");
  const layer = make({ heads: 2 });
  assertThrows(() => layer.forward(Tensor.ones(device, [5, 8])), RangeError, "got [5, 8]");
});
