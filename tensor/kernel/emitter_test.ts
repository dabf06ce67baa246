import { assertEquals, assertThrows } from "@std/assert";
import { instantiateKernel } from "../devices/cpu/testing/run_kernel.ts";
import { emitKernel, F32, F32x4, type FunctionBuilder, I32, I32x4, type Value } from "./emitter.ts";

/** Computes values over (a, b, c), four lanes each, and stores them consecutively. */
function vectorResults(
  values: (a: F32x4, b: F32x4, c: F32x4, f: FunctionBuilder) => readonly Value[],
  inputs: readonly (readonly number[])[],
  relaxedSimd = false,
): { floats: number[][]; integers: number[][] } {
  let count = 0;
  const kernel = instantiateKernel(
    emitKernel((f, { words }) => {
      const [a, b, c] = [0, 16, 32].map((offset) => words.loadF32x4(offset)) as [
        F32x4,
        F32x4,
        F32x4,
      ];
      values(a, b, c, f).forEach((value, i) =>
        f.store(words, value, 64 + 16 * i) ?? (count = i + 1)
      );
    }),
    relaxedSimd,
  );
  inputs.forEach((lanes, i) => kernel.floats.set(lanes, 4 * i));
  kernel.run(0, 0, 0);
  const rows = Array.from({ length: count }, (_, i) => 16 + 4 * i);
  return {
    floats: rows.map((at) => [...kernel.floats.slice(at, at + 4)]),
    integers: rows.map((at) => [...kernel.integers.slice(at, at + 4)]),
  };
}

Deno.test("vector arithmetic on floats computes what its name says", () => {
  const a = [1, -2, 3.5, 4];
  const b = [5, 6, -7, 0.5];
  const { floats } = vectorResults((a, b) => [
    a.add(b),
    a.subtract(b),
    a.multiply(b),
    a.divide(b),
    a.min(b),
    a.max(b),
    a.pseudoMin(b),
    a.pseudoMax(b),
    a.abs(),
    a.negate(),
    a.abs().sqrt(),
    a.floor(),
    a.nearest(),
    a.multiplyAdd(b, 10),
    a.negativeMultiplyAdd(b, 10),
    a.shuffle(b, [3, 4, 0, 7]),
    a.withLane(2, F32.of(9)),
    a.add(F32x4.lanes(1, 2, 3, 4)),
  ], [a, b]);
  const each = (f: (a: number, b: number) => number) => a.map((x, i) => Math.fround(f(x, b[i]!)));
  const even = (x: number) => x === 3.5 ? 4 : x;
  assertEquals(floats, [
    each((a, b) => a + b),
    each((a, b) => a - b),
    each((a, b) => a * b),
    each((a, b) => a / b),
    each(Math.min),
    each(Math.max),
    each(Math.min),
    each(Math.max),
    each(Math.abs),
    each((a) => -a),
    each((a) => Math.sqrt(Math.abs(a))),
    each(Math.floor),
    each(even),
    each((a, b) => a * b + 10),
    each((a, b) => 10 - a * b),
    [4, 5, 1, 0.5],
    [1, -2, 9, 4],
    [2, 0, 6.5, 8],
  ]);
});

Deno.test("comparisons give masks, and masks select regardless of the other value", () => {
  const { integers, floats } = vectorResults((a, b) => [
    a.equal(b),
    a.notEqual(b),
    a.less(b),
    a.lessEqual(b),
    a.greater(b),
    a.less(b).select(a, b),
    a.max(b),
    a.pseudoMax(b),
  ], [[1, 2, 3, NaN], [1, 3, 2, 0]]);
  assertEquals(integers.slice(0, 5), [
    [-1, 0, 0, 0],
    [0, -1, -1, -1],
    [0, -1, 0, 0],
    [-1, -1, 0, 0],
    [0, 0, -1, 0],
  ]);
  assertEquals(floats.slice(5), [[1, 2, 2, 0], [1, 3, 3, NaN], [1, 3, 3, NaN]]);
});

