import { assertEquals } from "@std/assert";
import { LayoutCache, type TensorLayout } from "./layout.ts";
import { openDevice, Tensor } from "./mod.ts";

const layout = (shape: number[], strides: number[], dtype: "float32" | "int32" = "float32") =>
  ({ dtype, shape, strides }) satisfies TensorLayout;

Deno.test("results of one layout are returned for no other", () => {
  const cache = new LayoutCache<string>();
  const keys: (readonly [string, readonly TensorLayout[], number])[] = [
    ["a row", [layout([2, 3], [3, 1])], 0],
    ["another variant", [layout([2, 3], [3, 1])], 1],
    ["integers", [layout([2, 3], [3, 1], "int32")], 0],
    ["transposed", [layout([2, 3], [1, 2])], 0],
    ["broadcast", [layout([2, 3], [0, 1])], 0],
    ["another shape", [layout([3, 2], [3, 1])], 0],
    ["two operands", [layout([2, 3], [3, 1]), layout([2, 3], [3, 1])], 0],
    ["a scalar", [layout([], [])], 0],
    ["nothing", [], 0],
  ];
  for (const [name, operands, variant] of keys) {
    assertEquals(cache.get(operands, variant) ?? cache.set(operands, variant, name), name);
  }
  for (const [name, operands, variant] of keys) {
    const again = operands.map(({ dtype, shape, strides }) => ({
      dtype,
      shape: [...shape],
      strides,
    }));
    // Two of them may share a slot and evict each other, but never be confused.
    assertEquals(cache.get(again, variant) ?? cache.set(again, variant, name), name);
  }
});

Deno.test("a result is stored until there are too many", () => {
  const cache = new LayoutCache<number>();
  const key = [layout([4], [1])];
  assertEquals(cache.get(key, 0), undefined);
  assertEquals([cache.set(key, 0, 7), cache.get(key, 0)], [7, 7]);
  // Shapes that never recur do not accumulate, and cost no more than recomputing.
  for (let i = 5; i < 1000; i++) cache.set([layout([i], [1])], 0, i);
  assertEquals(cache.get(key, 0), undefined);
});

Deno.test("gradients that depend on a shape alone are right for each of several shapes", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  for (const [rows, columns] of [[2, 3], [2, 5], [3, 5], [1, 1], [4, 1]] as const) {
    using _scope = device.scope();
    const x = Tensor.ones(device, [rows, columns], { requiresGrad: true });
    // The gradient of the comparison is zero for all operands; that of the mean only knows lengths.
    x.lt(0.5).add(x.mean(1, true)).sum().backward();
    assertEquals(x.grad!.shape, [rows, columns]);
    const wanted = new Float32Array(rows * columns).fill(1);
    const got = await x.grad!.data();
    got.forEach((value, i) => assertEquals(Math.abs(value - wanted[i]!) < 1e-6, true));
    x.zeroGrad();
    x.dispose();
  }
  await device.close();
});
