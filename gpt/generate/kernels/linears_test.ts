import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../../testing/every_device.ts";
import { type Device, linear, noGrad, rmsNorm, Tensor } from "../../../tensor/mod.ts";
import { linears, type LinearsOptions } from "./linears.ts";

/** Pseudorandom numbers between −1 and 1. */
function numbers(length: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => Math.sin(1 + i * 12.9898 + seed * 78.233));
}

const tensor = (device: Device, shape: number[], seed: number): Tensor =>
  Tensor.from(device, numbers(shape.reduce((a, b) => a * b, 1), seed), { shape });

function reference(
  x: Float32Array,
  weight: Float32Array,
  sizes: { rows: number; depth: number; columns: number; width: number },
  { normalize = false, activation }: LinearsOptions,
  residual?: Float32Array,
): number[] {
  const { rows, depth, columns, width } = sizes;
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < depth; i++) {
      squares += x[row * depth + i]! ** 2;
      if (i < width) sum += x[row * depth + i]! * weight[column * width + i]!;
    }
    if (normalize) sum /= Math.sqrt(squares / depth + 2 ** -23);
    if (activation === "reluSquared") sum = Math.max(sum, 0) ** 2;
    else if (activation !== undefined) {
      sum = activation.softcap * Math.tanh(sum / activation.softcap);
    }
    return sum + (residual?.[at] ?? 0);
  });
}

function assertClose(got: ArrayLike<number>, wanted: readonly number[], what: string): void {
  assertEquals(got.length, wanted.length, what);
  wanted.forEach((value, i) =>
    assertAlmostEquals(got[i]!, value, 1e-5 * Math.max(1, Math.abs(value)), `${what}, element ${i}`)
  );
}

const optionsToTry: LinearsOptions[] = [
  {},
  { normalize: true },
  { activation: "reluSquared" },
  { normalize: true, activation: { softcap: 1.5 } },
];

testOnEveryDevice("rows meet several weights, of fewer columns as well", async (device) => {
  for (const [rows, depth] of [[1, 64], [3, 20], [4, 4], [5, 64], [2, 37]] as const) {
    const x = tensor(device, [rows, depth], 1);
    const shapes = [[70, depth], [3, Math.min(12, depth)], [1, depth]] as const;
    const weights = shapes.map((shape, i) => tensor(device, [...shape], 2 + i));
    for (const options of optionsToTry) {
      const results = noGrad(() => linears(x, weights, options));
      for (const [i, [columns, width]] of shapes.entries()) {
        const wanted = reference(
          numbers(rows * depth, 1),
          numbers(columns * width, 2 + i),
          { rows, depth, columns, width },
          options,
        );
        assertEquals(results[i]!.shape, [rows, columns]);
        assertClose(await results[i]!.data(), wanted, `${rows}x${depth}, weight ${i}`);
      }
    }
  }
});

testOnEveryDevice("something may be added to a product, and NaN stays NaN", async (device) => {
  const values = numbers(2 * 32, 1);
  const x = Tensor.from(device, values, { shape: [1, 2, 32] });
  const [weight, residual] = [tensor(device, [9, 32], 2), tensor(device, [1, 2, 9], 3)];
  const sizes = { rows: 2, depth: 32, columns: 9, width: 32 };
  for (const options of optionsToTry) {
    const [result] = noGrad(() => linears(x, [weight], { ...options, residual }));
    const wanted = reference(values, numbers(9 * 32, 2), sizes, options, numbers(18, 3));
    assertEquals(result!.shape, [1, 2, 9]);
    assertClose(await result!.data(), wanted, JSON.stringify(options));
  }
  values[3] = NaN;
  const [spoilt] = noGrad(() =>
    linears(Tensor.from(device, values, { shape: [2, 32] }), [weight], {
      activation: "reluSquared",
    })
  );
  const found = await spoilt!.data();
  assertEquals(Array.from(found, Number.isNaN), Array.from(found, (_, i) => i < 9));
});

testOnEveryDevice("gradients flow as through the operations one by one", async (device) => {
  const gradients = async (run: (x: Tensor, weight: Tensor) => Tensor) => {
    const [x, weight] = [[2, 8], [4, 8]].map((shape, i) =>
      Tensor.from(device, numbers(shape[0]! * 8, i), { shape, requiresGrad: true })
    ) as [Tensor, Tensor];
    run(x, weight).sum().backward();
    return [Array.from(await x.grad!.data()), Array.from(await weight.grad!.data())];
  };
  assertEquals(
    await gradients((x, weight) =>
      linears(x, [weight], { normalize: true, activation: "reluSquared" })[0]!
    ),
    await gradients((x, weight) => linear(rmsNorm(x), weight).reluSquared()),
  );
});

testOnEveryDevice("something is added to one product only", (device) => {
  const x = tensor(device, [1, 4], 1);
  assertThrows(
    () => linears(x, [x, x], { residual: x }),
    RangeError,
    "wanted one weight, got 2",
  );
});
