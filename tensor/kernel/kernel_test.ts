import { assertEquals } from "@std/assert";
import { fresh } from "../../testing/every_device.ts";
import type { Device, View } from "../device.ts";
import type { DType, TypedArray } from "../layout.ts";
import type { Condition, Float, Int, IntVector, Vector, VectorBuilder } from "./language.ts";
import { defineKernel, runKernel } from "./run.ts";

/** A contiguous view of numbers, from the fifth element of an allocation on. */
function place(device: Device, values: TypedArray): View {
  const dtype: DType = values instanceof Int32Array ? "int32" : "float32";
  const allocation = device.allocate(4 * (values.length + 4), "test");
  device.write(allocation, 16, values);
  return { allocation, dtype, shape: [values.length], strides: [1], offset: 4 };
}

const zeros = (device: Device, count: number) => place(device, new Float32Array(count));
const integers = (device: Device, count: number) => place(device, new Int32Array(count));
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

async function read(device: Device, { allocation, dtype, shape }: View): Promise<number[]> {
  const bytes = await device.read(allocation, 16, 4 * shape[0]!);
  return [...dtype === "int32" ? new Int32Array(bytes) : new Float32Array(bytes)];
}

fresh.kernelTest("values mean the same on every device", async (device) => {
  const integer = (x: Int, y: Int): Int[] => [
    ...[x.add(y), x.subtract(3), x.multiply(y), x.divide(4), x.remainder(4), x.min(y), x.min(-9)],
    ...[x.multiply(0x7fffffff), x.asF32().asI32(), y.add(0)],
    ...[
      x.and(y),
      x.and(12),
      x.or(y),
      x.or(9),
      x.shiftLeft(3),
      x.shiftRight(2),
    ],
  ];
  const float = (x: Float, y: Float): Float[] => [
    ...[x.add(y), x.subtract(0.5), x.multiply(y), x.asI32().asF32(), y.add(0)],
  ];
  const condition = (x: Int, y: Int, u: Float, v: Float): Condition[] => [
    ...[x.less(y), y.less(x), x.less(-7), x.equal(y), x.equal(-7), x.notEqual(y), x.notEqual(-7)],
    ...[x.lessUnsigned(y), y.lessUnsigned(x), y.lessUnsigned(6), y.lessUnsigned(5)],
    ...[u.less(v), v.less(u), u.lessEqual(u), u.greater(v), v.greater(-1)],
    ...[x.less(y).and(u.less(v)), x.less(y).and(v.less(u)), y.less(x).or(u.less(v))],
    y.less(x).or(v.less(u)),
  ];
  const kernel = defineKernel(
    {
      key: "test: values",
      buffers: { x: "i32", u: "f32", ints: "i32", floats: "f32", flags: "i32" },
      writes: ["ints", "floats", "flags"],
      arguments: ["y"],
    },
    (k, _, { x, u, ints, floats, flags }, { y }) => {
      const [a, b] = [k.let(x.load(0)), k.let(y)];
      const [c, d] = [k.let(u.load(0)), k.let(u.load(1))];
      integer(a, b).forEach((value, i) => ints.store(i, value));
      float(c, d).forEach((value, i) => floats.store(i, value));
      condition(a, b, c, d).forEach((value, i) => {
        k.if(value, () => flags.store(i, k.int(1)), () => flags.store(i, k.int(0)));
        k.unless(value, () => flags.store(k.int(32 + i), k.int(1)));
      });
    },
  );
  const [ints, floats, flags] = [integers(device, 16), zeros(device, 5), integers(device, 64)];
  const [x, u] = [place(device, Int32Array.of(-7)), place(device, Float32Array.of(-2.5, 0.25))];
  runKernel(device, kernel, [x, u, ints, floats, flags], [5], 1);
  const wrapped = Math.imul(-7, 0x7fffffff);
  const bits = [-7 & 5, -7 & 12, -7 | 5, -7 | 9, -7 << 3, -7 >> 2];
  const wanted = [-2, -10, -35, -1, -3, -7, -9, wrapped, -7, 5, ...bits];
  assertEquals(await read(device, ints), wanted);
  assertEquals(await read(device, floats), [-2.25, -3, -0.625, -2.5, 0.25]);
  const expected = [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0];
  const held = await read(device, flags);
  assertEquals(held.slice(0, 20), expected);
  assertEquals(held.slice(32, 52), expected.map((holds) => 1 - holds));
});

