/**
 * Speed of programs against the same loops in plain JavaScript:
 * `deno run -A tensor/kernel/programs_cpu_bench.ts`
 *
 * Results are checked before timing. Times are medians, with runs interleaved.
 *
 * @module
 */

import type { CpuDevice, View } from "../device.ts";
import * as ex from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { openCpuDevice } from "../devices/cpu/device.ts";
import { runProgramOn } from "../ops/program.ts";

interface Contest {
  readonly program: Program;
  readonly shape: readonly number[];
  /** Strides of the inputs, if not row-major. */
  readonly strides?: readonly number[];
  readonly outputShape?: readonly number[];
  /** The input that each output overwrites; by default a single separate output. */
  readonly inPlace?: readonly number[];
  readonly scalars?: readonly number[];
  /** Computes the first output from copies of the inputs, as a plain loop. */
  readonly plain: (inputs: readonly Float32Array[], output: Float32Array) => void;
}

const rows = 1024;
const columns = 256;
const size = rows * columns;
const one = (name: string, f: (x: ex.Expression) => ex.Expression) =>
  defineProgram({ name, inputs: ["x"] }, ({ x }) => [f(x)]);

const adamW = defineProgram(
  { name: "AdamW", inputs: ["p", "g", "m", "v"], scalars: ["rate", "beta1", "beta2"] },
  ({ p, g, m, v, rate, beta1, beta2 }) => {
    const mean = ex.add(ex.multiply(beta1, m), ex.multiply(ex.subtract(1, beta1), g));
    const square = ex.add(
      ex.multiply(beta2, v),
      ex.multiply(ex.subtract(1, beta2), ex.square(g)),
    );
    const step = ex.divide(mean, ex.add(ex.sqrt(square), 1e-8));
    return [ex.subtract(ex.multiply(p, 0.999), ex.multiply(rate, step)), mean, square];
  },
);

const gelu = (x: number) =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

const contests: readonly Contest[] = [
  {
    program: defineProgram({ name: "add", inputs: ["a", "b"] }, ({ a, b }) => [ex.add(a, b)]),
    shape: [size],
    plain: ([a, b], y) => {
      for (let i = 0; i < y.length; i++) y[i] = a![i]! + b![i]!;
    },
  },
  {
    program: one("relu²", (x) => ex.square(ex.select(ex.lessEqual(x, 0), 0, x))),
    shape: [size],
    plain: ([x], y) => {
      for (let i = 0; i < y.length; i++) y[i] = Math.max(x![i]!, 0) ** 2;
    },
  },
  {
    program: one("gelu", (x) => {
      const cubic = ex.add(x, ex.multiply(0.044715, ex.multiply(x, ex.square(x))));
      const tanh = ex.tanh(ex.multiply(Math.sqrt(2 / Math.PI), cubic));
      return ex.multiply(ex.multiply(0.5, x), ex.add(1, tanh));
    }),
    shape: [size],
    plain: ([x], y) => {
      for (let i = 0; i < y.length; i++) y[i] = gelu(x![i]!);
    },
  },
  {
    program: one("exp", ex.exp),
    shape: [size],
    plain: ([x], y) => {
      for (let i = 0; i < y.length; i++) y[i] = Math.exp(x![i]!);
    },
  },
  {
    program: adamW,
    shape: [size],
    inPlace: [0, 2, 3],
    scalars: [1e-3, 0.9, 0.95],
    plain: ([p, g, m, v], y) => {
      for (let i = 0; i < y.length; i++) {
        const mean = m![i] = 0.9 * m![i]! + (1 - 0.9) * g![i]!;
        const square = v![i] = 0.95 * v![i]! + (1 - 0.95) * g![i]! ** 2;
        y[i] = p![i]! * 0.999 - 1e-3 * mean / (Math.sqrt(square) + 1e-8);
      }
    },
  },
  {
    program: one("softmax", (x) => {
      const e = ex.exp(ex.subtract(x, ex.rowMax(x)));
      return ex.divide(e, ex.rowSum(e));
    }),
    shape: [rows, columns],
    plain: ([x], y) => {
      for (let start = 0; start < y.length; start += columns) {
        let largest = -Infinity;
        for (let i = start; i < start + columns; i++) largest = Math.max(largest, x![i]!);
        let sum = 0;
        for (let i = start; i < start + columns; i++) sum += y[i] = Math.exp(x![i]! - largest);
        for (let i = start; i < start + columns; i++) y[i]! /= sum;
      }
    },
  },
  {
    program: one("RMS norm", (x) => ex.divide(x, ex.sqrt(ex.add(ex.rowMean(ex.square(x)), 1e-5)))),
    shape: [rows, columns],
    plain: ([x], y) => {
      for (let start = 0; start < y.length; start += columns) {
        let sum = 0;
        for (let i = start; i < start + columns; i++) sum += x![i]! ** 2;
        const deviation = Math.sqrt(sum / columns + 1e-5);
        for (let i = start; i < start + columns; i++) y[i] = x![i]! / deviation;
      }
    },
  },
  {
    program: one("row sum", ex.rowSum),
    shape: [rows, columns],
    outputShape: [rows, 1],
    plain: ([x], y) => {
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let i = 0; i < columns; i++) sum += x![row * columns + i]!;
        y[row] = sum;
      }
    },
  },
  {
    program: one("sum over axis 0", ex.rowSum),
    shape: [columns, rows],
    strides: [1, columns],
    outputShape: [columns, 1],
    plain: ([x], y) => {
      y.fill(0);
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < columns; i++) y[i]! += x![row * columns + i]!;
      }
    },
  },
  {
    program: one("transposed copy", (x) => x),
    shape: [columns, rows],
    strides: [1, columns],
    plain: ([x], y) => {
      for (let i = 0; i < columns; i++) {
        for (let j = 0; j < rows; j++) y[i * rows + j] = x![j * columns + i]!;
      }
    },
  },
];

