import { assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { type NestedArray, Tensor } from "./mod.ts";
import { flatten } from "./nested_array.ts";

const integers = [
  Int8Array.of(-128, 127),
  Uint8Array.of(0, 255),
  Uint8ClampedArray.of(0, 300),
  Int16Array.of(-32768, 32767),
  Uint16Array.of(0, 65535),
  Int32Array.of(-(2 ** 31), 2 ** 31 - 1),
  Uint32Array.of(0, 2 ** 31 - 1),
  BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n),
  BigUint64Array.of(0n, 2n ** 31n - 1n),
];

testOnEveryDevice("a tensor is made from a typed array of any kind", async (device) => {
  for (const values of integers) {
    const numbers = Array.from<number | bigint, number>(values, Number);
    const x = Tensor.from(device, values);
    assertEquals([x.dtype, ...x.shape], ["int32", 2], values.constructor.name);
    assertEquals([...await x.data()], numbers, values.constructor.name);
    const y = Tensor.from(device, values, { dtype: "float32", shape: [1, 2] });
    assertEquals([...await y.data()], numbers.map(Math.fround), values.constructor.name);
  }
  const doubles = Tensor.from(device, Float64Array.of(0.1, NaN, 1e300));
  assertEquals([...await doubles.data()], [Math.fround(0.1), NaN, Infinity]);
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([1, 2]);
  assertEquals([...await Tensor.from(device, shared).data()], [1, 2]);
  if (device.hasFloat16) {
    const halves = Tensor.from(device, Float16Array.of(0.1, 2));
    assertEquals([halves.dtype, ...await halves.data()], ["float16", Math.f16round(0.1), 2]);
  }
});

testOnEveryDevice("a tensor is made from nested typed arrays", async (device) => {
  const pixels = Tensor.from(device, [[Uint8Array.of(1, 2)], [Uint8Array.of(3, 255)]]);
  assertEquals([pixels.dtype, ...pixels.shape], ["int32", 2, 1, 2]);
  assertEquals([...await pixels.data()], [1, 2, 3, 255]);
  const mixed = Tensor.from(device, [Float32Array.of(1.5, 2), [3, 4], BigInt64Array.of(5n, -6n)]);
  assertEquals([mixed.dtype, ...mixed.shape], ["float32", 3, 2]);
  assertEquals([...await mixed.data()], [1.5, 2, 3, 4, 5, -6]);
});

Deno.test("values that are not numbers, or do not fit, are refused by name", () => {
  const refuse = (values: unknown, error: typeof TypeError | typeof RangeError, message: string) =>
    assertThrows(() => flatten(values as NestedArray), error, message);
  refuse(new DataView(new ArrayBuffer(4)), TypeError, "got a DataView");
  assertThrows(() => flatten(new DataView(new ArrayBuffer(4)) as never, "float32"), TypeError);
  refuse([[1, "2"]], TypeError, 'wanted numbers, got "2"');
  refuse([1, 2n], TypeError, "wanted numbers, got 2n");
  refuse(
    Uint32Array.of(1, 2 ** 31),
    RangeError,
    "wanted 32-bit integers, got 2147483648 at element 1",
  );
  refuse(BigInt64Array.of(2n ** 53n + 1n), RangeError, "got 9007199254740993 at element 0");
  refuse([Float32Array.of(1, 2), Float32Array.of(1)], RangeError, "got an array of 1 at depth 1");
  refuse([[[1, 2]], Float32Array.of(1)], RangeError, "got numbers at depth 2");
  refuse([Float32Array.of(1, 2), 3], RangeError, "got a number at depth 1");
  refuse([Float32Array.of(1, 2), [[1], [2]]], RangeError, "got an array of 1 at depth 2");
});