fresh.kernelTest(
  "loops, conditions and variables run as written, for every item",
  async (device) => {
    const kernel = defineKernel(
      { key: "test: loops", buffers: { y: "i32" }, writes: ["y"], arguments: ["low"] },
      (k, item, { y }, { low }) => {
        const sum = k.variable(k.int(0));
        k.loop(low, item, (i) => {
          k.if(i.remainder(2).equal(0), () => k.set(sum, sum.add(i)));
        });
        k.loop(3, 3, () => k.set(sum, k.int(-1)));
        k.loop(0, item, () => k.set(sum, sum.add(1000)), { step: 3 });
        k.loop(1, item, (i) => k.set(sum, sum.add(i)), { unroll: 4 });
        k.loop(item, 99, () => k.set(sum, sum.add(10_000)), { step: 5, unroll: 3 });
        const isValid = k.variable(k.int(0).equal(1));
        k.if(sum.less(0), () => {}, () => k.set(isValid, k.int(0).equal(0)));
        k.if(isValid, () => y.from(item).store(0, sum));
      },
    );
    const y = integers(device, 200);
    runKernel(device, kernel, [y], [2], 200);
    const expected = range(200).map((item) => {
      const even = range(item).filter((i) => i % 2 === 0);
      const thousands = Math.ceil(item / 3) + 10 * Math.max(0, Math.ceil((99 - item) / 5));
      return [...even, ...range(item), 1000 * thousands].reduce((a, b) => a + b, 0);
    });
    assertEquals(await read(device, y), expected);
  },
);

fresh.kernelTest("the threads of a row share what is spread, narrow or wide", async (device) => {
  const kernel = defineKernel(
    {
      key: "test: rows",
      buffers: { x: "i32", copied: "i32", filled: "i32", cleared: "i32", counted: "i32" },
      writes: ["copied", "filled", "cleared", "counted"],
      arguments: ["columns"],
      spread: "rows",
    },
    (k, row, { x, copied, filled, cleared, counted }, { columns }) => {
      const begin = k.let(row.multiply(columns));
      copied.copy(begin, x, begin.add(1), columns);
      filled.fill(begin, columns, row);
      cleared.fill(begin, columns, 0);
      const counts = counted.from(begin);
      k.spread(columns, (column) => counts.store(column, counts.load(column).add(1)));
    },
  );
  for (const [rows, columns] of [[9, 3], [5, 16], [70, 100], [1, 300]] as const) {
    const size = rows * columns;
    const views = [
      place(device, Int32Array.from(range(size + 1))),
      ...[9, 9, 9, 0].map((value) => place(device, new Int32Array(size).fill(value))),
    ];
    runKernel(device, kernel, views, [columns], rows, { columns });
    const [copied, filled, cleared, counted] = await Promise.all(
      views.slice(1).map((view) => read(device, view)),
    );
    assertEquals(copied, range(size).map((i) => i + 1));
    assertEquals(filled, range(size).map((i) => Math.floor(i / columns)));
    assertEquals(cleared, range(size).map(() => 0));
    assertEquals(counted, range(size).map(() => 1));
  }
});

fresh.kernelTest(
  "ranges cover every item once, and vectors of four lie anywhere",
  async (device) => {
    const kernel = defineKernel(
      {
        key: "test: ranges",
        buffers: { x: "f32", y: "f32" },
        writes: ["y"],
        arguments: [],
        spread: "ranges",
      },
      (k, first, { x, y }) =>
        k.loop(first, k.end, (item) => {
          const at = k.let(item.multiply(4).add(1));
          const four = k.let(x.loadVector(at));
          y.storeVector(at, y.loadVector(at).add(four.multiply(four)));
        }),
    );
    const [x, y] = [place(device, Float32Array.from(range(405))), zeros(device, 405)];
    runKernel(device, kernel, [x, y], [], 101);
    assertEquals(await read(device, y), range(405).map((i) => i === 0 ? 0 : i * i));
  },
);

