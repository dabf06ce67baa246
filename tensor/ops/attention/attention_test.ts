import { assert, assertEquals, assertThrows, fail } from "@std/assert";
import { numericalGradient } from "../../../autograd/gradcheck.ts";
import {
  goldenTest,
  hasGolden,
  readGoldenJson,
  readGoldenTensors,
  relativeDeviation,
} from "../../../testing/golden.ts";
import { float16Test, gpuTest } from "../../../testing/gpu.ts";
import { roundBfloat16 } from "../../../testing/round_bfloat16.ts";
import type { Device } from "../../device.ts";
import { noGrad } from "../../grad_mode.ts";
import { memoize } from "../../memoize.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import "../../mod.ts";
import { openDevice } from "../../open_device.ts";
import { Tensor } from "../../tensor.ts";
import { attention, type AttentionOptions } from "./attention.ts";
import { fresh, kernelTest } from "../../../testing/every_device.ts";
import { withoutRelaxedSimd } from "../testing/without_relaxed_simd.ts";
import { arraysFor, CASES, HEAD_SIZES, sizes } from "../testing/attention_cases.ts";
import {
  type AttentionArrays,
  type AttentionCase,
  type AttentionResult,
  referenceAttention,
} from "../testing/attention_reference.ts";

const probe = await openCpuDevice({ threads: 1 });
const { hasBlas } = probe;
const description = probe.info.description;
await probe.close();

/** Registers a kernel test, and once more with a BLAS. */
function attentionTest(
  name: string,
  fn: (device: Device) => void | Promise<void>,
  test = kernelTest,
): void {
  test(name, fn);
  Deno.test({
    name: `${name} (cpu, BLAS)${hasBlas ? "" : ` (ignored: ${description})`}`,
    ignore: !hasBlas,
    fn: async () => {
      const device = await openDevice("cpu", { threads: 2 });
      try {
        await fn(device);
      } finally {
        await device.close();
      }
    },
  });
}

type Upload = (values: Float32Array<ArrayBuffer>, shape: readonly number[]) => Tensor;

/** Computes the result and the gradients on a device. */
async function compute(
  device: Device,
  of: AttentionCase,
  { q, k, v, dy }: Readonly<Record<keyof AttentionArrays, Float32Array<ArrayBuffer>>>,
  upload: Upload = (values, shape) => Tensor.from(device, values, { shape }),
) {
  using _scope = device.scope();
  const queryShape = [of.batch, of.queries, of.heads, of.headSize];
  const keyShape = [of.batch, of.keys, of.keyHeads, of.headSize];
  const tensors = [upload(q, queryShape), upload(k, keyShape), upload(v, keyShape)] as const;
  for (const tensor of tensors) tensor.requireGrad();
  const { causal, window, scale } = of;
  const y = attention(...tensors, { causal, window, scale });
  y.backward(upload(dy, queryShape));
  const result = {
    y: await y.data(),
    dq: await tensors[0].grad!.data(),
    dk: await tensors[1].grad!.data(),
    dv: await tensors[2].grad!.data(),
  };
  // Parameters and their gradients outlive a scope.
  for (const tensor of tensors) {
    tensor.zeroGrad();
    tensor.dispose();
  }
  return result;
}

/** Compares the four results, relative to the largest element. */
function compare(
  actual: Readonly<Record<keyof AttentionResult, ArrayLike<number>>>,
  expected: AttentionResult,
  of: AttentionCase,
  tolerance = 1e-5,
): void {
  for (const name of ["y", "dq", "dk", "dv"] as const) {
    const largest = expected[name].reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    // If a query sees a single key, its gradient is zero, and only rounding remains.
    const allowed = tolerance * Math.max(largest, 1);
    assertEquals(actual[name].length, expected[name].length);
    const wrong = expected[name].findIndex((wanted, i) =>
      !(Math.abs(actual[name][i]! - wanted) <= allowed)
    );
    if (wrong < 0) continue;
    const [wanted, got] = [expected[name][wrong], actual[name][wrong]];
    fail(`${JSON.stringify(of)}: ${name}[${wrong}]: wanted ${wanted}, got ${got}`);
  }
}

