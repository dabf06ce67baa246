import { assertEquals, assertThrows } from "@std/assert";
import { kernelTest, testOnEveryDevice } from "../../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../../testing/gpu.ts";
import {
  copyInto,
  defineProgram,
  type Device,
  expression as ex,
  runProgramOutputs,
  Tensor,
  where,
} from "../mod.ts";

const LOWEST = -(2 ** 31);
const HIGHEST = 2 ** 31 - 1;

/** Integers over the whole range: few of them are floats, and sums and products overflow. */
function integers(count: number, seed: number): Int32Array<ArrayBuffer> {
  const values = new Int32Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5 | 0;
    values[i] = i % 5 === 0 ? state >> 28 : state;
  }
  values.set([LOWEST, HIGHEST, 16_777_217, -1, 0].slice(0, count));
  return values;
}

const binaries: Record<
  string,
  { run: (a: Tensor, b: Tensor | number) => Tensor; of: (a: number, b: number) => number }
> = {
  add: { run: (a, b) => a.add(b), of: (a, b) => a + b | 0 },
  sub: { run: (a, b) => a.sub(b), of: (a, b) => a - b | 0 },
  mul: { run: (a, b) => a.mul(b), of: Math.imul },
  maximum: { run: (a, b) => a.maximum(b), of: Math.max },
  minimum: { run: (a, b) => a.minimum(b), of: Math.min },
  lt: { run: (a, b) => a.lt(b), of: (a, b) => Number(a < b) },
  le: { run: (a, b) => a.le(b), of: (a, b) => Number(a <= b) },
  gt: { run: (a, b) => a.gt(b), of: (a, b) => Number(a > b) },
  ge: { run: (a, b) => a.ge(b), of: (a, b) => Number(a >= b) },
  eq: { run: (a, b) => a.eq(b), of: (a, b) => Number(a === b) },
  ne: { run: (a, b) => a.ne(b), of: (a, b) => Number(a !== b) },
};
const comparisons = ["lt", "le", "gt", "ge", "eq", "ne"];

async function checkBinaries(device: Device): Promise<void> {
  const [rows, columns] = [9, 21];
  const a = integers(rows * columns, 1);
  const b = integers(columns, 2);
  b.set([a[0]!, a[1]!], 7);
  const transposed = Tensor.from(device, a, { shape: [columns, rows] }).transpose();
  const at = (row: number, column: number) => a[column * rows + row]!;
  const vector = Tensor.from(device, b);
  for (const [name, { run, of }] of Object.entries(binaries)) {
    const dtype = comparisons.includes(name) ? "float32" : "int32";
    for (const other of [vector, 16_777_217, LOWEST]) {
      const result = run(transposed, other);
      const expected = Array.from({ length: rows * columns }, (_, i) => {
        const column = i % columns;
        return of(
          at(Math.floor(i / columns), column),
          typeof other === "number" ? other : b[column]!,
        );
      });
      assertEquals([result.dtype, ...result.shape], [dtype, rows, columns], name);
      assertEquals([...await result.data()], expected, name);
    }
  }
}

kernelTest("arithmetic of integers is exact and wraps around", checkBinaries);
gpuTest("arithmetic of integers is exact within tiny limits", checkBinaries, tinyDevice);

async function checkReductions(device: Device): Promise<void> {
  for (const shape of [[3, 7], [40, 30], [2, 10_007], [1, 1], [70_001, 1]]) {
    const [rows, columns] = shape as [number, number];
    const values = integers(rows * columns, rows);
    const x = Tensor.from(device, values, { shape });
    const column = (j: number) =>
      Int32Array.from({ length: rows }, (_, i) => values[i * columns + j]!);
    const lines = [
      Array.from({ length: columns }, (_, j) => column(j)),
      Array.from({ length: rows }, (_, i) => values.slice(i * columns, (i + 1) * columns)),
    ];
    for (const axis of [0, 1]) {
      const expect = async (result: Tensor, combine: (a: number, b: number) => number) => {
        assertEquals([result.dtype, ...result.shape], ["int32", shape[1 - axis]], `${shape}`);
        const expected = Int32Array.from(
          lines[axis]!,
          (line) => line.reduce((a, b) => combine(a, b)),
        );
        assertEquals(await result.data(), expected, `${shape} along ${axis}`);
      };
      await expect(x.sum(axis), (a, b) => a + b | 0);
      await expect(x.max(axis), Math.max);
      await expect(x.min(axis), Math.min);
    }
    assertEquals(await x.sum().item(), values.reduce((a, b) => a + b | 0));
  }
  const none = Tensor.zeros(device, [2, 0], { dtype: "int32" });
  assertEquals([...await none.sum(1).data()], [0, 0]);
}

kernelTest("reductions of integers are exact, and sums wrap around", checkReductions);
gpuTest("reductions of integers are exact within tiny limits", checkReductions, tinyDevice);

