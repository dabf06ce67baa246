/** Prints a kernel as WebAssembly: values are those of the emitter. @module */

import type { WasmKernel } from "../device.ts";
import {
  emitKernel,
  exp,
  expOfNonPositive,
  F32,
  F32x4,
  type FunctionBuilder,
  I32,
  I32x4,
  type KernelParameters,
  type Local,
  type Value as WasmValue,
} from "../devices/cpu/emitter/mod.ts";
import { Error } from "../errors.ts";
import { computeFloats, computeIntegers } from "./arithmetic.ts";
import type { Arithmetic } from "./formulas.ts";
import type {
  Buffer,
  BufferTypes,
  Condition,
  Elements,
  ElementType,
  Float,
  Index,
  Int,
  IntVector,
  KernelBody,
  KernelBuilder,
  LoopOptions,
  Signature,
  Value,
  Vector,
  VectorBuilder,
} from "./language.ts";

/**
 * The WebAssembly of a kernel. Its argument words are the address of each buffer, then the integer
 * arguments. Its scratch memory holds the shared floats, then the vectors of the array.
 */
export function toWasm<B extends BufferTypes, A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
): WasmKernel {
  const { key, buffers, arguments: names, spread, shared = 0 } = signature;
  return {
    key,
    emit: emitKernel((f, parameters) => {
      const { words, start, end } = parameters;
      let offset = -4;
      const nextWord = () => f.local(words.loadI32(offset += 4));
      const operands = Object.fromEntries(
        Object.entries(buffers).map((
          [name, type],
        ) => [name, new WasmBuffer(f, type, nextWord())]),
      );
      const arguments_ = Object.fromEntries(names.map((name) => [name, nextWord()]));
      const k = new WasmBuilder(f, parameters, shared);
      // The objects have exactly the names that the types list.
      const write = (item: Int) => body(k, item, operands as never, arguments_ as never);
      if (spread === "ranges") write(start);
      else f.forRange(start, end, 1, write);
    }),
  };
}

const int = (value: Int | Condition): I32 => value as I32;
const valueOf = (value: Value): Local<WasmValue> => value as unknown as Local<WasmValue>;

const vector = (value: Vector): F32x4 => value as F32x4;

/** Writes a computation of the language in a kernel of the emitter. */
export function writeVector(f: FunctionBuilder, body: (k: VectorBuilder) => Vector): F32x4 {
  return vector(body(new WasmVectorBuilder(f)));
}

/** The arithmetic of formulas. Integers are held as the floats with their bits. */
export function wasmArithmetic(f: FunctionBuilder, isInteger: boolean): Arithmetic<F32x4> {
  const k = new WasmVectorBuilder(f);
  return {
    let: (value) => f.local(value),
    compute: isInteger
      ? (e, valueOf) => vector(computeIntegers(k, e, (a) => valueOf(a).bits()).asF32x4())
      : (e, valueOf, isFree) => vector(computeFloats(k, e, valueOf, isFree)),
  };
}

class WasmVectorBuilder implements VectorBuilder {
  protected readonly f: FunctionBuilder;

  constructor(f: FunctionBuilder) {
    this.f = f;
  }
  let<T extends Value>(value: T): T {
    return this.f.local(valueOf(value)) as unknown as T;
  }
  vector(value: number): Vector {
    return F32x4.of(value);
  }
  intVector(value: number): IntVector {
    return I32x4.of(value);
  }
  exp(x: Vector): Vector {
    return exp(this.f, vector(x));
  }
  expOfNonPositive(x: Vector): Vector {
    return expOfNonPositive(this.f, vector(x));
  }
  call(_name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector {
    return body(this, x);
  }
}

class WasmBuilder extends WasmVectorBuilder implements KernelBuilder {
  readonly inTurn = true;
  readonly end: Int;
  readonly shared: Buffer<"f32">;
  readonly #array: WasmBuffer<"vec4<f32>">;

