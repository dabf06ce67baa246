/** Matmuls by oneDNN on one thread: the main thread or a worker, each of which opens the library. @module */

import { Error } from "../../errors.ts";
import { shapesEqual } from "../../layout.ts";
import type { DenoSubset, ForeignCall, ForeignLibrary } from "./deno_subset.ts";
import { ONEDNN_FUNCTIONS } from "./onednn_functions.ts";
import type { Sgemm } from "./sgemm_call.ts";

// Values of the library's enumerations.
const CPU_ENGINE = 1; // dnnl_cpu
const IN_ORDER = 1; // dnnl_stream_in_order
const BF16 = 2; // dnnl_bf16
const F32 = 3; // dnnl_f32
const BF16_MATH = 1; // dnnl_fpmath_mode_bf16
const SOURCE = 1; // DNNL_ARG_SRC
const WEIGHTS = 33; // DNNL_ARG_WEIGHTS
const RESULT = 17; // DNNL_ARG_DST
const SEQUENTIAL = 1; // DNNL_RUNTIME_SEQ
const OPENMP = 2; // DNNL_RUNTIME_OMP

/** Arguments for opening the library; workers receive them in a message. */
export interface OneDnnStart {
  readonly path: string;
  /** Address of the memory's first byte in this process. */
  readonly base: number;
  /** Maximum primitives that a thread keeps. */
  readonly maxPrimitives: number;
}

/** The part of Deno that opens and calls a library. */
type Runtime = Pick<DenoSubset, "dlopen" | "UnsafePointer" | "UnsafePointerView">;

/** A matmul compiled for its shapes, and its three operands, whose addresses are set at each call. */
interface Primitive {
  /** Everything that it depends on: all but the addresses. */
  readonly facts: readonly number[];
  readonly handle: bigint;
  readonly memories: readonly [a: bigint, b: bigint, c: bigint];
  readonly arguments: Block;
}

/** A few 64-bit words at an address that does not change: V8 moves small arrays. */
interface Block {
  readonly words: BigInt64Array;
  readonly address: bigint;
}

/**
 * oneDNN, opened for the calling thread.
 *
 * oneDNN compiles a *primitive* for each combination of shapes, strides and transposes, which takes
 * up to a millisecond. This class keeps the {@linkcode OneDnnStart.maxPrimitives} most recently used
 * ones, and gives a primitive the addresses of its operands before each call.
 */
export class OneDnnThread {
  readonly version: string;
  /** A value of `dnnl_cpu_isa_t`: what the processor has and the environment permits. */
  readonly instructionSet: number;
  readonly #runtime: Runtime;
  readonly #library: ForeignLibrary<string>;
  readonly #base: number;
  readonly #maxPrimitives: number;
  /** Where a function of the library writes the handle that it creates. */
  readonly #out: Block;
  readonly #dims: Block;
  readonly #strides: Block;
  // Functions of their own, as V8 calls a library directly only where it sees which function it is.
  readonly #setAddress: ForeignCall;
  readonly #run: ForeignCall;
  /** The most recently used one first. */
  readonly #primitives: Primitive[] = [];
  #engine = 0n;
  #stream = 0n;

