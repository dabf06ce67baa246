/**
 * The subset of Python's pickle that `torch.save` and tiktoken write.
 *
 * A pickle is a program. This reader runs its opcodes, but a class or function in it is a name in a
 * table that the caller gives: nothing else is looked up, imported or called. There is no
 * recursion, lengths are checked before memory is allocated, and shared parts stay shared, so a
 * hostile file costs no more than its own size.
 *
 * Source: `pickletools.py` of CPython.
 *
 * @module
 */

import { malformed } from "./source.ts";

/** Maximum characters of a name that an error shows. */
const MAX_NAME = 80;

/** A class or function of the table: what it makes of its arguments. */
export type PickleGlobal = (args: readonly unknown[]) => unknown;

/** Options for {@linkcode unpickle}. */
export interface UnpickleOptions {
  /** The file's name, for messages. */
  readonly name: string;
  /** Functions and classes that may be called, such as `collections.OrderedDict`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Names that may occur as values, such as `torch.FloatStorage`. @default {none} */
  readonly values?: ReadonlyMap<string, unknown>;
  /** Returns the object that a persistent id stands for. @default refuses them */
  readonly persistent?: (id: unknown) => unknown;
}

/** An object with a state, which BUILD gives it. */
export interface Buildable {
  /** Takes the state. */
  build(state: unknown): void;
}

/** A name of the table on the stack. */
class Callable {
  constructor(readonly name: string, readonly call: PickleGlobal) {}
}

const isBuildable = (value: unknown): value is Buildable =>
  typeof value === "object" && value !== null && "build" in value &&
  typeof value.build === "function";

/** Marks the beginning of a list of values on the stack. */
const MARK = Symbol("mark");

/**
 * Runs a pickle.
 *
 * Dicts become maps, lists and tuples arrays, bytes `Uint8Array`, integers beyond 2^53 bigints.
 *
 * @throws {SyntaxError} If it is malformed, or asks for a name that is not in the table.
 */
export function unpickle(bytes: Uint8Array<ArrayBuffer>, options: UnpickleOptions): unknown {
  return new Machine(bytes, options).run();
}