kernelTest("integers are selected, negated, filled and copied exactly", async (device) => {
  const values = integers(35, 3);
  const x = Tensor.from(device, values, { shape: [5, 7] });
  const other = Tensor.from(device, integers(7, 4));
  const condition = Tensor.from(device, [[0.5], [0], [-3], [NaN], [0]]);
  const chosen = (i: number) => [0, 2, 3].includes(Math.floor(i / 7));
  const expected = Array.from(values, (value, i) => chosen(i) ? value : integers(7, 4)[i % 7]!);
  for (const test of [condition, condition.ne(0).to("int32")]) {
    assertEquals([...await where(test, x, other).data()], expected);
    assertEquals(
      [...await where(test, -5, x).data()],
      Array.from(values, (value, i) => chosen(i) ? -5 : value),
    );
    assertEquals([...await where(test, 1, 2.5).data()], [1, 2.5, 1, 1, 2.5]);
  }
  assertEquals([...await x.neg().data()], Array.from(values, (value) => -value | 0));
  const filled = Tensor.full(device, [3], 16_777_217, { dtype: "int32" });
  assertEquals([...await filled.data()], [16_777_217, 16_777_217, 16_777_217]);
  const copy = Tensor.zeros(device, [7, 5], { dtype: "int32" });
  copyInto(x.transpose(), copy);
  assertEquals(
    [...await copy.data()],
    Array.from(values, (_, i) => values[i % 5 * 7 + Math.floor(i / 5)]!),
  );
  assertEquals([...await x.to("float32").data()], Array.from(values, Math.fround));
});

testOnEveryDevice("floats are truncated to integers, within their range", async (device) => {
  const numbers = [2.7, -2.7, NaN, Infinity, -Infinity, 1e30, -1e30, -0.5];
  const expected = [2, -2, 0, HIGHEST, LOWEST, HIGHEST, LOWEST, 0];
  for (const count of [7, 8]) {
    const x = Tensor.from(device, numbers.slice(0, count));
    assertEquals([...await x.to("int32").data()], expected.slice(0, count));
  }
});

testOnEveryDevice("the share of right answers is the mean of an equality", async (device) => {
  const logits = Tensor.from(device, [[1, 5, 2], [0, 0, 1], [3, 2, 1], [1, 2, 1]]);
  const labels = Tensor.from(device, Uint8Array.of(1, 2, 1, 1));
  assertEquals(await logits.argmax(-1).eq(labels).mean().item(), 0.75);
});

testOnEveryDevice("integers and floats do not mix unasked", (device) => {
  const [integer, float] = [Tensor.from(device, Int32Array.of(1, 2)), Tensor.from(device, [1, 2])];
  const convert = 'Convert with to("float32")';
  for (
    const mixed of [() => integer.add(float), () => float.mul(integer), () => integer.eq(float)]
  ) {
    assertThrows(mixed, TypeError, convert);
  }
  assertThrows(
    () => where(float, integer, float),
    TypeError,
    "of one dtype, got int32 and float32",
  );
  for (const refused of [() => integer.div(2), () => integer.exp(), () => integer.mean()]) {
    assertThrows(refused, TypeError, convert);
  }
  for (const value of [0.5, NaN, 2 ** 31]) {
    const wanted = `wanted a 32-bit integer for int32, got ${value}`;
    assertThrows(() => integer.add(value), RangeError, wanted);
    assertThrows(() => where(float, integer, value), RangeError, wanted);
    assertThrows(() => Tensor.full(device, [2], value, { dtype: "int32" }), RangeError, wanted);
  }
});

gpuTest("rows of integers that exceed a binding together are exact", async (device) => {
  const [rows, columns] = [3, 200_001];
  const values = integers(rows * columns, 9);
  const program = defineProgram({ name: "above", inputs: ["x"], overIntegers: true }, ({ x }) => [
    ex.subtract(x, ex.rowMin(x)),
    ex.add(ex.rowSum(x), ex.multiply(ex.rowLength, 100_003)),
    ex.rowMax(ex.add(x, ex.columnIndex)),
  ]);
  const x = Tensor.from(device, values, { shape: [rows, columns] });
  const results = runProgramOutputs(program, [x], [], "int32");
  const [above, sums, largest] = await Promise.all(results.map((result) => result.data()));
  for (let row = 0; row < rows; row++) {
    const line = values.slice(row * columns, (row + 1) * columns);
    const lowest = line.reduce((a, b) => Math.min(a, b));
    const wrong = line.findIndex((value, i) => above![row * columns + i] !== (value - lowest | 0));
    assertEquals(wrong, -1);
    assertEquals(sums![row], line.reduce((a, b) => a + b | 0) + Math.imul(columns, 100_003) | 0);
    assertEquals(largest![row], line.reduce((a, b, i) => Math.max(a, b + i | 0), LOWEST));
  }
}, tinyDevice);

Deno.test("formulas over integers have only the operations of integers", () => {
  assertThrows(
    () =>
      defineProgram(
        { name: "half", inputs: ["x"], overIntegers: true },
        ({ x }) => [ex.divide(x, 2)],
      ),
    TypeError,
    'Cannot define "half" over integers: wanted negate, add, subtract, multiply, max, min, less, ' +
      "lessEqual, equal, got divide",
  );
});
