import { assertEquals } from "@std/assert";
import { gpuTest } from "../../../testing/gpu.ts";
import { uniformArray } from "../../random.ts";
import { sortPositions } from "./sort_wgsl.ts";

gpuTest("indices are sorted by key, and equal keys keep their order", async (device) => {
  const cases = [[1, 1], [5, 3], [128, 1], [129, 256], [1000, 255], [3000, 65_536], [
    2000,
    2 ** 24,
  ]];
  for (const [count, keys] of cases as [number, number][]) {
    // A tenth of them is out of range, and some elements precede the first.
    const offset = 3;
    const ids = Int32Array.from(
      uniformArray(count, count + offset, -0.05 * keys - 1, 1.05 * keys + 1),
      Math.floor,
    );
    const allocation = device.allocate(4 * ids.length, "ids");
    device.write(allocation, 0, ids);
    const view = { allocation, dtype: "int32", shape: [count], strides: [1], offset } as const;
    const sorted = sortPositions(device, view, keys);
    const result = new Uint32Array(await device.read(sorted, 0, 4 * count));

    const keyOf = (position: number) => {
      const id = ids[offset + position]!;
      return id >= 0 && id < keys ? id : keys;
    };
    const expected = Uint32Array.from({ length: count }, (_, i) => i)
      .sort((a, b) => keyOf(a) - keyOf(b) || a - b);
    assertEquals(result, expected, `${count} ids, ${keys} keys`);
    device.free(sorted);
    device.free(allocation);
  }
  assertEquals(device.live, 0);
});
