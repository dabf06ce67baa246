import { assert, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh, kernelTest, testOnEveryDevice } from "../../../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import {
  type CpuDevice,
  type Device,
  embedding,
  linear,
  linearCrossEntropy,
  matmul,
  noGrad,
  openDevice,
  type Packing,
  quantize,
  Tensor,
} from "../../mod.ts";
import { withoutRelaxedSimd } from "../testing/without_relaxed_simd.ts";
import { matmulReference, unpackedReference } from "./testing/reference.ts";

const PACKINGS = ["q8", "q4"] as const;

/** Pseudorandom numbers between −1 and 1. */
function numbers(length: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => Math.sin(1 + i * 12.9898 + seed * 78.233));
}

function tensorOf(device: Device, values: Float32Array, shape: readonly number[]): Tensor {
  return Tensor.from(device, values, { shape });
}

/** The largest difference of two lists, relative to the largest number of the second. */
function difference(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assertEquals(got.length, wanted.length);
  let [worst, largest] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    // NaN wins every maximum.
    worst = Math.max(worst, Math.abs(got[i]! - wanted[i]!));
    largest = Math.max(largest, Math.abs(wanted[i]!));
  }
  return largest === 0 ? worst : worst / largest;
}

async function assertMatmul(
  device: Device,
  packing: Packing,
  x: Float32Array<ArrayBuffer>,
  weight: Float32Array<ArrayBuffer>,
  [rows, n, k]: readonly [number, number, number],
): Promise<void> {
  using _scope = device.scope();
  const matrix = quantize(tensorOf(device, weight, [n, k]), packing);
  const y = await linear(tensorOf(device, x, [rows, k]), matrix).data();
  const wanted = matmulReference(x, weight, [rows, n, k], packing);
  const off = difference(y, wanted);
  assert(off < 1e-5, `${packing} ${rows}×${k}×${n}: ${off}`);
}

kernelTest("matmuls by packed matrices agree with the reference", async (device) => {
  for (const packing of PACKINGS) {
    for (
      const [rows, n, k] of [[1, 1, 32], [1, 37, 96], [2, 5, 64], [5, 33, 320], [
        300,
        7,
        32,
      ]] as const
    ) {
      await assertMatmul(device, packing, numbers(rows * k, 1), numbers(n * k, 2), [rows, n, k]);
    }
  }
});

kernelTest(
  "blocks of zeros and of one large number count as the reference says",
  async (device) => {
    const [rows, n, k] = [3, 5, 96] as const;
    for (const packing of PACKINGS) {
      const [x, weight] = [numbers(rows * k, 3), numbers(n * k, 4)];
      x.fill(0, 0, 32);
      x.fill(0, 40, 64);
      weight.fill(0, 32, 64);
      weight.fill(0, 97, 128);
      weight[100] = -7.5;
      await assertMatmul(device, packing, x, weight, [rows, n, k]);
      // The squares of the other rows would not count beside these.
      for (const large of [3e38, -3e38]) {
        await assertMatmul(
          device,
          packing,
          numbers(k, 5).fill(large, 33, 34),
          weight.subarray(0, k),
          [1, 1, k],
        );
      }
      for (const small of [1e-30, 1e-37, 1e-44]) {
        await assertMatmul(
          device,
          packing,
          numbers(k, 6).map((each) => each * small),
          weight.subarray(0, k),
          [1, 1, k],
        );
      }
    }
  },
);

kernelTest("a row with NaN or an infinity is NaN, and no other", async (device) => {
  const [rows, n, k] = [4, 6, 64] as const;
  for (const packing of PACKINGS) {
    const [x, weight] = [numbers(rows * k, 7), numbers(n * k, 8)];
    x[5] = NaN;
    x[2 * k + 40] = Infinity;
    x[3 * k + 1] = -Infinity;
    const matrix = quantize(tensorOf(device, weight, [n, k]), packing);
    const y = await linear(tensorOf(device, x, [rows, k]), matrix).data();
    const isNaN = Array.from(y, (each) => Number.isNaN(each));
    assertEquals(
      isNaN,
      Array.from({ length: rows * n }, (_, i) => Math.floor(i / n) !== 1),
      packing,
    );
  }
});

kernelTest("unpacked and embedded rows are the reference's, to the bit", async (device) => {
  for (const packing of PACKINGS) {
    const [n, k] = [9, 96];
    const values = numbers(n * k, 9);
    values.fill(0, 32, 64);
    values[70] = 2 ** -20;
    values.fill(2 ** -22, 96, 128);
    const matrix = quantize(tensorOf(device, values, [n, k]), packing);
    const wanted = Float32Array.from(unpackedReference(values, packing));
    assertEquals(await matrix.unpack().data(), wanted);
    const ids = Tensor.from(device, [[8, 0], [3, 8]], { dtype: "int32" });
    const rows = await embedding(matrix, ids).data();
    const expected = [8, 0, 3, 8].flatMap((id) => [...wanted.subarray(id * k, (id + 1) * k)]);
    assertEquals([...rows], expected);
  }
});

