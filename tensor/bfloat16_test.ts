import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../testing/gpu.ts";
import { roundToBfloat16, widenBfloat16 } from "./layout.ts";
import { copyInto } from "./ops/elementwise.ts";
import {
  concat,
  crossEntropy,
  cumulativeSum,
  decodeState,
  embedding,
  encodeState,
  gather,
  normal,
  readSafetensors,
  rmsNorm,
  Tensor,
  topK,
  where,
  writeSafetensors,
} from "./mod.ts";

/** The nearest `bfloat16` to each number, ties to even, by arithmetic. */
function rounded(values: Iterable<number>): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (x) => {
    const size = Math.abs(Math.fround(x));
    if (!Number.isFinite(size) || size === 0) return x;
    const unit = 2 ** (Math.max(-126, Math.floor(Math.log2(size))) - 7);
    const [below, rest] = [Math.floor(size / unit), size % unit];
    const isUp = rest > unit / 2 || (rest === unit / 2 && below % 2 === 1);
    return Math.sign(x) * (below + Number(isUp)) * unit;
  });
}

/** Every `bfloat16`, by its bits. */
const everyPattern = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);

const awkward = [
  ...[0, -0, 1, -1, 1 / 3, 3e38, 3.4e38, -3.4e38, Infinity, -Infinity, NaN],
  // The smallest normal, subnormals, and ties.
  ...[2 ** -126, 2 ** -127, 2 ** -133, 1.5 * 2 ** -133, 2 ** -134, 2 ** -149, -(2 ** -149)],
  ...[1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 255.5, 256.5, 257, 258, 259],
];

Deno.test("numbers are rounded to bfloat16 like by arithmetic, and widened exactly", () => {
  assertEquals(widenBfloat16(roundToBfloat16(awkward)), rounded(awkward));
  const numbers = widenBfloat16(everyPattern);
  const bits = roundToBfloat16(numbers);
  const wrong = everyPattern.findIndex((x, i) =>
    Number.isNaN(numbers[i]) ? !Number.isNaN(widenBfloat16(bits.slice(i, i + 1))[0]) : bits[i] !== x
  );
  assertEquals(wrong, -1);
});

testOnEveryDevice("every bfloat16 is widened exactly, and rounded to itself", async (device) => {
  const isExact = device.kind === "cpu";
  // GPUs may flush subnormals.
  const flushed = (x: number) => !isExact && Math.abs(x) < 2 ** -126 ? 0 : x;
  const wanted = widenBfloat16(everyPattern).map(flushed);
  const x = Tensor.from(device, everyPattern, { dtype: "bfloat16" });
  for (const part of [x, x.slice(0, 1), x.slice(0, 0, -3)]) {
    const first = part.offset;
    const single = await part.to("float32").data();
    const wrong = single.findIndex((y, i) => !Object.is(flushed(y), wanted[first + i]));
    assertEquals(wrong, -1, `pattern ${first + wrong} became ${single[wrong]}`);
    const again = await part.to("float32").to("bfloat16").data();
    assertEquals(again.findIndex((y, i) => !Object.is(flushed(y), wanted[first + i])), -1);
  }
});

testOnEveryDevice(
  "formulas of every bfloat16 are those of its float32, rounded",
  async (device) => {
    const bits = Tensor.from(device, everyPattern, { dtype: "bfloat16" });
    const single = bits.to("float32");
    const formulas: Record<string, (x: Tensor) => Tensor> = {
      negation: (x) => x.neg(),
      selection: (x) => x.where(x, 1),
      product: (x) => x.mul(x),
      "ReLU²": (x) => x.reluSquared(),
      extreme: (x) => x.maximum(x.neg()),
      "columns of a matrix": (x) => x.reshape([256, 256]).transpose().add(1),
      "softmax of a matrix": (x) => x.reshape([256, 256]).softmax(),
    };
    for (const [name, formula] of Object.entries(formulas)) {
      const [got, wanted] = [
        await formula(bits).data(),
        await formula(single).to("bfloat16").data(),
      ];
      const wrong = wanted.findIndex((y, i) => !Object.is(got[i], y));
      assertEquals(wrong, -1, `${name} of pattern ${wrong}: ${got[wrong]}, not ${wanted[wrong]}`);
    }
  },
);

