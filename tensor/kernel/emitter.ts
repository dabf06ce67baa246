/**
 * A small typed emitter for WebAssembly: kernels written as TypeScript functions, over values of the
 * types {@linkcode I32}, {@linkcode F32}, {@linkcode F32x4} and {@linkcode I32x4}.
 *
 * A value is *code*, not a result: it is emitted where it is used, and using it twice computes it twice.
 * {@linkcode FunctionBuilder.local} computes a value once and names it. The two types of vectors are one in
 * WebAssembly (`v128`); the distinction is for readers. Comparisons of scalars give 1 or 0, those of
 * vectors masks: all bits set in the lanes where they hold.
 *
 * Source of the binary format: the WebAssembly specification 3.0, chapter 5.
 *
 * @module
 */

import type { WasmKernel } from "../device.ts";
import { wrongValue } from "../errors.ts";

// --- Instructions and their encoding --------------------------------------------------------

/** Writes instructions that leave one value on the stack. */
type Code = (f: FunctionBuilder) => void;

/** The bits of a vector as four 32-bit integers. */
export type Lanes = readonly [number, number, number, number];

export abstract class Value {
  readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }

  abstract readonly typeCode: number;
}

type Type<T extends Value = Value> = new (code: Code) => T;

function withCode<T extends Value>(value: T, code: Code): T {
  return new (value.constructor as Type<T>)(code);
}

const SIMD = 0xfd;

/** The encoding of an unsigned integer. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest & 0x7f];
}

/** A 32-bit number as it is in memory. */
function fourBytes(bits: number): number[] {
  return [bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, bits >>> 24];
}

const float = new Float32Array(1);
const bitsOfFloat = new Int32Array(float.buffer);

export function floatBits(value: number): number {
  float[0] = value;
  return bitsOfFloat[0]!;
}

/** An operand; a number is a constant of its type. */
function lift<T extends Value>(value: T | number, of: (value: number) => T): T {
  return typeof value === "number" ? of(value) : value;
}

function instruction(bytes: readonly number[], operands: readonly Value[]): Code {
  return (f) => {
    for (const operand of operands) operand.code(f);
    for (const byte of bytes) f.bytes.push(byte);
  };
}

function plain(
  opcode: number,
  operands: readonly Value[],
  immediates: readonly number[] = [],
): Code {
  return instruction([opcode, ...immediates], operands);
}

export function vector(
  opcode: number,
  operands: readonly Value[],
  immediates: readonly number[] = [],
): Code {
  return instruction([SIMD, ...unsigned(opcode), ...immediates], operands);
}

/** The methods of a table of opcodes: their operands are `this` and perhaps `other`. */
type Unary<Opcodes, Result> = { readonly [Name in keyof Opcodes]: () => Result };
type Binary<Opcodes, Operand, Result> = {
  readonly [Name in keyof Opcodes]: (other: Operand | number) => Result;
};

/**
 * Gives a type of values the methods of a table of opcodes. Numbers are lifted to operands.
 *
 * @param neutral Numbers that change nothing, for which there is no instruction.
 */
function addInstructions<T extends Value>(
  type: { readonly prototype: T },
  opcodes: Readonly<Record<string, number>>,
  encode: (opcode: number, operands: readonly Value[]) => Code,
  result: Type,
  of: (value: number) => Value,
  neutral: Readonly<Record<string, number>> = {},
): void {
  for (const [name, opcode] of Object.entries(opcodes)) {
    const method = function (this: T, other?: Value | number): Value {
      if (other !== undefined && other === neutral[name]) return this;
      const operands = other === undefined ? [this] : [this, lift(other, of)];
      return new result(encode(opcode, operands));
    };
    Object.defineProperty(type.prototype, name, { value: method });
  }
}

/**
 * A memory access. The alignment is only a hint: 4 bytes, or 2 for a number of 16 bits, as a hint must
 * not exceed the size of what is accessed.
 */
function memoryAccess(
  opcode: number,
  isVector: boolean,
  operands: readonly Value[],
  offset: number,
  lane?: number,
  alignment: 1 | 2 = 2,
): Code {
  const immediates = [alignment, ...unsigned(offset), ...(lane === undefined ? [] : [lane])];
  return (isVector ? vector : plain)(opcode, operands, immediates);
}

