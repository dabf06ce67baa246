import { assertEquals, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../../../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import { type Device, linear, matmul, type MatmulOptions, Tensor } from "../../mod.ts";

/** Pseudorandom numbers between −1 and 1. */
function tensor(device: Device, shape: number[], seed: number): Tensor {
  const length = shape.reduce((size, n) => size * n, 1);
  const numbers = Float32Array.from(
    { length },
    (_, i) => Math.sin(1 + i * 12.9898 + seed * 78.233),
  );
  return Tensor.from(device, numbers, { shape });
}

function assertClose(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assertEquals(got.length, wanted.length);
  for (let i = 0; i < got.length; i++) {
    const isClose = Math.abs(got[i]! - wanted[i]!) <= tolerance * Math.max(1, Math.abs(wanted[i]!));
    if (!isClose) throw new Error(`element ${i}: wanted ${wanted[i]}, got ${got[i]}`);
  }
}

testOnEveryDevice("a linear layer adds its bias where the product is stored", async (device) => {
  const [x, weight, bias] = [[3, 2, 8], [5, 8], [5]].map((shape, i) => tensor(device, shape, i));
  const apart = await linear(x!, weight!).add(bias!).data();
  assertClose(await linear(x!, weight!, bias!).data(), apart, 1e-6);
  const row = x!.reshape([6, 8]).slice(0, 0, 1).reshape([8]);
  assertClose(await linear(row, weight!, bias!).data(), apart.slice(0, 5), 1e-6);
});

testOnEveryDevice("an operand may repeat one element", async (device) => {
  const one = Tensor.full(device, [1, 1], 2);
  const [column, row] = [one.expand([3, 1]), one.expand([1, 3])];
  assertEquals([...await matmul(column, row).data()], new Array(9).fill(4));
  assertEquals([...await matmul(row, column).data()], [12]);
});

gpuTest("a bias is copied first, and the matmul adds to it", (device) => {
  const [x, weight, bias] = [[6, 8], [5, 8], [5]].map((shape, i) => tensor(device, shape, i));
  const dispatches = (run: () => void) => {
    const before = device.statistics.dispatches;
    run();
    return device.statistics.dispatches - before;
  };
  assertEquals(dispatches(() => linear(x!, weight!)), 1);
  assertEquals(dispatches(() => linear(x!, weight!, bias!)), 2);
});

testOnEveryDevice("gradients are added to those that are there already", async (device) => {
  const gradients = async (run: (x: Tensor, weight: Tensor, bias: Tensor) => Tensor) => {
    const inputs = [[6, 6], [6, 6], [6]].map((shape, i) => tensor(device, shape, i).requireGrad());
    const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor];
    for (let batch = 0; batch < 2; batch++) run(x, weight, bias).square().sum().backward();
    return await Promise.all(inputs.map((input) => input.grad!.data()));
  };
  // An operand is also a bias, and the result is an operand again.
  const fused = await gradients((x, weight, bias) => {
    const y = matmul(x, weight, { bias }).add(x);
    return matmul(y, y, { transposeB: true, bias: weight });
  });
  const apart = await gradients((x, weight, bias) => {
    const y = matmul(x, weight).add(bias).add(x);
    return matmul(y, y, { transposeB: true }).add(weight);
  });
  fused.forEach((gradient, i) => assertClose(gradient, apart[i]!, 1e-5));
});

testOnEveryDevice("what is added to a symmetric product need not be symmetric", async (device) => {
  const [x, bias] = [tensor(device, [150, 20], 1), tensor(device, [150], 2)];
  const options = { transposeB: true, symmetric: true } as const;
  const wanted = matmul(x, x, options).add(bias);
  assertClose(await matmul(x, x, { ...options, bias }).data(), await wanted.data(), 1e-5);
});

testOnEveryDevice("NaN and infinities go through", async (device) => {
  const a = Tensor.from(device, [[NaN], [Infinity], [-Infinity], [1]]);
  const one = Tensor.ones(device, [1, 1]);
  const of = async (options: MatmulOptions) => [...await matmul(a, one, options).data()];
  const bias = Tensor.from(device, [[1], [-Infinity], [1], [NaN]]);
  assertEquals(await of({ bias }), [NaN, NaN, -Infinity, NaN]);
});

testOnEveryDevice("products without elements have gradients of zeros", async (device) => {
  for (const [m, k] of [[0, 3], [3, 0]] as const) {
    const bias = tensor(device, [4], 1).requireGrad();
    const [a, b] = [tensor(device, [m, k], 1), tensor(device, [k, 4], 2)];
    const y = matmul(a, b, { bias });
    assertEquals(y.shape, [m, 4]);
    y.sum().backward();
    assertEquals([...await bias.grad!.data()], [m, m, m, m]);
  }
});

cpuTest("an invalid bias is refused", (device) => {
  const [a, b] = [Tensor.ones(device, [2, 3]), Tensor.ones(device, [3, 4])];
  const refused = (shape: number[]) => () => matmul(a, b, { bias: Tensor.ones(device, shape) });
  assertThrows(refused([3]), RangeError, "the shapes [2, 4] and [3] do not broadcast");
  assertThrows(refused([5, 2, 4]), RangeError, "wanted what broadcasts to [2, 4], got [5, 2, 4]");
  const bias = Tensor.from(device, [1, 2, 3, 4], { dtype: "int32" });
  assertThrows(() => matmul(a, b, { bias }), TypeError, "wanted float32, got int32");
});

gpuTest("operands larger than a binding get their bias once", async (device) => {
  const shapes = [
    // Cut along k: partial sums are added.
    [4, 140_000, 4],
    // Cut along the rows, and along the columns.
    [1100, 256, 20],
    [20, 256, 1100],
    // Cut because of the bias.
    [520, 3, 521],
  ] as const;
  for (const [m, k, n] of shapes) {
    const [a, b] = [tensor(device, [m, k], 1), tensor(device, [k, n], 2)];
    for (const bias of [tensor(device, [n], 3), tensor(device, [m, n], 4)]) {
      const wanted = await matmul(a, b).add(bias).data();
      assertClose(await matmul(a, b, { bias }).data(), wanted, 1e-7 * k);
    }
  }
}, tinyDevice);

gpuTest("a batch, and rows, larger than a dispatch get the right bias", async (device) => {
  for (const [left, right] of [[[70_000, 2, 3], [70_000, 3, 5]], [[70_000, 3], [3, 5]]]) {
    const [a, b] = [tensor(device, left!, 1), tensor(device, right!, 2)];
    for (const bias of [tensor(device, [5], 3), tensor(device, left!.with(-1, 5), 4)]) {
      const wanted = await matmul(a, b).add(bias).data();
      assertClose(await matmul(a, b, { bias }).data(), wanted, 1e-6);
    }
  }
});
