import { assert, assertEquals, assertThrows } from "@std/assert";
import { gpuTest } from "../../testing/gpu.ts";
import { differentiate } from "../formula/differentiate.ts";
import * as ex from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import type { RecordingWebGpuDevice } from "../devices/webgpu/device.ts";
import {
  deviation,
  place,
  type Placed,
  type Placement,
  runBoth,
  sample,
} from "../devices/webgpu/testing/views.ts";
import { runProgramOn } from "../ops/program.ts";

/** Below the minimum of every adapter: kernels must not rely on more. */
const tiny = {
  limits: {
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupSizeX: 128,
    maxComputeWorkgroupStorageSize: 16 * 1024,
    maxStorageBufferBindingSize: 1024 * 1024,
    maxComputeWorkgroupsPerDimension: 7,
    maxStorageBuffersPerShaderStage: 8,
  },
};

const samples = Array.from({ length: 10 }, (_, seed) => sample(1 << 16, seed));

const placed = (device: RecordingWebGpuDevice, placement: Placement, seed: number): Placed => {
  const values = samples[seed]!;
  return place(device, placement, (i) => values[i % values.length]!);
};

async function assertAgrees(
  device: RecordingWebGpuDevice,
  program: Program,
  inputs: readonly Placed[],
  outputs: readonly Placed[],
  { scalars = [], tolerance = 2e-6, scale = 1e-2 }: {
    scalars?: readonly number[];
    tolerance?: number;
    scale?: number;
  } = {},
): Promise<void> {
  const results = await runBoth(device, program, inputs, outputs, scalars);
  results.forEach(({ actual, expected }, i) => {
    const off = deviation(actual, expected, scale);
    const shapes = inputs.map(({ view }) => `[${view.shape}]/[${view.strides}]`).join(" ");
    assert(off <= tolerance, `${program.name} ${shapes}, output ${i}: off by ${off}`);
  });
}

const one = (name: string, f: (x: ex.Expression) => ex.Expression): Program =>
  defineProgram({ name, inputs: ["x"] }, ({ x }) => [f(x)]);
const two = (name: string, f: (x: ex.Expression, y: ex.Expression) => ex.Expression): Program =>
  defineProgram({ name, inputs: ["x", "y"] }, ({ x, y }) => [f(x, y)]);

const softmax = one("softmax", (x) => {
  const e = ex.exp(ex.subtract(x, ex.detach(ex.rowMax(x))));
  return ex.divide(e, ex.rowSum(e));
});

const crossEntropy = defineProgram(
  { name: "cross entropy", inputs: ["x", "target"], perRow: ["target"] },
  ({ x, target }) => {
    const largest = ex.detach(ex.rowMax(x));
    const logOfSum = ex.add(largest, ex.log(ex.rowSum(ex.exp(ex.subtract(x, largest)))));
    const chosen = ex.rowSum(ex.select(ex.equal(ex.columnIndex, target), x, 0));
    return [ex.select(ex.equal(target, -1), 0, ex.subtract(logOfSum, chosen))];
  },
);

const layerNorm = defineProgram(
  { name: "layer norm", inputs: ["x", "gain", "bias"], scalars: ["epsilon"] },
  ({ x, gain, bias, epsilon }) => {
    const centred = ex.subtract(x, ex.rowMean(x));
    const deviation = ex.sqrt(ex.add(ex.rowMean(ex.square(centred)), epsilon));
    return [ex.add(ex.multiply(ex.divide(centred, deviation), gain), bias)];
  },
);

const adamW = defineProgram(
  {
    name: "AdamW",
    inputs: ["p", "g", "m", "v"],
    scalars: ["rate", "decay", "beta1", "beta2", "epsilon", "bias1", "bias2"],
  },
  ({ p, g, m, v, rate, decay, beta1, beta2, epsilon, bias1, bias2 }) => {
    const first = ex.add(ex.multiply(beta1, m), ex.multiply(ex.subtract(1, beta1), g));
    const second = ex.add(ex.multiply(beta2, v), ex.multiply(ex.subtract(1, beta2), ex.square(g)));
    const scale = ex.add(ex.sqrt(ex.divide(second, bias2)), epsilon);
    const step = ex.divide(ex.divide(first, bias1), scale);
    const kept = ex.multiply(p, ex.subtract(1, ex.multiply(rate, decay)));
    return [ex.subtract(kept, ex.multiply(rate, step)), first, second];
  },
);

const awkward = [
  ...[NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, 1e-3, -1e-3, 1e-20, 1e20, -1e20, 88.5, -86.5],
  ...[89, -120, 300, 0.999999, 1.000001, 1e-38, 2.5, -2.5, 0.62, -0.63, 9, -9.5, 1.5707964, 3e38],
];
const many = Float32Array.from({ length: 4000 }, (_, i) => 60 * Math.sin(i) * Math.sin(i * i) ** 3);