/** Reads a local variable. */
function readLocal(index: number): Code {
  return plain(0x20, [], unsigned(index));
}

function constantVector(lanes: Lanes): Code {
  return (f) => readLocal(f.constantLocal(lanes))(f);
}

/**
 * The byte shuffle that selects four of eight 32-bit lanes: 0 to 3 of the first vector, 4 to 7 of
 * the second.
 */
function shuffleBytes(lanes: Lanes): number[] {
  return lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
}

// --- Values, with a method for each instruction ----------------------------------------------

const BINARY_I32 = {
  add: 0x6a,
  subtract: 0x6b,
  multiply: 0x6c,
  /** Signed division, truncated; traps if `other` is 0. */
  divide: 0x6d,
  divideUnsigned: 0x6e,
  /** The remainder, with the sign of `this`; traps if `other` is 0. */
  remainder: 0x6f,
  and: 0x71,
  or: 0x72,
  shiftLeft: 0x74,
  /** Arithmetic shift: copies the sign in from the left. */
  shiftRight: 0x75,
  equal: 0x46,
  notEqual: 0x47,
  less: 0x48,
  /** Unsigned comparison, for addresses above 2 GiB. */
  lessUnsigned: 0x49,
  greater: 0x4a,
  lessEqual: 0x4c,
  greaterEqual: 0x4e,
} as const;
const BINARY_F32 = {
  add: 0x92,
  subtract: 0x93,
  multiply: 0x94,
} as const;
const COMPARE_F32 = {
  less: 0x5d,
  greater: 0x5e,
  lessEqual: 0x5f,
} as const;

const BINARY_F32X4 = {
  add: 228,
  subtract: 229,
  multiply: 230,
  divide: 231,
  /** The minimum; NaN if either is NaN. Slower than {@linkcode F32x4.pseudoMin}. */
  min: 232,
  /** The maximum; NaN if either is NaN. Slower than {@linkcode F32x4.pseudoMax}. */
  max: 233,
  /** `other < this ? other : this`, so `this` if either is NaN. One instruction. */
  pseudoMin: 234,
  /** `this < other ? other : this`, so `this` if either is NaN. One instruction. */
  pseudoMax: 235,
} as const;
const UNARY_F32X4 = {
  abs: 224,
  negate: 225,
  sqrt: 227,
  floor: 104,
  /** Rounds to the nearest integer, half to even. */
  nearest: 106,
} as const;
const COMPARE_F32X4 = {
  equal: 65,
  notEqual: 66,
  less: 67,
  greater: 68,
  lessEqual: 69,
} as const;
const BINARY_I32X4 = {
  add: 174,
  subtract: 177,
  multiply: 181,
  min: 182,
  max: 184,
  and: 78,
  or: 80,
  xor: 81,
  equal: 55,
  notEqual: 56,
  less: 57,
  greater: 59,
  lessEqual: 61,
} as const;
const UNARY_I32X4 = { negate: 161 } as const;
const SHIFT_I32X4 = {
  shiftLeft: 171,
  /** Arithmetic shift: copies the signs in from the left. */
  shiftRight: 172,
} as const;

export interface I32 extends Binary<typeof BINARY_I32, I32, I32> {}

/** A 32-bit integer: a number, a byte address, or a condition (0 is false). */
export class I32 extends Value {
  readonly typeCode = 0x7f;
  static of(value: number): I32 {
    return new I32(plain(0x41, [], signed(value)));
  }
  isZero(): I32 {
    return new I32(plain(0x45, [this]));
  }
  /** `a` if this is not 0, else `b`; both are computed. */
  select<T extends Value>(a: T, b: T): T {
    return withCode(a, plain(0x1b, [a, b, this]));
  }
  /** The minimum. Evaluates both operands twice: name them first. */
  min(other: I32 | number): I32 {
    return this.less(other).select<I32>(this, lift(other, I32.of));
  }
  asF32(): F32 {
    return new F32(plain(0xbe, [this]));
  }
  splat(): I32x4 {
    return new I32x4(vector(17, [this]));
  }