testOnEveryDevice(
  "rows of any length in bfloat16 are those of float32, rounded",
  async (device) => {
    const formulas: Record<string, (x: Tensor, y: Tensor) => Tensor> = {
      sum: (x, y) => x.add(y),
      "sum with a column": (x, y) => x.add(y.slice(1, 0, 1)),
      "product with a row": (x, y) => x.mul(y.slice(0, 0, 1)),
      rmsNorm: (x) => rmsNorm(x),
      softmax: (x) => x.softmax(),
      "sum over rows": (x) => x.sum(1),
      "sum over columns": (x) => x.sum(0),
      "maximum over rows": (x) => x.max(1),
      "slices of rows": (x, y) => x.slice(1, 1).mul(y.slice(1, 0, -1)),
      tanh: (x) => x.tanh(),
    };
    for (const columns of [1, 7, 8, 9, 31, 32, 33, 130]) {
      using _scope = device.scope();
      const [x, y] = [1, 2].map((seed) =>
        normal(device, [9, columns], { seed }).to("bfloat16")
      ) as [Tensor, Tensor];
      const [wideX, wideY] = [x.to("float32"), y.to("float32")];
      for (const [name, formula] of Object.entries(formulas)) {
        const [got, wanted] = [await formula(x, y).data(), await formula(wideX, wideY).data()];
        assertEquals(got.length, wanted.length);
        wanted.forEach((number, i) =>
          assertAlmostEquals(
            got[i]!,
            number,
            2 ** -8 * Math.abs(number) + 1e-6,
            `${name} ${columns}`,
          )
        );
      }
    }
  },
);

testOnEveryDevice("a bfloat16 tensor holds the given values, rounded", async (device) => {
  const x = Tensor.from(device, awkward, { dtype: "bfloat16" });
  assertEquals([x.dtype, x.allocation.bytes], ["bfloat16", 2 * awkward.length]);
  assertEquals(await x.data(), rounded(awkward));
  const bits = Tensor.from(device, Uint16Array.of(0x3f80, 0xc000, 0x7f80), {
    dtype: "bfloat16",
    shape: [3, 1],
  });
  assertEquals(await bits.data(), Float32Array.of(1, -2, Infinity));
  const nested = Tensor.from(device, [Uint16Array.of(0x3f80), Uint16Array.of(0x4000)], {
    dtype: "bfloat16",
  });
  assertEquals([nested.shape, await nested.data()], [[2, 1], Float32Array.of(1, 2)]);
  assertEquals(await nested.format(), "[[1],\n [2]]");
  assertEquals(String(nested), `Tensor(bfloat16 [2, 1] on ${device.kind})`);
  assertEquals(await Tensor.ones(device, [3], { dtype: "bfloat16" }).data(), rounded([1, 1, 1]));
  assertEquals(await Tensor.from(device, [], { dtype: "bfloat16" }).data(), rounded([]));
  assertEquals(await Tensor.from(device, 7, { dtype: "bfloat16" }).item(), 7);
});

testOnEveryDevice("conversion rounds to nearest even, and back is lossless", async (device) => {
  // Subnormal numbers of single precision are a GPU's to keep or to flush.
  const values = device.kind === "cpu"
    ? awkward
    : awkward.filter((x) => !(Math.abs(x) < 2 ** -126 && x !== 0));
  for (const all of [values, [...values, ...values, 3, 4], values.slice(0, 1)]) {
    const half = Tensor.from(device, all).to("bfloat16");
    assertEquals(await half.data(), rounded(all));
    assertEquals(await half.to("float32").data(), rounded(all));
  }
  const whole = Tensor.from(device, Int32Array.of(1, -3, 257)).to("bfloat16");
  assertEquals(await whole.data(), rounded([1, -3, 256]));
  assertEquals(await whole.to("int32").data(), Int32Array.of(1, -3, 256));
});

testOnEveryDevice("parts of bfloat16 tensors are read and assigned", async (device) => {
  const values = Array.from({ length: 35 }, (_, i) => i - 7);
  const x = Tensor.from(device, values, { shape: [5, 7], dtype: "bfloat16" });
  for (let row = 0; row < 5; row++) {
    for (const [from, to] of [[0, 7], [1, 2], [2, 5], [6, 7], [3, 3]] as const) {
      const part = x.slice(0, row, row + 1).slice(1, from, to);
      assertEquals(await part.data(), rounded(values.slice(7 * row + from, 7 * row + to)));
    }
  }
  assertEquals(await x.slice(1, 2, 3).data(), rounded([2, 9, 16, 23, 30].map((i) => i - 7)));
  x.slice(0, 1, 2).assign(Float32Array.of(1, 2, 3, 4, 5, 6, 7));
  x.slice(0, 4, 5).assign(roundToBfloat16([7, 6, 5, 4, 3, 2, 1]));
  const wanted = values.with(7, 1);
  wanted.splice(7, 7, 1, 2, 3, 4, 5, 6, 7);
  wanted.splice(28, 7, 7, 6, 5, 4, 3, 2, 1);
  assertEquals(await x.data(), rounded(wanted));
  const turned = x.transpose().contiguous().reshape([35]);
  assertEquals(await turned.slice(0, 3, 8).data(), rounded([14, 7, -6, 2, 8]));
  x.assign(rounded(values));
  assertEquals(await x.data(), rounded(values));
});