Deno.test("vector arithmetic on integers computes what its name says", () => {
  const { integers } = vectorResults((a) => {
    const x = a.toI32x4();
    return [
      x,
      x.add(3),
      x.subtract(3),
      x.multiply(x),
      x.shiftLeft(4),
      x.shiftRight(1),
      x.and(6),
      x.or(1),
      x.xor(-1),
      x.min(2),
      x.max(2),
      x.equal(5),
      x.less(5),
      x.greater(5),
    ];
  }, [[5.9, -5.9, 1e20, NaN]]);
  const x = [5, -5, 2147483647, 0];
  const each = (f: (x: number) => number) => x.map((x) => f(x) | 0);
  assertEquals(integers, [
    x,
    each((x) => x + 3),
    each((x) => x - 3),
    each((x) => Math.imul(x, x)),
    each((x) => x << 4),
    each((x) => x >> 1),
    each((x) => x & 6),
    each((x) => x | 1),
    each((x) => ~x),
    each((x) => Math.min(x, 2)),
    each((x) => Math.max(x, 2)),
    [-1, 0, 0, 0],
    [0, -1, 0, -1],
    [0, 0, -1, 0],
  ]);
});

Deno.test("conversions work in both directions, and reinterpretation keeps the bits", () => {
  const { floats, integers } = vectorResults((a) => [
    a.toI32x4().toF32x4(),
    a.bits(),
    a.bits().asF32x4(),
    F32.lane(a, 0).asI32().asF32().splat(),
    I32.of(-7).splat().toF32x4(),
  ], [[1.5, -2.5, 3, 4]]);
  assertEquals(floats[0], [1, -2, 3, 4]);
  assertEquals(integers[1], [0x3fc00000, -0x3fe00000, 0x40400000, 0x40800000]);
  assertEquals(floats[2], [1.5, -2.5, 3, 4]);
  assertEquals(floats[3], [1.5, 1.5, 1.5, 1.5]);
  assertEquals(floats[4], [-7, -7, -7, -7]);
});

Deno.test("scalar arithmetic computes what its name says", () => {
  const x = I32.of(-37);
  const y = F32.of(-2.5);
  const values: [Value, number][] = [
    [x.add(5), -32],
    [x.subtract(5), -42],
    [x.multiply(5), -185],
    [x.divide(5), -7],
    [x.remainder(5), -2],
    [x.divideUnsigned(2), 2147483629],
    [x.and(15), -37 & 15],
    [x.or(15), -37 | 15],
    [x.shiftLeft(3), -296],
    [x.shiftRight(3), -5],
    [x.isZero(), 0],
    [x.equal(-37), 1],
    [x.notEqual(-37), 0],
    [x.less(1), 1],
    [x.lessUnsigned(1), 0],
    [x.lessEqual(-38), 0],
    [x.greater(-38), 1],
    [x.greaterEqual(-36), 0],
    [x.min(4), -37],
    [y.add(1), -1.5],
    [y.subtract(1), -3.5],
    [y.multiply(4), -10],
    [y.less(-2.5), 0],
    [y.lessEqual(-2.5), 1],
    [y.greater(-3), 1],
  ];
  const kernel = instantiateKernel(emitKernel((f, { words }) => {
    values.forEach(([value], i) => f.store(words, value, 4 * i));
  }));
  kernel.run(0, 0, 0);
  values.forEach(([value, expected], i) => {
    const result = value instanceof F32 ? kernel.floats[i] : kernel.integers[i];
    assertEquals(result, expected, `value ${i}`);
  });
});

Deno.test("memory is accessed in all widths, with constant offsets", () => {
  const kernel = instantiateKernel(emitKernel((f, { words }) => {
    f.store(words, words.loadSplat(4), 64);
    f.store(words, words.add(4).loadLane(F32x4.of(7), 2), 96);
    f.storeLane(words, words.loadF32x4(0), 3, 112);
    f.store(words, words.loadI32(4), 116);
    f.store(words, words.loadI32x4(0), 120);
    f.copyMemory(words.add(136), words.add(4), I32.of(8));
    f.clearMemory(words.add(140), I32.of(4));
  }));
  kernel.floats.set([1, 2, 3, 4]);
  kernel.floats.fill(9, 34, 37);
  kernel.run(0, 0, 0);
  assertEquals([...kernel.floats.slice(16, 30)], [
    ...[2, 2, 2, 2],
    ...[0, 0, 0, 0],
    ...[7, 7, 2, 7],
    ...[4, 2],
  ]);
  assertEquals([...kernel.floats.slice(30, 37)], [1, 2, 3, 4, 2, 0, 9]);
});

