/**
 * How the elements of a tensor lie in memory: their dtype, the shape, and the strides along its axes. Also
 * broadcasting, with all its errors, and a cache of what follows from layouts alone.
 *
 * @module
 */

import { checkIsNumber, checkList, describeValue } from "./checks.ts";
import { RangeError, wrongType, wrongValue } from "./errors.ts";

// --- Dtypes -----------------------------------------------------------------------------------

/**
 * Element dtype: 32-bit floats; 16-bit floats, which save memory, while kernels compute in 32 bits
 * and round what they store; or 32-bit integers for token ids and indices.
 *
 * `bfloat16` is the first half of a `float32`: the same range, with 8 significant bits instead of 24.
 * `float16` has 11, and no number above 65,504; a GPU needs the feature `shader-f16` for it. Floats of
 * different dtypes mix elementwise and in concat, with a `float32` result; matmul and attention want one.
 *
 * Integers can be added, subtracted, multiplied, negated, compared, selected, summed and reduced to
 * their extremes, exactly. What overflows wraps around, as in PyTorch, sums included (PyTorch widens
 * those to 64 bits). Comparisons give `float32`, as those of floats do. Integers and floats do not
 * mix in one operation: convert with `to`.
 */
export type DType = "float32" | "bfloat16" | "float16" | "int32";

/**
 * The typed array that holds elements of a {@linkcode DType} on the host: a `Float32Array` for
 * `bfloat16` as well, since JavaScript has no array of those. TypeScript cannot call `reduce` of a union
 * of arrays unless all of them have a signature in common.
 */
export type TypedArray =
  & (Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer> | Int32Array<ArrayBuffer>)
  & {
    reduce(combine: (result: number, value: number, i: number) => number): number;
    reduce<Sum>(combine: (result: Sum, value: number, i: number) => Sum, initial: Sum): Sum;
  };

/** Elements as memory holds them: those of `bfloat16` as their bits. */
export type StoredArray = TypedArray | Uint16Array<ArrayBuffer>;

/** Dtypes that gradients flow through. */
export type FloatType = Exclude<DType, "int32">;

/** The {@linkcode FloatType}s, for messages. */
export const FLOAT_TYPES = "float32, bfloat16 or float16";

/** Bytes per element. */
export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === "float16" || dtype === "bfloat16" ? 2 : 4;
}

export function isFloat(dtype: DType): dtype is FloatType {
  return dtype !== "int32";
}

/** Throws a `TypeError` for integers; `of` reads "a weight of type ". */
export function checkFloat(what: string, dtype: DType, of = ""): asserts dtype is FloatType {
  if (!isFloat(dtype)) throw wrongType(what, `${of}${FLOAT_TYPES}`, dtype);
}

/**
 * The result dtype of an operation: that of the float operands if they have the same one, otherwise
 * `float32`. Integers do not count; integers alone give `float32`. (PyTorch's type promotion, except
 * that tensors without axes count like others.)
 *
 * @example
 * ```ts
 * import { promote } from "./layout.ts";
 *
 * if (promote(["float16", "float32"]) !== "float32") throw new Error("expected the wider one");
 * if (promote(["float16", "int32"]) !== "float16") throw new Error("expected the float");
 * if (promote(["float16", "bfloat16"]) !== "float32") throw new Error("expected what holds both");
 * ```
 */
export function promote(dtypes: readonly DType[]): FloatType {
  const [first = "float32", ...others] = dtypes.filter(isFloat);
  return others.every((dtype) => dtype === first) ? first : "float32";
}

/** The name of each dtype's stored array. By name, because browsers may lack `Float16Array`. */
export const ARRAY_NAMES = {
  float32: "Float32Array",
  bfloat16: "Uint16Array",
  float16: "Float16Array",
  int32: "Int32Array",
} as const;

const DTYPES = Object.keys(ARRAY_NAMES) as DType[];

/** The dtype whose elements an array stores; throws a `TypeError` if there is none. */
export function dtypeOf(values: StoredArray): DType {
  const kind = values?.[Symbol.toStringTag];
  for (const dtype of DTYPES) if (kind === ARRAY_NAMES[dtype]) return dtype;
  const got = kind ?? describeValue(values);
  throw wrongType("use values", "a Float32Array, Float16Array or Int32Array", got);
}

/**
 * Throws a `TypeError` that lists the dtypes if this is none; `operation` reads "fill a tensor".
 */
export function checkDType(operation: string, dtype: DType): void {
  if (DTYPES.includes(dtype)) return;
  throw wrongType(operation, "the dtype float32, bfloat16, float16 or int32", describeValue(dtype));
}

/** The numbers that a buffer stores: over it, without copying, except for `bfloat16`. */
export function numbersIn(dtype: DType, buffer: ArrayBuffer): TypedArray {
  if (dtype === "bfloat16") return widenBfloat16(new Uint16Array(buffer));
  return new globalThis[ARRAY_NAMES[dtype]](buffer);
}

