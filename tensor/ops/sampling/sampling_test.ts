import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../device.ts";
import { openDevice } from "../../open_device.ts";
import { normalArray, uniformArray } from "../../random.ts";
import { Tensor } from "../../tensor.ts";
import { gpuTest } from "../../../testing/gpu.ts";
import { gather } from "../gather/gather.ts";
import { multinomial, topK } from "./sampling.ts";
import { kernelTest } from "../../../testing/every_device.ts";

/** The indices of the k largest, by sorting. */
function largest(row: Float32Array, k: number): number[] {
  const rank = (value: number) => Number.isNaN(value) ? Infinity : value;
  const order = (a: number, b: number) => {
    const [x, y] = [row[a]!, row[b]!];
    const [isNanX, isNanY] = [Number(Number.isNaN(x)), Number(Number.isNaN(y))];
    if (isNanX !== isNanY) return isNanY - isNanX;
    return isNanX || rank(x) === rank(y) ? a - b : rank(y) - rank(x);
  };
  return Array.from(row, (_, i) => i).sort(order).slice(0, k);
}

const special = [NaN, 0, -0, Infinity, -Infinity, 1e-40, -1e-40, 3e38, -3e38, 1, -1, NaN, -0, 0];
/** NaN of both signs, and with different bits. */
const nans = new Float32Array(Int32Array.of(-1, 0x7f800000, 0x7fc00001, 0x7f800001, 0).buffer);

const topKCases: readonly {
  name: string;
  rows: number;
  values: Float32Array<ArrayBuffer>;
  k: number[];
}[] = [
  { name: "one element", rows: 1, values: Float32Array.of(3), k: [0, 1] },
  { name: "short rows", rows: 3, values: normalArray(1, 21), k: [1, 2, 3, 7] },
  { name: "all equal", rows: 2, values: new Float32Array(600).fill(-2), k: [1, 50, 129, 300] },
  { name: "few values", rows: 2, values: normalArray(2, 2002).map(Math.round), k: [1, 40, 1000] },
  { name: "special values", rows: 1, values: Float32Array.from(special), k: [1, 2, 5, 9, 14] },
  { name: "many kinds of NaN", rows: 1, values: nans, k: [1, 3, 5] },
  { name: "ascending", rows: 1, values: Float32Array.from({ length: 999 }, (_, i) => i), k: [64] },
  {
    name: "descending",
    rows: 1,
    values: Float32Array.from({ length: 999 }, (_, i) => -i),
    k: [65],
  },
  { name: "a vocabulary", rows: 3, values: normalArray(3, 3 * 32_768), k: [1, 50, 1000] },
  { name: "everything", rows: 1, values: normalArray(4, 5000), k: [5000] },
];

kernelTest("topK finds the largest elements in order, and their indices", async (device) => {
  for (const { name, rows, values, k: ks } of topKCases) {
    const length = values.length / rows;
    for (const k of ks) {
      using _scope = device.scope();
      const top = topK(Tensor.from(device, values, { shape: [rows, length] }), k);
      assertEquals([top.values.shape, top.indices.shape], [[rows, k], [rows, k]]);
      const [found, indices] = [await top.values.data(), await top.indices.data()];
      for (let row = 0; row < rows; row++) {
        const line = values.subarray(row * length, (row + 1) * length);
        const expected = largest(line, k);
        const [from, to] = [row * k, (row + 1) * k];
        assertEquals([...indices.subarray(from, to)], expected, `${name}, k ${k}`);
        const wanted = expected.map((i) => line[i]!);
        assertEquals([...found.subarray(from, to)], wanted, `${name}, k ${k}`);
      }
    }
  }
});