  /** @throws {Error} If it is not oneDNN 3, or its calls would not stay on the calling thread. */
  constructor(runtime: Runtime, { path, base, maxPrimitives }: OneDnnStart) {
    this.#runtime = runtime;
    this.#base = base;
    this.#maxPrimitives = maxPrimitives;
    this.#out = this.#block();
    this.#dims = this.#block();
    this.#strides = this.#block();
    this.#library = runtime.dlopen(path, ONEDNN_FUNCTIONS);
    this.#setAddress = this.#library.symbols.setAddress!;
    this.#run = this.#library.symbols.execute!;
    try {
      this.version = this.#checkVersion();
      const { symbols } = this.#library;
      this.instructionSet = Number(symbols.instructionSet?.());
      // A setting of the calling thread: a parallel region of one thread starts no other.
      symbols.setThreads?.(1);
      // The library's own cache would keep what is destroyed here.
      this.#call("setCacheCapacity", maxPrimitives);
      this.#engine = this.#create("createEngine", CPU_ENGINE, 0);
      this.#stream = this.#create("createStream", this.#engine, IN_ORDER);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Primitives that are kept now. */
  get primitives(): number {
    return this.#primitives.length;
  }

  /**
   * Multiplies. Operands in single precision may be rounded to bf16 if `isBf16`.
   *
   * @throws {Error} If the library refuses, or an axis of the result has length 1: it would ignore
   * strides there, and write outside of the result.
   */
  multiply(gemm: Sgemm, isBf16: boolean): void {
    const { m, n, count, stepA, stepB, stepC, outer, outerA, outerB, outerC } = gemm;
    if (m < 2 || n < 2) {
      throw new Error(
        `Cannot multiply by oneDNN: wanted a result of at least 2 rows and 2 columns, got ${m} and ${n}`,
      );
    }
    // One by one along an axis that shares an operand, and along the second, where the library computes some
    // strides wrongly.
    const isShared = count > 1 && (stepA === 0 || stepB === 0);
    const primitive = this.#primitiveFor(isShared ? { ...gemm, count: 1 } : gemm, isBf16);
    for (let j = 0; j < outer; j++) {
      for (let i = 0; i < (isShared ? count : 1); i++) {
        const a = gemm.a + j * outerA + i * stepA;
        const b = gemm.b + j * outerB + i * stepB;
        const c = gemm.c + j * outerC + i * stepC;
        this.#execute(primitive, a, b, c);
      }
    }
  }

  close(): void {
    for (const primitive of this.#primitives.splice(0)) this.#destroy(primitive);
    if (this.#stream !== 0n) this.#call("destroyStream", this.#stream);
    if (this.#engine !== 0n) this.#call("destroyEngine", this.#engine);
    this.#library.close();
  }

  /** The version, from a struct of three integers, the address of a string, and the threading. */
  #checkVersion(): string {
    const pointer = this.#library.symbols.version?.();
    const struct = this.#runtime.UnsafePointerView.getArrayBuffer(pointer, 28);
    const facts = new Int32Array(struct);
    const [major, minor, patch] = facts;
    const threading = facts[6];
    if (major !== 3) {
      throw new Error(`Cannot open oneDNN: wanted version 3, got ${major}.${minor}`);
    }
    const isLimited = threading === OPENMP && this.#library.symbols.setThreads !== null;
    if (threading !== SEQUENTIAL && !isLimited) {
      throw new Error(
        `Cannot open oneDNN: wanted a build without threads or with OpenMP, got ${threading}`,
      );
    }
    return `${major}.${minor}.${patch}`;
  }

  #execute({ handle, memories, arguments: operands }: Primitive, a: number, b: number, c: number) {
    check("setAddress", this.#setAddress(memories[0], BigInt(this.#base + a)));
    check("setAddress", this.#setAddress(memories[1], BigInt(this.#base + b)));
    check("setAddress", this.#setAddress(memories[2], BigInt(this.#base + c)));
    check("execute", this.#run(handle, this.#stream, 3, operands.address));
  }

  /** The primitive for such a matmul. The least recently used one goes when there are too many. */
  #primitiveFor(gemm: Sgemm, isBf16: boolean): Primitive {
    const primitives = this.#primitives;
    const facts = factsOf(gemm, isBf16);
    // A step uses a few dozen, among which a key of text would take longer.
    let place = primitives.findIndex((known) => shapesEqual(known.facts, facts));
    if (place < 0 && primitives.length >= this.#maxPrimitives) this.#destroy(primitives.pop()!);
    if (place < 0) place = primitives.push(this.#compile(gemm, isBf16, facts)) - 1;
    const primitive = primitives[place]!;
    for (; place > 0; place--) primitives[place] = primitives[place - 1]!;
    primitives[0] = primitive;
    return primitive;
  }

  #compile(gemm: Sgemm, isBf16: boolean, facts: readonly number[]): Primitive {
    const { transposeA, transposeB, m, n, k, lda, ldb, ldc, count } = gemm;
    const { operandBytes, resultBytes } = gemm;
    const matrices = [
      this.#describeMatrix(operandBytes, count, m, k, lda, transposeA, gemm.stepA),
      this.#describeMatrix(operandBytes, count, k, n, ldb, transposeB, gemm.stepB),
      this.#describeMatrix(resultBytes, count, m, n, ldc, 0, gemm.stepC),
    ] as const;
    const [a, b, c] = matrices;
    const attributes = this.#describeAttributes(gemm, isBf16);
    const description = this.#create("describeMatmul", this.#engine, a, b, 0, c, attributes);
    const handle = this.#create("createPrimitive", description);
    const memory = (matrix: bigint) => this.#create("createMemory", matrix, this.#engine, 0);
    const memories = [memory(a), memory(b), memory(c)] as const;
    this.#call("destroyDescription", description);
    this.#call("destroyAttributes", attributes);
    for (const matrix of matrices) this.#call("destroyMatrix", matrix);
    // Pairs of which operand it is, and its memory.
    const operands = this.#block();
    fill(operands, [SOURCE, memories[0], WEIGHTS, memories[1], RESULT, memories[2]]);
    return { facts, handle, memories, arguments: operands };
  }

  /** @param step From one matrix of the batch to the next, in bytes. */
  #describeMatrix(
    elementBytes: number,
    count: number,
    rows: number,
    columns: number,
    leading: number,
    transpose: number,
    step: number,
  ): bigint {
    const sizes = [rows, columns];
    const strides = transpose === 0 ? [leading, 1] : [1, leading];
    if (count > 1) {
      sizes.unshift(count);
      strides.unshift(step / elementBytes);
    }
    const dims = fill(this.#dims, sizes);
    const type = typeOf(elementBytes);
    return this.#create("describeMatrix", sizes.length, dims, type, fill(this.#strides, strides));
  }

  #describeAttributes({ accumulate, resultBytes }: Sgemm, isBf16: boolean): bigint {
    const attributes = this.#create("createAttributes");
    if (isBf16) this.#call("setMathMode", attributes, BF16_MATH);
    // Without a sum the result is not read: it may be NaN.
    if (accumulate === 0) return attributes;
    const postOps = this.#create("createPostOps");
    this.#call("appendSum", postOps, 1, 0, typeOf(resultBytes));
    this.#call("setPostOps", attributes, postOps);
    this.#call("destroyPostOps", postOps);
    return attributes;
  }

  #destroy({ handle, memories }: Primitive): void {
    for (const memory of memories) this.#call("destroyMemory", memory);
    this.#call("destroyPrimitive", handle);
  }

  #call(name: string, ...values: (number | bigint)[]): void {
    check(name, this.#library.symbols[name]?.(...values));
  }

  /** Calls a function whose first argument is the address for a new handle, which it returns. */
  #create(name: string, ...values: (number | bigint)[]): bigint {
    this.#call(name, this.#out.address, ...values);
    return this.#out.words[0]!;
  }

  #block(): Block {
    const { of, value } = this.#runtime.UnsafePointer;
    const words = new BigInt64Array(new ArrayBuffer(128));
    return { words, address: value(of(words)) };
  }
}

const typeOf = (elementBytes: number): number => elementBytes === 2 ? BF16 : F32;

/** Writes 64-bit integers into a block, and returns its address. */
function fill({ words, address }: Block, values: readonly (number | bigint)[]): bigint {
  for (const [i, value] of values.entries()) words[i] = BigInt(value);
  return address;
}

/** Throws an error for a status that is not 0. */
function check(name: string, status: unknown): void {
  if (status === 0) return;
  throw new Error(`Cannot call oneDNN: ${ONEDNN_FUNCTIONS[name]?.name} returned ${status}`);
}

function factsOf(gemm: Sgemm, isBf16: boolean): readonly number[] {
  const { transposeA, transposeB, m, n, k, lda, ldb, ldc, accumulate, count } = gemm;
  const { operandBytes, resultBytes } = gemm;
  const flags = [transposeA, transposeB, accumulate, Number(isBf16), operandBytes, resultBytes];
  const steps = count > 1 ? [gemm.stepA, gemm.stepB, gemm.stepC] : [0, 0, 0];
  return [m, n, k, lda, ldb, ldc, count, ...flags, ...steps];
}