fresh.kernelTest("vectors are made of floats, and taken apart again", async (device) => {
  const kernel = defineKernel(
    {
      key: "test: lanes of vectors",
      buffers: { x: "f32", y: "f32" },
      writes: ["y"],
      arguments: [],
      vectors: 2,
    },
    (k, item, { x, y }) => {
      const four = k.let(k.vectorOf([0, 1, 2, 3].map((i) => x.load(item.add(i)))));
      const twice = k.let(x.loadSplat(1));
      const vectors = k.array([four, twice.multiplyAdd(four, k.vector(0.5))]);
      k.loop(0, 2, (i) => {
        const vector = k.let(vectors.load(i));
        const at = k.let(item.multiply(8).add(i.multiply(4)));
        for (let lane = 0; lane < 4; lane++) y.store(at.add(lane), k.laneOf(vector, lane));
      });
    },
  );
  const [x, y] = [place(device, Float32Array.from(range(12), (i) => 2 * i)), zeros(device, 72)];
  runKernel(device, kernel, [x, y], [], 9);
  const expected = range(9).flatMap((item) => {
    const four = range(4).map((lane) => 2 * (item + lane));
    return [...four, ...four.map((number) => 2 * number + 0.5)];
  });
  assertEquals(await read(device, y), expected);
});

fresh.kernelTest("elements may be vectors, from any multiple of four on", async (device) => {
  const kernel = defineKernel(
    {
      key: "test: vectors",
      buffers: { x: "vec4<f32>", y: "vec4<f32>", ids: "vec4<i32>" },
      writes: ["y", "ids"],
      arguments: ["value"],
      spread: "rows",
    },
    (k, row, { x, y, ids }, { value }) => {
      const first = k.let(x.load(0));
      y.copy(row, x, row.add(1), 1);
      y.store(3, first.multiply(2).add(k.vector(0.5)));
      ids.fill(row, 1, value);
    },
  );
  const [x, y] = [place(device, Float32Array.from(range(16))), zeros(device, 16)];
  const ids = integers(device, 12);
  runKernel(device, kernel, [x, y, ids], [7], 3);
  assertEquals(await read(device, y), [...range(12).map((i) => i + 4), 0.5, 2.5, 4.5, 6.5]);
  assertEquals(await read(device, ids), range(12).map(() => 7));
});

