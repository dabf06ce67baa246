import { assert, assertEquals } from "@std/assert";
import { gpuTest, tinyDevice } from "../../testing/gpu.ts";
import { checkGradient, numericalGradient } from "../../autograd/gradcheck.ts";
import { type ReferenceArray, sizeOf } from "../../testing/reference_array.ts";
import { copyInto, type Device, noGrad, openDevice, type OpenOptions, Tensor } from "../mod.ts";
import { type Case, cases, fill } from "./testing/cases.ts";

/** How a case's inputs lie in memory. */
const layouts: Record<
  string,
  (device: Device, array: ReferenceArray, integers: boolean) => Tensor
> = {
  "as they are": upload,
  // Stored with the axes in reverse order, so that the last axis has a large stride.
  transposed: (device, array, integers) => {
    const order = array.shape.map((_, axis) => axis).reverse();
    const plain = upload(device, array, integers);
    return noGrad(() => plain.permute(order).contiguous().permute(order));
  },
  // In the middle of a larger tensor, so that there are an offset and gaps.
  sliced: (device, array, integers) => {
    const plain = upload(device, array, integers);
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

function upload(device: Device, { shape, data }: ReferenceArray, integers: boolean): Tensor {
  const values = integers ? Int32Array.from(data) : Float32Array.from(data);
  return Tensor.from(device, values, { shape });
}

/** The numbers with zeros for those too small for a whole significand. */
function flushed({ shape, data }: ReferenceArray): ReferenceArray {
  return { shape, data: data.map((value) => Math.abs(value) < 2 ** -126 ? 0 * value : value) };
}

/** Each element has to be what is expected, or the same element of `alternative`. */
async function compare(
  each: Case,
  actual: Tensor,
  expected: ReferenceArray,
  alternative = expected,
): Promise<void> {
  assertEquals([...actual.shape], [...expected.shape], "the shape");
  const values = await actual.data();
  const finite = expected.data.filter((value) => Number.isFinite(Math.fround(value)));
  const scale = finite.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const tolerance = (each.tolerance ?? 1e-5) * scale + 1e-37;
  const isClose = (got: number, wanted: number) =>
    Object.is(got, wanted) || got === wanted || Math.abs(got - wanted) <= tolerance;
  expected.data.forEach((value, i) => {
    const [got, wanted] = [values[i]!, Math.fround(value)];
    const same = isClose(got, wanted) || isClose(got, Math.fround(alternative.data[i]!));
    assert(same, `element ${i}: wanted ${wanted}, got ${got}`);
  });
}

/**
 * Compares a result with the reference.
 *
 * This function is not asynchronous, so its scope ends when it returns, but the reading has begun
 * by then. Many checks can read together, which on WebGPU is what takes the time.
 */
function checkForward(device: Device, each: Case, layout: string): Promise<void> {
  using _scope = device.scope();
  const arrays = each.inputs.map((one, i) => fill(one, i + 1));
  const inputs = arrays.map((array, i) =>
    layouts[layout]!(device, array, each.inputs[i]!.filling === "classes")
  );
  // WGSL leaves it to the device whether such small numbers count as zeros.
  const maybeFlushed = device.kind === "webgpu" ? arrays.map(flushed) : arrays;
  return compare(each, each.run(inputs), each.reference(arrays), each.reference(maybeFlushed));
}

const numericGradients = new Map<string, Float64Array>();

/** The slope of the weighted sum of the reference, by input `i`: the same for every device and layout. */
function numericGradient(
  each: Case,
  arrays: readonly ReferenceArray[],
  weights: ReferenceArray,
  i: number,
): Float64Array {
  const key = `${each.name} ${i}`;
  let gradient = numericGradients.get(key);
  if (gradient === undefined) {
    gradient = numericalGradient((x) => {
      const moved = arrays.with(i, { shape: arrays[i]!.shape, data: x });
      return each.reference(moved).data.reduce((sum, y, k) => sum + y * weights.data[k]!, 0);
    }, arrays[i]!.data);
    numericGradients.set(key, gradient);
  }
  return gradient;
}

/** Compares gradients of a weighted sum with finite differences of the reference, in double. Reads as above. */
function checkBackward(device: Device, each: Case, layout: string): Promise<void[]> {
  using _scope = device.scope();
  const arrays = each.inputs.map((one, i) => fill(one, i + 1));
  const isFloat = (i: number) => each.inputs[i]!.filling !== "classes";
  const inputs = arrays.map((array, i) => {
    const tensor = layouts[layout]!(device, array, !isFloat(i));
    return isFloat(i) ? tensor.requireGrad() : tensor;
  });
  const output = each.run(inputs);
  const weights = fill({ shape: output.shape, filling: "normal" }, 99);
  output.backward(upload(device, weights, false));
  return Promise.all(inputs.map(async (input, i) => {
    if (!isFloat(i)) return;
    assert(input.grad !== null || input.size === 0, `input ${i} got no gradient`);
    if (input.grad === null) return;
    assertEquals([...input.grad.shape], [...input.shape], `the shape of gradient ${i}`);
    const analytic = Float64Array.from(await input.grad.data());
    const numeric = numericGradient(each, arrays, weights, i);
    const scale = numeric.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    checkGradient(analytic, numeric, { relative: 1e-4, absolute: 2e-5 * scale + 1e-6 });
  }));
}

/** Finite differences evaluate the reference for every element twice: that is for small inputs. */
function isSmall(each: Case): boolean {
  return each.inputs.every(({ shape }) => sizeOf(shape) <= 64);
}

/** Something to be checked, with a name for when it fails. */
interface Check {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

/** How many checks read together. */
const TOGETHER = 50;

/** Runs every case on one device, and reports all that fail. */
async function checkAll(device: Device): Promise<void> {
  const checks = cases.flatMap((each) =>
    Object.keys(layouts).flatMap((layout): Check[] => {
      const name = `${each.name}, ${layout}`;
      const forward = { name, run: () => checkForward(device, each, layout) };
      if (!each.differentiable || !isSmall(each)) return [forward];
      const run = () => checkBackward(device, each, layout);
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

gpuTest("every operation and its gradient agree with the reference on WebGPU", checkAll);
gpuTest(
  "every operation and its gradient agree with the reference on WebGPU within tiny limits",
  checkAll,
  tinyDevice,
);