Deno.test("the reference's gradient is the slope of its result", () => {
  const of = sizes({ queries: 3, keys: 6, heads: 4, keyHeads: 2, headSize: 3, window: 3 });
  const arrays = arraysFor(of);
  const { dq, dk, dv } = referenceAttention(of, arrays);
  const gradients = { q: dq, k: dk, v: dv };
  for (const name of ["q", "k", "v"] as const) {
    const numeric = numericalGradient((values) => {
      const { y } = referenceAttention(of, { ...arrays, [name]: values });
      return y.reduce((sum, value, i) => sum + value * arrays.dy[i]!, 0);
    }, Float64Array.from(arrays[name]));
    const deviation = relativeDeviation(Float64Array.from(numeric), gradients[name]);
    assert(deviation < 1e-6, `${name} is off by ${deviation}`);
  }
});

const inDoublePrecision = memoize((of: AttentionCase) => referenceAttention(of, arraysFor(of)));

async function checkSingle(device: Device, cases: readonly AttentionCase[]): Promise<void> {
  for (const of of cases) {
    compare(await compute(device, of, arraysFor(of)), inDoublePrecision(of), of);
  }
}

const isUsual = ({ headSize }: AttentionCase) => HEAD_SIZES.includes(headSize);

attentionTest(
  "attention and its gradient agree with double precision",
  (device) => checkSingle(device, CASES.filter(isUsual)),
);

attentionTest(
  "attention and its gradient agree with double precision in heads of other sizes",
  (device) => checkSingle(device, CASES.filter((of) => !isUsual(of))),
);

/** Sizes of heads of which elements of 16 bits are loaded in pairs, or not, with most kinds of cases. */
const HALF_HEAD_SIZES = [8, 33, 64];

/**
 * Checks attention in 16 bits: the result is rounded, enters the gradient, and is rounded again. Loads and stores
 * are new, and the sums are those in single precision.
 */
async function checkHalf(
  device: Device,
  dtype: "float16" | "bfloat16",
  round: (x: number) => number,
  tolerance: number,
): Promise<void> {
  const upload: Upload = (values, shape) => Tensor.from(device, values, { shape, dtype });
  for (const of of CASES) {
    if (!HALF_HEAD_SIZES.includes(of.headSize)) continue;
    const arrays = arraysFor(of);
    for (const array of Object.values(arrays)) array.forEach((x, i) => array[i] = round(x));
    compare(
      await compute(device, of, arrays, upload),
      referenceAttention(of, arrays),
      of,
      tolerance,
    );
  }
}

float16Test(
  "attention and its gradient in float16 have an error of a rounding or two",
  (device) => checkHalf(device, "float16", Math.f16round, 2 ** -10),
);

const inBfloat16 = (device: Device) => checkHalf(device, "bfloat16", roundBfloat16, 2 ** -7);

gpuTest("attention and its gradient in bfloat16 have an error of a rounding or two", inBfloat16);

Deno.test("attention in bfloat16 is as exact by a library, if there is one", async () => {
  const device = await openDevice("cpu", { threads: 2 });
  await inBfloat16(device);
  await device.close();
});

float16Test("attention wants queries, keys and values of one type", (device) => {
  const single = Tensor.zeros(device, [1, 4, 2, 8]);
  const half = single.to("float16");
  const message = "Cannot compute attention: wanted v of type float16, got float32";
  assertThrows(() => attention(half, half, single), TypeError, message);
});

Deno.test("attention agrees with double precision without relaxed SIMD", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  if (device.kind !== "cpu") throw new Error("asked for the CPU");
  await checkSingle(withoutRelaxedSimd(device), CASES);
  await device.close();
});

