import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { CpuDevice, View } from "../device.ts";
import { differentiate } from "../formula/differentiate.ts";
import * as ex from "../formula/expression.ts";
import type { Expression } from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { unaryFunctions } from "../formula/testing/evaluate.ts";
import { openCpuDevice } from "../devices/cpu/device.ts";
import { runProgramOn } from "../ops/program.ts";
import { FakeCpuDevice } from "../devices/cpu/testing/fake_device.ts";
import {
  type Arrangement,
  checkProgram,
  type OperandKind,
  type ProgramCase,
  sample,
} from "../devices/cpu/testing/program_case.ts";

/** With and without relaxed SIMD, on one thread and on several. */
const devices = () =>
  [false, true].flatMap((relaxedSimd) =>
    [1, 3].map((threads) => new FakeCpuDevice({ relaxedSimd, threads }))
  );

function checkEverywhere(program: Program, ...cases: ProgramCase[]): void {
  for (const device of devices()) for (const c of cases) checkProgram(device, program, c);
}

const unaryProgram = (name: string, f: (x: Expression) => Expression) =>
  defineProgram({ name, inputs: ["x"] }, ({ x }) => [f(x)]);
const binaryProgram = (name: string, f: (a: Expression, b: Expression) => Expression) =>
  defineProgram({ name, inputs: ["a", "b"] }, ({ a, b }) => [f(a, b)]);

const softmax = unaryProgram("softmax", (x) => {
  const e = ex.exp(ex.subtract(x, ex.detach(ex.rowMax(x))));
  return ex.divide(e, ex.rowSum(e));
});

const crossEntropy = defineProgram(
  { name: "cross entropy", inputs: ["x", "target"], perRow: ["target"], integers: ["target"] },
  ({ x, target }) => {
    const largest = ex.detach(ex.rowMax(x));
    const logOfSum = ex.add(largest, ex.log(ex.rowSum(ex.exp(ex.subtract(x, largest)))));
    const chosen = ex.rowSum(ex.select(ex.equal(ex.columnIndex, target), x, 0));
    return [ex.select(ex.equal(target, -1), 0, ex.subtract(logOfSum, chosen))];
  },
);

const layerNorm = defineProgram(
  { name: "layer norm", inputs: ["x", "scale", "shift"] },
  ({ x, scale, shift }) => {
    const centred = ex.subtract(x, ex.rowMean(x));
    const deviation = ex.sqrt(ex.add(ex.rowMean(ex.square(centred)), 1e-5));
    return [ex.add(ex.multiply(ex.divide(centred, deviation), scale), shift)];
  },
);

const adamW = defineProgram(
  {
    name: "AdamW",
    inputs: ["parameter", "gradient", "mean", "square"],
    scalars: ["rate", "decay", "beta1", "beta2", "correction1", "correction2"],
  },
  (n) => {
    const mean = ex.add(
      n.mean,
      ex.multiply(ex.subtract(1, n.beta1), ex.subtract(n.gradient, n.mean)),
    );
    const second = ex.add(
      n.square,
      ex.multiply(ex.subtract(1, n.beta2), ex.subtract(ex.square(n.gradient), n.square)),
    );
    const step = ex.divide(
      ex.divide(mean, n.correction1),
      ex.add(ex.sqrt(ex.divide(second, n.correction2)), 1e-8),
    );
    const decayed = ex.multiply(n.parameter, ex.subtract(1, ex.multiply(n.rate, n.decay)));
    return [ex.subtract(decayed, ex.multiply(n.rate, step)), mean, second];
  },
);
const adamWNumbers = [0.02, 0.1, 0.9, 0.95, 0.19, 0.0975];

const shapes = [[1], [7], [64], [3, 5], [4, 16], [2, 3, 33], [5, 1, 2, 9]];

Deno.test("every unary operation agrees with double precision", () => {
  for (const operation of Object.keys(unaryFunctions) as ex.UnaryOperation[]) {
    const needsPositive = operation === "log" || operation === "sqrt";
    const values = (i: number, k: number) => needsPositive ? sample(i, k) ** 2 : 3 * sample(i, k);
    const program = unaryProgram(operation, (x) => ex.unary(operation, x));
    checkEverywhere(program, ...shapes.map((shape) => ({ shape, values })));
  }
});

Deno.test("every binary operation agrees with double precision", () => {
  // Few distinct values, so that some are equal.
  const values = (i: number, k: number) => Math.round(3 * sample(i, k)) / 2 || 0.5;
  for (const operation of Object.keys(ex.binaryFunctions) as ex.BinaryOperation[]) {
    const program = binaryProgram(operation, (a, b) => ex.binary(operation, a, b));
    checkEverywhere(program, ...shapes.map((shape) => ({ shape, values })));
  }
});

