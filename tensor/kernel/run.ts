/** Defines kernels, and runs them on any device. @module */

import type { Device, Place, WasmKernel, WgslKernel } from "../device.ts";
import { workgroupGrid } from "./workgroup_grid.ts";
import type { Work } from "../profile.ts";
import type { BufferTypes, KernelBody, Signature } from "./language.ts";
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
): Kernel {
  const text = kernelAsText(signature, body);
  return {
    signature,
    wasm: { ...toWasm(signature, body), text },
    wgsl: { ...toWgsl(signature, body), text },
    wideWgsl: { ...toWgsl(signature, body, ROW_THREADS), text },
  };
}

/** Options for {@linkcode runKernel}. */
export interface RunOptions {
  /** Minimum items per thread of the CPU. @default {1} */
  readonly grain?: number;
  /** Length of the rows, in a kernel for rows. @default {1} */
  readonly columns?: number;
  /** The work done, for profiles. */
  readonly work?: () => Work;
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
  { signature, wasm, wgsl, wideWgsl }: Kernel,
  places: readonly Place[],
  words: readonly number[],
  items: number,
  options: RunOptions = {},
): void {
  const integers: number[] = [];
  if (device.kind === "cpu") {
    for (const place of places) integers.push(device.address(place));
    integers.push(...words);
    const { shared = 0, vectors = 0 } = signature;
    const scratchBytes = 4 * shared + 16 * vectors;
    const withScratch = scratchBytes === 0 ? options : { ...options, scratchBytes };
    device.dispatch(wasm, { integers }, items, withScratch);
    return;
  }
  const types = Object.values(signature.buffers);
  for (const [i, { offset }] of places.entries()) {
    integers.push(types[i]!.startsWith("vec4") ? offset / 4 : offset);
  }
  integers.push(...words, items);
  const { columns = 1, work } = options;
  const isWide = signature.spread === "rows" && columns >= ROW_THREADS;
  const itemsEach = signature.spread === "lanes" ? 1 : isWide ? THREADS / ROW_THREADS : THREADS;
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const grid = workgroupGrid(Math.ceil(items / itemsEach), limit);
  device.dispatch(
    isWide ? wideWgsl : wgsl,
    places.map(({ allocation }) => allocation),
    { integers },
    [isWide ? Math.min(Math.ceil(columns / (ROW_THREADS * COLUMNS)), limit) : 1, ...grid],
    work,
  );
}