gpuTest("a device with the minimum limits is enough", async (device) => {
  for (const queries of [3, 65, 300]) {
    const keys = queries + 5;
    const of = sizes({ queries, keys, heads: 4, keyHeads: 2, headSize: 128, window: 30 });
    const arrays = arraysFor(of);
    compare(await compute(device, of, arrays), referenceAttention(of, arrays), of);
  }
}, {
  limits: {
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupSizeX: 128,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBuffersPerShaderStage: 8,
  },
});

attentionTest("operands may be slices and transposes", async (device) => {
  const of = sizes({ batch: 2, queries: 17, keys: 65, heads: 4, keyHeads: 2 });
  const arrays = arraysFor(of);
  const expected = referenceAttention(of, arrays);
  const layouts: Record<string, Upload> = {
    "heads before tokens": (values, shape) => {
      const plain = Tensor.from(device, values, { shape });
      return plain.transpose(1, 2).contiguous().transpose(1, 2);
    },
    "head elements far apart": (values, shape) => {
      const plain = Tensor.from(device, values, { shape });
      return plain.transpose(1, 3).contiguous().transpose(1, 3);
    },
    "a slice of a longer cache": (values, shape) => {
      const [batch, tokens, heads, headSize] = shape as [number, number, number, number];
      const row = heads * headSize;
      const wide = new Float32Array(batch * (tokens + 5) * row).fill(NaN);
      for (let b = 0; b < batch; b++) {
        const part = values.subarray(b * tokens * row, (b + 1) * tokens * row);
        wide.set(part, (b * (tokens + 5) + 3) * row);
      }
      const whole = Tensor.from(device, wide, { shape: [batch, tokens + 5, heads, headSize] });
      return whole.slice(1, 3, 3 + tokens).detach();
    },
  };
  for (const layout of Object.values(layouts)) {
    const upload: Upload = (values, shape) => noGrad(() => layout(values, shape));
    compare(await compute(device, of, arrays, upload), expected, of);
  }
});

attentionTest("scores of ten thousand do not overflow", async (device) => {
  for (const queries of [3, 65]) {
    const of = sizes({ queries, scale: 1, headSize: 4 });
    const arrays = arraysFor(of);
    // One key dominates: its scores are thousands above the others.
    const large = arrays.q.map((value, i) => i % 4 === 0 ? 100 : value);
    const keys = arrays.k.map((value, i) => i % 4 === 0 ? (i % 8 === 0 ? 100 : -100) : value);
    const inputs = { ...arrays, q: large, k: keys };
    const { y } = await compute(device, of, inputs);
    const expected = referenceAttention(of, inputs);
    const deviation = relativeDeviation(y, expected.y);
    // A score of 10⁴ has an error of 10⁻³.
    assert(deviation < 2e-3, `off by ${deviation}`);
  }
});

attentionTest("NaN reaches the queries that see it, and no others", async (device) => {
  const lengths = [[70, 100, 20], [3, 100, 20], [65, 65, -1], [600, 700, 200], [
    520,
    520,
    -1,
  ]] as const;
  for (const [queries, keys, window] of lengths) {
    const of = sizes({ queries, keys, window, headSize: 8 });
    const offset = keys - queries;
    for (const name of ["k", "v"] as const) {
      const arrays = arraysFor(of);
      const bad = keys - 2 - (queries >> 1);
      arrays[name][bad * 8 + 3] = NaN;
      const { y } = await compute(device, of, arrays);
      for (let i = 0; i < queries; i++) {
        const position = offset + i;
        const sees = bad <= position && (window < 0 || position - bad <= window);
        const isNan = Number.isNaN(y[i * 8 + 3]);
        assertEquals(isNan, sees, `${name}: query ${i} of ${queries}, key ${bad} of ${keys}`);
      }
    }
    const arrays = arraysFor(of);
    arrays.q[8] = NaN;
    const { y, dq } = await compute(device, of, arrays);
    y.forEach((value, i) => assertEquals(Number.isNaN(value), i >> 3 === 1, `element ${i}`));
    dq.forEach((value, i) => assertEquals(Number.isNaN(value), i >> 3 === 1, `element ${i}`));
  }
});

