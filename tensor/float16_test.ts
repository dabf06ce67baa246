import { assertEquals, assertThrows } from "@std/assert";
import { cpuTest } from "../testing/every_device.ts";
import { float16Test, gpuTest, tinyDevice } from "../testing/gpu.ts";
import {
  concat,
  crossEntropy,
  type Device,
  readSafetensors,
  Tensor,
  where,
  writeSafetensors,
} from "./mod.ts";

/** Registers a test on the CPU, and on WebGPU if the adapter has half precision. */
function halfTest(name: string, fn: (device: Device) => void | Promise<void>): void {
  cpuTest(`${name} (cpu)`, fn);
  float16Test(`${name} (webgpu)`, fn);
}

/** Every half-precision number. */
const everyPattern = new Float16Array(
  Uint16Array.from({ length: 1 << 16 }, (_, i) => i).buffer,
);

cpuTest("every float16 is widened exactly, and rounded to itself", async (device) => {
  const x = Tensor.from(device, everyPattern);
  for (const part of [x, x.slice(0, 1), x.slice(0, 0, -3)]) {
    const wanted = everyPattern.subarray(part.offset, part.offset + part.size);
    assertEquals(await part.to("float32").data(), Float32Array.from(wanted));
    assertEquals(await part.to("float32").to("float16").data(), wanted.slice());
  }
});

cpuTest("single precision is rounded to float16 like by the engine", async (device) => {
  // Every exponent, with mantissas around ties of normal and subnormal results.
  const values = Float32Array.from({ length: 1 << 18 }, (_, i) => {
    const bits = ((i >> 9) << 23) | ((i & 0x1ff) * 0x4001) | (i % 3 === 0 ? 0x1000 : 0);
    return new Float32Array(Int32Array.of(bits).buffer)[0]!;
  });
  const got = await Tensor.from(device, values).to("float16").data();
  const wrong = got.findIndex((y, i) => !Object.is(y, Math.f16round(values[i]!)));
  assertEquals(wrong, -1, `${values[wrong]} became ${got[wrong]}`);
});

/** Rounds to half precision by IEEE 754: to nearest, ties to even. */
const rounded = (values: readonly number[]): Float16Array<ArrayBuffer> => Float16Array.from(values);

const awkward = [
  ...[0, -0, 1, -1, 1 / 3, 65504, 65519, 65520, -65520, 1e6, -1e30, Infinity, -Infinity, NaN],
  // The smallest normal, the smallest subnormal, halves of it, and ties.
  ...[2 ** -14, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, 1e-10, 1 + 2 ** -11, 1 + 3 * 2 ** -11],
];

halfTest("a float16 tensor holds the given values, rounded", async (device) => {
  const x = Tensor.from(device, awkward, { dtype: "float16" });
  assertEquals([x.dtype, x.allocation.bytes], ["float16", 2 * awkward.length]);
  assertEquals(await x.data(), rounded(awkward));
  const own = Tensor.from(device, rounded([1, 2, 3]), { shape: [3, 1] });
  assertEquals([own.dtype, await own.data()], ["float16", rounded([1, 2, 3])]);
  const nested = Tensor.from(device, [[1, 2], [3, 1e9]], { dtype: "float16" });
  assertEquals(await nested.data(), rounded([1, 2, 3, Infinity]));
  assertEquals(await Tensor.ones(device, [3], { dtype: "float16" }).data(), rounded([1, 1, 1]));
  assertEquals(await Tensor.from(device, [], { dtype: "float16" }).data(), rounded([]));
  assertEquals(await Tensor.from(device, 7, { dtype: "float16" }).item(), 7);
});

halfTest("conversion rounds by IEEE 754, and back is lossless", async (device) => {
  for (const values of [awkward, [...awkward, ...awkward, 3, 4]]) {
    const half = Tensor.from(device, values).to("float16");
    assertEquals(await half.data(), rounded(values));
    const back = await half.to("float32").data();
    assertEquals(back, Float32Array.from(rounded(values)));
  }
  const whole = Tensor.from(device, Int32Array.of(1, -3, 2049)).to("float16");
  assertEquals(await whole.data(), rounded([1, -3, 2048]));
  assertEquals(await whole.to("int32").data(), Int32Array.of(1, -3, 2048));
});

