/**
 * The kernel language: a kernel's body, written once, runs on every device.
 *
 * A body is a TypeScript function that writes statements to a {@linkcode KernelBuilder}, over values
 * of the types {@linkcode Int}, {@linkcode Float}, {@linkcode Vector} and {@linkcode Condition}.
 * `wasm.ts` prints it as WebAssembly and `wgsl.ts` as WGSL; `run.ts` runs it. Most bodies are written
 * by hand; those of formulas are written by `lower.ts`.
 *
 * A value is *code*, not a result: using it twice computes it twice. {@linkcode KernelBuilder.let}
 * computes it once and names it.
 *
 * @module
 */

import type { Program } from "../formula/program.ts";

/** The methods that all kinds of numbers have; `C` is a comparison's result. */
interface Numbers<V, C> {
  add(other: V | number): V;
  subtract(other: V | number): V;
  multiply(other: V | number): V;
  less(other: V | number): C;
}

/** A 32-bit integer: an index, a size, a flag. Wraps around. */
export interface Int extends Numbers<Int, Condition> {
  /** The quotient, rounded toward 0; `other` is not 0. */
  divide(other: Int | number): Int;
  /** The remainder of {@linkcode Int.divide}. */
  remainder(other: Int | number): Int;
  /** The smaller one. Uses both twice: name them first. */
  min(other: Int | number): Int;
  /** As unsigned numbers, where a negative one is large: one comparison checks both bounds. */
  lessUnsigned(other: Int | number): Condition;
  equal(other: Int | number): Condition;
  notEqual(other: Int | number): Condition;
  /** Bitwise. */
  and(other: Int | number): Int;
  or(other: Int | number): Int;
  shiftLeft(bits: number): Int;
  /** Copies the sign in from the left. */
  shiftRight(bits: number): Int;
  /** The float with these bits. */
  asF32(): Float;
}

/** A single-precision float. GPUs may assume that none is NaN: test its bits instead. */
export interface Float extends Numbers<Float, Condition> {
  lessEqual(other: Float | number): Condition;
  greater(other: Float | number): Condition;
  /** The bits. */
  asI32(): Int;
}

/** The methods that vectors of floats and of integers have. */
export interface Lanes<V> extends Numbers<V, Mask> {
  negate(): V;
  /** NaN if either is NaN, as is the maximum. */
  min(other: V | number): V;
  max(other: V | number): V;
  lessEqual(other: V | number): Mask;
  equal(other: V | number): Mask;
  notEqual(other: V | number): Mask;
}

/** Four floats; on a GPU one, in a kernel whose {@linkcode Signature.width} is 1. */
export interface Vector extends Lanes<Vector> {
  divide(other: Vector | number): Vector;
  /** This · `factor` + `summand`, rounded once where the device can. */
  multiplyAdd(factor: Vector | number, summand: Vector | number): Vector;
  /** `minuend` − this · `factor`, rounded likewise. */
  negativeMultiplyAdd(factor: Vector | number, minuend: Vector | number): Vector;
  abs(): Vector;
  sqrt(): Vector;
  floor(): Vector;
  /** The nearest integer, half to even. */
  nearest(): Vector;
  /** The minimum where neither is NaN, in one instruction, as is the maximum. */
  pseudoMin(other: Vector | number): Vector;
  pseudoMax(other: Vector | number): Vector;
  /** Where it is NaN. Uses it twice: name it first. */
  isNaN(): Mask;
  /** The nearest number from `low` to `high`, or NaN. */
  clamp(low: number, high: number): Vector;
  greater(other: Vector | number): Mask;
  /** Truncates; saturates out of range, 0 for NaN. */
  toI32x4(): IntVector;
  /** The integers with these bits. */
  bits(): IntVector;
}

/** As many integers as floats in a {@linkcode Vector}. They wrap around. */
export interface IntVector extends Lanes<IntVector> {
  /** Bitwise. */
  and(other: number): IntVector;
  or(other: IntVector | number): IntVector;
  xor(other: IntVector | number): IntVector;
  shiftLeft(bits: number): IntVector;
  /** Copies the sign in from the left. */
  shiftRight(bits: number): IntVector;
  /**
   * Adds the products of the 4 × 4 signed bytes of both to `sum`. Only the total of its lanes is
   * defined: a device adds a product to the lane that suits it. Uses both twice: name them first.
   */
  dotBytes(other: IntVector, sum: IntVector): IntVector;
  toF32x4(): Vector;
  /** The floats with these bits. */
  asF32x4(): Vector;
}

/** As many conditions as floats in a {@linkcode Vector}. */
export interface Mask {
  /** Where both hold. */
  both(other: Mask): Mask;
  /** Where one of them holds. */
  either(other: Mask): Mask;
  /** `a` where it holds, else `b`, which may be NaN. */
  select(a: Vector, b: Vector): Vector;
  select(a: IntVector, b: IntVector): IntVector;
  /** An integer where it holds, else 0. */
  where(value: number): IntVector;
}