Deno.test("operations agree with double precision for NaN, infinities and extremes", () => {
  const special = [NaN, Infinity, -Infinity, 0, -0, 1e38, -1e38, 1e-42, 2.5, -2.5, 1, -1];
  const values = (i: number, k: number) =>
    special[(k === 0 ? i : Math.floor(i / special.length)) % special.length]!;
  const shape = [special.length, special.length];
  for (const operation of Object.keys(unaryFunctions) as ex.UnaryOperation[]) {
    if (operation === "sin" || operation === "cos") continue;
    checkEverywhere(unaryProgram(operation, (x) => ex.unary(operation, x)), { shape, values });
  }
  for (const operation of Object.keys(ex.binaryFunctions) as ex.BinaryOperation[]) {
    const program = binaryProgram(operation, (a, b) => ex.binary(operation, a, b));
    checkEverywhere(program, { shape, values });
  }
});

Deno.test("select takes the chosen value, whatever the other one is", () => {
  const program = defineProgram(
    { name: "select", inputs: ["c", "a", "b"] },
    ({ c, a, b }) => [
      ex.select(c, a, b),
      ex.select(ex.less(c, a), a, ex.log(c)),
      ex.add(ex.less(c, a), ex.select(ex.less(c, a), 1, ex.divide(1, c))),
    ],
  );
  const values = (i: number, k: number) => [0, 1, NaN, -1, Infinity][(i * (k + 2)) % 5]!;
  checkEverywhere(program, ...shapes.map((shape) => ({ shape, values })));
});

Deno.test("elementwise programs take operands of every layout and dtype", () => {
  const program = defineProgram(
    { name: "mixed", inputs: ["a", "b"], scalars: ["s"] },
    ({ a, b, s }) => [ex.add(ex.multiply(a, s), b), ex.subtract(b, ex.multiply(s, ex.square(a)))],
  );
  const arrangements: Arrangement[] = ["contiguous", "transposed", "sliced", "broadcast"];
  const kinds = arrangements.flatMap((arrangement): OperandKind[] => [
    { arrangement },
    { arrangement, dtype: "int32" },
  ]);
  const values = (i: number, k: number) => Math.round(20 * sample(i, k));
  for (const shape of [[6], [5, 7], [3, 4, 9], [2, 1, 3, 5]]) {
    for (const a of kinds) {
      for (const b of kinds.slice(0, 6)) {
        const device = new FakeCpuDevice({ threads: 3, pages: 4 });
        const outputs = [b, { arrangement: "sliced" as const }];
        checkProgram(device, program, { shape, inputs: [a, b], outputs, scalars: [3], values });
      }
    }
  }
});

Deno.test("large transposed operands are visited tile by tile, each element once", () => {
  const program = binaryProgram("tiles", (a, b) => ex.subtract(a, ex.multiply(b, 0.5)));
  const arrangements: Arrangement[] = ["contiguous", "transposed", "sliced", "broadcast"];
  // Sizes that tiles divide evenly, unevenly and not at all.
  for (const shape of [[96, 160], [100, 88], [97, 101], [3, 64, 130]]) {
    for (const a of arrangements) {
      for (const b of arrangements) {
        const device = new FakeCpuDevice({ threads: 3, pages: 16 });
        checkProgram(device, program, {
          shape,
          inputs: [{ arrangement: a }, { arrangement: b }],
          outputs: [{ arrangement: b === "broadcast" ? "contiguous" : b }],
        });
      }
    }
  }
});

Deno.test("a product that is used twice is the same number in both places", () => {
  const program = binaryProgram("shared product", (a, b) => {
    const product = ex.multiply(a, b);
    return ex.subtract(ex.add(product, 1), product);
  });
  checkEverywhere(program, { shape: [37], tolerance: 1e-6 });
});

Deno.test("a tensor without elements takes no work", () => {
  const program = binaryProgram("add", ex.add);
  checkEverywhere(program, { shape: [0] }, { shape: [3, 0] }, { shape: [0, 4] });
  checkEverywhere(softmax, { shape: [0, 4] }, { shape: [3, 0] });
});

Deno.test("a program without inputs fills its output", () => {
  const fill = defineProgram({ name: "fill", inputs: [], scalars: ["v"] }, ({ v }) => [v]);
  checkEverywhere(fill, { shape: [3, 5], scalars: [2.5] }, {
    shape: [3, 5],
    scalars: [7],
    outputs: [{ arrangement: "sliced", dtype: "int32" }],
  });
});

