/**
 * Values of the WebAssembly emitter: typed handles with an instruction for each method.
 *
 * A value is *code*, not a result: it is emitted where it is used, and using it twice computes it
 * twice. `FunctionBuilder.local` gives a value a name, so that it is computed once, and there.
 *
 * There are four types: {@linkcode I32}, {@linkcode F32}, and vectors of four, {@linkcode F32x4} and
 * {@linkcode I32x4}, which are one type to WebAssembly (`v128`) but not to the reader.
 *
 * @module
 */

/** Where code goes: the function being written. */
export interface CodeSink {
  /** The instructions so far. */
  readonly bytes: number[];
  /** Whether fused multiply-add may be used. */
  readonly relaxedSimd: boolean;
  /** The index of a local that holds this vector from the function's beginning on. */
  constantLocal(lanes: Lanes): number;
}

/** Writes the instructions that leave one value on the stack. */
export type Code = (sink: CodeSink) => void;

/** The bits of a vector as four 32-bit integers. */
export type Lanes = readonly [number, number, number, number];

/** Anything that an instruction leaves on the stack. */
export abstract class Value {
  /** Writes the instructions that compute this value. */
  readonly code: Code;

  /** @param code Writes the instructions. */
  constructor(code: Code) {
    this.code = code;
  }

  /** The type in the binary format. */
  abstract get typeCode(): number;
}

/** One of the four classes of this file, as the name of a type. */
export type Type<T extends Value = Value> = new (code: Code) => T;

/** A value of the same type as another. */
export function withCode<T extends Value>(value: T, code: Code): T {
  return new (value.constructor as Type<T>)(code);
}

/** The prefix of the vector instructions. */
const SIMD = 0xfd;
/** The prefix of saturating conversions and bulk memory instructions. */
const MISCELLANEOUS = 0xfc;

