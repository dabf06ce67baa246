import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { cpuTest, kernelTest } from "../../testing/every_device.ts";
import { float16Test } from "../../testing/gpu.ts";
import type { Device } from "../device.ts";
import type { FloatType } from "../layout.ts";
import { allocate, Tensor } from "../tensor.ts";
import { arraysFor, sizes } from "../ops/testing/attention_cases.ts";
import { attention } from "../ops/attention/attention.ts";
import { attend, attendBackward, plainSoftmax } from "../ops/attention/body.ts";
import { type SoftmaxCall, UNLIMITED } from "../ops/attention/problem.ts";
import { concat } from "../ops/join.ts";
import { noGrad } from "../grad_mode.ts";
import { normal } from "../ops/creation.ts";
import { softmaxOfVisible } from "./cpu/attention_softmax.ts";
import { cachedAttention } from "./cpu/cached_attention.ts";

const CASES = [
  sizes({ queries: 65, heads: 4, keyHeads: 2, batch: 2, headSize: 20 }),
  sizes({ queries: 2, keys: 130, heads: 2, headSize: 20, window: 50 }),
  sizes({ queries: 300, keys: 310, headSize: 20, window: 100 }),
  sizes({ queries: 70, keys: 50, heads: 2, headSize: 20, causal: false, window: 9 }),
];

/** Compares the body with the operation, which takes fast paths, relative to the largest element. */
async function compare(device: Device, dtype: FloatType, tolerance: number): Promise<void> {
  for (const of of CASES) {
    using _scope = device.scope();
    const { batch, queries, keys, heads, keyHeads, headSize, causal, window, scale } = of;
    const arrays = arraysFor(of);
    const [ofQuery, ofKey] = [[batch, queries, heads, headSize], [batch, keys, keyHeads, headSize]];
    const from = (name: keyof typeof arrays, shape: readonly number[]) =>
      Tensor.from(device, arrays[name], { shape, dtype });
    const [q, k, v] = [from("q", ofQuery), from("k", ofKey), from("v", ofKey)] as const;
    const dy = from("dy", ofQuery);
    for (const x of [q, k, v]) x.requireGrad();
    const result = attention(q, k, v, { causal, window, scale });
    result.backward(dy);
    const expected = [result, q.grad!, k.grad!, v.grad!];

    const like = (shape: readonly number[]) => allocate(device, { shape, dtype }, "test");
    const [y, dq, dk, dv] = [like(ofQuery), like(ofQuery), like(ofKey), like(ofKey)] as const;
    const logSums = Tensor.zeros(device, [batch, heads, queries]);
    const problem = {
      batch,
      queries,
      keys,
      heads,
      keyHeads,
      headSize,
      scale,
      left: window < 0 ? UNLIMITED : window,
      right: causal ? 0 : UNLIMITED,
    };
    attend(device, { q, k, v, y, logSums }, problem);
    attendBackward(device, { q, k, v, y, logSums, dy, dq, dk, dv }, problem);
    for (const [i, actual] of [y, dq, dk, dv].entries()) {
      const [got, wanted] = await Promise.all(
        [actual, expected[i]!].map(async (x) => Array.from(await x.data())),
      ) as [number[], number[]];
      // If a query sees a single key, its gradient is zero, and only rounding remains.
      const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
      const worst = got.reduce((a, x, i) => Math.max(a, Math.abs(x - wanted[i]!)), 0);
      const message = `${["y", "dq", "dk", "dv"][i]} of ${JSON.stringify(of)}`;
      assert(worst <= tolerance * largest, `${message} is off by ${worst}`);
    }
    for (const x of [q, k, v]) {
      x.zeroGrad();
      x.dispose();
    }
  }
}

kernelTest("the plain body of attention equals the fast paths", async (device) => {
  await compare(device, "float32", 1e-5);
});

cpuTest("the plain body of attention equals the fast paths in bfloat16", async (device) => {
  await compare(device, "bfloat16", 2 ** -7);
});