/** A comparison's result. As operands, the numbers 1 and 0 mean that it holds or not. */
export interface Condition {
  and(other: Condition | number): Condition;
  or(other: Condition | number): Condition;
}

/** Any value. */
export type Value = Int | Float | Vector | IntVector | Mask | Condition;

/** The types of elements in memory, and the values that kernels load of them. */
export interface Elements {
  f32: Float;
  /** 16 bits, in memory only: see `halves.ts`. On a GPU, `f16` is an element of its own, if at all. */
  bf16: Float;
  f16: Float;
  i32: Int;
  "vec4<f32>": Vector;
  "vec4<bf16>": Vector;
  "vec4<f16>": Vector;
  "vec4<i32>": IntVector;
}

/** A type of elements in memory. */
export type ElementType = keyof Elements;

/** A vector of elements: integers, or floats of any precision in memory. */
export type VectorOf<T extends ElementType> = T extends "i32" | "vec4<i32>" ? IntVector : Vector;

/** A computed or a constant integer. */
export type Index = Int | number;

/** Which elements a vector is of. */
export interface VectorOptions {
  /** The {@linkcode Buffer.distance} to the next element, which the index counts in. @default {adjacent ones} */
  readonly stride?: Int;
  /** Whether only the first number is one of the row, which ends there. @default {false} */
  readonly isSingle?: boolean;
  /**
   * Whether a NaN that is stored may only have the bits of a `bf16`, as if it came from one or from an
   * operation: rounding keeps these, and those of other NaN take two instructions more. @default {false}
   */
  readonly isShort?: boolean;
}

/**
 * Eight adjacent elements of 16 bits as two vectors: those with even and those with odd indices. Words
 * of memory become them, and they words, by fewer instructions than elements in order.
 */
export interface Pair {
  load(isOdd: boolean): Vector;
  /** @param isShort See {@linkcode VectorOptions.isShort}. */
  store(even: Vector, odd: Vector, isShort: boolean): void;
}

/** Elements of memory. Indices count elements from its start. */
export interface Buffer<T extends ElementType> {
  /** The elements from an index on as a pair, where that is faster than single vectors. */
  readonly pair?: ((index: Index) => Pair) | undefined;
  /** A number of elements, named, as the device counts memory: the distance between those that lie apart. */
  distance(count: Int): Int;
  /**
   * The elements from an index on, as a buffer, whose indices start there.
   *
   * @param stride What the index counts in. @default {elements}
   */
  from(index: Index, stride?: Int): Buffer<T>;
  /** Moves its start by so many elements. */
  move(count: Index): void;
  load(index: Index): Elements[T];
  /** An element in all numbers of a vector. */
  loadSplat(index: Index): VectorOf<T>;
  store(index: Index, value: Elements[T]): void;
  /** A vector of elements, from any index on. */
  loadVector(index: Index, options?: VectorOptions): VectorOf<T>;
  storeVector(index: Index, value: VectorOf<T>, options?: VectorOptions): void;
  /** Sets elements to a number, {@linkcode KernelBuilder.spread} over the item's threads. */
  fill(index: Index, count: Index, value: Int | Float | 0): void;
  /** Copies elements of another buffer, spread likewise. */
  copy(index: Index, from: Buffer<T>, fromIndex: Index, count: Index): void;
}

/** Options for {@linkcode KernelBuilder.loop}. */
export interface LoopOptions {
  /** Added to the index after each iteration. @default {1} */
  readonly step?: number;
  /**
   * How often to repeat the body within an iteration on the CPU, for short ones; compilers for GPUs
   * do so on their own. @default {1}
   */
  readonly unroll?: number;
}

/** Writes computations with vectors. */
export interface VectorBuilder {
  /** Computes a value here, and names it. */
  let<T extends Value>(value: T): T;
  /** A vector of one number. */
  vector(value: number): Vector;
  intVector(value: number): IntVector;
  /** eˣ, which GPUs compute themselves. */
  exp(x: Vector): Vector;
  /** eˣ for x ≤ 0, maybe 0 for the smallest results. */
  expOfNonPositive(x: Vector): Vector;
  /** Computes `body` of `x`, which pseudo-code shows by its name. */
  call(name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector;
}

/** Writes the statements of a kernel. */
export interface KernelBuilder extends VectorBuilder {
  int(value: number): Int;
  float(value: number): Float;
  /** A number in all numbers of a vector. */
  splat(value: Int): IntVector;
  splat(value: Float): Vector;
  /** Holds for the first of four numbers. */
  readonly first: Mask;
  /** A vector of integers: `first`, and those after it. */
  indices(first: Int): IntVector;
  /** A vector of four floats. */
  vectorOf(lanes: readonly Float[]): Vector;
  /** One of four floats: number 0, 1, 2 or 3. */
  laneOf(vector: Vector, number: number): Float;
  /** Vectors that are read by an index which is not a constant. */
  array(vectors: readonly Vector[]): Pick<Buffer<"vec4<f32>">, "load">;
  /** A variable with this initial value. */
  variable<T extends Value>(value: T): T;
  /** Assigns a {@linkcode KernelBuilder.variable}. */
  set<T extends Value>(variable: T, value: T): void;
  /** `for (i = from; i < to; i += step)` */
  loop(from: Index, to: Index, body: (i: Int) => void, options?: LoopOptions): void;
  /**
   * Visits the elements of a row, or of a part of it, as vectors: some in turn while there are so many,
   * then one by one, then single elements. On a GPU the lanes of a team share them, and the part is a
   * whole number of vectors.
   *
   * @param inTurn How many vectors a visit is of, at most {@linkcode KernelBuilder.maxInTurn}.
   */
  vectors(
    from: Index,
    to: Index,
    inTurn: number,
    body: (at: Int, vectors: number, isSingle: boolean) => void,
  ): void;
  /** Maximum vectors of a visit: 1 where threads hide the latency of instructions. */
  readonly maxInTurn: number;
  /** Elements of a row to add up before a sum is moved to its total: few enough to be accurate. */
  sumBlock(inTurn: number): number;
  while(condition: Condition, body: () => void): void;
  if(condition: Condition, then: () => void, otherwise?: () => void): void;
  /** Runs `body` if the condition does not hold. */
  unless(condition: Condition, body: () => void): void;