  constructor(f: FunctionBuilder, { end, scratch }: KernelParameters, shared: number) {
    super(f);
    this.end = end;
    this.shared = new WasmBuffer(f, "f32", scratch);
    this.#array = new WasmBuffer(f, "vec4<f32>", scratch.add(4 * shared));
  }
  int(value: number): Int {
    return I32.of(value);
  }
  float(value: number): Float {
    return F32.of(value);
  }
  vectorOf(lanes: readonly Float[]): Vector {
    const [first, ...others] = lanes as readonly F32[];
    return others.reduce((vector, lane, i) => vector.withLane(i + 1, lane), first!.splat());
  }
  laneOf(value: Vector, number: number): Float {
    return F32.lane(vector(value), number);
  }
  array(vectors: readonly Vector[]): Buffer<"vec4<f32>"> {
    vectors.forEach((vector, i) => this.#array.store(i, vector));
    return this.#array;
  }
  condition(value: boolean): Condition {
    return I32.of(Number(value));
  }
  variable<T extends Value>(value: T): T {
    return this.let(value);
  }
  set<T extends Value>(variable: T, value: T): void {
    this.f.set(valueOf(variable), valueOf(value));
  }
  loop(
    from: Index,
    to: Index,
    body: (i: Int) => void,
    { step = 1, unroll = 1 }: LoopOptions = {},
  ): void {
    const end = typeof to === "number" ? I32.of(to) : this.f.local(int(to));
    let next = typeof from === "number" ? I32.of(from) : int(from);
    if (unroll > 1) {
      this.f.forRange(next, end.subtract((unroll - 1) * step), unroll * step, (i) => {
        for (let j = 0; j < unroll; j++) body(j === 0 ? i : this.f.local(i.add(j * step)));
        next = i;
      });
    }
    this.f.forRange(next, end, step, body);
  }
  if(condition: Condition, then: () => void, otherwise?: () => void): void {
    this.f.if(int(condition), then, otherwise);
  }
  unless(condition: Condition, body: () => void): void {
    this.f.if(int(condition).isZero(), body);
  }
  spread(count: Index, body: (i: Int) => void): void {
    this.loop(0, count, body);
  }
  owner(_index: Int, body: () => void): void {
    body();
  }
  eachLane(count: Index, body: (lane: Int) => void): void {
    this.loop(0, count, body);
  }
  once(body: () => void): void {
    body();
  }
}

class WasmBuffer<T extends ElementType> implements Buffer<T> {
  readonly #f: FunctionBuilder;
  readonly #type: T;
  readonly #address: I32;
  /** Bits to shift an index by, to get bytes. */
  readonly #shift: 2 | 4;

  constructor(f: FunctionBuilder, type: T, address: I32) {
    if (type.includes("f16")) {
      throw new Error(`Cannot print a kernel as WebAssembly: wanted no float16, got ${type}`);
    }
    this.#f = f;
    this.#type = type;
    this.#address = address;
    this.#shift = type.startsWith("vec4") ? 4 : 2;
  }
  #bytes(count: Index): I32 {
    return typeof count === "number"
      ? I32.of(count << this.#shift)
      : int(count).shiftLeft(this.#shift);
  }
  #at(index: Index): I32 {
    return this.#address.add(this.#bytes(index));
  }
  /** An address and an offset in bytes, for which a constant index costs no instruction. */
  #place(index: Index): readonly [I32, number] {
    return typeof index === "number" ? [this.#address, index << this.#shift] : [this.#at(index), 0];
  }
  from(index: Index): Buffer<T> {
    return new WasmBuffer(this.#f, this.#type, this.#f.local(this.#at(index)));
  }
  load(index: Index): Elements[T] {
    const [at, offset] = this.#place(index);
    const value = this.#type === "f32"
      ? at.loadF32(offset)
      : this.#type === "i32"
      ? at.loadI32(offset)
      : this.#type === "vec4<f32>"
      ? at.loadF32x4(offset)
      : at.loadI32x4(offset);
    return value as unknown as Elements[T];
  }
  loadSplat(index: Index): Vector {
    const [at, offset] = this.#place(index);
    return at.loadSplat(offset);
  }
  store(index: Index, value: Value): void {
    const [at, offset] = this.#place(index);
    this.#f.store(at, valueOf(value), offset);
  }
  loadFour(index: Index): Vector {
    const [at, offset] = this.#place(index);
    return at.loadF32x4(offset);
  }
  storeFour(index: Index, value: Vector): void {
    this.store(index, value);
  }
  clear(index: Index, count: Index): void {
    this.#f.clearMemory(this.#at(index), this.#bytes(count));
  }
  fill(index: Index, count: Index, value: Int | Float): void {
    const address = this.#f.local(this.#at(index));
    // A vector is four numbers, too.
    this.#f.forRange(0, this.#bytes(count), 4, (byte) => {
      this.#f.store(address.add(byte), valueOf(value));
    });
  }
  copy(index: Index, from: Buffer<T>, fromIndex: Index, count: Index): void {
    const source = (from as WasmBuffer<T>).#at(fromIndex);
    this.#f.copyMemory(this.#at(index), source, this.#bytes(count));
  }
}