/** Numbers as memory holds them: copied, and rounded where the dtype needs it. */
export function storedArray(dtype: DType, numbers: ArrayLike<number>): StoredArray {
  if (dtype === "bfloat16") return roundToBfloat16(numbers);
  return new globalThis[ARRAY_NAMES[dtype]](numbers);
}

/**
 * The bits of numbers as `bfloat16`, each rounded to the nearest, ties to even; NaN stays NaN.
 *
 * @example
 * ```ts
 * import { roundToBfloat16, widenBfloat16 } from "./layout.ts";
 *
 * const bits = roundToBfloat16([1, 1 / 3]);
 * if (bits[0] !== 0x3f80) throw new Error("expected the first half of a float32");
 * if (widenBfloat16(bits)[1] !== 0.333984375) throw new Error("expected 8 significant bits");
 * ```
 */
export function roundToBfloat16(numbers: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const singles = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  const bits = new Uint32Array(singles.buffer, singles.byteOffset, singles.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    halves[i] = Number.isNaN(singles[i]) ? 0x7fc0 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** The numbers of which an array has the bits as `bfloat16`. */
export function widenBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}

// --- Shapes, strides and broadcasting -----------------------------------------------------------

export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Number of elements of a shape; 1 for the shape `[]` of a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Whether these strides are contiguous and row-major. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis]!;
    if (length === 0) return true;
    if (length !== 1 && strides[axis] !== expected) return false;
    expected *= length;
  }
  return true;
}

export function shapesEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/**
 * Throws a `RangeError` if a length of a shape from the user is negative or not an integer, and a
 * `TypeError` if it is no list.
 */
export function checkShape(shape: readonly number[], what: string): void {
  checkList(what, "a shape, as in [2, 3]", shape);
  if (!shape.every((length) => Number.isInteger(length) && length >= 0)) {
    throw wrongValue(what, "a shape of integers from 0 up", formatShape(shape));
  }
}

/**
 * Resolves a negative axis, which counts from the end; throws a `RangeError` if there is no such
 * axis, a `TypeError` if it is no number.
 */
export function normalizeAxis(axis: number, shape: readonly number[], what: string): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= shape.length) {
    checkIsNumber(what, "an axis", axis);
    throw new RangeError(
      `Cannot ${what} along axis ${axis}: the shape ${formatShape(shape)} has ${shape.length} axes`,
    );
  }
  return normal;
}

/**
 * Resolves axes, by default all of them, in ascending order; throws as for one, and a `RangeError`
 * if one occurs twice.
 */
export function normalizeAxes(
  axes: number | readonly number[] | undefined,
  shape: readonly number[],
  what: string,
): number[] {
  if (axes === undefined) return shape.map((_, axis) => axis);
  const given = typeof axes === "number" ? [axes] : axes;
  checkList(what, "an axis or a list of axes, as in 1 or [0, 1]", given);
  const normal = given.map((axis) => normalizeAxis(axis, shape, what));
  if (new Set(normal).size !== normal.length) {
    throw new RangeError(`Cannot ${what} along axes ${formatShape(given)}: one is named twice`);
  }
  return normal.sort((a, b) => a - b);
}

/**
 * The broadcast shape, by NumPy's rules: shapes are aligned at the last axis, and a length of 1 is
 * repeated.
 *
 * @throws {RangeError} If two lengths differ and neither is 1.
 *
 * @example
 * ```ts
 * import { broadcastShapes } from "./layout.ts";
 *
 * const shape = broadcastShapes([[3, 1], [4]], "add");
 * if (shape.join() !== "3,4") throw new Error(`got ${shape}`);
 * ```
 */
export function broadcastShapes(shapes: readonly (readonly number[])[], what: string): number[] {
  let rank = 0;
  for (const shape of shapes) rank = Math.max(rank, shape.length);
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const skip = rank - shape.length;
    for (let axis = 0; axis < shape.length; axis++) {
      const length = shape[axis]!;
      const other = result[skip + axis]!;
      if (length === other || length === 1) continue;
      if (other !== 1) {
        throw new RangeError(
          `Cannot ${what}: the shapes ${shapes.map(formatShape).join(" and ")} do not broadcast ` +
            `(${other} against ${length} at axis ${axis - shape.length})`,
        );
      }
      result[skip + axis] = length;
    }
  }
  return result;
}

/**
 * The strides that broadcast a tensor to the shape `target`: 0 along repeated axes. Throws a
 * `RangeError` if it does not broadcast.
 */
export function broadcastStrides(
  shape: readonly number[],
  strides: readonly number[],
  target: readonly number[],
  what: string,
): number[] {
  const skip = target.length - shape.length;
  let fits = skip >= 0;
  const result = new Array<number>(target.length).fill(0);
  for (let axis = 0; fits && axis < shape.length; axis++) {
    const length = shape[axis]!;
    if (length !== 1) result[skip + axis] = strides[axis]!;
    fits = length === 1 || length === target[skip + axis];
  }
  if (!fits) {
    throw new RangeError(
      `Cannot ${what}: ${formatShape(shape)} does not broadcast to ${formatShape(target)}`,
    );
  }
  return result;
}

