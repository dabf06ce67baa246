/** Prints a kernel as WebAssembly: values are those of the emitter. @module */

import type { WasmKernel } from "../device.ts";
import {
  emitKernel,
  F32,
  F32x4,
  type FunctionBuilder,
  I32,
  I32x4,
  type KernelParameters,
  type Local,
  type Value as WasmValue,
} from "./emitter.ts";
import { type HalfFormat, HALVES } from "./halves.ts";
import { exp, expOfNonPositive } from "./math.ts";
import type {
  Buffer,
  BufferTypes,
  Elements,
  ElementType,
  KernelBody,
  KernelBuilder,
  LoopOptions,
  Pair,
  Signature,
  Vector,
  VectorBuilder,
  VectorOf,
  VectorOptions,
} from "./language.ts";

/**
 * The WebAssembly of a kernel. Its argument words are the address of each buffer, the integer
 * arguments, and the float arguments. Its scratch memory holds the vectors of the array, or what the
 * dispatch asks for.
 */
export function toWasm<B extends BufferTypes, A extends string>(
  signature: Signature<B, A>,
  body: KernelBody<B, A>,
): WasmKernel {
  const { key, buffers, arguments: names, floats = [], spread, vectors = 0 } = signature;
  return {
    key,
    scratchBytes: 16 * vectors,
    emit: emitKernel((f, parameters) => {
      const { words, start, end } = parameters;
      let offset = -4;
      const nextWord = (): I32 => f.local(words.loadI32(offset += 4));
      const nextFloat = () => f.local(words.loadF32(offset += 4));
      const k = new WasmBuilder(f, parameters);
      const operands = Object.fromEntries(
        Object.entries(buffers).map(([name, type]) => [name, k.buffer(type, nextWord())]),
      ) as { readonly [N in keyof B]: WasmBuffer<B[N]> };
      const arguments_ = Object.fromEntries(names.map((name) => [name, nextWord()]));
      const numbers = Object.fromEntries(floats.map((name) => [name, nextFloat()]));
      const write = (item: I32) => body(k, item, operands, arguments_ as Record<A, I32>, numbers);
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
  readonly scratch: WasmBuffer<"f32">;
  readonly #f: FunctionBuilder;
  readonly #array: WasmBuffer<"vec4<f32>">;

  constructor(f: FunctionBuilder, { end, scratch }: KernelParameters) {
    this.#f = f;
    this.end = end;
    this.scratch = this.buffer("f32", scratch);
    this.#array = this.buffer("vec4<f32>", scratch);
  }
  /** Elements of memory from an address on. */
  buffer<T extends ElementType>(type: T, address: I32): WasmBuffer<T> {
    return new WasmBuffer(this.#f, type, numbersOf(this, this.#f, type), address);
  }
  let<T>(value: T): T {
    return this.#f.local(value as T & WasmValue);
  }
  exp(x: Vector): Vector {
    return exp(this, x);
  }
  expOfNonPositive(x: Vector): Vector {
    return expOfNonPositive(this, x);
  }
  call(_name: string, x: Vector, body: (k: VectorBuilder, x: Vector) => Vector): Vector {
    return body(this, x);
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
  acrossRow(
    values: readonly F32x4[],
    combine: (i: number, a: F32x4, b: F32x4) => F32x4,
  ): readonly F32x4[] {
    return values.map((value, i) => this.#f.acrossLanes(value, (a, b) => combine(i, a, b)));
  }
  once(body: () => void): void {
    body();
  }
}

/** How numbers of a type become vectors, and back. */
interface Numbers {
  /** Bits to shift an index by, to get bytes. */
  readonly shift: 1 | 2;
  load(at: I32, offset: number): I32 | F32;
  /** Four adjacent numbers, one of them four times, or four that are anywhere. */
  loadFour(at: I32, offset: number): F32x4;
  loadSplat(at: I32, offset: number): F32x4;
  loadEach(at: (lane: number) => I32): F32x4;
  store(at: I32, value: I32 | F32, offset: number): void;
  storeFour(at: I32, four: F32x4, offset: number, isShort: boolean): void;
  /** Stores the first `count` numbers, each at its address. */
  storeEach(at: (lane: number) => I32, four: F32x4, count: 1 | 4, isShort: boolean): void;
  pair?(at: I32, offset: number): Pair;
}

const LANES = [0, 1, 2, 3];

/** Floats and integers of 32 bits. */
function wordsOf(f: FunctionBuilder, isInteger: boolean): Numbers {
  return {
    shift: 2,
    load: (at, offset) => isInteger ? at.loadI32(offset) : at.loadF32(offset),
    loadFour: (at, offset) => at.loadF32x4(offset),
    loadSplat: (at, offset) => at.loadSplat(offset),
    loadEach: (at) =>
      LANES.slice(1).reduce((four, lane) => at(lane).loadLane(four, lane), at(0).loadSplat()),
    store: (at, value, offset) => f.store(at, value, offset),
    storeFour: (at, four, offset) => f.store(at, four, offset),
    storeEach: (at, four, count) => {
      const named = count === 1 ? four : f.local(four);
      for (const lane of LANES.slice(0, count)) f.storeLane(at(lane), named, lane);
    },
  };
}

/** Elements of 16 bits, which are vectors of floats once they are loaded. */
function halvesOf(k: WasmBuilder, f: FunctionBuilder, format: HalfFormat): Numbers {
  const { widen, widenHigh, round } = format;
  // This printer's vectors are those of the emitter.
  const widened = (bits: I32x4) => widen(k, bits) as F32x4;
  const rounded = (four: Vector, isShort = false) => round(k, four, isShort) as I32x4;
  const loadSplat = (at: I32, offset: number) => widened(at.loadSplat16(offset));
  return {
    shift: 1,
    load: (at, offset) => F32.lane(loadSplat(at, offset), 0),
    loadFour: (at, offset) => widened(at.loadI16x4(offset)),
    loadSplat,
    loadEach: (at) =>
      widened(LANES.reduce((four, lane) => at(lane).loadLane16(four, lane), I32x4.of(0))),
    store: (at, value, offset) => f.storeHighHalf(at, rounded(value.splat() as F32x4), 0, offset),
    storeFour: (at, four, offset, isShort) =>
      f.storeLow(at, rounded(four, isShort).highHalves(), offset),
    storeEach: (at, four, count, isShort) => {
      const halves = rounded(four, isShort);
      const named = count === 1 ? halves : f.local(halves);
      for (const lane of LANES.slice(0, count)) f.storeHighHalf(at(lane), named, lane);
    },
    pair: (at, offset) => ({
      load: (isOdd) => (isOdd ? widenHigh : widen)(k, f.local(at.loadI32x4(offset))),
      store: (even, odd, isShort) => {
        const low = rounded(even, isShort).shiftRight(16);
        f.store(at, low.withHighHalves(rounded(odd, isShort)), offset);
      },
    }),
  };
}

function numbersOf(k: WasmBuilder, f: FunctionBuilder, type: ElementType): Numbers {
  const number = type.startsWith("vec4") ? type.slice("vec4<".length, -1) : type;
  return number === "bf16" || number === "f16"
    ? halvesOf(k, f, HALVES[number])
    : wordsOf(f, number === "i32");
}

class WasmBuffer<T extends ElementType> implements Buffer<T> {
  readonly #f: FunctionBuilder;
  readonly #type: T;
  readonly #numbers: Numbers;
  readonly #address: I32;
  readonly #isOfVectors: boolean;
  /** Bits to shift an index by, to get bytes. */
  readonly #shift: number;

  constructor(f: FunctionBuilder, type: T, numbers: Numbers, address: I32) {
    this.#f = f;
    this.#type = type;
    this.#numbers = numbers;
    this.#address = address;
    this.#isOfVectors = type.startsWith("vec4");
    this.#shift = numbers.shift + (this.#isOfVectors ? 2 : 0);
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
  get pair(): Buffer<T>["pair"] {
    const { pair } = this.#numbers;
    // Integers are the emitter's, too.
    return pair && ((index) => pair(...this.#place(index as Index)));
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
    return new WasmBuffer(this.#f, this.#type, this.#numbers, this.#f.local(start));
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
    if (this.#isOfVectors) return this.loadVector(index) as Elements[T] & WasmValue;
    const number: WasmValue = this.#numbers.load(...this.#place(index));
    return number as Elements[T] & WasmValue;
  }
  loadSplat(index: Index): VectorOf<T> {
    return this.#typed(this.#numbers.loadSplat(...this.#place(index)));
  }
  store(index: Index, value: Elements[T] & WasmValue): void {
    const [at, offset] = this.#place(index);
    if (this.#isOfVectors) this.#numbers.storeFour(at, value as WasmValue as F32x4, offset, false);
    else this.#numbers.store(at, value as WasmValue as F32, offset);
  }
  loadVector(index: Index, { stride, isSingle = false }: Strided = {}): VectorOf<T> & WasmValue {
    const { loadEach, loadSplat, loadFour } = this.#numbers;
    if (stride !== undefined && !isSingle) {
      return this.#typed(loadEach((lane) => this.#after(index, lane, stride)));
    }
    return this.#typed((isSingle ? loadSplat : loadFour)(...this.#place(index)));
  }
  storeVector(
    index: Index,
    value: VectorOf<T> & WasmValue,
    { stride, isSingle = false, isShort = false }: Strided = {},
  ): void {
    // Integers are stored like floats of the same bits.
    const four = value as WasmValue as F32x4;
    const { storeEach, storeFour } = this.#numbers;
    if (isSingle) return storeEach(() => this.#at(index), four, 1, isShort);
    if (stride !== undefined) {
      return storeEach((lane) => this.#after(index, lane, stride), four, 4, isShort);
    }
    const [at, offset] = this.#place(index);
    storeFour(at, four, offset, isShort);
  }
  fill(index: Index, count: Index, value: I32 | F32 | 0): void {
    if (value === 0) return this.#f.clearMemory(this.#at(index), this.#bytes(count));
    const address = this.#f.local(this.#at(index));
    // A vector is four numbers, too.
    this.#f.forRange(0, this.#bytes(count), 1 << this.#numbers.shift, (byte) => {
      this.#numbers.store(address.add(byte), value, 0);
    });
  }
  copy(index: Index, from: WasmBuffer<T>, fromIndex: Index, count: Index): void {
    this.#f.copyMemory(this.#at(index), from.#at(fromIndex), this.#bytes(count));
  }
}

type Strided = VectorOptions & { readonly stride?: I32 };