attentionTest("a NaN key spoils no gradient of a query that does not see it", async (device) => {
  for (const queries of [65, 520]) {
    const of = sizes({ queries, headSize: 8 });
    const arrays = arraysFor(of);
    arrays.k[40 * 8] = NaN;
    const { dq } = await compute(device, of, arrays);
    dq.forEach((value, i) => assertEquals(Number.isNaN(value), i >> 3 >= 40, `element ${i}`));
  }
});

attentionTest(
  "non-finite elements affect what depends on them, and nothing else",
  async (device) => {
    for (const queries of [65, 520]) {
      const of = sizes({ queries, headSize: 8 });
      const values = arraysFor(of);
      values.v[40 * 8 + 3] = Infinity;
      const { y } = await compute(device, of, values);
      y.forEach((value, i) =>
        assertEquals(value === Infinity, i % 8 === 3 && i >> 3 >= 40, `element ${i} of y: ${value}`)
      );
      const gradients = arraysFor(of);
      gradients.dy[20 * 8 + 5] = -Infinity;
      const { dk, dv } = await compute(device, of, gradients);
      dk.forEach((value, i) =>
        assertEquals(Number.isFinite(value), i >> 3 > 20, `element ${i} of dk`)
      );
      dv.forEach((value, i) =>
        assertEquals(
          value === -Infinity,
          i % 8 === 5 && i >> 3 <= 20,
          `element ${i} of dv: ${value}`,
        )
      );
    }
  },
);

attentionTest("an empty batch or sequence gives an empty result", async (device) => {
  const none = await compute(device, sizes({ batch: 0 }), arraysFor(sizes({ batch: 0 })));
  assertEquals(none.y.length, 0);
  const noQueries = sizes({ queries: 0, keys: 3 });
  const { y, dk } = await compute(device, noQueries, arraysFor(noQueries));
  assertEquals(y.length, 0);
  assertEquals(dk, new Float32Array(3 * 8));
  const noKeys = sizes({ queries: 7, keys: 0, causal: false });
  const zeros = await compute(device, noKeys, arraysFor(noKeys));
  assertEquals([zeros.y, zeros.dq], [new Float32Array(7 * 8), new Float32Array(7 * 8)]);
});

attentionTest("gradients are equal bit for bit in every run", async (device) => {
  for (const queries of [130, 300]) {
    const of = sizes({ batch: 2, queries, heads: 4, keyHeads: 2, headSize: 16 });
    const first = await compute(device, of, arraysFor(of));
    assertEquals(await compute(device, of, arraysFor(of)), first);
  }
});

attentionTest(
  "no allocation remains, and memory is not quadratic in the length",
  async (device) => {
    const of = sizes({ queries: 4096, headSize: 8 });
    const arrays = arraysFor(of);
    const live = device.live;
    const { liveBytes } = device.memory;
    await compute(device, of, arrays);
    assertEquals(device.live, live);
    // Twelve arrays of 4,096 × 8 floats, and on some devices two of scores for 256 queries at a
    // time; 4,096 × 4,096 floats would be 64 MiB.
    const peak = device.memory.peakBytes - liveBytes;
    assert(peak < 10 << 20, `${peak} bytes at the peak`);
  },
  fresh.kernelTest,
);

Deno.test("results do not depend on the number of threads", async () => {
  const of = sizes({ batch: 2, queries: 130, heads: 4, keyHeads: 2, headSize: 16 });
  const results = [];
  for (const threads of [1, 2]) {
    const device = await openDevice("cpu", { threads, blas: false });
    results.push(await compute(device, of, arraysFor(of)));
    await device.close();
  }
  assertEquals(results[0], results[1]);
});

