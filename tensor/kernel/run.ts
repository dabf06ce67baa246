/** Defines kernels, and runs them on any device. @module */

import type { Arguments, Device, Place, WasmKernel, WebGpuDevice, WgslKernel } from "../device.ts";
import { workgroupGrid } from "./workgroup_grid.ts";
import type { Work } from "../profile.ts";
import type { BufferTypes, KernelBody, Signature } from "./language.ts";
import type { KernelText } from "../explain.ts";
import { kernelAsText } from "./text.ts";
import { toWasm } from "./wasm.ts";
import { THREADS, toWgsl } from "./wgsl.ts";

/** A kernel for every device, printed when it first runs on one. */
export interface Kernel {
  readonly signature: Omit<Signature<BufferTypes, string>, "writes">;
  readonly wasm: WasmKernel;
  /** With one thread per item, or per row; or a workgroup per item, for lanes. */
  readonly wgsl: WgslKernel;
  /** For rows of many columns. */
  readonly wideWgsl: WgslKernel;
}

/** Threads of a workgroup along a wide row, and columns of each. */
const [ROW_THREADS, COLUMNS] = [16, 4];

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
  text: KernelText = kernelAsText(signature, body),
): Kernel {
  return {
    signature,
    wasm: { ...toWasm(signature, body), text },
    wgsl: { ...toWgsl(signature, body), text },
    wideWgsl: { ...toWgsl(signature, body, ROW_THREADS), text },
  };
}

/** Kernels by all that their code depends on, such as the types of elements, each made when first wanted. */
export function defineKernels<Form extends readonly (string | number | boolean)[]>(
  make: (...form: Form) => Kernel,
): (...form: Form) => Kernel {
  const kernels = new Map<string, Kernel>();
  return (...form) => {
    const key = form.join();
    const kernel = kernels.get(key) ?? make(...form);
    kernels.set(key, kernel);
    return kernel;
  };
}

/** Options for {@linkcode runKernel}. */
export interface RunOptions {
  /** Minimum items per thread of the CPU. @default {1} */
  readonly grain?: number;
  /** Length of the rows, in a kernel for rows. @default {1} */
  readonly columns?: number;
  /** Floats that the lanes share, where they depend on the call. @default {0} */
  readonly shared?: number;
  /** The work done, for profiles. */
  readonly work?: () => Work;
}

/** A call of a kernel, but for where its buffers begin, and its floats. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** Room for where each buffer begins, then the number of items on a GPU, then the arguments. */
  readonly integers: number[];
  readonly items: number;
  /** Whether the scalars of a call are floats. */
  readonly takesFloats: boolean;
  readonly options: RunOptions & { readonly scratchBytes?: number };
}

/** Prepares what does not change from call to call: see {@linkcode runKernel}. */
export function prepareCall(
  device: Device,
  kernel: Kernel,
  words: readonly number[],
  items: number,
  options: RunOptions = {},
): KernelCall {
  const { buffers, floats } = kernel.signature;
  const starts = Object.keys(buffers).map(() => 0);
  return {
    ...{ kernel, items, takesFloats: floats !== undefined },
    integers: device.kind === "cpu" ? [...starts, ...words] : [...starts, items, ...words],
    options: withScratch(kernel, options),
  };
}

/** Options with the scratch memory that a thread of the CPU needs for a kernel. */
function withScratch({ signature }: Kernel, options: RunOptions): KernelCall["options"] {
  const { shared = 0, vectors = 0 } = signature;
  const scratchBytes = 4 * (shared + (options.shared ?? 0)) + 16 * vectors;
  return scratchBytes === 0 ? options : { ...options, scratchBytes };
}

/**
 * Runs a call.
 *
 * @param inputs Where the buffers begin, in order: these, and then those of the outputs.
 * @param scalars The float arguments; or the last integer ones, in a kernel without float arguments.
 */
export function runCall(
  device: Device,
  call: KernelCall,
  inputs: readonly Place[],
  outputs: readonly Place[],
  scalars: readonly number[],
): void {
  if (device.kind === "webgpu") return runOnGpu(device, call, [...inputs, ...outputs], scalars);
  const { kernel, integers, items, options } = call;
  // The device copies the integers at once, so that they can be overwritten.
  let next = 0;
  for (const place of inputs) integers[next++] = device.address(place);
  for (const place of outputs) integers[next++] = device.address(place);
  device.dispatch(kernel.wasm, argumentsOf(call, scalars), items, options);
}

function argumentsOf(
  { integers, takesFloats }: KernelCall,
  scalars: readonly number[],
): Arguments {
  if (takesFloats) return { integers, floats: scalars };
  return { integers: scalars.length === 0 ? integers : [...integers, ...scalars] };
}

function runOnGpu(
  device: WebGpuDevice,
  call: KernelCall,
  places: readonly Place[],
  scalars: readonly number[],
): void {
  const { kernel: { signature, wgsl, wideWgsl }, integers, items, options } = call;
  const { buffers, spread, team, within = {} } = signature;
  const entries = Object.entries(buffers);
  for (const [i, { offset }] of places.entries()) {
    integers[i] = entries[i]![1].startsWith("vec4") ? offset / 4 : offset;
  }
  const { columns = 1, work } = options;
  const isWide = spread === "rows" && columns >= ROW_THREADS;
  const itemsEach = team?.items ??
    (spread === "lanes" ? 1 : isWide ? THREADS / ROW_THREADS : THREADS);
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const grid = workgroupGrid(Math.ceil(items / itemsEach), limit);
  const bound = places.filter((_, i) => within[entries[i]![0]] === undefined);
  device.dispatch(
    isWide ? wideWgsl : wgsl,
    bound.map(({ allocation }) => allocation),
    argumentsOf(call, scalars),
    [isWide ? Math.min(Math.ceil(columns / (ROW_THREADS * COLUMNS)), limit) : 1, ...grid],
    work,
  );
}

/**
 * Runs a kernel.
 *
 * @param places Where each buffer begins, on WebGPU within a binding. Those of buffers of vectors
 * start at a multiple of four elements.
 * @param words A value per integer argument, in the order of the signature.
 * @param items Number of work items.
 */
export function runKernel(
  device: Device,
  kernel: Kernel,
  places: readonly Place[],
  words: readonly number[],
  items: number,
  options: RunOptions = {},
): void {
  if (device.kind === "webgpu") {
    return runOnGpu(device, prepareCall(device, kernel, words, items, options), places, []);
  }
  // A step of decoding runs many small kernels: preparing a call for each takes 3 % of it.
  const integers: number[] = [];
  for (const place of places) integers.push(device.address(place));
  integers.push(...words);
  device.dispatch(kernel.wasm, { integers }, items, withScratch(kernel, options));
}