/**
 * The absolute error allowed where the result is near 0: sine and cosine of large angles, and log
 * near 1 in f32.
 */
const unary: readonly [ex.UnaryOperation, (x: ex.Expression) => ex.Expression, number, number][] = [
  ["negate", ex.negate, 0, 1e-30],
  ["exp", ex.exp, 1e-5, 1e-37],
  ["log", ex.log, 3e-7, 1e-30],
  ["tanh", ex.tanh, 1e-6, 1e-30],
  ["sqrt", ex.sqrt, 2e-7, 1e-30],
  ["abs", ex.abs, 0, 1e-30],
  ["sign", ex.sign, 0, 1e-30],
  ["floor", ex.floor, 0, 1e-30],
  ["sin", ex.sin, 1e-6, 1e-1],
  ["cos", ex.cos, 1e-6, 1e-1],
  ["erf", ex.erf, 1e-6, 1e-30],
];

gpuTest("every unary operation agrees with double precision", async (device) => {
  for (const values of [awkward, [...many, ...many.map((x) => x / 1000)]]) {
    for (const [name, f, tolerance, scale] of unary) {
      // In single precision, a huge number does not determine an angle.
      const isPeriodic = name === "sin" || name === "cos";
      const kept = values.filter((x) => !isPeriodic || !(Math.abs(x) > 1e4 && x < Infinity));
      const x = place(device, { shape: [kept.length] }, (i) => kept[i] ?? 0);
      const y = placed(device, { shape: [kept.length] }, 9);
      await assertAgrees(device, one(name, f), [x], [y], { tolerance, scale });
    }
  }
});

gpuTest(
  "binary operations treat NaN, infinities and zeros as JavaScript does",
  async (device) => {
    const values = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2.5, 3e38, -3e38];
    const n = values.length;
    const x = place(device, { shape: [n, n], strides: [1, 0] }, (i) => values[i] ?? 0);
    const y = place(device, { shape: [n, n], strides: [0, 1] }, (i) => values[i] ?? 0);
    const programs = [
      two("max", ex.max),
      two("min", ex.min),
      two("less", ex.less),
      two("lessEqual", ex.lessEqual),
      two("equal", ex.equal),
      two("select", (x, y) => ex.select(ex.less(x, y), x, 7)),
      two("divide", ex.divide),
      two(
        "constants",
        (x) => ex.select(ex.less(x, 1), NaN, ex.select(ex.equal(x, 1), -Infinity, 1e39)),
      ),
    ];
    for (const program of programs) {
      const result = placed(device, { shape: [n, n] }, 3);
      await assertAgrees(device, program, [x, y], [result], { tolerance: 1e-6 });
    }
  },
);

/** Input strides and offsets for every path through the layout of elementwise programs. */
const layouts: readonly (Placement & { readonly about: string })[] = [
  { about: "one element", shape: [1] },
  { about: "no axis", shape: [] },
  { about: "nothing", shape: [3, 0, 2] },
  { about: "a multiple of four", shape: [256] },
  { about: "an odd number", shape: [4, 257] },
  { about: "a slice that is aligned", shape: [64], offset: 8 },
  { about: "a slice that is not", shape: [64], offset: 7 },
  { about: "every other element", shape: [50], strides: [2] },
  { about: "a transpose", shape: [12, 20], strides: [1, 12] },
  { about: "a transpose of three axes", shape: [4, 6, 8], strides: [1, 32, 4], offset: 4 },
  { about: "one row for all", shape: [10, 24], strides: [0, 1] },
  { about: "one row of odd length for all", shape: [10, 23], strides: [0, 1] },
  { about: "one column for all", shape: [10, 24], strides: [1, 0] },
  { about: "one number for all", shape: [10, 24], strides: [0, 0], offset: 5 },
  { about: "the middle axis broadcast", shape: [3, 5, 8], strides: [8, 0, 1] },
  { about: "four axes with gaps", shape: [2, 3, 4, 8], strides: [400, 100, 16, 1] },
];

const mixed = two("x + 2 y", (x, y) => ex.add(x, ex.multiply(2, y)));

/** Treats lavapipe as a GPU, so that a row gets many threads. */
const wide = { subgroupSize: 32 };