  /** The integer at this address plus a constant offset in bytes, like all loads below. */
  loadI32(offset = 0): I32 {
    return new I32(memoryAccess(0x28, false, [this], offset));
  }
  loadF32(offset = 0): F32 {
    return new F32(memoryAccess(0x2a, false, [this], offset));
  }
  /** Four contiguous floats, at any alignment. */
  loadF32x4(offset = 0): F32x4 {
    return new F32x4(memoryAccess(0, true, [this], offset));
  }
  /** Four contiguous integers, at any alignment. */
  loadI32x4(offset = 0): I32x4 {
    return new I32x4(memoryAccess(0, true, [this], offset));
  }
  /** The float at this address in all four lanes. */
  loadSplat(offset = 0): F32x4 {
    return new F32x4(memoryAccess(9, true, [this], offset));
  }
  /** `onto` with one lane replaced by the float at this address. */
  loadLane(onto: F32x4, lane: number): F32x4 {
    return new F32x4(memoryAccess(86, true, [this, onto], 0, lane));
  }
  /** Four contiguous integers of 16 bits, widened with their signs. */
  loadI16x4(offset = 0): I32x4 {
    return new I32x4(memoryAccess(3, true, [this], offset));
  }
  /** The 16 bits at this address in both halves of all lanes. */
  loadSplat16(offset = 0): I32x4 {
    return new I32x4(memoryAccess(8, true, [this], offset, undefined, 1));
  }
  /** `onto` with the low half of one lane replaced by the 16 bits at this address. */
  loadLane16(onto: I32x4, lane: number): I32x4 {
    return new I32x4(memoryAccess(85, true, [this, onto], 0, 2 * lane, 1));
  }
}

export interface F32
  extends Binary<typeof BINARY_F32, F32, F32>, Binary<typeof COMPARE_F32, F32, I32> {}

export class F32 extends Value {
  readonly typeCode = 0x7d;
  static of(value: number): F32 {
    return new F32(plain(0x43, [], fourBytes(floatBits(value))));
  }
  static lane(of: F32x4, lane: number): F32 {
    if (![0, 1, 2, 3].includes(lane)) throw wrongValue("choose a lane", "0, 1, 2 or 3", lane);
    return new F32(vector(31, [of], [lane]));
  }
  asI32(): I32 {
    return new I32(plain(0xbc, [this]));
  }
  splat(): F32x4 {
    return new F32x4(vector(19, [this]));
  }
}

export interface F32x4
  extends
    Binary<typeof BINARY_F32X4, F32x4, F32x4>,
    Unary<typeof UNARY_F32X4, F32x4>,
    Binary<typeof COMPARE_F32X4, F32x4, I32x4> {}

