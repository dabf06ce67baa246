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
  VectorOf,
} from "./language.ts";

/**
 * The WebAssembly of a kernel. Its argument words are the address of each buffer, the integer
 * arguments, and the float arguments. Its scratch memory holds the shared floats, then the vectors of the array.
 */
export function toWasm<B extends BufferTypes, A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
): WasmKernel {
  const { key, buffers, arguments: names, floats = [], spread, shared = 0 } = signature;
  return {
    key,
    emit: emitKernel((f, parameters) => {
      const { words, start, end } = parameters;
      let offset = -4;
      const nextWord = () => f.local(words.loadI32(offset += 4));
      const nextFloat = () => f.local(words.loadF32(offset += 4));
      const operands = Object.fromEntries(
        Object.entries(buffers).map((
          [name, type],
        ) => [name, new WasmBuffer(f, type, nextWord())]),
      );
      const arguments_ = Object.fromEntries(names.map((name) => [name, nextWord()]));
      const numbers = Object.fromEntries(floats.map((name) => [name, nextFloat()]));
      const k = new WasmBuilder(f, parameters, shared);
      // The objects have exactly the names that the types list.
      const write = (item: I32) => body(k, item, operands as never, arguments_ as never, numbers);
      if (spread === "ranges") write(start);
      else f.forRange(start, end, 1, write);
    }),
  };
}

/** An integer, as the language's `Index`. */
type Index = I32 | number;

/** Writes WebAssembly. */
export class WasmBuilder implements KernelBuilder {
  readonly inTurn = true;
  readonly maxInTurn = 4;
  readonly int: typeof I32.of = I32.of;
  readonly float: typeof F32.of = F32.of;
  readonly vector: typeof F32x4.of = F32x4.of;
  readonly intVector: typeof I32x4.of = I32x4.of;
  readonly laneOf: typeof F32.lane = F32.lane;
  readonly first: I32x4 = I32x4.lanes(-1, 0, 0, 0);
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
  exp(x: F32x4): F32x4 {
    return exp(this.#f, x);
  }
  expOfNonPositive(x: F32x4): F32x4 {
    return expOfNonPositive(this.#f, x);
  }
  call(_name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector {
    return body(this, x);
  }
  wrap(integers: I32x4): F32x4 {
    return integers.asF32x4();
  }
  unwrap(wrapped: F32x4): I32x4 {
    return wrapped.bits();
  }
  splat(value: I32): I32x4;
  splat(value: F32): F32x4;
  splat(value: I32 | F32): I32x4 | F32x4 {
    return value.splat();
  }
  indices(first: I32): I32x4 {
    return first.splat().add(I32x4.lanes(0, 1, 2, 3));
  }
  vectorOf([first, ...others]: readonly F32[]): F32x4 {
    return others.reduce((vector, lane, i) => vector.withLane(i + 1, lane), first!.splat());
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
  vectors(
    from: Index,
    to: I32,
    inTurn: number,
    body: (at: I32, vectors: number, isSingle: boolean) => void,
  ): void {
    const f = this.#f;
    const at = f.local(typeof from === "number" ? I32.of(from) : from);
    const visit = (vectors: number, isSingle: boolean) => {
      body(at, vectors, isSingle);
      f.set(at, at.add(isSingle ? 1 : 4 * vectors));
    };
    for (const vectors of inTurn > 1 ? [inTurn, 1] : [1]) {
      const last = f.local(to.subtract(4 * vectors));
      f.if(at.lessEqual(last), () =>
        f.doWhile(() => {
          visit(vectors, false);
          return at.lessEqual(last);
        }));
    }
    f.while(at.less(to), () => visit(1, true));
  }
  sumBlock(inTurn: number): number {
    return 256 * 4 * inTurn;
  }
  while(condition: I32, body: () => void): void {
    this.#f.while(condition, body);
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
  acrossRow(
    values: readonly F32x4[],
    combine: (i: number, a: F32x4, b: F32x4) => F32x4,
  ): readonly F32x4[] {
    return values.map((value, i) => this.#f.acrossLanes(value, (a, b) => combine(i, a, b)));
  }
  eachLane(count: Index, body: (lane: I32) => void): void {
    this.loop(0, count, body);
  }
  once(body: () => void): void {
    body();
  }
  summarize(): boolean {
    return false;
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
    return index === 0 ? this.#address : this.#address.add(this.#bytes(index));
  }
  /** An address and an offset in bytes, for which a constant index costs no instruction. */
  #place(index: Index): readonly [I32, number] {
    return typeof index === "number" ? [this.#address, index << this.#shift] : [this.#at(index), 0];
  }
  /** Four numbers of memory as a vector of this type. */
  #typed(four: F32x4): VectorOf<T> & WasmValue {
    const typed = this.#type.includes("i32") ? four.bits() : four;
    return typed as VectorOf<T> & typeof typed;
  }
  distance(count: I32): I32 {
    return this.#f.local(this.#bytes(count));
  }
  from(index: Index, stride?: I32): WasmBuffer<T> {
    const start = stride === undefined ? this.#at(index) : this.#after(index, 0, stride);
    return new WasmBuffer(this.#f, this.#type, this.#f.local(start));
  }
  /** The address of an element that is so many strides after an index, which counts in strides. */
  #after(index: Index, lane: number, stride: I32): I32 {
    const steps = typeof index === "number" ? index + lane : index.add(lane);
    return steps === 0 ? this.#address : this.#address.add(stride.multiply(steps));
  }
  move(count: Index): void {
    this.#f.set(this.#address as Local<I32>, this.#at(count));
  }
  load(index: Index): Elements[T] {
    const [at, offset] = this.#place(index);
    return LOADS[this.#type](at, offset);
  }
  loadSplat(index: Index): VectorOf<T> {
    const [at, offset] = this.#place(index);
    return this.#typed(at.loadSplat(offset));
  }
  store(index: Index, value: Elements[T] & WasmValue): void {
    const [at, offset] = this.#place(index);
    this.#f.store(at, value, offset);
  }
  loadVector(index: Index, { stride, isSingle = false }: Strided = {}): VectorOf<T> & WasmValue {
    if (stride !== undefined && !isSingle) {
      const at = (lane: number) => this.#after(index, lane, stride);
      const first = at(0).loadLane0();
      return this.#typed([1, 2, 3].reduce((four, lane) => at(lane).loadLane(four, lane), first));
    }
    const [at, offset] = this.#place(index);
    return this.#typed(isSingle ? at.loadLane0(offset) : at.loadF32x4(offset));
  }
  storeVector(
    index: Index,
    value: VectorOf<T> & WasmValue,
    { stride, isSingle = false }: Strided = {},
  ): void {
    const [at, offset] = this.#place(index);
    if (isSingle) return this.#f.storeLane(at, value, 0, offset);
    if (stride === undefined) return this.#f.store(at, value, offset);
    const four = this.#f.local(value);
    for (let lane = 0; lane < 4; lane++) {
      this.#f.storeLane(this.#after(index, lane, stride), four, lane);
    }
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

interface Strided {
  readonly stride?: I32;
  readonly isSingle?: boolean;
}