for (
  const [where, options] of [
    ["", {}],
    [" with wide subgroups", wide],
    [" with wide subgroups within tiny limits", { ...tiny, ...wide }],
  ] as const
) {
  gpuTest(`elementwise programs take views of every kind${where}`, async (device) => {
    for (const layout of layouts) {
      const { shape } = layout;
      const x = placed(device, layout, 1);
      const y = placed(device, { shape }, 2);
      const aligned = placed(device, { shape }, 3);
      const odd = placed(device, { shape, offset: 3 }, 4);
      await assertAgrees(device, mixed, [x, y], [aligned]);
      await assertAgrees(device, mixed, [y, x], [odd]);
      await assertAgrees(device, mixed, [x, x], [aligned]);
    }
  }, options);

  gpuTest(`row programs agree with double precision at every length${where}`, async (device) => {
    for (
      const [rows, columns] of [[1, 1], [3, 5], [70, 8], [2, 33], [5, 128], [3, 1000], [2, 5003]]
    ) {
      const shape = [rows!, columns!];
      const x = placed(device, { shape }, 1);
      const odd = placed(device, { shape, offset: 1 }, 2);
      const transposed = placed(device, { shape, strides: [1, rows!] }, 3);
      const gain = placed(device, { shape, strides: [0, 1] }, 4);
      const bias = placed(device, { shape, strides: [0, 0], offset: 2 }, 5);
      const target = place(
        device,
        { shape: [rows!, 1], dtype: "int32" },
        (i) => i % 3 === 1 ? -1 : i % columns!,
      );
      const upstream = placed(device, { shape: [rows!, 1] }, 8);
      for (const input of [x, odd, transposed]) {
        const y = placed(device, { shape }, 6);
        const perRow = placed(device, { shape: [rows!, 1] }, 7);
        await assertAgrees(device, softmax, [input], [y]);
        await assertAgrees(device, layerNorm, [input, gain, bias], [y], {
          scalars: [1e-5],
          scale: 1,
        });
        await assertAgrees(device, crossEntropy, [input, target], [perRow]);
        const gradient = differentiate(crossEntropy, [true, false]);
        await assertAgrees(device, gradient, [input, target, upstream], [y]);
        for (const reduce of [ex.rowSum, ex.rowMax, ex.rowMin, ex.rowMean]) {
          await assertAgrees(device, one(reduce.name, reduce), [input], [perRow], {
            scale: reduce === ex.rowSum ? Math.sqrt(columns!) : 1,
          });
        }
      }
    }
  }, options);
}

gpuTest(
  "an empty row has the identity as its sum, maximum and minimum",
  async (device) => {
    const x = placed(device, { shape: [5, 0] }, 1);
    for (const reduce of [ex.rowSum, ex.rowMax, ex.rowMin]) {
      const y = placed(device, { shape: [5, 1] }, 2);
      await assertAgrees(device, one(reduce.name, reduce), [x], [y]);
    }
    const rowless = placed(device, { shape: [0, 5] }, 3);
    await assertAgrees(device, softmax, [rowless], [rowless]);
  },
);

gpuTest(
  "one NaN in a long row makes its sum, maximum and minimum NaN, and no other row's",
  async (device) => {
    for (const columns of [7, 1000, 4096]) {
      const bad = columns + Math.floor(columns / 2);
      const x = place(device, { shape: [3, columns] }, (i) => i === bad ? NaN : Math.cos(i));
      for (const reduce of [ex.rowSum, ex.rowMax, ex.rowMin]) {
        const y = placed(device, { shape: [3, 1] }, 2);
        await assertAgrees(device, one(reduce.name, reduce), [x], [y], { scale: 1 });
      }
    }
  },
  wide,
);

gpuTest(
  "a row program may use only the column index, the length and values of the row",
  async (device) => {
    const program = defineProgram(
      { name: "positions", inputs: ["x", "r"], perRow: ["r"] },
      ({ x, r }) => [
        ex.add(ex.multiply(ex.columnIndex, r), ex.divide(x, ex.rowLength)),
        ex.add(ex.rowSum(r), ex.rowMax(r)),
        ex.broadcast(r),
      ],
    );
    for (const columns of [3, 8, 400]) {
      const shape = [4, columns];
      const inputs = [placed(device, { shape }, 1), placed(device, { shape: [4, 1] }, 2)];
      const outputs = [
        placed(device, { shape }, 3),
        placed(device, { shape: [4, 1] }, 4),
        placed(device, { shape, strides: [1, 4] }, 5),
      ];
      await assertAgrees(device, program, inputs, outputs);
    }
  },
  wide,
);

for (const options of [{}, wide]) {
  gpuTest(
    `sums of a million elements are accurate to 1e-6${
      options === wide ? " with wide subgroups" : ""
    }`,
    async (device) => {
      const columns = 1_000_000;
      const sum = one("row sum", ex.rowSum);
      for (const value of [() => 0.1, (i: number) => 1 + Math.sin(i)]) {
        const flat = place(device, { shape: [1, columns] }, value);
        const total = placed(device, { shape: [1, 1] }, 1);
        await assertAgrees(device, sum, [flat], [total], { tolerance: 1e-6 });
        const strided = {
          ...flat,
          view: { ...flat.view, shape: [2, columns / 2], strides: [1, 2] },
        };
        const totals = placed(device, { shape: [2, 1] }, 2);
        await assertAgrees(device, sum, [strided], [totals], { tolerance: 1e-6 });
      }
    },
    options,
  );
}