/** Appends an unsigned integer in LEB128. */
export function writeUnsigned(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** Appends a signed 32-bit integer in LEB128. */
export function writeSigned(bytes: number[], value: number): void {
  let rest = value | 0;
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
}

const floatScratch = new Float32Array(1);
const integerScratch = new Int32Array(floatScratch.buffer);

/** The bits of a number as a 32-bit float. */
function floatBits(value: number): number {
  floatScratch[0] = value;
  return integerScratch[0]!;
}

/** Code for an instruction of one byte. */
function plain(opcode: number, operands: readonly Value[]): Code {
  return (sink) => {
    for (const operand of operands) operand.code(sink);
    sink.bytes.push(opcode);
  };
}

/** Code for an instruction with a prefix, and perhaps a lane number or the like after it. */
function prefixed(
  prefix: number,
  opcode: number,
  operands: readonly Value[],
  immediates: readonly number[] = [],
): Code {
  return (sink) => {
    for (const operand of operands) operand.code(sink);
    sink.bytes.push(prefix);
    writeUnsigned(sink.bytes, opcode);
    for (const immediate of immediates) sink.bytes.push(immediate);
  };
}

function vector(
  opcode: number,
  operands: readonly Value[],
  immediates: readonly number[] = [],
): Code {
  return prefixed(SIMD, opcode, operands, immediates);
}

/** Code for an access to memory. The alignment is a hint that engines do not need: always 4 bytes. */
export function memoryAccess(
  opcode: number,
  isVector: boolean,
  operands: readonly Value[],
  offset: number,
  lane?: number,
): Code {
  return (sink) => {
    for (const operand of operands) operand.code(sink);
    if (isVector) sink.bytes.push(SIMD);
    writeUnsigned(sink.bytes, opcode);
    sink.bytes.push(opcode === 0x2d && !isVector ? 0 : 2);
    writeUnsigned(sink.bytes, offset);
    if (lane !== undefined) sink.bytes.push(lane);
  };
}

function constantVector(lanes: Lanes): Code {
  return (sink) => {
    const index = sink.constantLocal(lanes);
    sink.bytes.push(0x20);
    writeUnsigned(sink.bytes, index);
  };
}

/** Checks a lane number. */
function checkLane(lane: number): number {
  if (!(Number.isInteger(lane) && lane >= 0 && lane < 4)) {
    throw new RangeError(`Cannot choose a lane: wanted 0, 1, 2 or 3, got ${lane}`);
  }
  return lane;
}

/** The bytes that choose four of eight 32-bit lanes: 0 to 3 of the first vector, 4 to 7 of the second. */
function shuffleBytes(lanes: Lanes): number[] {
  return lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
}

/** A 32-bit integer: a number, an address in bytes, or a condition (0 is false). */
export class I32 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7f;
  }
  /** A constant. */
  static of(value: number): I32 {
    return new I32((sink) => {
      sink.bytes.push(0x41);
      writeSigned(sink.bytes, value);
    });
  }
  static #lift(value: I32 | number): I32 {
    return typeof value === "number" ? I32.of(value) : value;
  }
  #with(opcode: number, other: I32 | number): I32 {
    return new I32(plain(opcode, [this, I32.#lift(other)]));
  }

  /** this + `other`. */
  add(other: I32 | number): I32 {
    return other === 0 ? this : this.#with(0x6a, other);
  }
  /** this − `other`. */
  subtract(other: I32 | number): I32 {
    return this.#with(0x6b, other);
  }
  /** this · `other`. */
  multiply(other: I32 | number): I32 {
    return other === 1 ? this : this.#with(0x6c, other);
  }
  /** The quotient without its fraction; traps if `other` is 0. */
  divide(other: I32 | number): I32 {
    return this.#with(0x6d, other);
  }
  /** The quotient of two unsigned integers. */
  divideUnsigned(other: I32 | number): I32 {
    return this.#with(0x6e, other);
  }
  /** The remainder, with the sign of this; traps if `other` is 0. */
  remainder(other: I32 | number): I32 {
    return this.#with(0x6f, other);
  }
  /** The remainder of two unsigned integers. */
  remainderUnsigned(other: I32 | number): I32 {
    return this.#with(0x70, other);
  }
  /** The bits that are set in both. */
  and(other: I32 | number): I32 {
    return this.#with(0x71, other);
  }
  /** The bits that are set in one of the two, or both. */
  or(other: I32 | number): I32 {
    return this.#with(0x72, other);
  }
  /** The bits that are set in one of the two only. */
  xor(other: I32 | number): I32 {
    return this.#with(0x73, other);
  }
  /** Shifts zeros in from the right. */
  shiftLeft(bits: I32 | number): I32 {
    return this.#with(0x74, bits);
  }
  /** Shifts copies of the sign in from the left. */
  shiftRight(bits: I32 | number): I32 {
    return this.#with(0x75, bits);
  }
  /** Shifts zeros in from the left. */
  shiftRightUnsigned(bits: I32 | number): I32 {
    return this.#with(0x76, bits);
  }
  /** Shifts to the left; what falls out comes back from the right. */
  rotateLeft(bits: I32 | number): I32 {
    return this.#with(0x77, bits);
  }
  /** 1 if this is 0, else 0. */
  isZero(): I32 {
    return new I32(plain(0x45, [this]));
  }
  /** 1 if this = `other`, else 0. */
  equal(other: I32 | number): I32 {
    return this.#with(0x46, other);
  }
  /** 1 if this ≠ `other`, else 0. */
  notEqual(other: I32 | number): I32 {
    return this.#with(0x47, other);
  }
  /** 1 if this < `other`, else 0. */
  less(other: I32 | number): I32 {
    return this.#with(0x48, other);
  }
  /** Less, of unsigned integers: addresses above 2 GiB are such. */
  lessUnsigned(other: I32 | number): I32 {
    return this.#with(0x49, other);
  }
  /** 1 if this > `other`, else 0. */
  greater(other: I32 | number): I32 {
    return this.#with(0x4a, other);
  }
  /** 1 if this ≤ `other`, else 0. */
  lessEqual(other: I32 | number): I32 {
    return this.#with(0x4c, other);
  }
  /** 1 if this ≥ `other`, else 0. */
  greaterEqual(other: I32 | number): I32 {
    return this.#with(0x4e, other);
  }
  /** `a` if this is not 0, else `b`; both are computed. */
  select<T extends Value>(a: T, b: T): T {
    return withCode(a, plain(0x1b, [a, b, this]));
  }
  /** The smaller of two. Both are computed twice: name them first. */
  min(other: I32 | number): I32 {
    return this.less(other).select<I32>(this, I32.#lift(other));
  }
  /** The larger of two. Both are computed twice: name them first. */
  max(other: I32 | number): I32 {
    return this.greater(other).select<I32>(this, I32.#lift(other));
  }
  /** As a float, rounded to the nearest. */
  toF32(): F32 {
    return new F32(plain(0xb2, [this]));
  }
  /** The float with these bits. */
  asF32(): F32 {
    return new F32(plain(0xbe, [this]));
  }
  /** Four copies. */
  splat(): I32x4 {
    return new I32x4(vector(17, [this]));
  }

  /** The integer at this address, plus a constant number of bytes. */
  loadI32(offset = 0): I32 {
    return new I32(memoryAccess(0x28, false, [this], offset));
  }
  /** The byte at this address, 0 to 255. */
  loadByte(offset = 0): I32 {
    return new I32(memoryAccess(0x2d, false, [this], offset));
  }
  /** The float at this address. */
  loadF32(offset = 0): F32 {
    return new F32(memoryAccess(0x2a, false, [this], offset));
  }
  /** Four neighbouring floats, at any alignment. */
  loadF32x4(offset = 0): F32x4 {
    return new F32x4(memoryAccess(0, true, [this], offset));
  }
  /** Four neighbouring integers, at any alignment. */
  loadI32x4(offset = 0): I32x4 {
    return new I32x4(memoryAccess(0, true, [this], offset));
  }
  /** The float at this address, four times. */
  loadSplat(offset = 0): F32x4 {
    return new F32x4(memoryAccess(9, true, [this], offset));
  }
  /** The float at this address in lane 0, zeros in the others. */
  loadLane0(offset = 0): F32x4 {
    return new F32x4(memoryAccess(92, true, [this], offset));
  }
  /** Two neighbouring floats in lanes 0 and 1, zeros in the others. */
  loadLanes01(offset = 0): F32x4 {
    return new F32x4(memoryAccess(93, true, [this], offset));
  }
  /** `onto` with the float at this address in place of one lane. */
  loadLane(onto: F32x4, lane: number, offset = 0): F32x4 {
    return new F32x4(memoryAccess(86, true, [this, onto], offset, checkLane(lane)));
  }
}

/** A 32-bit float. */
export class F32 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7d;
  }
  /** A constant. */
  static of(value: number): F32 {
    const bits = floatBits(value);
    return new F32((sink) =>
      sink.bytes.push(0x43, bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, bits >>> 24)
    );
  }
  #with(opcode: number, other: F32 | number): F32 {
    return new F32(plain(opcode, [this, typeof other === "number" ? F32.of(other) : other]));
  }
  #compare(opcode: number, other: F32 | number): I32 {
    return new I32(plain(opcode, [this, typeof other === "number" ? F32.of(other) : other]));
  }
  /** this + `other`. */
  add(other: F32 | number): F32 {
    return this.#with(0x92, other);
  }
  /** this − `other`. */
  subtract(other: F32 | number): F32 {
    return this.#with(0x93, other);
  }
  /** this · `other`. */
  multiply(other: F32 | number): F32 {
    return this.#with(0x94, other);
  }
  /** this / `other`. */
  divide(other: F32 | number): F32 {
    return this.#with(0x95, other);
  }
  /** NaN if one of the two is. */
  min(other: F32 | number): F32 {
    return this.#with(0x96, other);
  }
  /** NaN if one of the two is. */
  max(other: F32 | number): F32 {
    return this.#with(0x97, other);
  }
  /** The absolute value. */
  abs(): F32 {
    return new F32(plain(0x8b, [this]));
  }
  /** −this. */
  negate(): F32 {
    return new F32(plain(0x8c, [this]));
  }
  /** The largest integer not above. */
  floor(): F32 {
    return new F32(plain(0x8e, [this]));
  }
  /** The square root. */
  sqrt(): F32 {
    return new F32(plain(0x91, [this]));
  }
  /** 1 if this = `other`, else 0. */
  equal(other: F32 | number): I32 {
    return this.#compare(0x5b, other);
  }
  /** 1 if this < `other`, else 0. */
  less(other: F32 | number): I32 {
    return this.#compare(0x5d, other);
  }
  /** 1 if this ≤ `other`, else 0. */
  lessEqual(other: F32 | number): I32 {
    return this.#compare(0x5f, other);
  }
  /** 1 if this > `other`, else 0. */
  greater(other: F32 | number): I32 {
    return this.#compare(0x5e, other);
  }
  /** 1 if this ≥ `other`, else 0. */
  greaterEqual(other: F32 | number): I32 {
    return this.#compare(0x60, other);
  }
  /** Without its fraction; the nearest integer where out of range, 0 for NaN. */
  toI32(): I32 {
    return new I32(prefixed(MISCELLANEOUS, 0, [this]));
  }
  /** The bits. */
  asI32(): I32 {
    return new I32(plain(0xbc, [this]));
  }
  /** Four copies. */
  splat(): F32x4 {
    return new F32x4(vector(19, [this]));
  }
}