fresh.kernelTest("vectors compute the same on every device", async (device) => {
  const floats = (k: VectorBuilder, x: Vector, y: Vector): Vector[] => [
    ...[x.add(y), x.subtract(y), x.multiply(2), x.divide(y), x.negate(), x.abs(), y.sqrt()],
    ...[x.multiplyAdd(y, 1), x.negativeMultiplyAdd(y, 1), x.floor(), x.nearest(), x.min(y)],
    ...[x.max(y), x.clamp(-1, 1), k.exp(x.multiply(0)), k.vector(-0)],
    ...[k.expOfNonPositive(x.multiply(0)), k.vector(Infinity), k.vector(1e-40), k.vector(1e20)],
    ...[k.vector(NaN).max(x), x.min(k.vector(NaN)), k.vector(NaN).clamp(0, 1)],
    ...[x.less(y).select(x, y), x.lessEqual(y).select(x, y), x.greater(0).select(x, y)],
    ...[x.equal(y).select(x, y), x.notEqual(y).select(x, y)],
    x.less(y).both(y.less(2)).select(k.vector(1), k.vector(0)),
    k.call("test", x, (k, x) => k.let(x.add(1)).multiply(k.let(x))),
    k.call("test", y, (k, x) => k.let(x.add(1)).multiply(k.let(x))),
  ];
  const integers = (k: VectorBuilder, x: Vector, y: Vector): IntVector[] => {
    const [a, b] = [k.let(x.toI32x4()), k.let(y.toI32x4())];
    return [
      ...[a.add(b), a.subtract(1), a.multiply(0x7fffffff), a.min(b), a.max(0), a.and(6), a.or(8)],
      ...[a.xor(b), a.shiftLeft(3), a.shiftRight(1), k.intVector(-(2 ** 31)), x.bits()],
      ...[a.less(b).where(-5), a.equal(-2).where(7), a.toF32x4().bits(), x.bits().asF32x4().bits()],
      a.less(b).select(a, b),
    ];
  };
  const kernel = defineKernel(
    {
      key: "test: vectors",
      buffers: { x: "vec4<f32>", y: "vec4<f32>", floats: "vec4<f32>", ints: "vec4<i32>" },
      writes: ["floats", "ints"],
      arguments: [],
    },
    (k, _, buffers) => {
      const [x, y] = [k.let(buffers.x.load(0)), k.let(buffers.y.load(0))];
      floats(k, x, y).forEach((value, i) => buffers.floats.store(k.int(i), value));
      integers(k, x, y).forEach((value, i) => buffers.ints.store(k.int(i), value));
    },
  );
  const [xs, ys] = [[-2.5, 0.5, 1, 3.5], [0.25, 4, 1, 2]];
  const views = [place(device, Float32Array.from(xs)), place(device, Float32Array.from(ys))];
  const results = [zeros(device, 4 * 31), place(device, new Int32Array(4 * 17))];
  runKernel(device, kernel, [...views, ...results], [], 1);
  const [f, i] = [await read(device, results[0]!), await read(device, results[1]!)];
  const each = (of: (x: number, y: number) => number) => xs.map((x, i) => of(x, ys[i]!));
  const expected = [
    ...[each((x, y) => x + y), each((x, y) => x - y), each((x) => 2 * x), each((x, y) => x / y)],
    ...[each((x) => -x), each(Math.abs), each((_, y) => Math.fround(Math.sqrt(y)))],
    ...[each((x, y) => x * y + 1), each((x, y) => 1 - x * y), each(Math.floor), [-2, 0, 1, 4]],
    ...[each(Math.min), each(Math.max), each((x) => Math.max(-1, Math.min(x, 1)))],
    ...[each(() => 1), each(() => -0), each(() => 1), each(() => Infinity)],
    ...[each(() => Math.fround(1e-40)), each(() => Math.fround(1e20))],
    ...[each(() => NaN), each(() => NaN), each(() => NaN)],
    ...[each((x, y) => x < y ? x : y), each((x, y) => x <= y ? x : y)],
    ...[each((x, y) => x > 0 ? x : y), each((x, y) => x === y ? x : y)],
    ...[each((x, y) => x !== y ? x : y), each((x, y) => Number(x < y && y < 2))],
    ...[each((x) => (x + 1) * x), each((_, y) => (y + 1) * y)],
  ];
  assertEquals(f, expected.flat());
  const bits = (x: number) => new Int32Array(Float32Array.of(x).buffer)[0]!;
  const whole = (of: (a: number, b: number) => number) =>
    each((x, y) => of(Math.trunc(x), Math.trunc(y)) | 0);
  const expectedInts = [
    ...[whole((a, b) => a + b), whole((a) => a - 1), whole((a) => Math.imul(a, 0x7fffffff))],
    ...[whole(Math.min), whole((a) => Math.max(a, 0)), whole((a) => a & 6), whole((a) => a | 8)],
    ...[whole((a, b) => a ^ b), whole((a) => a << 3), whole((a) => a >> 1)],
    ...[whole(() => -(2 ** 31)), each(bits), whole((a, b) => a < b ? -5 : 0)],
    ...[whole((a) => a === -2 ? 7 : 0), whole(bits), each(bits), whole((a, b) => Math.min(a, b))],
  ];
  assertEquals(i, expectedInts.flat());
});