halfTest("parts of float16 tensors are read and assigned at odd offsets", async (device) => {
  const values = Array.from({ length: 35 }, (_, i) => i - 7);
  const x = Tensor.from(device, rounded(values), { shape: [5, 7] });
  for (let row = 0; row < 5; row++) {
    for (const [from, to] of [[0, 7], [1, 2], [2, 5], [6, 7], [3, 3]] as const) {
      const part = x.slice(0, row, row + 1).slice(1, from, to);
      assertEquals(await part.data(), rounded(values.slice(7 * row + from, 7 * row + to)));
    }
  }
  assertEquals(await x.slice(1, 2, 3).data(), rounded([2, 9, 16, 23, 30].map((i) => i - 7)));
  x.slice(0, 1, 2).assign(rounded([1, 2, 3, 4, 5, 6, 7]));
  x.slice(0, 4, 5).assign(rounded([7, 6, 5, 4, 3, 2, 1]));
  const wanted = [...values];
  wanted.splice(7, 7, 1, 2, 3, 4, 5, 6, 7);
  wanted.splice(28, 7, 7, 6, 5, 4, 3, 2, 1);
  assertEquals(await x.data(), rounded(wanted));
  x.assign(rounded(values));
  assertEquals(
    await x.transpose().contiguous().reshape([35]).slice(0, 3, 8).data(),
    rounded([21, 28, 1, 8, 15].map((i) => i - 7)),
  );
});

halfTest(
  "operations on float16 alone give float16, mixed ones float32",
  (device) => {
    const half = Tensor.from(device, [1, 2], { dtype: "float16" });
    const single = Tensor.from(device, [1, 2]);
    const ids = Tensor.from(device, Int32Array.of(0, 1));
    assertEquals(half.mul(half).dtype, "float16");
    assertEquals(half.mul(3).dtype, "float16");
    assertEquals(half.sum().dtype, "float16");
    assertEquals(half.mul(single).dtype, "float32");
    assertEquals(single.mul(half).dtype, "float32");
    assertEquals(where(half, half, 0).dtype, "float16");
    assertEquals(concat([half, half]).dtype, "float16");
    assertEquals(half.argmax().dtype, "int32");
    assertThrows(
      () => half.add(ids),
      TypeError,
      "wanted tensors of one dtype, got float16 and int32",
    );
    assertEquals(concat([half, single]).dtype, "float32");
  },
);

halfTest("kernels compute in single precision and round once", async (device) => {
  const x = rounded([1, 2 ** -11, 60000, 1e-7, 3]);
  const half = Tensor.from(device, x);
  // In half precision the square of 60,000 is infinite; its root here is not.
  assertEquals(await half.square().data(), rounded([...x].map((value) => value * value)));
  assertEquals(
    await half.add(half).data(),
    rounded([2, 2 ** -10, Infinity, 2e-7, 6].map((y, i) => i === 3 ? 2 * x[3]! : y)),
  );
  // 4,096 ones: in half precision a running sum would stop at 2,048.
  assertEquals(await Tensor.ones(device, [4096], { dtype: "float16" }).sum().item(), 4096);
  assertEquals(
    await Tensor.ones(device, [20000, 5], { dtype: "float16" }).mul(4).sum(0).data(),
    rounded([80000, 80000, 80000, 80000, 80000]),
  );
});