const sample = (i: number, k: number) => k === 3 ? 0.01 + (i % 97) / 100 : Math.sin(i * 1.3 + k);
const rowMajor = (shape: readonly number[]) => shape.length === 1 ? [1] : [shape[1]!, 1];

function prepare(device: CpuDevice, contest: Contest): { run: () => void; output: View } {
  const { program, shape, strides = rowMajor(shape), outputShape = shape } = contest;
  const allocate = (shape: readonly number[], strides: readonly number[]): View => {
    const elements = shape.reduce((product, length) => product * length, 1);
    const allocation = device.allocate(4 * elements, program.name);
    return { allocation, dtype: "float32", shape, strides, offset: 0 };
  };
  const inputs = program.inputs.map((_, k) => {
    const view = allocate(shape, strides);
    const length = view.allocation.bytes / 4;
    device.write(view.allocation, 0, Float32Array.from({ length }, (_, i) => sample(i, k)));
    return view;
  });
  const outputs = contest.inPlace?.map((k) => inputs[k]!) ??
    [allocate(outputShape, rowMajor(outputShape))];
  const run = () => runProgramOn(device, program, inputs, outputs, contest.scalars ?? []);
  return { run, output: outputs[0]! };
}

async function check(device: CpuDevice, contest: Contest): Promise<void> {
  const { run, output } = prepare(device, contest);
  run();
  const actual = new Float32Array(
    await device.read(output.allocation, 0, output.allocation.bytes),
  );
  const inputs = contest.program.inputs.map((_, k) =>
    Float32Array.from({ length: size }, (_, i) => sample(i, k))
  );
  const expected = new Float32Array(actual.length);
  contest.plain(inputs, expected);
  expected.forEach((value, i) => {
    if (!(Math.abs(value - actual[i]!) <= 3e-5 * Math.max(1, Math.abs(value)))) {
      throw new Error(`${contest.program.name}: wanted ${value} at ${i}, got ${actual[i]}`);
    }
  });
}

const median = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1]!;

/** Calls between two clock readings, so that threads stay awake. */
const BATCH = 10;

/** Times functions in turn: the median nanoseconds per call of each. */
function time(functions: readonly (() => void)[], rounds = 15): number[] {
  const times: number[][] = functions.map(() => []);
  for (const f of functions) for (let i = 0; i < 40; i++) f();
  for (let round = 0; round < rounds; round++) {
    functions.forEach((f, i) => {
      const start = performance.now();
      for (let i = 0; i < BATCH; i++) f();
      times[i]!.push((performance.now() - start) * 1e6 / BATCH);
    });
  }
  return times.map(median);
}

if (import.meta.main) {
  const one = await openCpuDevice({ threads: 1, blas: false });
  const two = await openCpuDevice({ threads: 2, blas: false });
  console.log(`${size} elements        ns/element: 1 thread  2 threads  plain     GB/s: 1   2`);
  for (const contest of contests) {
    await check(one, contest);
    await check(two, contest);
    const inputs = contest.program.inputs.map((_, k) =>
      Float32Array.from({ length: size }, (_, i) => sample(i, k))
    );
    const y = new Float32Array((contest.outputShape ?? contest.shape).reduce((a, b) => a * b));
    const [first, second, plain] = time([
      prepare(one, contest).run,
      prepare(two, contest).run,
      () => contest.plain(inputs, y),
    ]);
    const outputs = (contest.inPlace?.length ?? 1) * y.length;
    const bytes = 4 * (contest.program.inputs.length * size + outputs);
    const columns = [first!, second!, plain!].map((ns) => (ns / size).toFixed(3).padStart(10));
    const rates = [first!, second!].map((ns) => (bytes / ns).toFixed(0).padStart(5));
    console.log(contest.program.name.padEnd(32), ...columns, "     ", ...rates);
  }

  const tiny: Contest = { ...contests[0]!, shape: [16] };
  const { run } = prepare(one, tiny);
  const thousand = () => {
    for (let i = 0; i < 1000; i++) run();
  };
  console.log(`a dispatch of 16 elements: ${(time([thousand])[0]! / 1e6).toFixed(2)} µs`);
  await one.close();
  await two.close();
}
