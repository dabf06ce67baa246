import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import type { Device } from "../../device.ts";
import { normalArray, permutationArray, uniformArray } from "../../random.ts";
import { Tensor } from "../../tensor.ts";
import { embedding, gather, sumAlong } from "./gather.ts";
import { sumRows } from "./sum_rows.ts";
import { fresh, kernelTest } from "../../../testing/every_device.ts";
import { float16Test, gpuTest } from "../../../testing/gpu.ts";

const intsBelow = (seed: number, count: number, limit: number): Int32Array<ArrayBuffer> =>
  Int32Array.from(uniformArray(seed, count, 0, limit), Math.floor);

/** Ids that the host does not know: the sum of two tensors is computed on the device. */
const unknownIds = (device: Device, ids: readonly number[], shape = [ids.length]): Tensor =>
  Tensor.from(device, Float32Array.from(ids), { shape }).add(0).to("int32");

/** The scatter-add to each row of a table, in double precision. */
function rowSums(x: Float32Array, ids: Int32Array, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(rows * columns);
  ids.forEach((id, i) => {
    for (let c = 0; c < columns; c++) sums[id * columns + c]! += x[i * columns + c]!;
  });
  return sums;
}

const idCases: readonly {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly ids: Int32Array<ArrayBuffer>;
}[] = [
  { name: "no ids", rows: 5, columns: 4, ids: new Int32Array(0) },
  { name: "one id and one row", rows: 1, columns: 1, ids: Int32Array.of(0) },
  { name: "no columns", rows: 3, columns: 0, ids: Int32Array.of(1, 2) },
  { name: "odd columns", rows: 7, columns: 5, ids: intsBelow(1, 100, 7) },
  { name: "whole vectors", rows: 300, columns: 12, ids: intsBelow(2, 1001, 300) },
  { name: "all ids equal", rows: 1000, columns: 9, ids: new Int32Array(1500).fill(777) },
  { name: "two ids in turns", rows: 256, columns: 8, ids: intsBelow(3, 700, 2) },
  { name: "each id once", rows: 511, columns: 3, ids: permutationArray(4, 511) },
  { name: "a large vocabulary", rows: 70_000, columns: 4, ids: intsBelow(5, 2049, 70_000) },
  {
    name: "the same few ids most of the time",
    rows: 32_768,
    columns: 16,
    ids: Int32Array.from(uniformArray(6, 4096), (u) => Math.floor(u ** 8 * 32_768)),
  },
];

kernelTest("an embedding gathers rows, and its gradient adds them up by id", async (device) => {
  for (const { name, rows, columns, ids } of idCases) {
    using _scope = device.scope();
    const weight = normalArray(10, rows * columns);
    const upstream = normalArray(11, ids.length * columns);
    const w = Tensor.from(device, weight, { shape: [rows, columns], requiresGrad: true });
    const y = embedding(w, Tensor.from(device, ids));
    assertEquals(y.shape, [ids.length, columns], name);
    const expected = [...ids].flatMap((id) => [
      ...weight.subarray(id * columns, (id + 1) * columns),
    ]);
    assertEquals([...await y.data()], expected, name);

    y.backward(Tensor.from(device, upstream, { shape: y.shape }));
    const gradient = await w.grad!.data();
    const sums = rowSums(upstream, ids, rows, columns);
    // A sum of n numbers of size 1, with an error of half an ulp of the running sum per step.
    const tolerance = 1e-7 * Math.max(1, ids.length);
    sums.forEach((sum, i) => assertAlmostEquals(gradient[i]!, sum, tolerance, `${name} ${i}`));
    const touched = new Set(ids);
    const untouched = gradient.filter((_, i) => !touched.has(Math.floor(i / columns)));
    assertEquals(untouched.every((value) => Object.is(value, 0)), true, name);
  }
});

