import { assert, assertEquals } from "@std/assert";
import { float16Test, gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram } from "../../expression/program.ts";
import { Tensor } from "../../mod.ts";
import { deviation, place, type Placement, runBoth, sample } from "./testing/views.ts";

/** Rows of this length take two parts on the tiny device, or three if they are far apart. */
const LENGTH = 300_001;

const program = defineProgram(
  { name: "spread out", inputs: ["x", "y", "at"], perRow: ["at"], scalars: ["factor"] },
  ({ x, y, at, factor }) => {
    const distance = ex.subtract(x, ex.rowMean(x));
    const isAt = ex.equal(ex.columnIndex, at);
    return [
      ex.add(ex.multiply(factor, ex.divide(distance, ex.rowMax(ex.abs(distance)))), y),
      ex.add(ex.rowSum(ex.select(isAt, x, 0)), ex.rowMin(y)),
      ex.rowMin(
        ex.select(ex.lessEqual(0.75, ex.divide(y, ex.rowMax(y))), ex.columnIndex, ex.rowLength),
      ),
    ];
  },
);

interface Layout {
  readonly x: Placement;
  readonly y: Placement;
  readonly output: Placement;
}

const shape = [2, 2, LENGTH];
const layouts: Readonly<Record<string, Layout>> = {
  "one after the other": { x: { shape }, y: { shape }, output: { shape } },
  "at odd offsets, with gaps": {
    x: { shape, offset: 3, strides: [2 * LENGTH + 9, LENGTH + 1, 1] },
    y: { shape, offset: 1 },
    output: { shape, offset: 2, strides: [2 * LENGTH + 5, LENGTH + 2, 1] },
  },
  "side by side, and one row for all": {
    x: { shape, strides: [2, 1, 4] },
    y: { shape, strides: [0, 0, 1] },
    output: { shape, strides: [1, 2, 5] },
  },
  "every third element": {
    x: { shape, strides: [6 * LENGTH, 3 * LENGTH, 3] },
    y: { shape, strides: [LENGTH, 0, 1] },
    output: { shape },
  },
};

for (const [name, { x, y, output }] of Object.entries(layouts)) {
  gpuTest(`rows longer than a binding agree with double precision: ${name}`, async (device) => {
    const perRow = [2, 2, 1];
    const values = sample(6 * LENGTH + 9, 1);
    const inputs = [
      place(device, x, (i) => values[i % values.length]!),
      place(device, y, (i) => values[(i + 1000) % values.length]! + 4),
      place(device, { shape: perRow }, (i) => [0, 131_072, 299_999, -1][i] ?? 0),
    ];
    const outputs = [
      place(device, output, (i) => i),
      place(device, { shape: perRow }, () => 7),
      place(device, { shape: perRow, dtype: "int32" }, () => 7),
    ];
    const results = await runBoth(device, program, inputs, outputs, [2.5]);
    for (const [i, { actual, expected }] of results.entries()) {
      assert(deviation(actual, expected, 1) < 2e-6, `output ${i}`);
    }
  }, tinyDevice);
}

gpuTest("a row longer than a binding can be updated in place", async (device) => {
  const softmax = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
    const e = ex.exp(ex.subtract(x, ex.rowMax(x)));
    return [ex.divide(e, ex.rowSum(e)), ex.rowSum(x)];
  });
  const values = sample(2 * LENGTH, 2);
  const x = place(device, { shape: [2, LENGTH] }, (i) => values[i] ?? 0);
  const sums = place(device, { shape: [2, 1] }, () => 0);
  const live = device.live;
  const results = await runBoth(device, softmax, [x], [x, sums]);
  for (const { actual, expected } of results) assert(deviation(actual, expected, 1e-6) < 1e-5);
  assertEquals(device.live, live);
}, tinyDevice);

gpuTest("parts of a row share their kernels, and rows that fit need one", (device) => {
  const softmaxOf = (length: number) => {
    using _scope = device.scope();
    const x = Tensor.zeros(device, [2, length]);
    const { dispatches, pipelinesCompiled } = device.statistics;
    x.softmax();
    const after = device.statistics;
    return [after.dispatches - dispatches, after.pipelinesCompiled - pipelinesCompiled];
  };
  assertEquals(softmaxOf(200_000), [2, 1]);
  // Two rows of two parts each: maxima, sums, and the result. One kernel for each of the three, and
  // three more where vectors of four do not fit.
  assertEquals(softmaxOf(LENGTH), [12, 6]);
  assertEquals(softmaxOf(LENGTH + 20_000), [12, 0]);
}, tinyDevice);

float16Test("rows of float16 may be longer than a binding", async (device) => {
  const length = 600_001;
  const values = sample(2 * length, 3);
  const x = Tensor.from(device, values, { shape: [2, length] }).to("float16");
  const got = await x.logSoftmax().data();
  for (let row = 0; row < 2; row++) {
    const [from, to] = [row * length, (row + 1) * length];
    const line = Float64Array.from(values.subarray(from, to), Math.f16round);
    const shift = Math.log(line.reduce((sum, value) => sum + Math.exp(value), 0));
    const actual = Float64Array.from(got.subarray(from, to));
    // Rounded once, to eleven bits.
    assert(deviation(actual, line.map((value) => value - shift)) < 2 ** -10.9);
  }
}, tinyDevice);
