import { assert, assertEquals, fail } from "@std/assert";
import { float16Test, gpuTest, tinyDevice } from "../../testing/gpu.ts";
import { roundBfloat16 } from "../../testing/round_bfloat16.ts";
import { checkGradient, numericalGradient } from "../../autograd/gradcheck.ts";
import { type ReferenceArray, sizeOf } from "../../testing/reference_array.ts";
import {
  copyInto,
  type Device,
  type DType,
  noGrad,
  openDevice,
  type OpenOptions,
  Tensor,
} from "../mod.ts";
import { memoize } from "../memoize.ts";
import type { WebGpuOptions } from "../devices/webgpu/adapter.ts";
import { type Case, cases, fill } from "./testing/cases.ts";

/** The memory layouts of a case's inputs. */
const layouts: Record<
  string,
  (device: Device, array: ReferenceArray, type: DType) => Tensor
> = {
  "as they are": upload,
  // Stored with reversed axes, so that the last axis has a large stride.
  transposed: (device, array, type) => {
    const order = array.shape.map((_, axis) => axis).reverse();
    const plain = upload(device, array, type);
    return noGrad(() => plain.permute(order).contiguous().permute(order));
  },
  // Within a larger tensor, so that there are an offset and gaps.
  sliced: (device, array, type) => {
    const plain = upload(device, array, type);
    if (array.shape.length === 0) return plain;
    return noGrad(() => {
      const wide = Tensor.zeros(device, array.shape.with(-1, array.shape.at(-1)! + 3)).to(
        plain.dtype,
      );
      const middle = wide.slice(-1, 1, -2);
      copyInto(plain, middle);
      return middle;
    });
  },
};

function upload(device: Device, { shape, data }: ReferenceArray, type: DType): Tensor {
  return Tensor.from(device, [...data], { shape, dtype: type });
}

/** Differences in half precision. */
const precisions = {
  float32: { round: Math.fround, relative: 1e-5, smallest: 1e-37, gradient: 2e-5 },
  // Kernels compute in single precision and round once, by 2⁻¹¹ of the result or half of the
  // smallest subnormal. No case chains more than two operations, whose errors add up; the gradient
  // of such a chain adds the rounding of its input.
  float16: { round: Math.f16round, relative: 2 ** -10, smallest: 2 ** -25, gradient: 2 ** -9 },
  // Likewise, with 8 significant bits instead of 11, and the range of single precision.
  bfloat16: { round: roundBfloat16, relative: 2 ** -7, smallest: 1e-37, gradient: 2 ** -6 },
} as const;

type Precision = keyof typeof precisions;

/** Inputs and results of a case, computed once for all devices and layouts. */
interface Expectation {
  readonly inputs: readonly ReferenceArray[];
  readonly result: ReferenceArray;
  /** The result for inputs whose subnormals are zero, to which WGSL lets devices flush them. */
  readonly flushed: ReferenceArray;
  /** Finite differences of the weighted sum of the result, for each input, once they are computed. */
  readonly gradients: Map<number, Float64Array>;
}

const expectations = new Map<Precision, (each: Case) => Expectation>(
  (Object.keys(precisions) as Precision[]).map((precision) => [
    precision,
    memoize((each: Case) => {
      const { round } = precisions[precision];
      const inputs = each.inputs.map((one, i) => {
        const { shape, data } = fill(one, i + 1);
        return { shape, data: data.map(round) };
      });
      return {
        inputs,
        result: each.reference(inputs),
        flushed: each.reference(inputs.map(flushed)),
        gradients: new Map(),
      };
    }),
  ]),
);

const isInteger = (each: Case, i: number): boolean => each.inputs[i]!.filling === "classes";

function flushed({ shape, data }: ReferenceArray): ReferenceArray {
  return { shape, data: data.map((value) => Math.abs(value) < 2 ** -126 ? 0 * value : value) };
}

/** Each element must equal the expected one, or the same element of `alternative`. */
async function compare(
  each: Case,
  actual: Tensor,
  expected: ReferenceArray,
  precision: Precision,
  alternative = expected,
): Promise<void> {
  const { round, relative, smallest } = precisions[precision];
  assertEquals([...actual.shape], [...expected.shape], "the shape");
  const values = await actual.data();
  const finite = expected.data.filter((value) => Number.isFinite(round(value)));
  const scale = finite.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const tolerance = Math.max(each.tolerance ?? 0, relative) * scale + smallest;
  const isClose = (got: number, wanted: number) =>
    Object.is(got, wanted) || got === wanted || Math.abs(got - wanted) <= tolerance;
  const wrong = expected.data.findIndex((value, i) =>
    !isClose(values[i]!, round(value)) && !isClose(values[i]!, round(alternative.data[i]!))
  );
  if (wrong < 0) return;
  fail(`element ${wrong}: wanted ${round(expected.data[wrong]!)}, got ${values[wrong]}`);
}

/**
 * Compares a result with the reference.
 *
 * Not asynchronous, so its scope ends when it returns, but the read has started by then. Many
 * checks can read together, because on WebGPU waiting dominates.
 */
function checkForward(
  device: Device,
  each: Case,
  layout: string,
  precision: Precision,
): Promise<void> {
  using _scope = device.scope();
  const expectation = expectations.get(precision)!(each);
  const inputs = expectation.inputs.map((array, i) =>
    layouts[layout]!(device, array, isInteger(each, i) ? "int32" : precision)
  );
  const alternative = device.kind === "webgpu" ? expectation.flushed : expectation.result;
  return compare(each, each.run(inputs), expectation.result, precision, alternative);
}