float16Test(
  "float16 rows are gathered exactly, and their gradients add up in float32",
  async (device) => {
    for (const { name, rows, columns, ids } of idCases) {
      using _scope = device.scope();
      const weight = Float16Array.from(normalArray(10, rows * columns));
      const upstream = Float16Array.from(normalArray(11, ids.length * columns));
      const w = Tensor.from(device, weight, { shape: [rows, columns], requiresGrad: true });
      const y = embedding(w, Tensor.from(device, ids));
      const expected = [...ids].flatMap((id) => [
        ...weight.subarray(id * columns, (id + 1) * columns),
      ]);
      assertEquals(await y.data(), Float16Array.from(expected), name);

      y.backward(Tensor.from(device, upstream, { shape: y.shape }));
      const gradient = await w.grad!.data();
      const sums = rowSums(Float32Array.from(upstream), ids, rows, columns);
      // The sums are accurate to float32, and rounded once.
      sums.forEach((sum, i) => {
        const tolerance = 1e-7 * Math.max(1, ids.length) + 2 ** -11 * Math.abs(sum);
        assertAlmostEquals(gradient[i]!, sum, tolerance, `${name} ${i}`);
      });
    }
  },
);

float16Test("float16 elements are gathered, NaN if the index is invalid", async (device) => {
  const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]], { dtype: "float16", requiresGrad: true });
  const y = gather(x, 1, unknownIds(device, [2, 2, 0, 7], [2, 2]));
  assertEquals(await y.data(), Float16Array.of(3, 3, 4, NaN));
  y.backward(Tensor.from(device, [[1, 2], [3, 4]], { dtype: "float16" }));
  assertEquals(await x.grad!.data(), Float16Array.of(0, 0, 3, 3, 0, 0));
  const rows = embedding(x.detach(), unknownIds(device, [1, -1]));
  assertEquals(await rows.data(), Float16Array.of(4, 5, 6, NaN, NaN, NaN));
});

fresh.kernelTest("later batches add to an embedding's gradient in place", async (device) => {
  for (const columns of [8, 5]) {
    const weight = Tensor.ones(device, [200, columns], { requiresGrad: true });
    const batches = [[3, 0, 3], [199, 3], [], [7, 7, 7, 7, 0]];
    const expected = new Float32Array(weight.size);
    let peak = 0;
    for (const [i, batch] of batches.entries()) {
      using _scope = device.scope();
      const ids = Int32Array.from(batch);
      const y = embedding(weight, Tensor.from(device, ids));
      const upstream = normalArray(i, y.size);
      y.backward(Tensor.from(device, upstream, { shape: y.shape }));
      rowSums(upstream, ids, 200, columns).forEach((sum, at) => expected[at]! += sum);
      if (i === 0) peak = device.memory.peakBytes;
    }
    // There never was a second table.
    assertLess(device.memory.peakBytes - peak, 4 * weight.size);
    const gradient = await weight.grad!.data();
    expected.forEach((sum, at) => assertAlmostEquals(gradient[at]!, sum, 1e-6));
  }
});

kernelTest("an embedding takes ids of any shape, and views", async (device) => {
  const table = Tensor.from(device, normalArray(1, 6 * 10), { shape: [6, 10] });
  const weight = table.slice(1, 1, 9).requireGrad();
  const ids = Tensor.from(device, Int32Array.of(5, 0, 3, 3, 1, 0), { shape: [3, 2] }).transpose();
  const y = embedding(weight, ids);
  assertEquals(y.shape, [2, 3, 8]);
  const [rows, values] = [await weight.data(), await y.data()];
  [5, 3, 1, 0, 3, 0].forEach((id, i) =>
    assertEquals(values.slice(8 * i, 8 * i + 8), rows.slice(8 * id, 8 * id + 8))
  );
  // The gradient of the sum is broadcast without a copy.
  y.sum().backward();
  const counts = [2, 1, 0, 2, 0, 1];
  assertEquals([...await weight.grad!.data()], counts.flatMap((n) => new Array(8).fill(n)));

  const scalar = embedding(weight, Tensor.from(device, 4, { dtype: "int32" }));
  assertEquals(scalar.shape, [8]);
  assertEquals(await scalar.data(), rows.slice(32, 40));
});

