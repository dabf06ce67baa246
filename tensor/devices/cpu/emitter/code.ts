/**
 * Shared by all values of the emitter: instructions and their encoding.
 *
 * Source: the WebAssembly specification 3.0, chapter 5.
 *
 * @module
 */

import { RangeError } from "../../../errors.ts";

export interface CodeSink {
  readonly bytes: number[];
  readonly relaxedSimd: boolean;
  /** The index of a local that holds this vector throughout the function. */
  constantLocal(lanes: Lanes): number;
}

/** Writes instructions that leave one value on the stack. */
export type Code = (sink: CodeSink) => void;

/** The bits of a vector as four 32-bit integers. */
export type Lanes = readonly [number, number, number, number];

export abstract class Value {
  readonly code: Code;

  constructor(code: Code) {
    this.code = code;
  }

  abstract get typeCode(): number;
}

export type Type<T extends Value = Value> = new (code: Code) => T;

export function withCode<T extends Value>(value: T, code: Code): T {
  return new (value.constructor as Type<T>)(code);
}

const SIMD = 0xfd;
export const MISCELLANEOUS = 0xfc;

export function writeUnsigned(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

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

export function floatBits(value: number): number {
  floatScratch[0] = value;
  return integerScratch[0]!;
}

export function plain(opcode: number, operands: readonly Value[]): Code {
  return (sink) => {
    for (const operand of operands) operand.code(sink);
    sink.bytes.push(opcode);
  };
}

export function prefixed(
  prefix: number,
  opcode: number,
  operands: readonly Pick<Value, "code">[],
  immediates: readonly number[] = [],
): Code {
  return (sink) => {
    for (const operand of operands) operand.code(sink);
    sink.bytes.push(prefix);
    writeUnsigned(sink.bytes, opcode);
    for (const immediate of immediates) sink.bytes.push(immediate);
  };
}

export function vector(
  opcode: number,
  operands: readonly Pick<Value, "code">[],
  immediates: readonly number[] = [],
): Code {
  return prefixed(SIMD, opcode, operands, immediates);
}

export function constantInteger(value: number): Code {
  return (sink) => {
    sink.bytes.push(0x41);
    writeSigned(sink.bytes, value);
  };
}

/** A memory access. The alignment is only a hint: always 4 bytes. */
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

export function constantVector(lanes: Lanes): Code {
  return (sink) => {
    const index = sink.constantLocal(lanes);
    sink.bytes.push(0x20);
    writeUnsigned(sink.bytes, index);
  };
}

export function checkLane(lane: number): number {
  if (!(Number.isInteger(lane) && lane >= 0 && lane < 4)) {
    throw new RangeError(`Cannot choose a lane: wanted 0, 1, 2 or 3, got ${lane}`);
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
