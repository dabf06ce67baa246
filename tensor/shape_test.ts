import { assertEquals, assertThrows } from "@std/assert";
import {
  broadcastAxes,
  broadcastShapes,
  contiguousStrides,
  isContiguous,
  reshapeStrides,
  resolveShape,
} from "./layout.ts";

Deno.test("shapes broadcast from the last axis, and 0 is a length like any other", () => {
  assertEquals(broadcastShapes([[3, 1], [4]], "add"), [3, 4]);
  assertEquals(broadcastShapes([[], [2]], "add"), [2]);
  assertEquals(broadcastShapes([[0, 3], [1, 3]], "add"), [0, 3]);
  assertThrows(() => broadcastShapes([[0], [2]], "add"), RangeError, "0 against 2");
  assertEquals(broadcastAxes([3, 1], [2, 3, 4]), [0, 2]);
});

Deno.test("a length of -1 is resolved", () => {
  assertEquals(resolveShape([2, -1], [4, 3]), [2, 6]);
  assertEquals(resolveShape([-1], []), [1]);
  assertThrows(() => resolveShape([5, -1], [4, 3]), RangeError, "12 elements");
  assertThrows(() => resolveShape([-1, -1], [4]), RangeError);
});

Deno.test("a reshape needs a copy only if elements are out of order", () => {
  assertEquals(reshapeStrides([2, 3], [3, 1], [6]), [1]);
  assertEquals(reshapeStrides([2, 3], [1, 2], [6]), null);
  assertEquals(reshapeStrides([2, 3, 4], [12, 4, 1], [6, 2, 2]), [4, 2, 1]);
  assertEquals(reshapeStrides([2, 1, 3], [6, 99, 2], [1, 6]), [12, 2]);
  assertEquals(reshapeStrides([4, 3], [0, 1], [2, 2, 3]), [0, 0, 1]);
  assertEquals(reshapeStrides([0, 3], [3, 1], [3, 0]), [0, 1]);
});

Deno.test("every reshape of a contiguous tensor is contiguous", () => {
  const shapes = [[24], [2, 12], [2, 3, 4], [1, 24, 1], [4, 1, 6], [2, 2, 2, 3]];
  for (const from of shapes) {
    for (const to of shapes) {
      const strides = reshapeStrides(from, contiguousStrides(from), to)!;
      assertEquals(isContiguous(to, strides), true, `${from} to ${to}: ${strides}`);
    }
  }
});