class Machine {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #options: UnpickleOptions;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, options: UnpickleOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#options = options;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#bytes[this.#take(1)]!;
      if (opcode === 0x2e) return this.#pop(); // STOP
      this.#step(opcode);
    }
  }

  #refuse(wanted: string, got: string): Error {
    return malformed(this.#options.name, wanted, got);
  }

  /** Skips bytes, and returns where they began. */
  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) {
      throw this.#refuse(`${length} more bytes of pickle`, `${this.#bytes.length - start}`);
    }
    this.#at += length;
    return start;
  }

  #uint8 = () => this.#bytes[this.#take(1)]!;
  #uint16 = () => this.#view.getUint16(this.#take(2), true);
  #uint32 = () => this.#view.getUint32(this.#take(4), true);

  #raw(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #text = (length: number) => new TextDecoder().decode(this.#raw(length));

  /** A line of text, as in protocol 0. */
  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#refuse("a line of text", "the end of the pickle");
    const text = this.#text(end - this.#at);
    this.#at++;
    return text;
  }

  #pop(): unknown {
    if (this.#stack.length === 0 || this.#stack.at(-1) === MARK) {
      throw this.#refuse("a value on the stack", "none");
    }
    return this.#stack.pop();
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#refuse("a value on the stack", "none");
    return this.#stack.at(-1);
  }

  /** Removes the last mark, and returns the values above it. */
  #popToMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.#refuse("a mark on the stack", "none");
    const values = this.#stack.splice(mark + 1);
    this.#stack.pop();
    return values;
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  #step(opcode: number): void {
    switch (String.fromCharCode(opcode)) {
      case "\x80": { // PROTO
        const version = this.#uint8();
        if (version > 5) throw this.#refuse("a pickle of protocol 2 to 5", `${version}`);
        return;
      }
      case "\x95": // FRAME
        return void this.#take(8);
      case "(":
        return this.#push(MARK);
      case "N":
        return this.#push(null);
      case "\x88":
        return this.#push(true);
      case "\x89":
        return this.#push(false);
      case "J":
        return this.#push(this.#view.getInt32(this.#take(4), true));
      case "K":
        return this.#push(this.#uint8());
      case "M":
        return this.#push(this.#uint16());
      case "\x8a": // LONG1
        return this.#push(this.#long(this.#uint8()));
      case "G": // BINFLOAT, big-endian
        return this.#push(this.#view.getFloat64(this.#take(8), false));
      case "X": // BINUNICODE
        return this.#push(this.#text(this.#uint32()));
      case "\x8c": // SHORT_BINUNICODE
        return this.#push(this.#text(this.#uint8()));
      case "C": // SHORT_BINBYTES
        return this.#push(this.#raw(this.#uint8()));
      case "B": // BINBYTES
        return this.#push(this.#raw(this.#uint32()));
      case ")":
      case "]":
        return this.#push([]);
      case "}":
        return this.#push(new Map());
      case "\x85":
        return this.#push([this.#pop()]);
      case "\x86":
        return this.#push([this.#pop(), this.#pop()].reverse());
      case "\x87":
        return this.#push([this.#pop(), this.#pop(), this.#pop()].reverse());
      case "t":
        return this.#push(this.#popToMark());
      case "a":
        return this.#append([this.#pop()]);
      case "e":
        return this.#append(this.#popToMark());
      case "s":
        return this.#setItems([this.#pop(), this.#pop()].reverse());
      case "u":
        return this.#setItems(this.#popToMark());
      case "q": // BINPUT
        return void this.#memo.set(this.#uint8(), this.#top());
      case "r": // LONG_BINPUT
        return void this.#memo.set(this.#uint32(), this.#top());
      case "\x94": // MEMOIZE
        return void this.#memo.set(this.#memo.size, this.#top());
      case "h": // BINGET
        return this.#recall(this.#uint8());
      case "j": // LONG_BINGET
        return this.#recall(this.#uint32());
      case "c": // GLOBAL
        return this.#global(this.#line(), this.#line());
      case "\x93": { // STACK_GLOBAL
        const [name, module] = [this.#pop(), this.#pop()];
        if (typeof module !== "string" || typeof name !== "string") {
          throw this.#refuse("the name of what to load as text", "something else");
        }
        return this.#global(module, name);
      }
      case "R": // REDUCE
      case "\x81": // NEWOBJ
        return this.#call();
      case "b": { // BUILD
        const state = this.#pop();
        const object = this.#top();
        if (!isBuildable(object)) throw this.#refuse("a state for a known object", "another");
        return object.build(state);
      }
      case "Q": { // BINPERSID
        const { persistent } = this.#options;
        if (persistent === undefined) throw this.#refuse("no persistent id", "one");
        return this.#push(persistent(this.#pop()));
      }
    }
    const hex = opcode.toString(16).padStart(2, "0");
    throw this.#refuse("opcodes of torch.save or tiktoken", `0x${hex} at ${this.#at - 1}`);
  }

  /** An integer of some bytes in two's complement, little-endian. */
  #long(length: number): number | bigint {
    let value = 0n;
    const bytes = this.#raw(length);
    for (let i = length - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[i]!);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #recall(place: number): void {
    if (!this.#memo.has(place)) throw this.#refuse("a value in the memo", `none at ${place}`);
    this.#push(this.#memo.get(place));
  }

  #append(values: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#refuse("a list to append to", "something else");
    for (const value of values) list.push(value);
  }

  #setItems(values: readonly unknown[]): void {
    const map = this.#top();
    if (!(map instanceof Map) || values.length % 2 !== 0) {
      throw this.#refuse("a dict and pairs for it", "something else");
    }
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  }

  #global(module: string, name: string): void {
    const full = `${module}.${name}`;
    const { globals, values } = this.#options;
    if (values?.has(full)) return this.#push(values.get(full));
    const known = globals.get(full);
    if (known === undefined) {
      const names = [...globals.keys(), ...values?.keys() ?? []].join(", ");
      const shown = full.length <= MAX_NAME ? full : `${full.slice(0, MAX_NAME)}…`;
      throw this.#refuse(`no names but ${names}`, `${shown}, which the file asks to load`);
    }
    this.#push(new Callable(full, known));
  }

  #call(): void {
    const args = this.#pop();
    const callable = this.#pop();
    if (!(callable instanceof Callable) || !Array.isArray(args)) {
      throw this.#refuse("a call of a known name", "a call of something else");
    }
    this.#push(callable.call(args));
  }
}

/** Writes pickles of protocol 2, value by value. */
export class PickleWriter {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [Uint8Array.of(0x80, 2)];

  /** An opcode with bytes after it. */
  op(code: string, ...bytes: readonly number[]): this {
    this.#parts.push(Uint8Array.of(code.charCodeAt(0), ...bytes));
    return this;
  }

  /** A text. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.op("X", ...new Uint8Array(Uint32Array.of(bytes.length).buffer));
    this.#parts.push(bytes);
    return this;
  }

  /** Bytes, an opcode of protocol 3. */
  bytes(value: Uint8Array): this {
    this.op("B", ...new Uint8Array(Uint32Array.of(value.length).buffer));
    this.#parts.push(Uint8Array.from(value));
    return this;
  }

  /** A whole number of at most 53 bits. */
  integer(value: number): this {
    if (value === (value | 0)) {
      return this.op("J", ...new Uint8Array(Int32Array.of(value).buffer));
    }
    return this.op("\x8a", 8, ...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  }

  /** A class or function. */
  global(module: string, name: string): this {
    this.#parts.push(new TextEncoder().encode(`c${module}\n${name}\n`));
    return this;
  }

  /** A tuple of whole numbers. */
  integers(values: readonly number[]): this {
    this.op("(");
    for (const value of values) this.integer(value);
    return this.op("t");
  }

  /** The whole pickle. */
  finish(): Uint8Array<ArrayBuffer> {
    this.op(".");
    const bytes = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