/** Four floats. A number as an operand means four copies, kept in a local from the function's start. */
export class F32x4 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7b;
  }
  /** Four copies of a constant. */
  static of(value: number): F32x4 {
    const bits = floatBits(value);
    return new F32x4(constantVector([bits, bits, bits, bits]));
  }
  /** Four constants. */
  static lanes(a: number, b: number, c: number, d: number): F32x4 {
    return new F32x4(constantVector([floatBits(a), floatBits(b), floatBits(c), floatBits(d)]));
  }
  static #lift(value: F32x4 | number): F32x4 {
    return typeof value === "number" ? F32x4.of(value) : value;
  }
  #with(opcode: number, other: F32x4 | number): F32x4 {
    return new F32x4(vector(opcode, [this, F32x4.#lift(other)]));
  }
  #compare(opcode: number, other: F32x4 | number): I32x4 {
    return new I32x4(vector(opcode, [this, F32x4.#lift(other)]));
  }
  #unary(opcode: number): F32x4 {
    return new F32x4(vector(opcode, [this]));
  }
  /** this + `other`. */
  add(other: F32x4 | number): F32x4 {
    return this.#with(228, other);
  }
  /** this − `other`. */
  subtract(other: F32x4 | number): F32x4 {
    return this.#with(229, other);
  }
  /** this · `other`. */
  multiply(other: F32x4 | number): F32x4 {
    return this.#with(230, other);
  }
  /** this / `other`. */
  divide(other: F32x4 | number): F32x4 {
    return this.#with(231, other);
  }
  /** NaN where one of the two is; slower than {@linkcode pseudoMin}. */
  min(other: F32x4 | number): F32x4 {
    return this.#with(232, other);
  }
  /** NaN where one of the two is; slower than {@linkcode pseudoMax}. */
  max(other: F32x4 | number): F32x4 {
    return this.#with(233, other);
  }
  /** `other < this ? other : this`: this where one of the two is NaN. One instruction. */
  pseudoMin(other: F32x4 | number): F32x4 {
    return this.#with(234, other);
  }
  /** `this < other ? other : this`: this where one of the two is NaN. One instruction. */
  pseudoMax(other: F32x4 | number): F32x4 {
    return this.#with(235, other);
  }
  /** this · `factor` + `summand`; rounded once where fused instructions may be used, else twice. */
  multiplyAdd(factor: F32x4 | number, summand: F32x4 | number): F32x4 {
    const fused = vector(0x105, [this, F32x4.#lift(factor), F32x4.#lift(summand)]);
    const separate = this.multiply(factor).add(summand).code;
    return new F32x4((sink) => (sink.relaxedSimd ? fused : separate)(sink));
  }
  /** `minuend` − this · `factor`; rounded once where fused instructions may be used, else twice. */
  negativeMultiplyAdd(factor: F32x4 | number, minuend: F32x4 | number): F32x4 {
    const from = F32x4.#lift(minuend);
    const fused = vector(0x106, [this, F32x4.#lift(factor), from]);
    const separate = from.subtract(this.multiply(factor)).code;
    return new F32x4((sink) => (sink.relaxedSimd ? fused : separate)(sink));
  }
  /** The absolute value. */
  abs(): F32x4 {
    return this.#unary(224);
  }
  /** −this. */
  negate(): F32x4 {
    return this.#unary(225);
  }
  /** The square root. */
  sqrt(): F32x4 {
    return this.#unary(227);
  }
  /** The largest integer not above. */
  floor(): F32x4 {
    return this.#unary(104);
  }
  /** Rounded to the nearest integer, halves to the even one. */
  nearest(): F32x4 {
    return this.#unary(106);
  }
  /** All bits set in the lanes where this = `other`. */
  equal(other: F32x4 | number): I32x4 {
    return this.#compare(65, other);
  }
  /** All bits set in the lanes where this ≠ `other`. */
  notEqual(other: F32x4 | number): I32x4 {
    return this.#compare(66, other);
  }
  /** All bits set in the lanes where this < `other`. */
  less(other: F32x4 | number): I32x4 {
    return this.#compare(67, other);
  }
  /** All bits set in the lanes where this > `other`. */
  greater(other: F32x4 | number): I32x4 {
    return this.#compare(68, other);
  }
  /** All bits set in the lanes where this ≤ `other`. */
  lessEqual(other: F32x4 | number): I32x4 {
    return this.#compare(69, other);
  }
  /** All bits set in the lanes where this ≥ `other`. */
  greaterEqual(other: F32x4 | number): I32x4 {
    return this.#compare(70, other);
  }
  /** Without their fractions; the nearest integer where out of range, 0 for NaN. */
  toI32x4(): I32x4 {
    return new I32x4(vector(248, [this]));
  }
  /** The same bits as integers. No instruction. */
  bits(): I32x4 {
    return new I32x4(this.code);
  }
  /** One of the four. */
  lane(lane: number): F32 {
    return new F32(vector(31, [this], [checkLane(lane)]));
  }
  /** This with one lane replaced. */
  withLane(lane: number, value: F32): F32x4 {
    return new F32x4(vector(32, [this, value], [checkLane(lane)]));
  }
  /** Four of the eight lanes of this (0 to 3) and `other` (4 to 7), in any order. */
  shuffle(other: F32x4, lanes: Lanes): F32x4 {
    return new F32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}

/** Four integers; or four masks, all bits set where a comparison holds. */
export class I32x4 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7b;
  }
  /** Four copies of a constant. */
  static of(value: number): I32x4 {
    const bits = value | 0;
    return new I32x4(constantVector([bits, bits, bits, bits]));
  }
  /** Four constants. */
  static lanes(a: number, b: number, c: number, d: number): I32x4 {
    return new I32x4(constantVector([a | 0, b | 0, c | 0, d | 0]));
  }
  static #lift(value: I32x4 | number): I32x4 {
    return typeof value === "number" ? I32x4.of(value) : value;
  }
  #with(opcode: number, other: I32x4 | number): I32x4 {
    return new I32x4(vector(opcode, [this, I32x4.#lift(other)]));
  }
  #shift(opcode: number, bits: I32 | number): I32x4 {
    return new I32x4(vector(opcode, [this, typeof bits === "number" ? I32.of(bits) : bits]));
  }
  /** this + `other`. */
  add(other: I32x4 | number): I32x4 {
    return this.#with(174, other);
  }
  /** this − `other`. */
  subtract(other: I32x4 | number): I32x4 {
    return this.#with(177, other);
  }
  /** this · `other`. */
  multiply(other: I32x4 | number): I32x4 {
    return this.#with(181, other);
  }
  /** The smaller of the two. */
  min(other: I32x4 | number): I32x4 {
    return this.#with(182, other);
  }
  /** The larger of the two. */
  max(other: I32x4 | number): I32x4 {
    return this.#with(184, other);
  }
  /** All bits inverted. */
  not(): I32x4 {
    return new I32x4(vector(77, [this]));
  }
  /** The bits that are set in both. */
  and(other: I32x4 | number): I32x4 {
    return this.#with(78, other);
  }
  /** The bits of this that are not set in `other`. */
  andNot(other: I32x4 | number): I32x4 {
    return this.#with(79, other);
  }
  /** The bits that are set in one of the two, or both. */
  or(other: I32x4 | number): I32x4 {
    return this.#with(80, other);
  }
  /** The bits that are set in one of the two only. */
  xor(other: I32x4 | number): I32x4 {
    return this.#with(81, other);
  }
  /** Shifts zeros in from the right. */
  shiftLeft(bits: I32 | number): I32x4 {
    return this.#shift(171, bits);
  }
  /** Shifts copies of the signs in from the left. */
  shiftRight(bits: I32 | number): I32x4 {
    return this.#shift(172, bits);
  }
  /** Shifts zeros in from the left. */
  shiftRightUnsigned(bits: I32 | number): I32x4 {
    return this.#shift(173, bits);
  }
  /** All bits set in the lanes where this = `other`. */
  equal(other: I32x4 | number): I32x4 {
    return this.#with(55, other);
  }
  /** All bits set in the lanes where this < `other`. */
  less(other: I32x4 | number): I32x4 {
    return this.#with(57, other);
  }
  /** All bits set in the lanes where this > `other`. */
  greater(other: I32x4 | number): I32x4 {
    return this.#with(59, other);
  }
  /** Bit by bit: `a` where a bit of this is set, else `b`. The other one may be NaN. */
  select<T extends F32x4 | I32x4>(a: T, b: T): T {
    return withCode(a, vector(82, [a, b, this]));
  }
  /** 1 if any bit is set, else 0. */
  anyTrue(): I32 {
    return new I32(vector(83, [this]));
  }
  /** 1 if no lane is 0, else 0. */
  allTrue(): I32 {
    return new I32(vector(163, [this]));
  }
  /** As floats, rounded to the nearest. */
  toF32x4(): F32x4 {
    return new F32x4(vector(250, [this]));
  }
  /** The same bits as floats. No instruction. */
  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
  /** One of the four. */
  lane(lane: number): I32 {
    return new I32(vector(27, [this], [checkLane(lane)]));
  }
  /** This with one lane replaced. */
  withLane(lane: number, value: I32): I32x4 {
    return new I32x4(vector(28, [this, value], [checkLane(lane)]));
  }
  /** Four of the eight lanes of this (0 to 3) and `other` (4 to 7), in any order. */
  shuffle(other: I32x4, lanes: Lanes): I32x4 {
    return new I32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}