Deno.test("copies of integers are exact beyond 24 bits", () => {
  const copy = defineProgram(
    { name: "copy", inputs: ["x"], overIntegers: true },
    ({ x }) => [x],
  );
  const kind = { dtype: "int32" } as const;
  const values = (i: number) => 2147483647 - i;
  for (const arrangement of ["contiguous", "transposed", "sliced"] as const) {
    checkEverywhere(copy, {
      shape: [5, 7],
      inputs: [{ ...kind, arrangement }],
      outputs: [kind],
      values,
      tolerance: 0,
    });
  }
});

const rowShapes = [[1, 1], [3, 4], [2, 17], [5, 64], [2, 3, 37], [3, 1], [1, 1100], [2, 9000]];

Deno.test("reductions agree with double precision along rows of any length", () => {
  const reductions: ex.ReduceOperation[] = ["sum", "max", "min"];
  for (const operation of reductions) {
    const program = unaryProgram(`row ${operation}`, (x) => ex.reduce(operation, x));
    checkEverywhere(program, ...rowShapes.map((shape) => ({ shape })));
  }
  const several = defineProgram({ name: "several", inputs: ["x"] }, ({ x }) => [
    ex.rowMean(x),
    ex.add(x, ex.subtract(ex.rowMax(x), ex.rowMin(x))),
    ex.rowSum(ex.multiply(x, ex.columnIndex)),
    ex.rowSum(ex.rowMax(x)),
  ]);
  const shapesBelow = rowShapes.filter((shape) => shape.at(-1)! <= 64);
  checkEverywhere(several, ...shapesBelow.map((shape) => ({ shape, tolerance: 3e-6 })));
});

Deno.test("reductions of empty rows give the identity", () => {
  const program = defineProgram({ name: "empty", inputs: ["x"] }, ({ x }) => [
    ex.rowSum(x),
    ex.rowMax(x),
    ex.rowMin(x),
  ]);
  const [sum, max, min] = checkProgram(new FakeCpuDevice(), program, { shape: [2, 0] });
  assertEquals([sum, max, min], [[0, 0], [-Infinity, -Infinity], [Infinity, Infinity]]);
});

Deno.test("reductions propagate NaN and infinities", () => {
  const program = defineProgram({ name: "special rows", inputs: ["x"] }, ({ x }) => [
    ex.rowSum(x),
    ex.rowMax(x),
    ex.rowMin(x),
  ]);
  for (const columns of [5, 16, 40, 5000]) {
    const values = (i: number) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      return column === row ? [NaN, Infinity, -Infinity, 3e38][row]! : row === 3 ? 3e38 : 1;
    };
    for (const arrangement of ["contiguous", "transposed"] as const) {
      checkEverywhere(program, { shape: [4, columns], values, inputs: [{ arrangement }] });
    }
  }
});

Deno.test("row programs agree with double precision in every layout", () => {
  const arrangements: Arrangement[] = ["contiguous", "transposed", "sliced", "broadcast"];
  for (const arrangement of arrangements) {
    for (const shape of [[3, 5], [20, 7], [2, 19, 6], [1, 1], [6, 37]]) {
      const kind = { arrangement };
      const both = { shape, inputs: [kind], outputs: [kind] };
      checkEverywhere(softmax, { shape, inputs: [kind] });
      if (arrangement !== "broadcast") checkEverywhere(softmax, both);
      const targets = (i: number, k: number) =>
        k === 0 ? sample(i, k) : (i % (shape.at(-1)! + 1)) - 1;
      const target = {
        dtype: "int32",
        arrangement: arrangement === "broadcast" ? "contiguous" : arrangement,
      } as const;
      checkEverywhere(crossEntropy, { shape, inputs: [kind, target], values: targets });
      checkEverywhere(layerNorm, {
        shape,
        inputs: [kind, { arrangement: "broadcast" }, { arrangement: "broadcast" }],
        tolerance: 1e-5,
      });
    }
  }
});

Deno.test("a softmax of large numbers, and of masked rows, stays finite", () => {
  const values = (i: number) => i % 3 === 0 ? -Infinity : 1e30 * sample(i, 0);
  checkEverywhere(softmax, { shape: [4, 9], values });
});