halfTest("means and losses of many elements do not overflow float16", async (device) => {
  const n = 100_000;
  const x = Tensor.ones(device, [n], { dtype: "float16", requiresGrad: true });
  const mean = x.mean();
  assertEquals([mean.dtype, await mean.item()], ["float16", 1]);
  assertEquals(await x.sum().item(), Infinity);
  mean.backward(Tensor.from(device, 1024, { dtype: "float16" }));
  assertEquals((await x.grad!.data())[n - 1], Math.f16round(1024 / n));
  const logits = Tensor.from(device, [[3, 3], [1, 1]], { dtype: "float16", requiresGrad: true });
  const targets = Tensor.from(device, Int32Array.of(0, 1));
  const loss = crossEntropy(logits, targets, { reduction: "sum" });
  assertEquals([loss.dtype, await loss.item()], ["float32", Math.fround(2 * Math.LN2)]);
  loss.backward();
  assertEquals(await logits.grad!.data(), rounded([-0.5, 0.5, 0.5, -0.5]));
});

halfTest("gradients flow between dtypes, each in that of its tensor", async (device) => {
  const weight = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
  const x = Tensor.from(device, [4, 5, 6], { dtype: "float16", requiresGrad: true });
  const product = weight.to("float16").mul(x);
  assertEquals(product.dtype, "float16");
  product.to("float32").sum().backward();
  assertEquals(await weight.grad!.data(), Float32Array.of(4, 5, 6));
  assertEquals(await x.grad!.data(), rounded([1, 2, 3]));
  // Mixed dtypes: the result and its gradient are float32, and x's is converted. Also accumulated.
  weight.mul(x).sum().backward();
  weight.to("float16").sum().backward();
  weight.add(x).sum().backward();
  assertEquals(await weight.grad!.data(), Float32Array.of(10, 12, 14));
  assertEquals(await x.grad!.data(), rounded([3, 5, 7]));
});

float16Test("float16 tensors may be larger than one binding", async (device) => {
  const n = 2 ** 20 + 2 ** 18 + 3;
  const values = Float16Array.from({ length: n }, (_, i) => i % 100 - 50);
  const x = Tensor.from(device, values, { shape: [1, n] });
  const doubled = await x.mul(2).data();
  assertEquals(doubled.length, n);
  assertEquals(doubled.findIndex((y, i) => y !== 2 * values[i]!), -1);
  const total = values.reduce((sum, value) => sum + value, 0);
  assertEquals(await x.reshape([n]).to("float32").sum().item(), total);
  assertEquals(await x.slice(1, n - 3).data(), values.slice(-3));
}, tinyDevice);

gpuTest("an adapter without shader-f16 states what is wanted", (device) => {
  assertEquals(device.hasFloat16, false);
  const single = Tensor.from(device, [1, 2]);
  assertThrows(
    () => single.to("float16"),
    TypeError,
    'Cannot make a float16 tensor for "to": wanted a device with shader-f16, got WebGPU on',
  );
}, { float16: false });

Deno.test("half precision prints exactly", () => {
  const tensor = { dtype: "float16", shape: [3], data: rounded([1, 1 / 3, Infinity]) };
  const read = readSafetensors(writeSafetensors(new Map([["x", tensor]]))).get("x");
  assertEquals(read?.data, Float32Array.from(tensor.data));
  const again = writeSafetensors(new Map([["x", { ...tensor, dtype: "F16" }]]));
  assertEquals(readSafetensors(again).get("x")?.dtype, "float32");
});

halfTest(
  "the gradient of a rounded tensor is not rounded on its way",
  async (device) => {
    // One sum overflows float16, the other underflows.
    for (const [count, x, dy] of [[4096, 32, 32], [4, 2 ** -14, 2 ** -24]] as const) {
      const weight = Tensor.from(device, [[1]], { requiresGrad: true });
      const rows = Tensor.full(device, [count, 1], x, { dtype: "float16" });
      const y = rows.matmul(weight.to("float16"));
      y.backward(Tensor.full(device, [count, 1], dy, { dtype: "float16" }));
      assertEquals(await weight.grad!.data(), Float32Array.of(count * x * dy));
    }
    const x = Tensor.from(device, [3, 4], { requiresGrad: true });
    const half = x.to("float16");
    half.mul(1000).add(half).backward(Tensor.from(device, [100, 200], { dtype: "float16" }));
    assertEquals(await x.grad!.data(), Float32Array.of(100_100, 200_200));
  },
);