kernelTest("topK works along any axis, and its values carry the gradient", async (device) => {
  const x = Tensor.from(device, [[1, 5, 2], [4, 3, 9], [7, 8, 6], [0, 0, 0]], {
    requiresGrad: true,
  });
  const { values, indices } = topK(x, 2, 0);
  assertEquals([...await values.data()], [7, 8, 9, 4, 5, 6]);
  assertEquals([...await indices.data()], [2, 2, 1, 1, 0, 2]);
  values.backward(Tensor.from(device, [[1, 2, 3], [4, 5, 6]]));
  assertEquals([...await x.grad!.data()], [0, 5, 0, 4, 0, 3, 1, 2, 6, 0, 0, 0]);

  const view = topK(x.transpose().slice(1, 0, 3), 1).values;
  assertEquals(view.shape, [3, 1]);
  assertEquals([...await view.data()], [7, 8, 9]);
});

kernelTest("a k beyond the length of the axis is an error", (device) => {
  const x = Tensor.zeros(device, [2, 3]);
  for (const k of [4, -1, 1.5, NaN]) {
    assertThrows(() => topK(x, k), RangeError, `wanted k from 0 to 3, got ${k}`);
  }
  assertThrows(() => topK(x, 1, 2), RangeError, "axis 2");
  assertThrows(() => topK(Tensor.zeros(device, []), 1), RangeError, "axis -1");
});

/** The index that a uniform number selects, in double precision. */
function expectedSample(weights: Float32Array, u: number): number {
  const total = weights.reduce((sum: number, weight) => sum + weight, 0);
  let sum = 0;
  return weights.findIndex((weight) => (sum += weight) > u * total);
}

kernelTest(
  "multinomial samples the index whose share contains the uniform number",
  async (device) => {
    // Integer weights, so that no sum is rounded.
    for (const length of [1, 2, 127, 129, 1000, 32_768]) {
      using _scope = device.scope();
      const weights = uniformArray(1, 3 * length, 0, 4).map(Math.floor);
      for (let row = 0; row < 3; row++) weights[row * length + Math.floor(length / 2)] = 3;
      const uniforms = uniformArray(2, 3 * 20).with(0, 0).with(20, 1 - 2 ** -24);
      const chosen = multinomial(
        Tensor.from(device, weights, { shape: [3, length] }),
        Tensor.from(device, uniforms, { shape: [3, 20] }),
      );
      assertEquals([chosen.dtype, chosen.shape], ["int32", [3, 20]]);
      const indices = await chosen.data();
      for (const [i, u] of uniforms.entries()) {
        const row = Math.floor(i / 20);
        const line = weights.subarray(row * length, (row + 1) * length);
        assertEquals(indices[i], expectedSample(line, u), `${length} weights, number ${u}`);
      }
    }
  },
);

kernelTest("multinomial never samples an index of weight 0", async (device) => {
  const length = 10_007;
  const weights = uniformArray(3, length).map((u) => u < 0.9 ? 0 : u ** 30);
  const uniforms = uniformArray(4, 2000).with(0, 0).with(1, 1 - 2 ** -24);
  const chosen = multinomial(
    Tensor.from(device, weights),
    Tensor.from(device, uniforms),
  );
  assertEquals((await chosen.data()).every((index) => weights[index]! > 0), true);
});

kernelTest("multinomial samples each index as often as its weight says", async (device) => {
  const weights = Tensor.from(device, [[1, 0, 2, 5], [0, 0, 0, 0.125]]);
  const samples = 20_000;
  const chosen = multinomial(weights, { seed: 5, samples });
  assertEquals(chosen.shape, [2, samples]);
  const indices = await chosen.data();
  const counts = [0, 0, 0, 0];
  for (const index of indices.subarray(0, samples)) counts[index]!++;
  [1, 0, 2, 5].forEach((weight, i) => {
    const share = weight / 8;
    // Five standard deviations.
    const tolerance = 5 * Math.sqrt(samples * share * (1 - share));
    assertAlmostEquals(counts[i]!, samples * share, tolerance);
  });
  assertEquals(indices.subarray(samples).every((index) => index === 3), true);
  const again = await multinomial(weights, { seed: 5, samples }).data();
  assertEquals(again, indices);
  assertEquals(multinomial(weights, { seed: 5 }).shape, [2]);
});