/**
 * The numeric gradient of the weighted sum of the reference for input `i`: the same for every
 * device and layout.
 */
function numericGradient(
  each: Case,
  { inputs, gradients }: Expectation,
  weights: ReferenceArray,
  i: number,
): Float64Array {
  let gradient = gradients.get(i);
  if (gradient === undefined) {
    gradient = numericalGradient((x) => {
      const moved = inputs.with(i, { shape: inputs[i]!.shape, data: x });
      return each.reference(moved).data.reduce((sum, y, k) => sum + y * weights.data[k]!, 0);
    }, inputs[i]!.data);
    gradients.set(i, gradient);
  }
  return gradient;
}

/**
 * Compares gradients of a weighted sum with finite differences of the reference, in double
 * precision. Reads as above.
 */
function checkBackward(
  device: Device,
  each: Case,
  layout: string,
  precision: Precision,
): Promise<void[]> {
  using _scope = device.scope();
  const { round, gradient: tolerance } = precisions[precision];
  const expectation = expectations.get(precision)!(each);
  const inputs = expectation.inputs.map((array, i) =>
    isInteger(each, i)
      ? layouts[layout]!(device, array, "int32")
      : layouts[layout]!(device, array, precision).requireGrad()
  );
  const output = each.run(inputs);
  const { shape, data } = fill({ shape: output.shape, filling: "normal" }, 99);
  const weights = { shape, data: data.map(round) };
  output.backward(upload(device, weights, output.dtype));
  return Promise.all(inputs.map(async (input, i) => {
    if (isInteger(each, i)) return;
    assert(input.grad !== null || input.size === 0, `input ${i} got no gradient`);
    if (input.grad === null) return;
    assertEquals([...input.grad.shape], [...input.shape], `the shape of gradient ${i}`);
    assertEquals(input.grad.dtype, precision, `the type of gradient ${i}`);
    const analytic = Float64Array.from(await input.grad.data());
    const numeric = numericGradient(each, expectation, weights, i);
    const scale = numeric.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    checkGradient(analytic, numeric, { relative: 1e-4, absolute: tolerance * scale + 1e-6 });
  }));
}

/**
 * Finite differences evaluate the reference twice per element, so only small inputs are checked.
 */
function isSmall(each: Case): boolean {
  return each.inputs.every(({ shape }) => sizeOf(shape) <= 64);
}

/** A check with a name for its failure message. */
interface Check {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

/** Number of checks that read together. */
const TOGETHER = 50;

/** The checks of each case. */
interface Extent {
  /** @default {every layout} */
  readonly layouts?: readonly string[];
  /** @default {true} */
  readonly hasGradients?: boolean;
}

const asTheyAre = ["as they are"];
const otherLayouts = Object.keys(layouts).filter((layout) => !asTheyAre.includes(layout));

/** Runs every case on one device, and reports all that fail. */
async function checkAll(
  device: Device,
  precision: Precision = "float32",
  { layouts: wanted = Object.keys(layouts), hasGradients = true }: Extent = {},
): Promise<void> {
  const isAsked = (each: Case) => precision !== "float16" || !each.needsRange;
  const checks = cases.filter(isAsked).flatMap((each) =>
    wanted.flatMap((layout): Check[] => {
      const name = `${each.name}, ${layout}`;
      const forward = { name, run: () => checkForward(device, each, layout, precision) };
      if (!hasGradients || !each.differentiable || !isSmall(each)) return [forward];
      const run = () => checkBackward(device, each, layout, precision);
      return [forward, { name: `gradient of ${name}`, run }];
    })
  );
  const failures: string[] = [];
  const attempt = async ({ name, run }: Check) => {
    try {
      await run();
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
    }
  };
  for (let i = 0; i < checks.length; i += TOGETHER) {
    await Promise.all(checks.slice(i, i + TOGETHER).map(attempt));
  }
  assert(
    failures.length === 0,
    `${failures.length} of ${checks.length} failed\n${failures.join("\n")}`,
  );
}

const cpus: Record<string, OpenOptions> = {
  "the CPU with one thread and no BLAS": { threads: 1, blas: false },
  "the CPU with two threads and a BLAS if there is one": { threads: 2 },
};
for (const [name, options] of Object.entries(cpus)) {
  Deno.test(`every operation and its gradient agree with the reference on ${name}`, async () => {
    const device = await openDevice("cpu", options);
    await checkAll(device);
    await device.close();
  });
}

for (const precision of ["float16", "bfloat16"] as const) {
  Deno.test(
    `every operation and its gradient agree with the reference on the CPU in ${precision}`,
    async () => {
      const device = await openDevice("cpu", { threads: 2, blas: false });
      await checkAll(device, precision);
      await device.close();
    },
  );
}

// The formulas are those of the CPU: here, loads and stores are new, and software takes long to compile.
gpuTest(
  "every operation agrees with the reference on WebGPU in bfloat16",
  (device) => checkAll(device, "bfloat16", { layouts: asTheyAre, hasGradients: false }),
);

// Layouts become strides, which limits change nothing about.
const extents: readonly (readonly [string, readonly string[], WebGpuOptions])[] = [
  ["", asTheyAre, {}],
  [", on other layouts", otherLayouts, {}],
  [" within tiny limits", asTheyAre, tinyDevice],
];

for (const precision of ["float32", "float16"] as const) {
  for (const [how, layouts, options] of extents) {
    const register = precision === "float16" ? float16Test : gpuTest;
    register(
      `every operation and its gradient agree with the reference on WebGPU in ${precision}${how}`,
      (device) => checkAll(device, precision, { layouts }),
      options,
    );
  }
}