gpuTest(
  "integers are read as floats and truncated when stored, also beside floats in one allocation",
  async (device) => {
    const ids = place(device, { shape: [40], dtype: "int32" }, (i) => i * 7 - 100);
    const halves = placed(device, { shape: [40], dtype: "int32" }, 1);
    const half = one("half", (x) => ex.multiply(x, 0.5));
    const [{ actual, expected }] = await runBoth(device, half, [ids], [halves]) as [
      { actual: Float64Array; expected: Float64Array },
    ];
    assertEquals([...actual], Array.from(expected, (x) => Math.trunc(x) + 0));
    const both = placed(device, { shape: [32] }, 2);
    const part = (offset: number, dtype: "float32" | "int32"): Placed => ({
      memory: both.memory,
      view: { ...both.view, shape: [16], offset, dtype },
    });
    runProgramOn(device, half, [ids.view].map((v) => ({ ...v, shape: [16] })), [
      part(0, "int32").view,
    ], []);
    runProgramOn(device, half, [part(0, "int32").view], [part(16, "float32").view], []);
    const after = await device.read(both.view.allocation, 64, 64);
    const wanted = Array.from({ length: 16 }, (_, i) => Math.trunc((i * 7 - 100) / 2) / 2);
    assertEquals([...new Float32Array(after)], wanted);
  },
);

gpuTest(
  "AdamW updates in place, in one allocation or in several, over three steps",
  async (device) => {
    const n = 1003;
    for (const isShared of [false, true]) {
      const at = (i: number) => isShared ? { shape: [n], offset: i * 1004 } : { shape: [n] };
      const arena = place(device, { shape: [4 * 1004] }, (i) => Math.abs(sample(1, i)[0]!) / 3);
      const tensors = [0, 1, 2, 3].map((i) =>
        isShared
          ? { memory: arena.memory, view: { ...arena.view, shape: [n], offset: i * 1004 } }
          : place(device, at(i), (j) => Math.abs(sample(1, j + i * 1004)[0]!) / 3)
      );
      for (let step = 1; step <= 3; step++) {
        const scalars = [0.1, 0.01, 0.9, 0.999, 1e-8, 1 - 0.9 ** step, 1 - 0.999 ** step];
        const [p, g, m, v] = tensors as [Placed, Placed, Placed, Placed];
        const results = await runBoth(device, adamW, [p, g, m, v], [p, m, v], scalars);
        results.forEach(({ actual, expected }) => assert(deviation(actual, expected, 0.1) < 2e-6));
        for (const { view, memory } of tensors) {
          memory.set(new Float32Array(await device.read(view.allocation, 0, memory.byteLength)));
        }
      }
    }
  },
);

gpuTest("row programs work in place", async (device) => {
  for (const columns of [8, 64, 3000]) {
    const x = placed(device, { shape: [6, columns] }, 1);
    await assertAgrees(device, softmax, [x], [x]);
    const target = placed(device, { shape: [6, 1] }, 2);
    const logits = placed(device, { shape: [6, columns] }, 3);
    await assertAgrees(device, crossEntropy, [logits, target], [target], { scale: 1 });
  }
}, wide);

gpuTest("a program with more buffers than a kernel can bind is an error", (device) => {
  const names = Array.from({ length: 9 }, (_, i) => `x${i}`);
  const program = defineProgram({ name: "nine", inputs: names }, (x) => [
    names.reduce((sum: ex.Expression, name) => ex.add(sum, x[name]!), ex.constant(0)),
  ]);
  const views = names.map((_, i) => placed(device, { shape: [4] }, i).view);
  assertThrows(
    () => runProgramOn(device, program, views, [views[0]!], []),
    RangeError,
    'Cannot run "nine": wanted operands in at most 8 buffers on this device, got 9',
  );
}, tiny);

gpuTest("scalars, sizes, strides and offsets need no new kernel", async (device) => {
  const scaled = defineProgram({ name: "scaled", inputs: ["x"], scalars: ["s"] }, ({ x, s }) => [
    ex.multiply(x, s),
  ]);
  const x = placed(device, { shape: [512] }, 1);
  const view = (length: number, offset: number) => ({ ...x.view, shape: [length], offset });
  runProgramOn(device, scaled, [x.view], [x.view], [2]);
  const { pipelinesCompiled } = device.statistics;
  runProgramOn(device, scaled, [view(128, 4)], [view(128, 256)], [3]);
  runProgramOn(device, scaled, [view(64, 0)], [view(64, 0)], [-1]);
  await device.synchronize();
  assertEquals(device.statistics.pipelinesCompiled, pipelinesCompiled);
});