kernelTest("multinomial returns -1 if nothing can be sampled", async (device) => {
  const bad = [[0, 0, 0], [1, -1, 1], [1, NaN, 1], [1, Infinity, 1], [3e38, 3e38, 1]];
  const weights = Tensor.from(device, [...bad, [1, -0, 1]]);
  const uniforms = Tensor.full(device, [6], 0.75);
  assertEquals([...await multinomial(weights, uniforms).data()], [-1, -1, -1, -1, -1, 2]);
  const numbers = Tensor.from(device, [[1, -0.5, NaN, Infinity, 0.25]]);
  const one = Tensor.from(device, [[2, 2]]);
  assertEquals([...await multinomial(one, numbers).data()], [-1, -1, -1, -1, 0]);
  const none = multinomial(Tensor.zeros(device, [0, 3]), Tensor.zeros(device, [0]));
  assertEquals((await none.data()).length, 0);
});

kernelTest("weights and uniform numbers that do not match are an error", (device) => {
  const weights = Tensor.ones(device, [2, 3]);
  const numbers = (...shape: number[]) => Tensor.zeros(device, shape);
  assertThrows(() => multinomial(weights, numbers(3)), RangeError, "got weights [2, 3] and [3]");
  assertThrows(() => multinomial(weights, numbers()), RangeError, "got weights [2, 3] and []");
  assertThrows(() => multinomial(weights, numbers(2, 1, 1)), RangeError, "got weights [2, 3]");
  assertThrows(() => multinomial(numbers(2, 0), numbers(2)), RangeError, "at least one weight");
  assertThrows(() => multinomial(numbers(), numbers()), RangeError, "at least one weight");
  assertThrows(() => multinomial(weights, { seed: -1 }), RangeError, "got -1");
  const integers = Tensor.from(device, [[1]], { dtype: "int32" });
  assertThrows(() => multinomial(integers, numbers(1)), TypeError, "wanted float32, got int32");
});

/** Samples tokens as nanochat does: with a temperature, among the k most likely. */
function sample(
  device: Device,
  logits: Float32Array<ArrayBuffer>,
  shape: number[],
  numbers: Float32Array<ArrayBuffer>,
) {
  const { values, indices } = topK(Tensor.from(device, logits, { shape }), 50);
  const uniforms = Tensor.from(device, numbers, { shape: [shape[0]!, 1] });
  const chosen = multinomial(values.div(0.8).softmax(), uniforms);
  return gather(indices, -1, chosen).reshape([shape[0]!]);
}

kernelTest("tokens are sampled without reading back in between", async (device) => {
  const [rows, vocabulary] = [8, 32_768];
  const logits = normalArray(1, rows * vocabulary);
  const tokens = await sample(device, logits, [rows, vocabulary], uniformArray(2, rows)).data();
  const uniforms = uniformArray(2, rows);
  for (let row = 0; row < rows; row++) {
    const line = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    const candidates = largest(line, 50);
    const powers = candidates.map((i) => Math.exp((line[i]! - line[candidates[0]!]!) / 0.8));
    assertEquals(
      tokens[row],
      candidates[expectedSample(Float32Array.from(powers), uniforms[row]!)],
    );
  }
});

gpuTest("the CPU and WebGPU sample the same", async (gpu) => {
  const cpu = await openDevice("cpu", { threads: 1, blas: false });
  const sampled = (device: Device) =>
    multinomial(Tensor.from(device, normalArray(1, 5 * 4096).map(Math.exp), { shape: [5, 4096] }), {
      seed: 3,
      samples: 200,
    }).data();
  assertEquals(await sampled(gpu), await sampled(cpu));
  await cpu.close();
});
