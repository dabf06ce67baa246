/**
 * Shared by all values of the emitter: instructions and their encoding.
 *
 * Source: the WebAssembly specification 3.0, chapter 5.
 *
 * @module
 */

import { wrongValue } from "../../errors.ts";
import type { FunctionBuilder } from "./function.ts";

/** Writes instructions that leave one value on the stack. */
export type Code = (f: FunctionBuilder) => void;

/** The bits of a vector as four 32-bit integers. */
export type Lanes = readonly [number, number, number, number];

export abstract class Value {
  readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }

  abstract readonly typeCode: number;
}

export type Type<T extends Value = Value> = new (code: Code) => T;

export function withCode<T extends Value>(value: T, code: Code): T {
  return new (value.constructor as Type<T>)(code);
}

const SIMD = 0xfd;

/** The encoding of an unsigned integer. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest & 0x7f];
}

/** A 32-bit number as it is in memory. */
export function fourBytes(bits: number): number[] {
  return [bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, bits >>> 24];
}

const float = new Float32Array(1);
const bitsOfFloat = new Int32Array(float.buffer);

export function floatBits(value: number): number {
  float[0] = value;
  return bitsOfFloat[0]!;
}

/** An operand; a number is a constant of its type. */
export function lift<T extends Value>(value: T | number, of: (value: number) => T): T {
  return typeof value === "number" ? of(value) : value;
}

function instruction(bytes: readonly number[], operands: readonly Value[]): Code {
  return (f) => {
    for (const operand of operands) operand.code(f);
    for (const byte of bytes) f.bytes.push(byte);
  };
}

export function plain(
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
export type Unary<Opcodes, Result> = { readonly [Name in keyof Opcodes]: () => Result };
export type Binary<Opcodes, Operand, Result> = {
  readonly [Name in keyof Opcodes]: (other: Operand | number) => Result;
};

/** Gives a type of values the methods of a table of opcodes. Numbers are lifted to operands. */
export function addInstructions<T extends Value>(
  type: { readonly prototype: T },
  opcodes: Readonly<Record<string, number>>,
  encode: (opcode: number, operands: readonly Value[]) => Code,
  result: Type,
  of: (value: number) => Value,
): void {
  for (const [name, opcode] of Object.entries(opcodes)) {
    const method = function (this: T, other?: Value | number): Value {
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
export function memoryAccess(
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
export function readLocal(index: number): Code {
  return plain(0x20, [], unsigned(index));
}

export function constantVector(lanes: Lanes): Code {
  return (f) => readLocal(f.constantLocal(lanes))(f);
}

export function checkLane(lane: number): number {
  if (!(Number.isInteger(lane) && lane >= 0 && lane < 4)) {
    throw wrongValue("choose a lane", "0, 1, 2 or 3", lane);
  }
  return lane;
}

/**
 * The byte shuffle that selects four of eight 32-bit lanes: 0 to 3 of the first vector, 4 to 7 of
 * the second.
 */
export function shuffleBytes(lanes: Lanes): number[] {
  return lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]);
}
