import { assert, assertEquals, assertThrows } from "@std/assert";
import { cpuTest } from "../../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../../testing/gpu.ts";
import { deviation } from "../devices/webgpu/testing/views.ts";
import {
  crossEntropy,
  type Device,
  layerNorm,
  multinomial,
  normalArray,
  rmsNorm,
  Tensor,
  topK,
  uniformArray,
} from "../mod.ts";
import { linearCrossEntropy } from "./losses/linear_cross_entropy.ts";

/** Rows that exceed a binding of the tiny device, and take three pieces each. */
const [ROWS, LENGTH] = [4, 300_001];
const SHAPE = [ROWS, LENGTH];
const EPSILON = 1e-5;
const CAP = 3;

const numbers = normalArray(1, ROWS * LENGTH, 0.5, 2);
const upstream = normalArray(2, ROWS * LENGTH);
const weight = normalArray(3, LENGTH);
const bias = normalArray(4, LENGTH);
/** In the last piece, the first one, ignored, and in the middle. */
const classes = Int32Array.of(LENGTH - 1, 5, -1, 140_000);

/** Non-finite and duplicate elements, in different pieces. */
function withSpecials(): Float32Array<ArrayBuffer> {
  const x = numbers.slice();
  x[LENGTH - 3] = x[7] = 50;
  x[LENGTH + 140_000] = x[LENGTH + 290_000] = NaN;
  x[2 * LENGTH + 200_000] = Infinity;
  x[3 * LENGTH + 290_001] = -Infinity;
  return x;
}

const total = (x: Float64Array): number => x.reduce((sum, value) => sum + value, 0);
const largest = (x: Float64Array): number => x.reduce((most, value) => Math.max(most, value));
const dot = (a: Float64Array, b: Float64Array): number => total(a.map((value, i) => value * b[i]!));

/** log Σ eˣ, softmax and log-softmax. */
function exponentials(x: Float64Array) {
  const most = largest(x);
  // ∞ − ∞ is NaN, in the softmax of PyTorch as well.
  const powers = x.map((value) => Math.exp(value - most));
  const sum = total(powers);
  return {
    logSum: most === Infinity ? Infinity : most + Math.log(sum),
    shares: powers.map((power) => power / sum),
    logShares: x.map((value) => value - most - Math.log(sum)),
  };
}

/** A centered row and 1 over its standard deviation; or the row itself, for RMS norm. */
function scaled(x: Float64Array, isCentered: boolean) {
  const mean = isCentered ? total(x) / LENGTH : 0;
  const distances = x.map((value) => value - mean);
  const factor = 1 / Math.sqrt(dot(distances, distances) / LENGTH + EPSILON);
  return { values: distances.map((value) => value * factor), factor };
}

function scaledGradient(x: Float64Array, g: Float64Array, isCentered: boolean): Float64Array {
  const { values, factor } = scaled(x, isCentered);
  const weighted = g.map((value, i) => value * weight[i]!);
  const mean = isCentered ? total(weighted) / LENGTH : 0;
  const share = dot(weighted, values) / LENGTH;
  return weighted.map((value, i) => factor * (value - mean - values[i]! * share));
}

/** A row operation, with a row of its result and gradient in double precision. */
interface RowCase {
  readonly run: (x: Tensor) => Tensor;
  readonly line: (x: Float64Array, row: number) => Float64Array;
  /** `g` is the upstream gradient: one per element, or one. */
  readonly gradient: (x: Float64Array, g: Float64Array, row: number) => Float64Array;
}

const targets = (x: Tensor) => Tensor.from(x.device, classes);
const squash = (value: number) => CAP * Math.tanh(value / CAP);
const crossEntropyLine = (x: Float64Array, row: number): Float64Array => {
  const target = classes[row]!;
  return Float64Array.of(target < 0 ? 0 : exponentials(x).logSum - x[target]!);
};
const crossEntropyGradient = (x: Float64Array, g: Float64Array, row: number): Float64Array => {
  const target = classes[row]!;
  if (target < 0) return new Float64Array(LENGTH);
  return exponentials(x).shares.map((share, i) => g[0]! * (share - Number(i === target)));
};
const shareOfExtreme = (isExtreme: (value: number) => boolean, g: number, x: Float64Array) => {
  const share = g / x.filter(isExtreme).length;
  return x.map((value) => isExtreme(value) ? share : 0);
};

