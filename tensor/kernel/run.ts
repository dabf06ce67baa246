/**
 * Defines kernels, and runs them on any device.
 *
 * Operations on buffers larger than one binding are split: the work is cut along its axes until each
 * part fits ranges that can be bound. On the CPU, everything fits.
 *
 * @module
 */

import {
  type Allocation,
  type Device,
  type DispatchOptions,
  type TypedPointer,
  type View,
  viewAs,
  type WasmKernel,
  type WebGpuDevice,
  type WgslKernel,
} from "../device.ts";
import { wrongValue } from "../errors.ts";
import type { Program } from "../formula/program.ts";
import { bytesPerElement, sizeOf } from "../layout.ts";
import type { BufferTypes, KernelBody, Signature } from "./language.ts";
import { toWasm } from "./wasm.ts";
import { threadsOf, toWgsl } from "./wgsl.ts";

/** A kernel for every device, printed when it first runs on one. */
export interface Kernel {
  readonly signature: Omit<Signature<BufferTypes, string>, "writes">;
  readonly wasm: WasmKernel;
  readonly wgsl: WgslKernel;
}

/** Columns of a row for each of a workgroup's threads. */
const COLUMNS = 4;

/**
 * Defines a kernel by its body.
 *
 * @param program The formulas of which the body was made, for explanations.
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
  program: Program | null = null,
): Kernel {
  const source: object = { signature, body, program };
  return {
    signature,
    wasm: { ...toWasm(signature, body), source },
    wgsl: { ...toWgsl(signature, body), source },
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
  { signature, wasm, wgsl }: Kernel,
  pointers: readonly TypedPointer[],
  words: readonly number[],
  items: number,
  options: RunOptions = {},
  scalars: readonly number[] = [],
): void {
  const integers: number[] = [];
  const takesFloats = signature.floats !== undefined;
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

// --- Buffers larger than a binding ------------------------------------------------------------

/** Binding offsets are multiples of this on every adapter, in bytes. */
export const BINDING_ALIGNMENT = 256;

export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** The limit of a binding, in bytes; on the CPU there is none. */
export function bindingLimit(device: Device): number {
  return device.kind === "cpu" ? Infinity : device.limits.maxStorageBufferBindingSize;
}

export function fitsOneBinding(device: Device, { bytes }: Allocation): boolean {
  return bytes <= bindingLimit(device);
}

/** How the operands of an operation can be cut. */
export interface Cut {
  /** For the message of an error. */
  readonly name: string;
  /** Number of leading axes that may be cut. Along these, all operands have the same lengths. */
  readonly axes: number;
  /** Index of the first operand that is written. */
  readonly firstOutput: number;
}

/** A part of the operands. */
export interface Part {
  readonly views: readonly View[];
  /** Where it begins along each axis that may be cut. */
  readonly begin: readonly number[];
}

/**
 * Cuts operands, all at the same positions, into parts that fit bindings. An operand that does not
 * extend along an axis has a stride of 0 there. A result with such an axis is combined from several
 * parts, which come in ascending order along each axis: by adding to it unless `begin` is 0 there.
 *
 * @throws {RangeError} If a part that cannot be cut further exceeds a binding.
 */
export function split(
  device: Device,
  views: readonly View[],
  cut: Cut,
  begin: readonly number[] = new Array<number>(cut.axes).fill(0),
): readonly Part[] {
  const fits = device.kind === "cpu" ||
    views.every(({ allocation }) => fitsOneBinding(device, allocation));
  if (fits) return [{ views, begin }];
  const seen = boundViews(device, views, cut.firstOutput);
  if (seen !== null) return [{ views: seen, begin }];
  const axis = widestAxis(device, views, cut.axes);
  if (axis === null) {
    const limit = bindingLimit(device);
    const bytes = Math.max(...views.map((view) => extentOf(view) * bytesPerElement(view.dtype)));
    const wanted = `rows within ${limit} bytes, the limit of a binding on this device`;
    throw wrongValue(`run "${cut.name}"`, wanted, bytes);
  }
  const length = views[0]!.shape[axis]!;
  // Both halves start at a multiple of four elements if possible.
  const half = length >= 8 ? 4 * Math.ceil(length / 8) : Math.ceil(length / 2);
  return [[0, half], [half, length]].flatMap(([from, to]) => {
    const part = views.map((view) => {
      const { shape, strides, offset } = view;
      return viewAs(view, shape.with(axis, to! - from!), strides, offset + from! * strides[axis]!);
    });
    return split(device, part, cut, begin.with(axis, begin[axis]! + from!));
  });
}