testOnEveryDevice(
  "elements of one word are stored by several threads, and none is lost",
  async (device) => {
    // Odd rows share a word with their neighbors; so do the columns of a transposed view.
    for (const [rows, columns] of [[257, 3], [3, 257], [1, 1], [63, 65]] as const) {
      const numbers = Array.from({ length: rows * columns }, (_, i) => i % 251 - 125);
      const x = Tensor.from(device, numbers, { shape: [rows, columns], dtype: "bfloat16" });
      const turned = x.transpose().mul(2);
      const wanted = Array.from(
        { length: rows * columns },
        (_, i) => 2 * numbers[(i % rows) * columns + Math.floor(i / rows)]!,
      );
      assertEquals(await turned.data(), rounded(wanted));
      assertEquals(
        await x.sum(1).data(),
        rounded(Array.from({ length: rows }, (_, row) => {
          return numbers.slice(row * columns, (row + 1) * columns).reduce((a, b) => a + b, 0);
        })),
      );
      const whole = Tensor.zeros(device, [rows, columns + 2], { dtype: "bfloat16" });
      copyInto(x, whole.slice(1, 1, columns + 1));
      assertEquals(await whole.slice(1, 1, columns + 1).data(), rounded(numbers));
      const edges = concat([whole.slice(1, 0, 1), whole.slice(1, columns + 1)], 1);
      assertEquals((await edges.data()).every((y) => y === 0), true);
    }
  },
);

testOnEveryDevice(
  "operations on bfloat16 alone give bfloat16, mixed ones float32",
  async (device) => {
    const half = Tensor.from(device, [1, 2], { dtype: "bfloat16" });
    const single = Tensor.from(device, [1, 2]);
    const ids = Tensor.from(device, Int32Array.of(0, 1));
    for (
      const result of [half.mul(half), half.mul(3), half.sum(), half.mean(), where(half, half, 0)]
    ) {
      assertEquals(result.dtype, "bfloat16");
    }
    assertEquals(half.mul(single).dtype, "float32");
    assertEquals(single.mul(half).dtype, "float32");
    assertEquals(concat([half, half]).dtype, "bfloat16");
    const [a, b] = [Tensor.from(device, [1 / 3], { requiresGrad: true }), half.to("bfloat16")];
    const joined = concat([b.requireGrad(), a]);
    assertEquals([joined.dtype, await joined.data()], ["float32", Float32Array.of(1, 2, 1 / 3)]);
    joined.square().sum().backward();
    assertEquals([b.grad!.dtype, await b.grad!.data()], ["bfloat16", rounded([2, 4])]);
    assertEquals(half.argmax().dtype, "int32");
    const refused = (run: () => unknown, message: string) => assertThrows(run, TypeError, message);
    refused(() => half.add(ids), "wanted tensors of one dtype, got bfloat16 and int32");
    refused(() => concat([half, ids]), "Cannot concat bfloat16 with int32");
    refused(() => topK(half, 1), "Cannot compute topK: wanted float32 or int32, got bfloat16");
    refused(() => ids.exp(), "Cannot compute exp: wanted float32, bfloat16 or float16, got int32");
    refused(
      () => cumulativeSum(half, 0),
      "Cannot compute cumulativeSum: wanted float32 or int32, got bfloat16",
    );
    const matrix = half.reshape([1, 2]);
    refused(() => matrix.matmul(single.reshape([2, 1])), "of one type, got bfloat16 and float32");
  },
);

testOnEveryDevice("kernels compute in single precision and round once", async (device) => {
  const x = rounded([1, 2 ** -8, 3e37, 1e-30, 3]);
  const half = Tensor.from(device, x, { dtype: "bfloat16" });
  assertEquals(await half.add(half).data(), rounded(x.map((value) => 2 * value)));
  // 4,096 ones: in bfloat16 a running sum would stop at 256.
  assertEquals(await Tensor.ones(device, [4096], { dtype: "bfloat16" }).sum().item(), 4096);
  assertEquals(
    await Tensor.ones(device, [20000, 5], { dtype: "bfloat16" }).mul(4).sum(0).data(),
    rounded([80000, 80000, 80000, 80000, 80000]),
  );
});

