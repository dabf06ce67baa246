import { assert, assertEquals } from "@std/assert";
import { kernelTest, testOnEveryDevice } from "../../../testing/every_device.ts";
import {
  argsort,
  copyInto,
  cumulativeSum,
  indexSelect,
  noGrad,
  scatterAdd,
  sort,
  Tensor,
  topK,
  uniformArray,
} from "../../mod.ts";

testOnEveryDevice("numbers and ranges give views, tensors copies", async (device) => {
  const x = Tensor.arange(device, 0, 12, 1, "float32").reshape([3, 4]);
  const every = x.at([], [1, 4, 2]);
  assertEquals(every.storage, x.storage);
  copyInto(Tensor.zeros(device, [3, 2]), every);
  assertEquals([...await x.data()], [0, 0, 2, 0, 4, 0, 6, 0, 8, 0, 10, 0]);
  const rows = x.at(Tensor.from(device, [2], { dtype: "int32" }));
  copyInto(Tensor.ones(device, [1, 4]), rows);
  assertEquals(await x.at(2, 0).item(), 8);
  assertEquals(x.at(), x);
});

testOnEveryDevice("the same index twice adds up its gradients", async (device) => {
  const x = Tensor.from(device, [[1, 2], [3, 4], [5, 6]], { requiresGrad: true });
  const ids = Tensor.from(device, [[2, 0], [2, 2]], { dtype: "int32" });
  assertEquals(x.at(ids).shape, [2, 2, 2]);
  x.at(ids).sum().backward();
  assertEquals([...await x.grad!.data()], [1, 1, 0, 0, 3, 3]);
  x.zeroGrad();
  // A matrix indexed by pairs, as the probabilities of targets are.
  const [rows, columns] = [[0, 1, 0], [1, 0, 1]].map((each) =>
    Tensor.from(device, each, { dtype: "int32" })
  );
  const chosen = x.at(rows!, columns!);
  assertEquals([...await chosen.data()], [2, 3, 2]);
  chosen.sum().backward();
  assertEquals([...await x.grad!.data()], [0, 2, 1, 0, 0, 0]);
});

testOnEveryDevice(
  "integers are selected exactly, and ids beyond the end give −1",
  async (device) => {
    const x = Tensor.from(device, [2 ** 30 + 1, -(2 ** 31), 7], { dtype: "int32" });
    const ids = Tensor.from(device, [1, 2, 0], { dtype: "int32" });
    assertEquals([...await indexSelect(x, 0, ids).data()], [-(2 ** 31), 7, 2 ** 30 + 1]);
    const computed = noGrad(() => ids.add(2));
    assertEquals([...await indexSelect(x, 0, computed).data()], [-1, -1, 7]);
  },
);

kernelTest("long rows are sorted stably, in both directions", async (device) => {
  // Few different values, so that many are equal.
  const values = uniformArray(3, 3 * 700, -5, 5).map(Math.round);
  for (const dtype of ["float32", "int32"] as const) {
    const x = Tensor.from(device, values, { shape: [3, 700], dtype });
    for (const descending of [false, true]) {
      const sorted = sort(x, -1, { descending });
      const [got, indices] = [await sorted.values.data(), await sorted.indices.data()];
      for (let row = 0; row < 3; row++) {
        const own = [...values.subarray(700 * row, 700 * row + 700)];
        const order = own.map((_, i) => i)
          .sort((i, j) => (descending ? own[j]! - own[i]! : own[i]! - own[j]!) || i - j);
        assertEquals([...indices.subarray(700 * row, 700 * row + 700)], order);
        assertEquals([...got.subarray(700 * row, 700 * row + 700)], order.map((i) => own[i]! + 0));
      }
    }
  }
  const edges = Tensor.from(device, [5, -(2 ** 31), 2 ** 31 - 1, 0, -1], { dtype: "int32" });
  assertEquals([...await argsort(edges).data()], [1, 4, 3, 0, 2]);
  const odd = Tensor.from(device, [NaN, Infinity, -0, 0, -Infinity]);
  assertEquals([...await argsort(odd).data()], [4, 2, 3, 1, 0]);
  assertEquals([...await topK(edges, 2).values.data()], [2 ** 31 - 1, 5]);
  assertEquals((await sort(Tensor.zeros(device, [3, 0])).values.data()).length, 0);
});

kernelTest("integers are divided as in Python, also at the edges", async (device) => {
  const [least, most] = [-(2 ** 31), 2 ** 31 - 1];
  const pairs = [[7, 2], [-7, 2], [7, -2], [-7, -2], [6, 3], [-6, 3], [least, -1], [least, 1]];
  const edges = [[most, least], [least, most], [5, 0], [0, 5], [0, -5], [-1, most]];
  const all = [...pairs, ...edges] as [number, number][];
  const [a, b] = [0, 1].map((i) =>
    Tensor.from(device, all.map((pair) => pair[i]!), { dtype: "int32" })
  ) as [Tensor, Tensor];
  // Wraps around at −2³¹ / −1; by 0 it is −1, with all of the dividend left.
  const quotients = all.map(([x, y]) => y === 0 ? -1 : Math.floor(x / y) | 0);
  const rests = all.map(([x, y]) => y === 0 ? x : x - y * Math.floor(x / y));
  assertEquals([...await a.floorDivide(b).data()], quotients.map((each) => each + 0));
  assertEquals([...await a.remainder(b).data()], rests.map((each) => each + 0));
});

kernelTest("integers add up exactly where floats do not", async (device) => {
  const x = Tensor.full(device, [2, 300], 2 ** 24 + 1, { dtype: "int32" });
  const sums = await cumulativeSum(x, 1).data();
  assert(sums.every((sum, i) => sum === (Math.imul(i % 300 + 1, 2 ** 24 + 1) | 0)));
});

testOnEveryDevice("values at the same position are added in order", async (device) => {
  const x = Tensor.from(device, [[1, 1, 1], [1, 1, 1]], { requiresGrad: true });
  const positions = Tensor.from(device, [[0, 0, 2], [1, 1, 1]], { dtype: "int32" });
  const values = Tensor.from(device, [[1, 2, 3], [4, 5, 6]], { requiresGrad: true });
  const y = scatterAdd(x, 1, positions, values);
  assertEquals([...await y.data()], [4, 1, 4, 1, 16, 1]);
  y.square().sum().backward();
  assertEquals([...await values.grad!.data()], [8, 8, 8, 32, 32, 32]);
  assertEquals([...await x.grad!.data()], [8, 2, 8, 2, 32, 2]);
});