/** Four floats. Numbers as operands are splatted once, at the function's start. */
export class F32x4 extends Value {
  readonly typeCode = 0x7b;
  static of(value: number): F32x4 {
    return F32x4.lanes(value, value, value, value);
  }
  static lanes(a: number, b: number, c: number, d: number): F32x4 {
    return new F32x4(constantVector([floatBits(a), floatBits(b), floatBits(c), floatBits(d)]));
  }
  clamp(low: number, high: number): F32x4 {
    return this.pseudoMax(low).pseudoMin(high);
  }
  /** this · `factor` + `summand`; rounded once with relaxed SIMD, otherwise twice. */
  multiplyAdd(factor: F32x4 | number, summand: F32x4 | number): F32x4 {
    const fused = vector(0x105, [this, lift(factor, F32x4.of), lift(summand, F32x4.of)]);
    const separate = this.multiply(factor).add(summand).code;
    return new F32x4((f) => (f.relaxedSimd ? fused : separate)(f));
  }
  /** `minuend` − this · `factor`; rounded once with relaxed SIMD, otherwise twice. */
  negativeMultiplyAdd(factor: F32x4 | number, minuend: F32x4 | number): F32x4 {
    const from = lift(minuend, F32x4.of);
    const fused = vector(0x106, [this, lift(factor, F32x4.of), from]);
    const separate = from.subtract(this.multiply(factor)).code;
    return new F32x4((f) => (f.relaxedSimd ? fused : separate)(f));
  }
  /** Truncates; saturates out of range, 0 for NaN. */
  toI32x4(): I32x4 {
    return new I32x4(vector(248, [this]));
  }
  bits(): I32x4 {
    return new I32x4(this.code);
  }
  /** A mask of the lanes that are NaN. Evaluates this twice: name it first. */
  isNaN(): I32x4 {
    return this.notEqual(this);
  }
  withLane(lane: number, value: F32): F32x4 {
    return new F32x4(vector(32, [this, value], [lane]));
  }
  /** Four of the eight lanes of this (0 to 3) and `other` (4 to 7), in any order. */
  shuffle(other: F32x4, lanes: Lanes): F32x4 {
    return new F32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}

export interface I32x4
  extends
    Binary<typeof BINARY_I32X4, I32x4, I32x4>,
    Unary<typeof UNARY_I32X4, I32x4>,
    Binary<typeof SHIFT_I32X4, I32, I32x4> {}

export class I32x4 extends Value {
  readonly typeCode = 0x7b;
  static of(value: number): I32x4 {
    return I32x4.lanes(value, value, value, value);
  }
  static lanes(a: number, b: number, c: number, d: number): I32x4 {
    return new I32x4(constantVector([a | 0, b | 0, c | 0, d | 0]));
  }
  /** Bitwise: `a` where a bit of this is set, else `b`. The value not selected may be NaN. */
  select(a: F32x4, b: F32x4): F32x4;
  select(a: I32x4, b: I32x4): I32x4;
  select<T extends F32x4 | I32x4>(a: T, b: T): T {
    return withCode(a, vector(82, [a, b, this]));
  }
  /** The mask of lanes where both masks hold. */
  both(other: I32x4): I32x4 {
    return this.and(other);
  }
  /** The mask of lanes where one of the masks holds. */
  either(other: I32x4): I32x4 {
    return this.or(other);
  }
  /** An integer in the lanes where this mask holds, else 0. */
  where(value: number): I32x4 {
    return value === -1 ? this : this.and(value);
  }
  /** `sum` and the products of signed bytes, widened to 16 bits. Evaluates both twice. */
  dotBytes(other: I32x4, sum: I32x4): I32x4 {
    const [low, high] = [135, 136].map((widen) =>
      new I32x4(vector(186, [this, other].map((four) => new I32x4(vector(widen, [four])))))
    );
    return low!.add(high!).add(sum);
  }
  /** The high halves of the lanes, twice. */
  highHalves(): I32x4 {
    const four = [0, 1, 2, 3].flatMap((lane) => [4 * lane + 2, 4 * lane + 3]);
    return new I32x4(vector(13, [this, this], [...four, ...four]));
  }
  /** The low halves of the lanes beside the high halves of others: one instruction, unlike a select. */
  withHighHalves(other: I32x4): I32x4 {
    const four = [0, 1, 2, 3].flatMap((i) => [4 * i, 4 * i + 1, 16 + 4 * i + 2, 16 + 4 * i + 3]);
    return new I32x4(vector(13, [this, other], four));
  }
  toF32x4(): F32x4 {
    return new F32x4(vector(250, [this]));
  }
  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
}

addInstructions(I32, BINARY_I32, plain, I32, I32.of, { add: 0, multiply: 1 });
addInstructions(F32, BINARY_F32, plain, F32, F32.of);
addInstructions(F32, COMPARE_F32, plain, I32, F32.of);
addInstructions(F32x4, BINARY_F32X4, vector, F32x4, F32x4.of);
addInstructions(F32x4, UNARY_F32X4, vector, F32x4, F32x4.of);
addInstructions(F32x4, COMPARE_F32X4, vector, I32x4, F32x4.of);
addInstructions(I32x4, BINARY_I32X4, vector, I32x4, I32x4.of);
addInstructions(I32x4, UNARY_I32X4, vector, I32x4, I32x4.of);
addInstructions(I32x4, SHIFT_I32X4, vector, I32x4, I32.of);

// --- Functions: statements, locals and control flow ------------------------------------------

/** A named value: reading it is free, and {@linkcode FunctionBuilder.set} assigns it. */
export type Local<T extends Value> = T & { readonly index: number };

const OPCODE = { block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d };
const NO_RESULT = 0x40;

/**
 * Writes the body of one function, statement by statement.
 *
 * Vector constants are kept in locals set at the function's start, because V8 would rebuild them in
 * every iteration of a loop.
 *
 * @example The sum of the first numbers, by a loop
 * ```ts
 * import { emitKernel, I32 } from "./emitter.ts";
 *
 * const emit = emitKernel((f, { words, start, end }) => {
 *   const sum = f.local(I32.of(0));
 *   f.forRange(start, end, 1, (i) => f.set(sum, sum.add(i)));
 *   f.store(words, sum);
 * });
 * const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
 * const module = new WebAssembly.Module(emit(false));
 * const { exports } = new WebAssembly.Instance(module, { env: { memory } });
 * if (typeof exports.kernel === "function") exports.kernel(0, 0, 5, 0);
 * if (new Int32Array(memory.buffer)[0] !== 10) throw new Error("expected 0 + 1 + 2 + 3 + 4");
 * ```
 */
export class FunctionBuilder {
  readonly bytes: number[] = [];
  readonly relaxedSimd: boolean;
  readonly #parameterCount: number;
  readonly #localTypes: number[] = [];
  readonly #constants = new Map<string, { readonly index: number; readonly lanes: Lanes }>();