testOnEveryDevice(
  "an id that is out of range is refused, or gives a row of NaN",
  async (device) => {
    const matrix = quantize(tensorOf(device, numbers(64, 1), [2, 32]), "q4");
    const outside = Tensor.from(device, [1, 2], { dtype: "int32" });
    assertThrows(() => embedding(matrix, outside), RangeError, "wanted ids from 0 to 1, got 2");
    const computed = outside.add(Tensor.from(device, [0, 0], { dtype: "int32" }));
    const rows = await embedding(matrix, computed).data();
    assertEquals([...rows.subarray(32)].every(Number.isNaN), true);
    assertEquals([...rows.subarray(0, 32)].some(Number.isNaN), false);
  },
);

fresh.testOnEveryDevice("slices share the memory, and compute with their rows", async (device) => {
  const [n, k] = [8, 64];
  const weight = numbers(n * k, 1);
  const x = tensorOf(device, numbers(2 * k, 2), [2, k]);
  for (const packing of PACKINGS) {
    const matrix = quantize(tensorOf(device, weight, [n, k]), packing);
    const { live } = device;
    const part = matrix.slice(0, 3, 6);
    assertEquals(device.live, live);
    const whole = await linear(x, matrix).data();
    const wanted = [0, 1].flatMap((row) => [...whole.subarray(row * n + 3, row * n + 6)]);
    assertEquals([...await linear(x, part).data()], wanted);
    assertEquals(
      [...await part.unpack().data()],
      [...(await matrix.unpack().data()).subarray(3 * k, 6 * k)],
    );
  }
});

testOnEveryDevice("rows may be packed in parts", async (device) => {
  const [n, k] = [7, 96];
  const whole = tensorOf(device, numbers(n * k, 1), [n, k]);
  for (const packing of PACKINGS) {
    const matrix = quantize(whole, packing);
    const parts = quantize(Tensor.zeros(device, [n, k]), packing)
      .pack(0, whole.slice(0, 0, 3)).pack(3, whole.slice(0, 3));
    assertEquals(await parts.numbers.data(), await matrix.numbers.data());
    assertEquals(await parts.scales.data(), await matrix.scales.data());
    assertThrows(() => matrix.pack(5, whole), RangeError, "wanted at most 2 rows of 96 numbers");
  }
});

testOnEveryDevice("a bias is added, and vectors and batches keep their shape", async (device) => {
  const matrix = quantize(tensorOf(device, numbers(5 * 64, 1), [5, 64]), "q8");
  const x = tensorOf(device, numbers(6 * 64, 2), [3, 2, 64]);
  const bias = tensorOf(device, numbers(5, 3), [5]);
  const plain = linear(x, matrix);
  assertEquals(plain.shape, [3, 2, 5]);
  const added = await linear(x, matrix, bias).data();
  assert(difference(added, await plain.add(bias).data()) < 1e-6);
  const vector = await linear(x.slice(0, 0, 1).slice(1, 0, 1).reshape([64]), matrix).data();
  assertEquals([...vector], [...(await plain.data()).subarray(0, 5)]);
  const views = await linear(x.transpose(0, 1), matrix).data();
  assertEquals([...views], [...await plain.transpose(0, 1).data()]);
  assertEquals(linear(Tensor.zeros(device, [0, 64]), matrix).shape, [0, 5]);
});

testOnEveryDevice("the loss over packed classes is that over their logits", async (device) => {
  const [rows, classes, width] = [6, 40, 64];
  const matrix = quantize(
    tensorOf(device, numbers((classes + 8) * width, 1), [classes + 8, width]),
    "q8",
  );
  const hidden = tensorOf(device, numbers(rows * width, 2), [rows, width]);
  const targets = Tensor.from(device, [0, 39, -1, 7, 8, 9], { dtype: "int32" });
  const options = { softcap: 15, classes };
  const fused = await linearCrossEntropy(hidden, matrix, targets, options).item();
  const logits = linear(hidden, matrix).slice(-1, 0, classes).softcap(15);
  const log = logits.sub(logits.exp().sum([-1], true).log());
  const chosen = await Promise.all(
    [[0, 0], [1, 39], [3, 7], [4, 8], [5, 9]].map(([row, target]) =>
      log.slice(0, row!, row! + 1).slice(1, target!, target! + 1).item()
    ),
  );
  const wanted = -chosen.reduce((sum, each) => sum + each, 0) / chosen.length;
  assert(Math.abs(fused - wanted) < 1e-5, `wanted ${wanted}, got ${fused}`);
});

gpuTest("what is larger than a binding is cut", async (device) => {
  const [n, k] = [1700, 320] as const;
  for (const packing of PACKINGS) {
    await assertMatmul(device, packing, numbers(3 * k, 1), numbers(n * k, 2), [3, n, k]);
    const values = numbers(n * k, 3);
    const matrix = quantize(tensorOf(device, values, [n, k]), packing);
    const ids = Tensor.from(device, [n - 1, 0, 900], { dtype: "int32" });
    const wanted = unpackedReference(values, packing);
    const expected = [n - 1, 0, 900].flatMap((id) => [...wanted.subarray(id * k, (id + 1) * k)]);
    assert(difference(await embedding(matrix, ids).data(), expected) < 1e-6);
  }
}, tinyDevice);