const cases: Readonly<Record<string, RowCase>> = {
  softmax: {
    run: (x) => x.softmax(),
    line: (x) => exponentials(x).shares,
    gradient: (x, g) => {
      const { shares } = exponentials(x);
      const mean = dot(shares, g);
      return shares.map((share, i) => share * (g[i]! - mean));
    },
  },
  logSoftmax: {
    run: (x) => x.logSoftmax(),
    line: (x) => exponentials(x).logShares,
    gradient: (x, g) => {
      const sum = total(g);
      return exponentials(x).shares.map((share, i) => g[i]! - share * sum);
    },
  },
  logSumExp: {
    run: (x) => x.logSumExp(),
    line: (x) => Float64Array.of(exponentials(x).logSum),
    gradient: (x, g) => exponentials(x).shares.map((share) => share * g[0]!),
  },
  rmsNorm: {
    run: (x) => rmsNorm(x, { weight: Tensor.from(x.device, weight), epsilon: EPSILON }),
    line: (x) => scaled(x, false).values.map((value, i) => value * weight[i]!),
    gradient: (x, g) => scaledGradient(x, g, false),
  },
  layerNorm: {
    run: (x) => {
      const [w, b] = [weight, bias].map((values) => Tensor.from(x.device, values));
      return layerNorm(x, { weight: w!, bias: b!, epsilon: EPSILON });
    },
    line: (x) => scaled(x, true).values.map((value, i) => value * weight[i]! + bias[i]!),
    gradient: (x, g) => scaledGradient(x, g, true),
  },
  variance: {
    run: (x) => x.variance(-1),
    line: (x) => {
      const mean = total(x) / LENGTH;
      return Float64Array.of(total(x.map((value) => (value - mean) ** 2)) / (LENGTH - 1));
    },
    gradient: (x, g) => {
      const mean = total(x) / LENGTH;
      return x.map((value) => g[0]! * 2 * (value - mean) / (LENGTH - 1));
    },
  },
  max: {
    run: (x) => x.max(-1),
    line: (x) => Float64Array.of(largest(x)),
    gradient: (x, g) => {
      const most = largest(x);
      return shareOfExtreme((value) => value === most, g[0]!, x);
    },
  },
  crossEntropy: {
    run: (x) => crossEntropy(x, targets(x), { reduction: "none" }),
    line: crossEntropyLine,
    gradient: crossEntropyGradient,
  },
  "crossEntropy with a softcap": {
    run: (x) => crossEntropy(x, targets(x), { reduction: "none", softcap: CAP }),
    line: (x, row) => crossEntropyLine(x.map(squash), row),
    gradient: (x, g, row) =>
      crossEntropyGradient(x.map(squash), g, row)
        .map((value, i) => value * (1 - Math.tanh(x[i]! / CAP) ** 2)),
  },
};

const rowOf = (x: ArrayLike<number>, row: number, length = LENGTH): Float64Array =>
  Float64Array.from({ length }, (_, i) => x[row * length + i]!);

/** Compares each row relative to its largest number. */
function assertRows(
  got: ArrayLike<number>,
  wanted: readonly Float64Array[],
  what: string,
  tolerance = 1e-5,
): void {
  for (const [row, expected] of wanted.entries()) {
    const magnitudes = expected.map((value) => Number.isFinite(value) ? Math.abs(value) : 0);
    const error = deviation(rowOf(got, row, expected.length), expected, largest(magnitudes));
    assert(error < tolerance, `${what} of row ${row} is off by ${error}`);
  }
}

/** Registers a test on the CPU and on a GPU. */
function testLongRows(name: string, fn: (device: Device) => Promise<void>): void {
  cpuTest(`${name} (cpu)`, fn);
  gpuTest(`${name} (webgpu)`, fn);
}

function once<V>(compute: () => V): () => V {
  let known: { readonly value: V } | null = null;
  return () => (known ??= { value: compute() }).value;
}

const rows = Array.from({ length: ROWS }, (_, row) => row);

for (const [name, { run, line, gradient }] of Object.entries(cases)) {
  const values = withSpecials();
  const results = once(() => rows.map((row) => line(rowOf(values, row), row)));
  const gradients = once(() => {
    const width = results()[0]!.length;
    return rows.map((row) => gradient(rowOf(numbers, row), rowOf(upstream, row, width), row));
  });
  testLongRows(`${name} of long rows agrees with double precision`, async (device) => {
    const result = run(Tensor.from(device, values, { shape: SHAPE }));
    assertRows(await result.data(), results(), "the result");
    result.dispose();
    const x = Tensor.from(device, numbers, { shape: SHAPE, requiresGrad: true });
    const y = run(x);
    y.backward(Tensor.from(device, upstream.subarray(0, y.size), { shape: y.shape }));
    assertRows(await x.grad!.data(), gradients(), "the gradient");
  });
}

testLongRows("argmax of long rows is the first largest element, or NaN", async (device) => {
  const x = Tensor.from(device, withSpecials(), { shape: SHAPE });
  const last = rowOf(numbers, 3);
  assertEquals([...await x.argmax(-1).data()], [7, 140_000, 200_000, last.indexOf(largest(last))]);
});

