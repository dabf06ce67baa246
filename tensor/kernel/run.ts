/** Defines kernels, and runs them on any device. @module */

import type { Device, DispatchOptions, TypedPointer, WasmKernel, WgslKernel } from "../device.ts";
import { wrongValue } from "../errors.ts";
import type { KernelText } from "../explain.ts";
import type { BufferTypes, KernelBody, Signature } from "./language.ts";
import { kernelAsText } from "./text.ts";
import { toWasm } from "./wasm.ts";
import { threadsOf, toWgsl } from "./wgsl.ts";

/** A kernel for every device, printed when it first runs on one. */
export interface Kernel {
  readonly signature: Omit<Signature<BufferTypes, string>, "writes">;
  readonly wasm: WasmKernel;
  readonly wgsl: WgslKernel;
  /** Whether scalars are float arguments. */
  readonly takesFloats: boolean;
}

/** Columns of a row for each of a workgroup's threads. */
const COLUMNS = 4;

/**
 * Defines a kernel by its body.
 *
 * @param text How it is explained. @default {as pseudo-code}
 *
 * @example Twice the elements of a view
 * ```ts
 * import { openDevice } from "../mod.ts";
 * import { defineKernel, runKernel } from "./run.ts";
 *
 * const double = defineKernel(
 *   { key: "double", buffers: { x: "f32", y: "f32" }, writes: ["y"], arguments: [] },
 *   (_, i, { x, y }) => y.store(i, x.load(i).multiply(2)),
 * );
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [x, y] = ["x", "y"].map((name) => ({
 *   allocation: device.allocate(8, name),
 *   ...{ dtype: "float32" as const, shape: [2], strides: [1], offset: 0 },
 * }));
 * device.write(x!.allocation, 0, Float32Array.of(3, 4));
 * runKernel(device, double, [x!, y!], [], 2);
 * const [six, eight] = new Float32Array(await device.read(y!.allocation, 0, 8));
 * if (six !== 6 || eight !== 8) throw new Error("expected 6 and 8");
 * await device.close();
 * ```
 */
export function defineKernel<const B extends BufferTypes, const A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
  text: KernelText = { code: () => kernelAsText(signature, body) },
): Kernel {
  return {
    signature,
    takesFloats: signature.floats !== undefined,
    wasm: { ...toWasm(signature, body), text },
    wgsl: { ...toWgsl(signature, body), text },
  };
}

/** Kernels by all that their code depends on, such as the types of elements, each made when first wanted. */
export function defineKernels<Form extends readonly (string | number | boolean)[]>(
  make: (...form: Form) => Kernel,
): (...form: Form) => Kernel {
  const known: { readonly form: Form; readonly kernel: Kernel }[] = [];
  return (...form) => {
    // There are few, and making a key of strings would take longer.
    const found = known.find((each) => each.form.every((value, i) => value === form[i]));
    if (found !== undefined) return found.kernel;
    const kernel = make(...form);
    known.push({ form, kernel });
    return kernel;
  };
}

/** Options for {@linkcode runKernel}. */
export interface RunOptions extends DispatchOptions {
  /** Length of the rows, in a kernel for rows. @default {1} */
  readonly columns?: number;
}

/**
 * Runs a kernel.
 *
 * @param pointers Where each buffer begins, on WebGPU within a binding. Those of buffers of vectors
 * start at a multiple of four elements.
 * @param words A value per integer argument, in the order of the signature.
 * @param items Number of work items.
 * @param scalars The float arguments; or the last integer ones, in a kernel without float arguments.
 */
export function runKernel(
  device: Device,
  { signature, wasm, wgsl, takesFloats }: Kernel,
  pointers: readonly TypedPointer[],
  words: readonly number[],
  items: number,
  options: RunOptions = {},
  scalars: readonly number[] = [],
): void {
  const integers: number[] = [];
  if (device.kind === "cpu") {
    // Loops: small kernels take less time than spreading would.
    for (const pointer of pointers) integers.push(device.address(pointer));
    for (const word of words) integers.push(word);
    if (!takesFloats) integers.push(...scalars);
    const arguments_ = takesFloats ? { integers, floats: scalars } : { integers };
    return device.dispatch(wasm, arguments_, items, options);
  }
  const { buffers, within = {} } = signature;
  const entries = Object.entries(buffers);
  const offsets = pointers.map(({ offset }, i) =>
    entries[i]![1].startsWith("vec4") ? offset / 4 : offset
  );
  const [more, floats] = takesFloats ? [[], scalars] : [scalars, []];
  const { columns = 1, work } = options;
  const team = threadsOf(signature);
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const grid = workgroupGrid(Math.ceil(items / team.items), limit);
  const bound = pointers.filter((_, i) => within[entries[i]![0]] === undefined);
  device.dispatch(
    wgsl,
    bound.map(({ allocation }) => allocation),
    { integers: [...offsets, items, ...words, ...more], floats },
    [Math.min(Math.ceil(columns / (team.lanes * COLUMNS)), limit), ...grid],
    work,
  );
}

/**
 * Folds a number of workgroups into the dimensions x and y of a dispatch; `[0, 0]` for none. May
 * give slightly more: a kernel skips those whose number, as `beginMain` (`wgsl.ts`) counts, is not
 * below the count. Throws a `RangeError` if two dimensions are not enough.
 */
export function workgroupGrid(count: number, maxPerDimension: number): [x: number, y: number] {
  if (count === 0) return [0, 0];
  const y = Math.ceil(count / maxPerDimension);
  if (y > maxPerDimension) {
    throw wrongValue(`dispatch ${count} workgroups`, `at most ${maxPerDimension}²`, count);
  }
  return [Math.ceil(count / y), y];
}