cpuTest("the result does not depend on the number of threads or on repetition", async (device) => {
  const [rows, n, k] = [5, 64, 512];
  const of = async (on: Device) => {
    const matrix = quantize(tensorOf(on, numbers(n * k, 1), [n, k]), "q4");
    return await linear(tensorOf(on, numbers(rows * k, 2), [rows, k]), matrix).data();
  };
  const two = await of(device);
  assertEquals(await of(device), two);
  const single = await openDevice("cpu", { threads: 1, blas: false });
  assertEquals(await of(single), two);
  await single.close();
});

cpuTest("the result does not depend on relaxed SIMD, but for the order of sums", async (device) => {
  const [n, k] = [33, 320];
  const plain = withoutRelaxedSimd(device as CpuDevice);
  for (const packing of PACKINGS) {
    for (const rows of [1, 4, 13, 41]) {
      const [on, without] = await Promise.all([device, plain].map((each) => {
        const matrix = quantize(tensorOf(each, numbers(n * k, 1), [n, k]), packing);
        const y = linear(tensorOf(each, numbers(rows * k, 2), [rows, k]), matrix);
        return Promise.all([y.data(), matrix.blocks()]);
      }));
      // A number that is rounded to its neighbor would be off by a hundredth.
      assert(difference(on![0], without![0]) < 1e-6, `${packing}, ${rows} rows`);
      assertEquals(on![1], without![1]);
    }
  }
});

fresh.cpuTest("memory is 0.28 and 0.16 of float32's, and freed", (device) => {
  const whole = Tensor.ones(device, [64, 128]);
  const { live } = device;
  for (const [packing, share] of [["q8", 0.29], ["q4", 0.17]] as const) {
    const matrix = quantize(whole, packing);
    assert(matrix.bytes <= share * 4 * 64 * 128, packing);
    assertEquals(device.live, live + 2);
    matrix.dispose();
    assertEquals(device.live, live);
    const kept = (() => {
      using scope = device.scope();
      const kept = scope.keep(quantize(whole, packing));
      kept.slice(0, 0, 2);
      quantize(whole, packing);
      return kept;
    })();
    assertEquals(device.live, live + 2);
    kept.dispose();
    assertEquals(device.live, live);
  }
});

cpuTest("what packed numbers cannot do is refused in a line", async (device) => {
  const matrix = quantize(Tensor.ones(device, [4, 64]), "q8");
  const x = Tensor.ones(device, [2, 64]);
  const wanted = "Cannot use the q8 matrix [4, 64] here: wanted float32";
  assertThrows(() => matrix.add(1), TypeError, wanted);
  assertThrows(() => matrix.transpose(), TypeError, wanted);
  assertThrows(() => matrix.slice(1, 0, 32), TypeError, wanted);
  await assertRejectsTypeError(() => matrix.data(), wanted);
  assertThrows(() => matrix.requireGrad(), TypeError, "Cannot train packed numbers");
  assertThrows(() => matmul(x, matrix), RangeError, "64 columns against 4 rows");
  const other = await openDevice("cpu", { threads: 1, blas: false });
  const elsewhere = Tensor.ones(other, [2, 64]);
  const apart = "Cannot compute linear: wanted tensors on one device";
  assertThrows(() => linear(elsewhere, matrix), Error, apart);
  await other.close();
  assertThrows(() => matmul(Tensor.ones(device, [2, 4]), matrix), TypeError, "wanted x · weightᵀ");
  assertThrows(
    () => linear(Tensor.ones(device, [2, 32]), matrix),
    RangeError,
    "wanted rows of 64 numbers, got [2, 32]",
  );
  const integers = Tensor.from(device, [1], { dtype: "int32" });
  assertThrows(
    () => linear(integers, matrix),
    TypeError,
    "wanted float32, bfloat16 or float16, got int32",
  );
  const bias = Tensor.ones(device, [5]);
  assertThrows(() => linear(x, matrix, bias), RangeError, "wanted a bias [4], got [5]");
  assertThrows(
    () => quantize(Tensor.ones(device, [4, 33]), "q4"),
    RangeError,
    "the last a multiple of 32, got [4, 33]",
  );
  assertThrows(() => quantize(Tensor.ones(device, [64]), "q4"), RangeError, "wanted two axes");
  assertThrows(() => quantize(integers, "q8"), TypeError, "wanted a matrix of floats");
  assertThrows(() => quantize(x, "q5" as Packing), TypeError, 'wanted "q8" or "q4", got "q5"');
  const trained = Tensor.ones(device, [2, 64], { requiresGrad: true });
  assertThrows(
    () => linear(trained, matrix),
    Error,
    'Cannot differentiate "linear": packed weights have none',
  );
  noGrad(() => linear(trained, matrix));
  matrix.dispose();
  assertThrows(() => matrix.unpack(), Error, "it was freed by dispose()");
});

async function assertRejectsTypeError(run: () => Promise<unknown>, message: string): Promise<void> {
  const error = await run().then(() => null, (error: unknown) => error);
  assert(error instanceof TypeError && error.message.includes(message), `${error}`);
}