fresh.kernelTest(
  "vectors of elements lie apart, repeat one, or end with the row",
  async (device) => {
    const kernel = defineKernel(
      {
        key: "test: strided vectors",
        buffers: { x: "f32", ids: "i32", y: "f32" },
        writes: ["y"],
        arguments: ["stride"],
        floats: ["scale"],
        spread: "ranges",
      },
      (k, _, { x, ids, y }, { stride }, { scale }) => {
        const apart = k.let(x.loadVector(1, { stride: x.distance(stride) }));
        y.storeVector(0, apart.multiply(k.splat(scale!)));
        y.storeVector(2, apart, { stride: y.distance(k.int(2)) });
        const second = x.from(k.int(2), x.distance(stride));
        y.storeVector(34, second.loadVector(0));
        y.storeVector(16, ids.loadSplat(2).add(k.indices(stride)).toF32x4());
        x.move(1);
        x.move(stride);
        y.storeVector(20, x.loadVector(0));
        y.storeVector(24, x.loadVector(0, { isSingle: true }), { isSingle: true });
        y.storeVector(26, ids.loadVector(0).toF32x4());
        const counted = k.variable(k.int(0));
        k.while(counted.less(3), () => k.set(counted, counted.add(2)));
        y.storeVector(30, k.splat(counted).toF32x4());
      },
    );
    const [x, ids] = [
      place(device, Float32Array.from(range(20))),
      place(device, Int32Array.of(5, 6, 7, 8)),
    ];
    const y = zeros(device, 38);
    runKernel(device, kernel, [x, ids, y], [3], 1, {}, [0.5]);
    assertEquals(await read(device, y), [
      ...[1.5, 3, 4.5, 6, 3, 0, 6, 0, 9, 0, 12, 0, 0, 0, 0, 0],
      ...[10, 11, 12, 13, 4, 5, 6, 7, 4, 0, 5, 6, 7, 8, 4, 4, 4, 4, 6, 7, 8, 9],
    ]);
  },
);

fresh.kernelTest("a team adds up a row, whatever its length and its threads", async (device) => {
  for (const width of [1, 4] as const) {
    for (const team of [[4, 8, false], [4, 8, true], [8, 1, false]] as const) {
      const [items, lanes, itemsFirst] = team;
      const kernel = defineKernel(
        {
          key: `test: a team ${team} of ${width}`,
          buffers: { x: "f32", sums: "f32" },
          writes: ["sums"],
          arguments: ["columns"],
          spread: "ranges",
          team: { items, lanes, itemsFirst },
          width,
          aligned: width === 4 ? ["x"] : [],
        },
        (k, first, { x, sums }, { columns }) => {
          const addUp = (row: Int) => {
            const line = x.from(row.multiply(columns));
            const sum = k.variable(k.vector(0));
            k.vectors(0, columns, 1, (at, _, isSingle) => {
              const four = k.let(line.loadVector(at, { isSingle }));
              k.set(sum, sum.add(isSingle ? k.first.select(four, k.vector(0)) : four));
            });
            const [total] = k.acrossRow([sum], (_, a, b) => a.add(b));
            k.once(() => sums.storeVector(row, total!, { isSingle: true }));
          };
          if (k.inTurn) k.loop(first, k.end, addUp);
          else addUp(first);
        },
      );
      for (const columns of width === 4 ? [4, 60] : [1, 7, 61]) {
        const x = place(device, Float32Array.from(range(11 * columns)));
        const sums = zeros(device, 11);
        runKernel(device, kernel, [x, sums], [columns], 11);
        const expected = range(11).map((row) =>
          range(columns).reduce((sum, column) => sum + row * columns + column, 0)
        );
        assertEquals(await read(device, sums), expected);
      }
    }
  }
});

fresh.kernelTest("buffers share memory, with elements of their own type", async (device) => {
  for (const aligned of [[], ["x"]] as const) {
    const kernel = defineKernel(
      {
        key: `test: buffers in one memory, ${aligned.length} aligned`,
        buffers: { x: "f32", bits: "i32", y: "f32" },
        writes: ["bits", "y"],
        within: { bits: "x", y: "x" },
        aligned,
        arguments: [],
      },
      (_, __, { x, bits, y }) => {
        y.storeVector(0, x.loadVector(0).add(1));
        bits.storeVector(4, x.loadVector(0).bits());
      },
    );
    const memory = place(device, Float32Array.from(range(16)));
    const at = (offset: number) => ({ ...memory, offset: memory.offset + offset });
    runKernel(device, kernel, [at(0), { ...at(4), dtype: "int32" }, at(4)], [], 1);
    const expected = [0, 1, 2, 3, 1, 2, 3, 4, 0, 1, 2, 3, 12, 13, 14, 15];
    assertEquals(await read(device, memory), expected);
  }
});