testOnEveryDevice("rows and elements are gathered bit for bit", async (device) => {
  for (const columns of [1, 3, 4, 8]) {
    const values = Array.from({ length: 5 * columns }, (_, i) => i % 7 === 3 ? NaN : i - 4);
    const table = Tensor.from(device, values, { shape: [5, columns], dtype: "bfloat16" });
    const ids = Tensor.from(device, Int32Array.of(4, 0, 2));
    const wanted = [4, 0, 2].flatMap((row) => values.slice(row * columns, (row + 1) * columns));
    assertEquals(await embedding(table, ids).data(), rounded(wanted));
    const [last] = [columns - 1];
    const positions = Tensor.from(device, new Int32Array(5).fill(last), { shape: [5, 1] });
    const chosen = Array.from({ length: 5 }, (_, row) => values[row * columns + last]!);
    assertEquals(await gather(table, 1, positions).data(), rounded(chosen));
    // An id that the host does not know gives a row of NaN.
    const unknown = Tensor.from(device, Int32Array.of(1)).add(
      Tensor.from(device, Int32Array.of(8)),
    );
    assertEquals((await embedding(table, unknown).data()).every(Number.isNaN), true);
  }
  const weight = Tensor.zeros(device, [3, 2], { dtype: "bfloat16", requiresGrad: true });
  embedding(weight, Tensor.from(device, Int32Array.of(2, 0, 2))).sum().backward();
  assertEquals(await weight.grad!.data(), rounded([1, 1, 0, 0, 2, 2]));
});

testOnEveryDevice("gradients flow between dtypes, each in that of its tensor", async (device) => {
  const weight = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
  const x = Tensor.from(device, [4, 5, 6], { dtype: "bfloat16", requiresGrad: true });
  const product = weight.to("bfloat16").mul(x);
  assertEquals(product.dtype, "bfloat16");
  product.to("float32").sum().backward();
  assertEquals(await weight.grad!.data(), Float32Array.of(4, 5, 6));
  assertEquals([x.grad!.dtype, await x.grad!.data()], ["bfloat16", rounded([1, 2, 3])]);
  const logits = Tensor.from(device, [[3, 3], [1, 1]], { dtype: "bfloat16", requiresGrad: true });
  const loss = crossEntropy(logits, Tensor.from(device, Int32Array.of(0, 1)), { reduction: "sum" });
  assertEquals([loss.dtype, await loss.item()], ["float32", Math.fround(2 * Math.LN2)]);
  loss.backward();
  assertEquals(await logits.grad!.data(), rounded([-0.5, 0.5, 0.5, -0.5]));
});

testOnEveryDevice("the gradient of a rounded tensor is not rounded on its way", async (device) => {
  const weight = Tensor.from(device, [[1]], { requiresGrad: true });
  const rows = Tensor.full(device, [4097, 1], 1, { dtype: "bfloat16" });
  const y = rows.matmul(weight.to("bfloat16"));
  y.backward(Tensor.full(device, [4097, 1], 1, { dtype: "bfloat16" }));
  assertEquals(await weight.grad!.data(), Float32Array.of(4097));
});

testOnEveryDevice("bfloat16 is written to files of tensors, and read", async (device) => {
  const x = Tensor.from(device, awkward, { dtype: "bfloat16" });
  const data = await x.data();
  for (const dtype of ["bfloat16", "BF16"]) {
    for (const values of [data, roundToBfloat16(data)]) {
      const file = writeSafetensors(
        new Map([["x", { dtype, shape: x.shape, data: values as Float32Array }]]),
      );
      assertEquals(new TextDecoder().decode(file).includes('"BF16"'), true);
      assertEquals(readSafetensors(file).get("x")?.data, data as Float32Array);
    }
  }
  const state = decodeState(await encodeState(new Map([["x", x]])));
  assertEquals(state.get("x"), {
    dtype: "bfloat16",
    shape: x.shape,
    data: roundToBfloat16(data),
  });
});

gpuTest("bfloat16 tensors may be larger than one binding", async (device) => {
  const n = 2 ** 20 + 2 ** 18 + 3;
  const values = rounded(Array.from({ length: n }, (_, i) => i % 100 - 50));
  const x = Tensor.from(device, values, { shape: [1, n], dtype: "bfloat16" });
  const doubled = await x.mul(2).data();
  assertEquals(doubled.length, n);
  assertEquals(doubled.findIndex((y, i) => y !== 2 * values[i]!), -1);
  assertEquals(await x.slice(1, n - 3).data(), values.slice(-3));
}, tinyDevice);