Deno.test("elements of 16 bits are accessed at any even address", () => {
  const kernel = instantiateKernel(emitKernel((f, { words }) => {
    f.store(words, words.loadI16x4(2), 64);
    f.store(words, words.loadSplat16(6), 80);
    f.store(words, words.add(2).loadLane16(I32x4.of(5), 2), 96);
    f.storeLow(words, words.loadI32x4(0).highHalves(), 112);
    f.storeHighHalf(words, words.loadI32x4(0), 3, 122);
    f.store(words, words.loadI32x4(0).withHighHalves(I32x4.of(0x90000)), 128);
  }));
  // The halves are 1, −2, 3, −4, 5, 6, 7, 8.
  kernel.integers.set([0xfffe0001, 0xfffc0003, 0x60005, 0x80007]);
  kernel.run(0, 0, 0);
  const halves = new Int16Array(kernel.integers.buffer);
  assertEquals([...kernel.integers.slice(16, 20)], [-2, 3, -4, 5]);
  assertEquals([...halves.slice(40, 48)], [-4, -4, -4, -4, -4, -4, -4, -4]);
  assertEquals([...halves.slice(48, 56)], [5, 0, 5, 0, -2, 0, 5, 0]);
  assertEquals([...halves.slice(56, 62)], [-2, -4, 6, 8, 0, 8]);
  assertEquals([...halves.slice(64, 72)], [1, 9, 3, 9, 5, 9, 7, 9]);
});

Deno.test("loops and branches run as written", () => {
  const kernel = instantiateKernel(
    emitKernel((f, { words, start, end }) => {
      const add = (address: I32, x: I32) => f.store(address, address.loadI32().add(x));
      f.forRange(start, end, 1, (i) => {
        f.if(i.and(1), () => add(words, i.multiply(i)), () => add(words.add(4), i));
      });
      const countdown = f.local(I32.of(5));
      f.while(countdown.greater(0), () => {
        add(words.add(8), I32.of(1));
        f.set(countdown, countdown.subtract(2));
      });
      f.forRange(0, 0, 1, () => add(words.add(12), I32.of(1)));
    }),
  );
  kernel.run(0, 1, 6);
  assertEquals([...kernel.integers.slice(0, 4)], [1 + 9 + 25, 2 + 4, 3, 0]);
});

Deno.test("lanes are reduced across a vector", () => {
  const { floats } = vectorResults((a, b, _, f) => [
    f.acrossLanes(a, (one, other) => one.add(other)),
    f.acrossLanes(a, (one, other) => one.max(other)),
    f.acrossLanes(a, (one, other) => one.min(other)),
    f.acrossLanes(b, (one, other) => one.max(other)),
  ], [[1, 2, 8, 4], [1, NaN, 3, 4]]);
  assertEquals(floats.map((lanes) => lanes[0]), [15, 8, 1, NaN]);
});

Deno.test("multiply-add rounds once with relaxed SIMD and twice without", () => {
  // (1 + 2⁻¹²)² − (1 + 2⁻¹¹) is 2⁻²⁴, which is lost if the product is rounded.
  const inputs = [[1 + 2 ** -12, 0, 0, 0], [1 + 2 ** -12, 0, 0, 0], [-1 - 2 ** -11, 0, 0, 0]];
  const value = (a: F32x4, b: F32x4, c: F32x4) => [a.multiplyAdd(b, c)];
  assertEquals(vectorResults(value, inputs, false).floats[0]![0], 0);
  const fused = vectorResults(value, inputs, true).floats[0]![0]!;
  assertEquals([0, 2 ** -24].includes(fused), true);
});

Deno.test("a constant in a loop is set once, before the loop", () => {
  const sizes = [1, 50].map((times) =>
    emitKernel((f, { words }) => {
      for (let i = 0; i < times; i++) f.store(words, words.loadF32x4().add(1.25));
    })(false)
  );
  const constants = sizes.map((bytes) => {
    let count = 0;
    for (let i = 0; i + 1 < bytes.length; i++) {
      if (bytes[i] === 0xfd && bytes[i + 1] === 12) count++;
    }
    return count;
  });
  assertEquals(constants, [1, 1]);
});

Deno.test("a lane out of range is an error", () => {
  assertThrows(() => F32.lane(F32x4.of(0), 4), RangeError, "wanted 0, 1, 2 or 3, got 4");
});