  constructor(parameterCount: number, relaxedSimd: boolean) {
    this.#parameterCount = parameterCount;
    this.relaxedSimd = relaxedSimd;
  }

  /** The index of a local that holds this vector throughout the function. */
  constantLocal(lanes: Lanes): number {
    const key = lanes.join();
    let constant = this.#constants.get(key);
    if (constant === undefined) {
      constant = { index: this.#newLocal(0x7b), lanes };
      this.#constants.set(key, constant);
    }
    return constant.index;
  }

  #newLocal(typeCode: number): number {
    return this.#parameterCount + this.#localTypes.push(typeCode) - 1;
  }

  /** Computes a value here once, and names it. */
  local<T extends Value>(value: T): Local<T> {
    const index = this.#newLocal(value.typeCode);
    plain(0x21, [value], unsigned(index))(this);
    return namedLocal(value, index);
  }

  set<T extends Value>(local: Local<T>, value: T): void {
    plain(0x21, [value], unsigned(local.index))(this);
  }

  store(address: I32, value: Value, offset = 0): void {
    const opcode = value instanceof I32 ? 0x36 : value instanceof F32 ? 0x38 : 11;
    memoryAccess(opcode, opcode === 11, [address, value], offset)(this);
  }

  storeLane(address: I32, value: Value, lane: number, offset = 0): void {
    memoryAccess(90, true, [address, value], offset, lane)(this);
  }

  /** Stores the high half of a lane. */
  storeHighHalf(address: I32, value: Value, lane: number, offset = 0): void {
    memoryAccess(89, true, [address, value], offset, 2 * lane + 1, 1)(this);
  }

  /** Stores the first 8 bytes of a vector. */
  storeLow(address: I32, value: Value, offset = 0): void {
    memoryAccess(91, true, [address, value], offset, 0)(this);
  }

  copyMemory(to: I32, from: I32, bytes: I32): void {
    plain(0xfc, [to, from, bytes], [10, 0, 0])(this);
  }

  clearMemory(address: I32, bytes: I32): void {
    plain(0xfc, [address, I32.of(0), bytes], [11, 0])(this);
  }

  /** A `for` loop from `start` below `end`, computed once. The body may change the variable. */
  forRange(
    start: I32 | number,
    end: I32 | number,
    step: I32 | number,
    body: (i: Local<I32>) => void,
  ): void {
    const i = this.local(typeof start === "number" ? I32.of(start) : start);
    const limit = typeof end === "number" ? I32.of(end) : this.local(end);
    this.if(i.less(limit), () => {
      this.doWhile(() => {
        body(i);
        this.set(i, i.add(step));
        return i.less(limit);
      });
    });
  }

  doWhile(body: () => I32): void {
    this.bytes.push(OPCODE.loop, NO_RESULT);
    plain(OPCODE.brIf, [body()], [0, OPCODE.end])(this);
  }

