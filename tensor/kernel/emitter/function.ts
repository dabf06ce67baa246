/** The body of a WebAssembly function: statements, locals and control flow. @module */

import {
  fourBytes,
  type Lanes,
  memoryAccess,
  plain,
  readLocal,
  unsigned,
  type Value,
  withCode,
} from "./code.ts";
import { F32, type F32x4, I32 } from "./values.ts";

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
 * import { I32 } from "./values.ts";
 * import { emitKernel } from "./module.ts";
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
  acrossLanes(vector: F32x4, combine: (a: F32x4, b: F32x4) => F32x4): F32x4 {
    const four = this.local(vector);
    const two = this.local(combine(four, four.shuffle(four, [2, 3, 0, 1])));
    return combine(two, two.shuffle(two, [1, 0, 3, 2]));
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

export function namedLocal<T extends Value>(example: T, index: number): Local<T> {
  return Object.assign(withCode(example, readLocal(index)), { index });
}