/**
 * Cuts contiguous views, each with `rows` rows of any length, into pieces [rows, length] that fit
 * bindings. None may share its memory with a written one.
 *
 * @throws {RangeError} If a row exceeds a binding.
 */
export function rowsInRanges(
  device: Device,
  views: readonly View[],
  rows: number,
  name: string,
): readonly (readonly View[])[] {
  if (rows === 0) return [];
  const matrices = views.map((view) => asMatrix(view, rows));
  const parts = split(device, matrices, { name, axes: 1, firstOutput: views.length });
  return parts.map(({ views }) => views);
}

export function asMatrix(view: View, rows: number): View {
  const length = sizeOf(view.shape) / rows;
  return viewAs(view, [rows, length], [length, 1]);
}

/** The views as bindable ranges; `null` if one exceeds a binding. */
function boundViews(
  device: WebGpuDevice,
  views: readonly View[],
  firstOutput: number,
): readonly View[] | null {
  // Written memory is bound once, so its range must cover all uses.
  const written = new Map(
    views.slice(firstOutput).map(({ allocation }) => [
      allocation,
      bindingOf(device, views.filter((view) => view.allocation === allocation)),
    ]),
  );
  const result: View[] = [];
  for (const view of views) {
    const own = written.get(view.allocation);
    const binding = own === undefined ? bindingOf(device, [view]) : own;
    if (binding === null) return null;
    const { allocation, start } = binding;
    const { shape, strides, offset } = view;
    result.push({ ...viewAs(view, shape, strides, offset - start), allocation });
  }
  return result;
}

/**
 * The smallest bindable range with all that views of an allocation see, and the index of its first
 * element; `null` if it exceeds a binding.
 */
function bindingOf(
  device: WebGpuDevice,
  views: readonly View[],
): { readonly allocation: Allocation; readonly start: number } | null {
  const { allocation, dtype } = views[0]!;
  if (fitsOneBinding(device, allocation)) return { allocation, start: 0 };
  const elementBytes = bytesPerElement(dtype);
  const alignment = BINDING_ALIGNMENT / elementBytes;
  const first = Math.min(...views.map(({ offset }) => offset));
  const start = Math.floor(first / alignment) * alignment;
  const end = Math.max(...views.map((view) => view.offset + extentOf(view)));
  const bytes = wholeWords((end - start) * elementBytes);
  if (bytes > bindingLimit(device)) return null;
  return { allocation: device.range(allocation, start * elementBytes, bytes), start };
}

/** The axis along which views in large buffers extend farthest. */
function widestAxis(device: Device, views: readonly View[], axes: number): number | null {
  let [widest, reach] = [-1, 0];
  for (const { allocation, dtype, shape, strides } of views) {
    if (fitsOneBinding(device, allocation)) continue;
    for (let axis = 0; axis < axes; axis++) {
      const length = (shape[axis]! - 1) * strides[axis]! * bytesPerElement(dtype);
      if (length > reach) [widest, reach] = [axis, length];
    }
  }
  return widest < 0 ? null : widest;
}

/** Elements from the first that a view sees to the last, both included. */
function extentOf({ shape, strides }: View): number {
  return shape.reduce((sum, length, axis) => sum + Math.max(0, length - 1) * strides[axis]!, 1);
}