  while(condition: I32, body: () => void): void {
    this.bytes.push(OPCODE.block, NO_RESULT, OPCODE.loop, NO_RESULT);
    plain(OPCODE.brIf, [condition.isZero()], [1])(this);
    body();
    this.bytes.push(OPCODE.br, 0, OPCODE.end, OPCODE.end);
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    plain(OPCODE.if, [condition], [NO_RESULT])(this);
    then();
    if (otherwise) {
      this.bytes.push(OPCODE.else);
      otherwise();
    }
    this.bytes.push(OPCODE.end);
  }

  /** The lanes combined, in the order (0, 2), (1, 3), in each lane. */
  acrossLanes<T extends F32x4 | I32x4>(given: T, combine: (a: T, b: T) => T): T {
    const shuffled = (x: T, lanes: Lanes) => withCode(x, vector(13, [x, x], shuffleBytes(lanes)));
    const four = this.local(given);
    const two = this.local(combine(four, shuffled(four, [2, 3, 0, 1])));
    return combine(two, shuffled(two, [1, 0, 3, 2]));
  }

  /** The function's entry of the code section. */
  finish(): number[] {
    const constants = [...this.#constants.values()].flatMap((
      { index, lanes },
    ) => [0xfd, 12, ...lanes.flatMap(fourBytes), 0x21, ...unsigned(index)]);
    const types = this.#localTypes;
    const locals = [...unsigned(types.length), ...types.flatMap((type) => [1, type])];
    return [...locals, ...constants, ...this.bytes, OPCODE.end];
  }
}

function namedLocal<T extends Value>(example: T, index: number): Local<T> {
  return Object.assign(withCode(example, readLocal(index)), { index });
}

// --- The module around a function --------------------------------------------------------------

/** A kernel's parameters: see `WasmKernel` in `tensor/device.ts`. */
export interface KernelParameters {
  readonly words: I32;
  readonly start: I32;
  readonly end: I32;
  readonly scratch: I32;
}

/** The magic number, which is "asm" after a 0, and the version. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/**
 * Returns an emitter of a module with one kernel: the module imports `env.memory` and exports
 * `kernel`, which `body` writes. The emitter is called for code with fused multiply-add or without,
 * since not every engine supports relaxed SIMD.
 *
 * @example Multiply floats by the number in the second argument word, four at a time
 * ```ts
 * import { emitKernel } from "./emitter.ts";
 *
 * const emit = emitKernel((f, { words, start, end }) => {
 *   const x = f.local(words.loadI32(0));
 *   const factor = f.local(words.loadSplat(4));
 *   f.forRange(start, end, 4, (i) => {
 *     const address = f.local(x.add(i.shiftLeft(2)));
 *     f.store(address, address.loadF32x4().multiply(factor));
 *   });
 * });
 *
 * const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
 * const module = new WebAssembly.Module(emit(false));
 * const { exports } = new WebAssembly.Instance(module, { env: { memory } });
 * new Float32Array(memory.buffer, 64, 4).set([1, 2, 3, 4]);
 * new Int32Array(memory.buffer)[0] = 64;
 * new Float32Array(memory.buffer)[1] = 10;
 * if (typeof exports.kernel === "function") exports.kernel(0, 0, 4, 0);
 * if (new Float32Array(memory.buffer, 64, 4)[3] !== 40) throw new Error("expected 4 · 10");
 * ```
 */
export function emitKernel(
  body: (f: FunctionBuilder, parameters: KernelParameters) => void,
): WasmKernel["emit"] {
  return (relaxedSimd) => {
    const f = new FunctionBuilder(4, relaxedSimd);
    const zero = I32.of(0);
    const [words, start] = [namedLocal(zero, 0), namedLocal(zero, 1)];
    const [end, scratch] = [namedLocal(zero, 2), namedLocal(zero, 3)];
    body(f, { words, start, end, scratch });
    const code = f.finish();
    const { typeCode } = zero;
    return new Uint8Array([
      ...HEADER,
      ...section(1, [1, 0x60, 4, typeCode, typeCode, typeCode, typeCode, 0]),
      // One shared memory of 1 to 65,536 pages.
      ...section(2, [1, ...name("env"), ...name("memory"), 2, 3, 1, 0x80, 0x80, 0x04]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name("kernel"), 0, 0]),
      ...section(10, [1, ...unsigned(code.length), ...code]),
    ]);
  };
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}
