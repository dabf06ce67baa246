import { assertEquals } from "@std/assert";
import { kernelTest } from "../../../testing/every_device.ts";
import { uniformArray } from "../../random.ts";
import { defineSort } from "./sort.ts";

const sort = defineSort("test", (_, id) => id);

kernelTest("indices are sorted by key, and equal keys keep their order", async (device) => {
  const cases = [[1, 1, 1], [1, 5, 3], [1, 32, 1], [2, 33, 256], [1, 1000, 255], [3, 1000, 9]];
  for (const [rows, length, ids] of [...cases, [1, 5000, 2 ** 24]] as [number, number, number][]) {
    // Some ids are negative, and some elements precede the first.
    const offset = 4;
    const values = Int32Array.from(
      uniformArray(length, rows * length + offset, -0.05 * ids - 1, ids),
      Math.floor,
    );
    const allocation = device.allocate(4 * values.length, "ids");
    device.write(allocation, 0, values);
    const strides = [length, 1];
    const view = { allocation, dtype: "int32", shape: [rows, length], strides, offset } as const;
    for (const wanted of new Set([1, Math.min(50, length), length])) {
      const sorted = sort(device, view, wanted).allocation;
      const result = new Int32Array(await device.read(sorted, 0, 4 * rows * length));
      for (let row = 0; row < rows; row++) {
        const keyOf = (i: number) => values[offset + row * length + i]! >>> 0;
        const expected = Int32Array.from({ length }, (_, i) => i)
          .sort((a, b) => keyOf(a) - keyOf(b) || a - b);
        const found = result.subarray(row * length, row * length + wanted);
        assertEquals(found, expected.subarray(0, wanted), `${wanted} of ${length}, row ${row}`);
      }
      device.free(sorted);
    }
    device.free(allocation);
  }
});