cpuTest(
  "the softmax of visible keys equals the plain one, in each type of weights",
  async (device) => {
    if (device.kind !== "cpu") throw new Error("wanted a CPU");
    using _scope = device.scope();
    const [queries, keys, window] = [5, 21, 7];
    const types = [["float32", 1e-6], ["bfloat16", 2 ** -8], ["float16", 2 ** -11]] as const;
    for (const [dtype, tolerance] of types) {
      for (const isGradient of [false, true]) {
        const compute = async (run: (call: SoftmaxCall) => void) => {
          // Rows are further apart than they are long.
          const scores = (seed: number, type: FloatType) =>
            normal(device, [2, 2, 1, queries, 24], { seed }).to(type).slice(-1, 0, keys);
          const [products, upstream] = [scores(1, "float32"), scores(2, "float32")];
          const results = dtype === "float32"
            ? [products, upstream]
            : [scores(3, dtype), scores(4, dtype)];
          const logSums = Tensor.full(device, [2, 2, 1, queries, 1], 3);
          run({
            queries,
            keys,
            position: 12,
            scale: 0.5,
            left: window,
            right: 0,
            products,
            logSums,
            upstream: isGradient ? upstream : null,
            results: isGradient ? results : results.slice(0, 1),
          });
          const read = [...results.slice(0, isGradient ? 2 : 1), logSums].map((x) => x.data());
          return (await Promise.all(read)).map((numbers) => Array.from<number>(numbers));
        };
        const wanted = await compute((call) => plainSoftmax(device, call));
        const got = await compute((call) => softmaxOfVisible.run(call, device));
        assertEquals(got.length, isGradient ? 3 : 2);
        for (const [i, numbers] of got.entries()) {
          for (const [at, x] of numbers.entries()) {
            assertAlmostEquals(x, wanted[i]![at]!, tolerance * Math.max(1, Math.abs(x)));
          }
        }
        // The first query sees keys 5 to 12.
        assertEquals([got[0]![4], got[0]![13]], [0, 0]);
        assert(got[0]![5]! > 0 && got[0]![12]! > 0);
      }
    }
  },
);

float16Test("the plain body of attention equals the fast paths in float16", async (device) => {
  // Results are rounded by 2⁻¹¹, and so is what the gradient is computed from.
  await compare(device, "float16", 2 ** -10);
});

const shapes = [
  ["float32", 1e-5, 4, 2, 64, UNLIMITED],
  ["float32", 1e-5, 3, 3, 20, 2],
  ["bfloat16", 2 ** -7, 4, 2, 64, UNLIMITED],
] as const;

cpuTest("a token of each sequence attends as it would alone", async (device) => {
  if (device.kind !== "cpu") throw new Error("wanted a CPU");
  using _scope = device.scope();
  for (const [dtype, tolerance, heads, keyHeads, headSize, left] of shapes) {
    // The caches have room for different numbers of tokens, and the first one has none yet. Some have
    // several sequences.
    const sizes = [1, 1, 3, 1, 2];
    const caches = [0, 1, 6, 40, 9].map((position, i) => {
      const shape = [sizes[i]!, keyHeads, position + 1 + i, headSize];
      const stored = (seed: number) =>
        normal(device, shape, { seed: 2 * i + seed }).to(dtype).transpose(1, 2);
      return { keys: stored(20), values: stored(21), position };
    });
    const newest = (seed: number, heads: number) =>
      normal(device, [8, 1, heads, headSize], { seed }).to(dtype);
    const rowsOf = (x: Tensor, i: number) => {
      const first = sizes.slice(0, i).reduce((sum, size) => sum + size, 0);
      return x.slice(0, first, first + sizes[i]!);
    };
    const [q, k, v] = [newest(1, heads), newest(2, keyHeads), newest(3, keyHeads)] as const;
    const window = left === UNLIMITED ? -1 : left;
    const alone = caches.map(({ keys, values, position }, i) => {
      const withNewest = (cached: Tensor, x: Tensor) =>
        concat([cached.slice(1, 0, position), rowsOf(x, i)], 1);
      return attention(rowsOf(q, i), withNewest(keys, k), withNewest(values, v), {
        window,
      });
    });
    const problem = { q, k, v, caches, left, scale: 1 / Math.sqrt(headSize) };
    assertEquals(cachedAttention.refuses(problem, device), null);
    const all = noGrad(() => cachedAttention.run(problem, device));
    const [got, wanted] = [await all.data(), await concat(alone).data()];
    got.forEach((x, i) => assertAlmostEquals(x, wanted[i]!, tolerance));
    // The caches have the new keys and values, and are otherwise as they were.
    for (const [i, { keys, values, position }] of caches.entries()) {
      for (const [cached, x] of [[keys, k], [values, v]] as const) {
        const added = await cached.slice(1, position, position + 1).data();
        assertEquals(added, await rowsOf(x, i).data());
      }
    }
  }
});