Deno.test("operands that do not match are refused, with both shapes", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
  const refused = (
    kind: typeof RangeError | typeof TypeError,
    message: string,
    operands: readonly [Tensor, Tensor, Tensor],
    options?: AttentionOptions,
  ) => void assertThrows(() => attention(...operands, options), kind, message);
  const q = zeros(1, 4, 2, 8);
  refused(RangeError, "got [4, 2, 8]", [zeros(4, 2, 8), q, q]);
  refused(RangeError, "k [1, 4, 2, 8], v [1, 4, 2, 4]", [q, q, zeros(1, 4, 2, 4)]);
  refused(RangeError, "a batch of 1 for q and k, got 2", [q, zeros(2, 4, 2, 8), zeros(2, 4, 2, 8)]);
  refused(RangeError, "a head size of 8, got 4", [q, zeros(1, 4, 2, 4), zeros(1, 4, 2, 4)]);
  refused(RangeError, "got 2 for 3 key heads", [q, zeros(1, 4, 3, 8), zeros(1, 4, 3, 8)]);
  refused(RangeError, "at least 4 keys", [q, zeros(1, 3, 2, 8), zeros(1, 3, 2, 8)]);
  refused(RangeError, "got -2", [q, q, q], { window: -2 });
  refused(RangeError, "got 1.5", [q, q, q], { window: 1.5 });
  const integers = Tensor.from(device, new Int32Array(64), { shape: [1, 4, 2, 8] });
  refused(TypeError, "wanted k of type float32, got int32", [q, integers, q]);
  await device.close();
});

attentionTest("a mask that is to be added to the scores gives NaN", async (device) => {
  const x = Tensor.ones(device, [1, 3, 1, 2]);
  const mask = Tensor.from(device, [[0, -Infinity, 0], [0, 0.5, 1], [0, 1, 0]]);
  const y = await attention(x, x, x, { causal: false, mask }).data();
  assertEquals([...y], [NaN, NaN, NaN, NaN, 1, 1]);
});

interface GoldenCase {
  readonly causal?: boolean;
  readonly window_left?: number;
  readonly scale?: number | string;
}

const golden = hasGolden ? readGoldenJson<{ ops: Record<string, GoldenCase> }>("golden-ops") : null;
const goldenNames = Object.keys(golden?.ops ?? {}).filter((name) =>
  /^sdpa_|^nanochat_(window|chunk|decode)/.test(name)
);

/** Golden arrays have heads before tokens: operands and results are transposed on the device. */
async function checkGolden(device: Device, name: string): Promise<void> {
  using _scope = device.scope();
  const tensors = readGoldenTensors("golden-ops");
  const find = (array: string) => {
    const { data, shape } = tensors.get(`${name}/${array}`)!;
    if (!(data instanceof Float32Array)) throw new TypeError(`${array} is not float32`);
    return { data: new Float32Array(data), shape };
  };
  const load = (array: string) => {
    const { data, shape } = find(array);
    const tensor = Tensor.from(device, data, { shape });
    return noGrad(() => tensor.transpose(1, 2)).detach();
  };
  const { causal = true, window_left: window = -1, scale } = golden!.ops[name]!;
  const operands = [load("q"), load("k"), load("v")] as const;
  for (const tensor of operands) tensor.requireGrad();
  const factor = typeof scale === "number" ? { scale } : {};
  const y = attention(...operands, { causal, window, ...factor });
  y.backward(load("dy"));
  const results = { y, dq: operands[0].grad!, dk: operands[1].grad!, dv: operands[2].grad! };
  for (const [array, tensor] of Object.entries(results)) {
    const actual = await noGrad(() => tensor.transpose(1, 2)).data();
    const deviation = relativeDeviation(actual, find(array).data);
    assert(deviation < 1e-5, `${array} is off by ${deviation}`);
  }
}

goldenTest("there are golden cases of attention", () => assertEquals(goldenNames.length, 8));
for (const name of goldenNames) {
  attentionTest(`the golden case ${name} holds`, (device) => checkGolden(device, name));
}
