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
} from "./emitter/mod.ts";
import { Error } from "../errors.ts";
import { type Arithmetic, floatArithmetic, integerArithmetic } from "./arithmetic.ts";
import type {
  Buffer,
  BufferTypes,
  Elements,
  ElementType,
  KernelBody,
  KernelBuilder,
  LoopOptions,
  Signature,
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
      const write = (item: I32) => body(k, item, operands as never, arguments_ as never);
      if (spread === "ranges") write(start);
      else f.forRange(start, end, 1, write);
    }),
  };
}

/** The arithmetic of formulas. Integers are held as the floats with their bits. */
export function wasmArithmetic(k: WasmBuilder, isInteger: boolean): Arithmetic {
  return isInteger
    ? integerArithmetic(k, (integers) => integers.asF32x4(), (vector) => vector.bits())
    : floatArithmetic(k);
}

/** An integer, as the language's `Index`. */
type Index = I32 | number;

/** Writes WebAssembly. */
export class WasmBuilder implements KernelBuilder {
  readonly inTurn = true;
  readonly end: I32;
  readonly shared: WasmBuffer<"f32">;
  readonly #f: FunctionBuilder;
  readonly #array: WasmBuffer<"vec4<f32>">;

  constructor(f: FunctionBuilder, { end, scratch }: KernelParameters, shared: number) {
    this.#f = f;
    this.end = end;
    this.shared = new WasmBuffer(f, "f32", scratch);
    this.#array = new WasmBuffer(f, "vec4<f32>", scratch.add(4 * shared));
  }
  let<T>(value: T): T {
    return this.#f.local(value as T & WasmValue);
  }
  vector(value: number): F32x4 {
    return F32x4.of(value);
  }
  intVector(value: number): I32x4 {
    return I32x4.of(value);
  }
  exp(x: F32x4): F32x4 {
    return exp(this.#f, x);
  }
  expOfNonPositive(x: F32x4): F32x4 {
    return expOfNonPositive(this.#f, x);
  }
  call(_name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector {
    return body(this, x);
  }
  int(value: number): I32 {
    return I32.of(value);
  }
  float(value: number): F32 {
    return F32.of(value);
  }
  vectorOf([first, ...others]: readonly F32[]): F32x4 {
    return others.reduce((vector, lane, i) => vector.withLane(i + 1, lane), first!.splat());
  }
  laneOf(vector: F32x4, number: number): F32 {
    return F32.lane(vector, number);
  }
  array(vectors: readonly F32x4[]): WasmBuffer<"vec4<f32>"> {
    vectors.forEach((vector, i) => this.#array.store(i, vector));
    return this.#array;
  }
  condition(value: boolean): I32 {
    return I32.of(Number(value));
  }
  variable<T>(value: T): T {
    return this.let(value);
  }
  set<T>(variable: T, value: T): void {
    this.#f.set<WasmValue>(variable as T & Local<WasmValue>, value as T & WasmValue);
  }
  loop(
    from: Index,
    to: Index,
    body: (i: I32) => void,
    { step = 1, unroll = 1 }: LoopOptions = {},
  ): void {
    const end = typeof to === "number" ? I32.of(to) : this.#f.local(to);
    let next = typeof from === "number" ? I32.of(from) : from;
    if (unroll > 1) {
      this.#f.forRange(next, end.subtract((unroll - 1) * step), unroll * step, (i) => {
        for (let j = 0; j < unroll; j++) body(j === 0 ? i : this.#f.local(i.add(j * step)));
        next = i;
      });
    }
    this.#f.forRange(next, end, step, body);
  }
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#f.if(condition, then, otherwise);
  }
  unless(condition: I32, body: () => void): void {
    this.#f.if(condition.isZero(), body);
  }
  spread(count: Index, body: (i: I32) => void): void {
    this.loop(0, count, body);
  }
  owner(_index: I32, body: () => void): void {
    body();
  }
  eachLane(count: Index, body: (lane: I32) => void): void {
    this.loop(0, count, body);
  }
  once(body: () => void): void {
    body();
  }
}

function noFloat16(): never {
  throw new Error("Cannot print a kernel as WebAssembly: wanted no float16, got f16");
}

/** How elements are loaded from an address and an offset in bytes. */
const LOADS: { readonly [T in ElementType]: (at: I32, offset: number) => Elements[T] } = {
  f32: (at, offset) => at.loadF32(offset),
  f16: noFloat16,
  i32: (at, offset) => at.loadI32(offset),
  "vec4<f32>": (at, offset) => at.loadF32x4(offset),
  "vec4<f16>": noFloat16,
  "vec4<i32>": (at, offset) => at.loadI32x4(offset),
};

class WasmBuffer<T extends ElementType> implements Buffer<T> {
  readonly #f: FunctionBuilder;
  readonly #type: T;
  readonly #address: I32;
  /** Bits to shift an index by, to get bytes. */
  readonly #shift: 2 | 4;

  constructor(f: FunctionBuilder, type: T, address: I32) {
    if (type.includes("f16")) noFloat16();
    this.#f = f;
    this.#type = type;
    this.#address = address;
    this.#shift = type.startsWith("vec4") ? 4 : 2;
  }
  #bytes(count: Index): I32 {
    return typeof count === "number" ? I32.of(count << this.#shift) : count.shiftLeft(this.#shift);
  }
  #at(index: Index): I32 {
    return this.#address.add(this.#bytes(index));
  }
  /** An address and an offset in bytes, for which a constant index costs no instruction. */
  #place(index: Index): readonly [I32, number] {
    return typeof index === "number" ? [this.#address, index << this.#shift] : [this.#at(index), 0];
  }
  from(index: Index): WasmBuffer<T> {
    return new WasmBuffer(this.#f, this.#type, this.#f.local(this.#at(index)));
  }
  load(index: Index): Elements[T] {
    const [at, offset] = this.#place(index);
    return LOADS[this.#type](at, offset);
  }
  loadSplat(index: Index): F32x4 {
    const [at, offset] = this.#place(index);
    return at.loadSplat(offset);
  }
  store(index: Index, value: Elements[T] & WasmValue): void {
    const [at, offset] = this.#place(index);
    this.#f.store(at, value, offset);
  }
  loadFour(index: Index): F32x4 {
    const [at, offset] = this.#place(index);
    return at.loadF32x4(offset);
  }
  storeFour(index: Index, value: F32x4): void {
    const [at, offset] = this.#place(index);
    this.#f.store(at, value, offset);
  }
  clear(index: Index, count: Index): void {
    this.#f.clearMemory(this.#at(index), this.#bytes(count));
  }
  fill(index: Index, count: Index, value: I32 | F32): void {
    const address = this.#f.local(this.#at(index));
    // A vector is four numbers, too.
    this.#f.forRange(0, this.#bytes(count), 4, (byte) => {
      this.#f.store(address.add(byte), value);
    });
  }
  copy(index: Index, from: WasmBuffer<T>, fromIndex: Index, count: Index): void {
    this.#f.copyMemory(this.#at(index), from.#at(fromIndex), this.#bytes(count));
  }
}