Deno.test("derived gradients run as kernels", () => {
  checkEverywhere(differentiate(softmax, [true]), { shape: [5, 13] });
  const gradient = differentiate(layerNorm, [true, true, true]);
  checkEverywhere(gradient, { shape: [4, 21], tolerance: 1e-5 });
  const targets = (i: number, k: number) => k === 1 ? (i % 12) - 1 : sample(i, k);
  checkEverywhere(differentiate(crossEntropy, [true, false]), {
    shape: [4, 11],
    values: targets,
    inputs: [{}, { dtype: "int32" }, {}],
  });
});

Deno.test("AdamW updates parameters and moments in place", () => {
  const values = (i: number, k: number) => k === 3 ? sample(i, k) ** 2 : sample(i, k);
  for (const shape of [[1], [31], [9, 13]]) {
    for (const arrangement of ["contiguous", "sliced"] as const) {
      checkEverywhere(adamW, {
        shape,
        values,
        inputs: [{ arrangement }, {}, { arrangement }, {}],
        inPlace: [0, 2, 3],
        scalars: adamWNumbers,
      });
    }
  }
});

Deno.test("a softmax may be computed in place", () => {
  for (const arrangement of ["contiguous", "transposed", "sliced"] as const) {
    checkEverywhere(softmax, { shape: [6, 21], inputs: [{ arrangement }], inPlace: [0] });
  }
});

Deno.test("a sum over a million elements stays accurate, along rows and across them", () => {
  const columns = 1_000_000;
  const sum = unaryProgram("sum", ex.rowSum);
  for (const strides of [[columns, 1], [1, 4]]) {
    const device = new FakeCpuDevice({ pages: 300 });
    const allocation = device.allocate(16 * columns);
    const elements = device.elements(allocation, "float32");
    for (let i = 0; i < elements.length; i++) elements[i] = 0.1 + (i * 7919 % 1000) / 1000;
    const x: View = { allocation, dtype: "float32", shape: [4, columns], strides, offset: 0 };
    const y: View = {
      allocation: device.allocate(16),
      dtype: "float32",
      shape: [4, 1],
      strides: [1, 1],
      offset: 0,
    };
    runProgramOn(device, sum, [x], [y], []);
    const results = device.elements(y.allocation, "float32");
    for (let row = 0; row < 4; row++) {
      let exact = 0;
      for (let j = 0; j < columns; j++) exact += elements[row * strides[0]! + j * strides[1]!]!;
      assertAlmostEquals(results[row]! / exact, 1, 1e-7);
    }
  }
});

Deno.test("results do not depend on the number of threads", () => {
  const results = [1, 2, 3, 5].map((threads) => {
    const device = new FakeCpuDevice({ threads, relaxedSimd: true });
    return [
      checkProgram(device, softmax, { shape: [31, 67] }),
      checkProgram(device, softmax, { shape: [31, 67], inputs: [{ arrangement: "transposed" }] }),
      checkProgram(device, adamW, {
        shape: [4001],
        scalars: adamWNumbers,
        values: (i, k) => k === 3 ? sample(i, k) ** 2 : sample(i, k),
      }),
    ];
  });
  for (const result of results) assertEquals(result, results[0]);
});

Deno.test("other sizes, strides and scalars need no new kernel", () => {
  const device = new FakeCpuDevice();
  for (const [shape, rate] of [[[5, 8], 1], [[300, 2], 2], [[8, 4, 2], 3]] as const) {
    checkProgram(device, adamW, {
      shape,
      scalars: [rate, ...adamWNumbers.slice(1)],
      values: (i, k) => k === 3 ? sample(i, k) ** 2 : sample(i, k),
      tolerance: 1e-5,
    });
  }
  assertEquals(device.compiled, 1);
  checkProgram(device, softmax, { shape: [5, 8] });
  checkProgram(device, softmax, { shape: [2, 3, 100] });
  assertEquals(device.compiled, 2);
});

Deno.test("programs run on a real device with two threads", async () => {
  const device: CpuDevice = await openCpuDevice({ threads: 2, blas: false });
  const n = 1 << 16;
  const view = (): View => ({
    allocation: device.allocate(4 * n, "test"),
    dtype: "float32",
    shape: [n],
    strides: [1],
    offset: 0,
  });
  const [x, y] = [view(), view()];
  device.write(x.allocation, 0, Float32Array.from({ length: n }, (_, i) => i / n));
  runProgramOn(device, unaryProgram("exp", ex.exp), [x], [y], []);
  const results = new Float32Array(await device.read(y.allocation, 0, 4 * n));
  await device.close();
  results.forEach((result, i) => assert(Math.abs(result - Math.exp(i / n)) < 3e-7));
});