/** The axes of `target` along which a tensor of `shape` is repeated. */
export function broadcastAxes(shape: readonly number[], target: readonly number[]): number[] {
  const skip = target.length - shape.length;
  return target.flatMap((length, axis) =>
    axis < skip || (shape[axis - skip] === 1 && length !== 1) ? [axis] : []
  );
}

/** Resolves a −1 in a new shape; throws a `RangeError` if it has another number of elements. */
export function resolveShape(shape: readonly number[], old: readonly number[]): number[] {
  const size = sizeOf(old);
  const open = shape.indexOf(-1);
  const resolved = [...shape];
  if (open >= 0) {
    resolved[open] = 1;
    const rest = sizeOf(resolved);
    resolved[open] = rest === 0 ? 0 : size / rest;
  }
  let isValid = sizeOf(resolved) === size;
  for (const length of resolved) isValid &&= Number.isInteger(length) && length >= 0;
  if (!isValid) {
    throw new RangeError(
      `Cannot reshape ${formatShape(old)} to ${formatShape(shape)}: it has ${size} elements`,
    );
  }
  return resolved;
}

/**
 * The strides of a reshaped view, or `null` if it requires a copy: joins old axes that are
 * contiguous, and divides each group among new axes, from the last on.
 */
export function reshapeStrides(
  shape: readonly number[],
  strides: readonly number[],
  target: readonly number[],
): number[] | null {
  if (isContiguous(shape, strides)) return contiguousStrides(target);
  const groups: { size: number; stride: number }[] = [];
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const before = groups.at(-1);
    const stride = strides[axis]!;
    if (before?.stride !== length * stride) groups.push({ size: length, stride });
    else groups[groups.length - 1] = { size: before.size * length, stride };
  });
  const result = new Array<number>(target.length);
  for (let axis = target.length - 1; axis >= 0; axis--) {
    const group = groups.at(-1)!;
    result[axis] = group.stride;
    group.stride *= target[axis]!;
    group.size /= target[axis]!;
    if (!Number.isInteger(group.size)) return null;
    if (group.size === 1 && groups.length > 1) groups.pop();
  }
  return result;
}

// --- Layouts ----------------------------------------------------------------------------------

/** The dtype and the shape of a tensor, known before it is computed. */
export interface Specification {
  /** Element dtype. */
  readonly dtype: DType;
  /** Length of each axis; `[]` for a scalar. */
  readonly shape: readonly number[];
}

/** Everything about where the elements of a tensor lie, but the address. */
export interface TensorLayout extends Specification {
  /** Stride of each axis in elements; 0 for a broadcast axis. */
  readonly strides: readonly number[];
}

/** The cache is cleared when it exceeds this size: shapes that keep growing never recur. */
const MAX_ENTRIES = 256;

/**
 * Caches whatever follows from the dtypes, shapes and strides of operands alone: validation, result
 * shapes, kernels. A model repeats a few layouts, and a lookup takes a tenth of the computation.
 * Addresses and values are not part of a layout, so nothing that changes between calls can be
 * cached by mistake.
 */
export class LayoutCache<T> {
  readonly #entries = new Map<number, Entry<T>>();

  /** The result for these operands and `variant`, whatever else it depends on. */
  get(operands: readonly TensorLayout[], variant: number): T | undefined {
    const entry = this.#entries.get(hashOf(operands, variant));
    const isFound = entry?.variant === variant && sameLayouts(entry.layouts, operands);
    return isFound ? entry.value : undefined;
  }

  /** Stores a result, and returns it: `cache.get(…) ?? cache.set(…)` needs no closure. */
  set(operands: readonly TensorLayout[], variant: number, value: T): T {
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    const layouts = operands.map(({ dtype, shape, strides }) => ({ dtype, shape, strides }));
    this.#entries.set(hashOf(operands, variant), { variant, layouts, value });
    return value;
  }
}

interface Entry<T> {
  readonly variant: number;
  readonly layouts: readonly TensorLayout[];
  readonly value: T;
}

function hashOf(operands: readonly TensorLayout[], variant: number): number {
  let hash = variant;
  for (let i = 0; i < operands.length; i++) {
    const { dtype, shape, strides } = operands[i]!;
    hash = Math.imul(hash, 31) + 4 * shape.length + Number(dtype === "float16") +
      2 * Number(dtype === "bfloat16");
    for (let axis = 0; axis < shape.length; axis++) {
      hash = Math.imul(Math.imul(hash, 31) + shape[axis]!, 31) + strides[axis]! | 0;
    }
  }
  return hash;
}

function sameLayouts(a: readonly TensorLayout[], b: readonly TensorLayout[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const one = a[i]!;
    const other = b[i]!;
    if (one.dtype !== other.dtype) return false;
    if (!shapesEqual(one.shape, other.shape)) return false;
    if (!shapesEqual(one.strides, other.strides)) return false;
  }
  return true;
}