kernelTest("an invalid id that only the device knows gives a row of NaN", async (device) => {
  const weight = Tensor.ones(device, [3, 5], { requiresGrad: true });
  const y = embedding(weight, unknownIds(device, [2, 3, -1, 0, 2 ** 30, -(2 ** 31)]));
  const [good, bad] = [new Array(5).fill(1), new Array(5).fill(NaN)];
  assertEquals([...await y.data()], [good, bad, bad, good, bad, bad].flat());
  y.backward(Tensor.ones(device, [6, 5]));
  assertEquals([...await weight.grad!.data()], [1, 0, 1].flatMap((n) => new Array(5).fill(n)));
});

kernelTest("the gradient of an embedding has the same bits each time", async (device) => {
  const ids = intsBelow(1, 5000, 3);
  const upstream = Tensor.from(device, normalArray(2, 5000 * 4), { shape: [5000, 4] });
  const results: string[] = [];
  for (let run = 0; run < 3; run++) {
    const weight = Tensor.zeros(device, [3, 4], { requiresGrad: true });
    embedding(weight, Tensor.from(device, ids)).backward(upstream);
    results.push((await weight.grad!.data()).join());
  }
  assertEquals(new Set(results).size, 1);
});

fresh.kernelTest("an embedding and its gradient leak no memory", (device) => {
  const weight = Tensor.ones(device, [300, 6], { requiresGrad: true });
  const before = device.live;
  for (let step = 0; step < 3; step++) {
    using _scope = device.scope();
    const y = embedding(weight, Tensor.from(device, intsBelow(step, 500, 300)));
    gather(y, 1, Tensor.from(device, intsBelow(step, 500, 6), { shape: [500, 1] })).sum()
      .backward();
    weight.zeroGrad();
  }
  assertEquals(device.live, before);
});

kernelTest("gather works along any axis, and its gradient adds up", async (device) => {
  for (const axis of [0, 1, 2, -1]) {
    using _scope = device.scope();
    const shape = [4, 5, 67];
    const at = axis < 0 ? 2 : axis;
    const wanted = shape.with(at, 3);
    const size = wanted.reduce((a, b) => a * b);
    const x = Tensor.from(device, normalArray(1, 4 * 5 * 67), { shape, requiresGrad: true });
    const positions = intsBelow(2, size, shape[at]!);
    const y = gather(x, axis, Tensor.from(device, positions, { shape: wanted }));
    assertEquals(y.shape, wanted);
    const upstream = normalArray(3, size);
    y.backward(Tensor.from(device, upstream, { shape: wanted }));

    const [xs, ys, gradient] = [await x.data(), await y.data(), await x.grad!.data()];
    const expected = new Float64Array(xs.length);
    for (let i = 0, flat = 0; i < wanted[0]!; i++) {
      for (let j = 0; j < wanted[1]!; j++) {
        for (let k = 0; k < wanted[2]!; k++, flat++) {
          const [a, b, c] = [i, j, k].with(at, positions[flat]!) as [number, number, number];
          const from = (a * 5 + b) * 67 + c;
          assertEquals(ys[flat], xs[from]);
          expected[from]! += upstream[flat]!;
        }
      }
    }
    expected.forEach((value, i) => assertAlmostEquals(gradient[i]!, value, 1e-5));
  }
});

kernelTest("gather copies integers exactly, and marks invalid indices", async (device) => {
  const positions = unknownIds(device, [1, 2, -1, 0], [2, 2]);
  const integers = Tensor.from(device, Int32Array.of(2 ** 31 - 1, -7, 16777217, 5), {
    shape: [2, 2],
  });
  assertEquals([...await gather(integers, -1, positions).data()], [-7, -1, -1, 16777217]);
  const floats = Tensor.from(device, [[1, 2], [3, 4]]);
  assertEquals([...await gather(floats, -1, positions).data()], [2, NaN, NaN, 3]);
  const sums = sumAlong(Tensor.ones(device, [2, 2]), positions, 2);
  assertEquals([...await sums.data()], [0, 1, 1, 0]);
});