  /**
   * `for (i = 0; i < count; i += 1)`, in any order and at once by all threads of the item: of a
   * kernel for `rows`, on a GPU. There, the other statements run in each of them.
   */
  spread(count: Index, body: (i: Int) => void): void;

  /** The end of the range of a kernel for `ranges`. */
  readonly end: Int;

  /**
   * Combines the numbers of each vector, over all lanes of a team, which all get the results.
   *
   * @param combine Reduces two numbers of value `i` to one.
   */
  acrossRow(
    values: readonly Vector[],
    combine: (i: number, a: Vector, b: Vector) => Vector,
  ): readonly Vector[];

  /** Floats of a thread of the CPU, as many as a dispatch asks for; undefined at first. */
  readonly scratch?: Buffer<"f32">;
  /** Whether a thread has items one after the other, as on a CPU, instead of a single one. */
  readonly inTurn: boolean;
  /** Runs `body` once for each item, instead of in each lane of its team. */
  once(body: () => void): void;
  /** Only in pseudo-code: writes a line that stands for statements, which the caller leaves out. */
  summarize?(line: string): true;
}

/** The threads of a workgroup that compute items together: powers of two. */
export interface Team {
  /** Items of a workgroup. */
  readonly items: number;
  /** Threads of each item. */
  readonly lanes: number;
  /** Whether adjacent threads have adjacent items, instead of one. @default {false} */
  readonly itemsFirst?: boolean;
}

/** The types of a kernel's buffers, by name. */
export type BufferTypes = Readonly<Record<string, ElementType>>;

/** Everything about a kernel but its body. */
export interface Signature<B extends BufferTypes, A extends string> {
  /** Names the kernel, and identifies all that its code depends on. */
  readonly key: string;
  /** The buffers, in the order of the views. */
  readonly buffers: B;
  /** Names of the buffers that are written. */
  readonly writes: readonly (keyof B & string)[];
  /**
   * Buffers that may lie in the memory of another one, of other elements of four bytes: WebGPU binds
   * that one for both.
   */
  readonly within?: Readonly<Record<string, keyof B & string>>;
  /** Buffers whose vectors all begin at multiples of four elements: WebGPU binds them as vectors. */
  readonly aligned?: readonly (keyof B & string)[];
  /** Names of the integer arguments. */
  readonly arguments: readonly A[];
  /** Names of the float arguments. @default {[]} */
  readonly floats?: readonly string[];
  /**
   * How many threads of a GPU share an item. On the CPU one thread has many items.
   *
   * - `items`: a thread.
   * - `ranges`: a thread. The body gets the first of a range of items, and `k.end`: all the items of
   *   a thread on the CPU, and one on a GPU.
   * - `rows`: threads along the row that is the item.
   *
   * @default {"items"}
   */
  readonly spread?: "items" | "ranges" | "rows";
  /** The threads of a GPU, in a kernel for `ranges`. @default {one for each item} */
  readonly team?: Team;
  /** Numbers of a vector on a GPU. @default {4} */
  readonly width?: 1 | 4;
  /** Number of vectors in the {@linkcode KernelBuilder.array}, if there is one. */
  readonly vectors?: number;
}

/** Writes a kernel for one item, which is its number or the first of a range. */
export type KernelBody<B extends BufferTypes, A extends string> = (
  k: KernelBuilder,
  item: Int,
  buffers: { readonly [N in keyof B]: Buffer<B[N]> },
  arguments_: Readonly<Record<A, Int>>,
  floats: Readonly<Record<string, Float>>,
) => void;

/** The source of a printed kernel: its body, and the program that was lowered to it, if any. */
export interface KernelSource {
  readonly signature: Signature<BufferTypes, string>;
  readonly body: KernelBody<BufferTypes, string>;
  readonly program: Program | null;
}