testLongRows("long columns are rows that lie side by side", async (device) => {
  const shape = [LENGTH, ROWS];
  const column = (values: ArrayLike<number>, at: number) =>
    Float64Array.from({ length: LENGTH }, (_, i) => values[i * ROWS + at]!);
  const [lines, gradients] = [numbers, upstream].map((all) => rows.map((row) => column(all, row)));
  const { line, gradient } = cases.softmax!;
  const x = Tensor.from(device, numbers, { shape, requiresGrad: true });
  const y = x.softmax(0);
  y.backward(Tensor.from(device, upstream, { shape }));
  const turned = async (tensor: Tensor) => await tensor.transpose().contiguous().data();
  assertRows(await turned(y), lines!.map((x) => line(x, 0)), "the softmax");
  const wanted = lines!.map((x, row) => gradient(x, gradients![row]!, 0));
  assertRows(await turned(x.grad!), wanted, "the gradient");
  assertEquals([...await x.argmax(0).data()], lines!.map((x) => x.indexOf(largest(x))));
});

testLongRows("factors of long rows get their gradients", async (device) => {
  const x = Tensor.from(device, numbers, { shape: SHAPE });
  const [w, b] = [weight, bias].map((values) =>
    Tensor.from(device, values, { requiresGrad: true })
  ) as [Tensor, Tensor];
  const y = layerNorm(x, { weight: w, bias: b, epsilon: EPSILON });
  y.backward(Tensor.from(device, upstream, { shape: SHAPE }));
  const [ofWeight, ofBias] = [new Float64Array(LENGTH), new Float64Array(LENGTH)];
  for (const row of rows) {
    const g = rowOf(upstream, row);
    scaled(rowOf(numbers, row), true).values.forEach((value, i) => {
      ofWeight[i]! += value * g[i]!;
      ofBias[i]! += g[i]!;
    });
  }
  assert(deviation(Float64Array.from(await w.grad!.data()), ofWeight, 1) < 1e-5);
  assert(deviation(Float64Array.from(await b.grad!.data()), ofBias, 1) < 1e-5);
});

testLongRows("a factor for each of many long rows gets its gradient", async (device) => {
  // So many rows that the matmul kernel sums each directly.
  const count = 256;
  const row = Tensor.from(device, numbers.subarray(0, LENGTH));
  const factors = Tensor.ones(device, [count, 1], { requiresGrad: true });
  factors.mul(row).backward(Tensor.from(device, [2]).expand([count, LENGTH]));
  const sum = 2 * total(rowOf(numbers, 0));
  const wanted = new Float64Array(count).fill(sum);
  assert(deviation(Float64Array.from(await factors.grad!.data()), wanted) < 1e-5);
});

/** A loss of four hidden vectors with three elements, and as many per class. */
const lossOfMatmuls = once(() => {
  const width = 3;
  const hidden = uniformArray(5, ROWS * width, -1);
  const table = uniformArray(6, LENGTH * width, -1);
  const vectors = Array.from({ length: LENGTH }, (_, i) => rowOf(table, i, width));
  const [ofHidden, ofTable] = [new Float64Array(hidden.length), new Float64Array(table.length)];
  const share = 1 / classes.filter((target) => target >= 0).length;
  let loss = 0;
  for (const row of rows) {
    const own = rowOf(hidden, row, width);
    const logits = Float64Array.from(vectors, (vector) => dot(own, vector));
    loss += share * crossEntropyLine(logits, row)[0]!;
    crossEntropyGradient(logits, Float64Array.of(share), row).forEach((value, i) => {
      for (let j = 0; j < width; j++) {
        ofHidden[row * width + j]! += value * vectors[i]![j]!;
        ofTable[i * width + j]! += value * own[j]!;
      }
    });
  }
  return { width, hidden, table, loss, ofHidden, ofTable };
});

testLongRows("a loss over many classes agrees with double precision", async (device) => {
  const { width, loss, ofHidden, ofTable, ...inputs } = lossOfMatmuls();
  const [hidden, table] = [inputs.hidden, inputs.table].map((values) =>
    Tensor.from(device, values, { shape: [values.length / width, width], requiresGrad: true })
  ) as [Tensor, Tensor];
  const result = linearCrossEntropy(hidden, table, Tensor.from(device, classes));
  result.backward();
  assertRows(await result.data(), [Float64Array.of(loss)], "the loss");
  assertRows(await table.grad!.data(), [ofTable], "the gradient of the table");
  // A plain sum of 300,001 products, each rounded to the ulp of the single target's.
  assertRows(await hidden.grad!.data(), [ofHidden], "the gradient of what is hidden", 1e-4);
});

gpuTest("the largest of rows larger than a binding are an error", (device) => {
  const wanted = "wanted rows within 1048576 bytes, the limit of a binding on this device";
  const rows = Tensor.zeros(device, [2, LENGTH]);
  assertThrows(() => topK(rows, 5), RangeError, `Cannot run "topK": ${wanted}`);
  assertThrows(() => rows.softmax(), RangeError, `Cannot run "softmax": ${wanted}`);
}, tinyDevice);

gpuTest(
  "a row may be sampled more often than a binding has room for",
  async (device) => {
    const samples = Array.from({ length: LENGTH }, (_, i) => (i % 4 + 0.5) / 4);
    const many = await multinomial(Tensor.ones(device, [1, 4]), Tensor.from(device, [samples]))
      .data();
    assert(many.every((index, i) => index === i % 4));
  },
  tinyDevice,
);