kernelTest("gather of nothing is nothing", async (device) => {
  const none = Tensor.from(device, new Int32Array(0), { shape: [3, 0] });
  const x = Tensor.ones(device, [3, 2], { requiresGrad: true });
  const y = gather(x, 1, none);
  assertEquals(y.shape, [3, 0]);
  y.sum().backward();
  assertEquals([...await x.grad!.data()], new Array(6).fill(0));
});

kernelTest("operands that do not match are an error", (device) => {
  const weight = Tensor.ones(device, [3, 2]);
  const ids = (values: number[]) => Tensor.from(device, values, { dtype: "int32" });
  assertThrows(() => embedding(weight, ids([0, 3])), RangeError, "wanted ids from 0 to 2, got 3");
  assertThrows(() => embedding(weight, ids([-1])), RangeError, "got -1");
  assertThrows(() => embedding(weight, Tensor.ones(device, [2])), TypeError, "int32");
  assertThrows(() => embedding(Tensor.ones(device, [3]), ids([0])), RangeError, "got [3]");
  const table = Tensor.from(device, [[1]], { dtype: "int32" });
  assertThrows(
    () => embedding(table, ids([0])),
    TypeError,
    "weight of type float32, bfloat16 or float16, got int32",
  );
  assertThrows(() => gather(weight, 2, ids([0])), RangeError, "axis 2");
  assertThrows(() => gather(weight, 1, ids([0])), RangeError, "got [3, 2] and positions [1]");
  const two = Tensor.from(device, [[2]], { dtype: "int32" });
  assertThrows(() => gather(weight.slice(0, 0, 1), 1, two), RangeError, "got 2");
});

gpuTest(
  "ids are sorted once for all tables in a scope, and again when they change",
  async (device) => {
    using _scope = device.scope();
    const ids = Tensor.from(device, [2, 0, 2], { dtype: "int32" });
    const lookUp = async (): Promise<{ gradient: number[]; dispatches: number }> => {
      const table = Tensor.from(device, [[1], [1], [1]], { requiresGrad: true });
      const rows = embedding(table, ids);
      const before = device.statistics.dispatches;
      rows.backward(Tensor.from(device, [[1], [2], [4]]));
      const { dispatches } = device.statistics;
      return { gradient: [...await table.grad!.data()], dispatches: dispatches - before };
    };
    const [first, second] = [await lookUp(), await lookUp()];
    assertEquals([first.gradient, second.gradient], [[2, 0, 5], [2, 0, 5]]);
    assertLess(second.dispatches, first.dispatches);
    ids.assign(Int32Array.of(1, 1, 0));
    assertEquals(await lookUp(), { gradient: [4, 3, 0], dispatches: first.dispatches });
  },
);

kernelTest(
  "rows are added by id to existing values, and those of invalid ids are skipped",
  async (device) => {
    const [rows, columns, count] = [12, 10, 300];
    const ids = intsBelow(7, count, rows + 2).map((id) => id - 1);
    const x = intsBelow(8, count * columns, 100);
    const output = Tensor.from(device, new Float32Array(rows * columns).fill(1), {
      shape: [rows, columns],
    });
    const expected = new Float32Array(rows * columns).fill(1);
    ids.forEach((id, i) => {
      if (id < 0 || id >= rows) return;
      for (let c = 0; c < columns; c++) expected[id * columns + c]! += x[i * columns + c]!;
    });
    const from = Tensor.from(device, Float32Array.from(x), { shape: [count, columns] });
    sumRows(device, { x: from, ids: Tensor.from(device, ids), output, accumulate: true });
    assertEquals(await output.data(), expected);
  },
);
