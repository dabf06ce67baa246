/** The CPU device: combines memory, threads and kernels. @module */

import type {
  Arguments,
  CpuDevice,
  DeviceInfo,
  DeviceMemory,
  DispatchOptions,
  MatmulPrecision,
  NativeKernel,
  OpenOptions,
  TypedPointer,
  WasmKernel,
} from "../../device.ts";
import { checkThat } from "../../checks.ts";
import { bytesPerElement, type StoredArray } from "../../layout.ts";
import { Error, wrongState, wrongType, wrongValue } from "../../errors.ts";
import { currentCall, type Profile, Profiled, ProfileRecorder } from "../../profile.ts";
import { type Scope, Scopes } from "../../scope.ts";
import { emitKernel, F32x4 } from "../../kernel/emitter.ts";
import { type KernelFunction, type MatmulLibraries, openLibraries } from "./matmul_libraries.ts";
import { CpuAllocation, Heap } from "./memory.ts";
import { Pool } from "./pool.ts";
import { STATE } from "./worker.ts";

const INITIAL_BYTES = 1 << 24;
/** Starting a worker takes some 30 ms, so a thousand would take half a minute. */
const MAX_THREADS = 256;
/** Milliseconds between pauses while reading. A pause takes about one. */
const MAX_TASK_MILLISECONDS = 100;
const ARGUMENT_WORDS = 1_024;
/** Kernels of libraries, whose ids come before those that are compiled. */
const MATMULS = 2;
/** A fused multiply-add of zeros, which only engines with relaxed SIMD accept. */
const probe = emitKernel((f) => void f.local(F32x4.of(0).multiplyAdd(0, 0)));

/**
 * Opens the CPU device.
 *
 * Without permission for a BLAS, without a BLAS, or without workers it computes the same results
 * more slowly, and `device.info.description` says so. `close()` ends its threads; a script that
 * never closes it ends all the same.
 *
 * @throws {RangeError} If `threads` is not a positive integer.
 * @throws {Error} If a BLAS or a oneDNN given by path cannot be used, if there are no matmuls in
 * `bf16` though they are wanted, or if the engine has no shared WebAssembly memory.
 *
 * @example
 * ```ts
 * import { openCpuDevice } from "./device.ts";
 *
 * const device = await openCpuDevice({ threads: 1, blas: false });
 * const allocation = device.allocate(8, "two numbers");
 * device.write(allocation, 0, new Float32Array([1, 2]));
 * const numbers = new Float32Array(await device.read(allocation, 0, 8));
 * if (numbers[1] !== 2) throw new Error(`expected 2, got ${numbers[1]}`);
 * await device.close();
 * ```
 */
export async function openCpuDevice(options: OpenOptions = {}): Promise<CpuDevice> {
  const threads = options.threads ??
    Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, MAX_THREADS);
  const isRight = Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS;
  const wanted = `a whole number of threads from 1 to ${MAX_THREADS}`;
  checkThat(isRight, "open the cpu device", wanted, threads);
  const heap = new Heap(INITIAL_BYTES);
  const libraries = await openLibraries(options, heap);
  const { pool, failure } = await Pool.start(heap, threads - 1, libraries.forWorkers);
  return new Cpu(heap, pool, failure, libraries, options.matmulPrecision ?? "f32");
}

/** A kernel that is ready to run on the main thread. */
interface CompiledKernel {
  readonly id: number;
  readonly run: KernelFunction;
  /** The module, for the workers. Engines compile equal modules once for all threads. */
  readonly code: Pick<CpuAllocation, "address" | "bytes">;
}

class Cpu extends Profiled implements CpuDevice {
  readonly kind = "cpu";
  readonly info: DeviceInfo;
  readonly threads: number;
  readonly hasBlas: boolean;
  readonly hasOneDnn: boolean;
  readonly relaxedSimd: boolean = WebAssembly.validate(probe(true));
  readonly hasFloat16 = true;
  readonly scopes: Scopes = new Scopes("cpu");
  readonly #heap: Heap;
  readonly #pool: Pool;
  readonly #libraries: MatmulLibraries;
  /** Those of the libraries, by precision: the first kernels that workers have. */
  readonly #matmuls: readonly CompiledKernel[];
  readonly #matmulPrecision: MatmulPrecision;
  #bfloat16Speed: number | null = null;
  /** Functions that run in `f32`. */
  #exact = 0;
  readonly #kernels = new Map<string, CompiledKernel>();
  readonly #argumentBlock: CpuAllocation;
  /** Scratch memory of each thread, as large as the largest kernel so far needed. */
  readonly #scratch: (CpuAllocation | null)[];
  #recorder: ProfileRecorder | null = null;
  #closed = false;
  #lastPause = performance.now();

  constructor(
    heap: Heap,
    pool: Pool,
    failure: string | null,
    libraries: MatmulLibraries,
    asked: MatmulPrecision | "auto",
  ) {
    super();
    this.#heap = heap;
    this.#pool = pool;
    this.#libraries = libraries;
    this.hasBlas = libraries.blas.isOpen;
    this.hasOneDnn = libraries.oneDnn.isOpen;
    this.#matmulPrecision = asked === "f32" || libraries.missingBf16 !== null ? "f32" : "bf16";
    this.threads = pool.size + 1;
    const code = { address: 0, bytes: 0 };
    this.#matmuls = libraries.kernels.map((run, id) => ({ id, run, code }));
    this.#argumentBlock = heap.reserve(ARGUMENT_WORDS * 4, "arguments of kernels");
    this.#scratch = new Array(this.threads).fill(null);
    heap.advice = () => this.scopes.advice;
    this.info = this.#describe(failure, asked);
  }

  get live(): number {
    return this.#heap.live;
  }

  get memory(): DeviceMemory {
    return this.#heap;
  }

  get bfloat16Speed(): number {
    return this.#bfloat16Speed ??= this.#libraries.bfloat16Speed();
  }

  get matmulPrecision(): MatmulPrecision {
    return this.#exact > 0 ? "f32" : this.#matmulPrecision;
  }

  async inF32<Result>(run: () => Promise<Result>): Promise<Result> {
    this.#exact++;
    try {
      return await run();
    } finally {
      this.#exact--;
    }
  }

  scope(): Scope {
    this.#mustBeOpen("open a scope");
    return this.scopes.open();
  }

  allocate(bytes: number, label: string): CpuAllocation {
    if (this.#closed) this.#mustBeOpen(`allocate "${label}"`);
    return this.#heap.allocate(bytes, label);
  }

  free(allocation: CpuAllocation): void {
    // Scopes and finalizers may outlive the device; closing it freed everything.
    if (!this.#closed) this.#heap.free(this.#own(allocation, "free"));
  }

  write(allocation: CpuAllocation, byteOffset: number, data: StoredArray): void {
    const address = this.#range(allocation, byteOffset, data.byteLength, "write");
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#heap.bytes.set(bytes, address);
  }

  async read(
    allocation: CpuAllocation,
    byteOffset: number,
    byteLength: number,
  ): Promise<ArrayBuffer> {
    const source = this.bytes(allocation, byteOffset, byteLength);
    const copy = new Uint8Array(byteLength);
    copy.set(source);
    // Nothing to wait for, but finalizers, timers and signals only run between tasks: without a
    // pause, a loop that reads would starve them.
    if (performance.now() - this.#lastPause > MAX_TASK_MILLISECONDS) {
      await new Promise((resolve) => setTimeout(resolve));
      this.#lastPause = performance.now();
    }
    return copy.buffer;
  }

  flush(): void {}

  synchronize(): Promise<void> {
    return Promise.resolve();
  }

  backpressure(): Promise<void> {
    return Promise.resolve();
  }

  override async profile(run: () => void | Promise<void>): Promise<Profile> {
    this.#mustBeOpen("profile");
    if (this.#recorder !== null) {
      throw wrongState("profile", "no profile in progress", "one");
    }
    const recorder = this.#recorder = new ProfileRecorder();
    try {
      await run();
      return recorder.finish();
    } finally {
      this.#recorder = null;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.close();
    this.#libraries.close();
    this.#kernels.clear();
    this.#heap.close();
  }

  bytes(allocation: CpuAllocation, byteOffset: number, byteLength: number): Uint8Array {
    const address = this.#range(allocation, byteOffset, byteLength, "read");
    return this.#heap.bytes.subarray(address, address + byteLength);
  }

  address({ allocation, dtype, offset }: TypedPointer): number {
    return this.#alive(allocation, "use").address + offset * bytesPerElement(dtype);
  }

  dispatch(
    kernel: WasmKernel | NativeKernel,
    arguments_: Arguments,
    items: number,
    options: DispatchOptions = {},
  ): void {
    const recorder = this.#recorder;
    if (recorder === null) return this.#run(kernel, arguments_, items, options);
    // Otherwise compilation would count as the kernel's first run.
    if ("emit" in kernel && !this.#kernels.has(kernel.key)) {
      recorder.time("compile kernels", undefined, () => this.#compile(kernel));
    }
    const run = () => this.#run(kernel, arguments_, items, options);
    const work = options.work?.();
    recorder.time(kernel.key, work, run, currentCall("emit" in kernel ? kernel : {}, work?.shapes));
  }

  #run(
    kernel: WasmKernel | NativeKernel,
    arguments_: Arguments,
    items: number,
    options: DispatchOptions,
  ): void {
    // The message is made only if it is needed.
    if (this.#closed) this.#mustBeOpen(`run kernel "${kernel.key}"`);
    const { grain = 1 } = options;
    if (!Number.isInteger(items) || items < 0) {
      throw wrongValue(`run kernel "${kernel.key}"`, "a whole number of items", items);
    }
    if (items === 0) return;
    const isNative = !("emit" in kernel);
    const runnable = isNative
      ? this.#matmul(kernel, arguments_)
      : this.#kernels.get(kernel.key) ?? this.#compile(kernel);
    this.#writeArguments(kernel.key, arguments_);
    const threads = isNative && this.#libraries.forWorkers === null ? 1 : this.threads;
    const shares = Math.max(1, Math.min(threads, Math.floor(items / grain)));
    const scratchBytes = (options.scratchBytes ?? 0) + (isNative ? 0 : kernel.scratchBytes ?? 0);
    if (scratchBytes > 0) this.#provideScratch(shares, scratchBytes, kernel.key);
    this.#runShares(kernel.key, runnable, items, shares);
  }

  #matmul(
    { precision = this.matmulPrecision }: NativeKernel,
    { integers }: Arguments,
  ): CompiledKernel {
    checkThat(integers.length === 23, "dispatch sgemm", "23 integers", integers.length);
    const kernel = this.#matmuls[precision === "bf16" ? 1 : 0];
    if (kernel === undefined) {
      throw new Error(`Cannot run kernel "sgemm": no BLAS (${this.info.details.blas})`);
    }
    if (precision === "bf16" && this.#matmulPrecision === "f32") {
      throw new Error(`Cannot run kernel "sgemm": the device was opened for matmuls in f32`);
    }
    return kernel;
  }

  #describe(failure: string | null, asked: MatmulPrecision | "auto"): DeviceInfo {
    const { threads, relaxedSimd, matmulPrecision } = this;
    const { blas, oneDnn, missingBf16: missing } = this.#libraries;
    const count = `cpu: ${threads} thread${threads === 1 ? "" : "s"}`;
    const parts = [
      failure === null ? count : `${count} (no workers: ${failure})`,
      relaxedSimd ? "relaxed SIMD" : "SIMD without fused multiply-add",
      blas.isOpen ? blas.description : `no BLAS (${blas.description})`,
      ...(oneDnn.isOpen ? [oneDnn.description] : []),
      ...(asked === "f32"
        ? []
        : [`matmuls in ${missing === null ? "bf16" : `f32 (no bf16: ${missing})`}`]),
    ];
    const title = [
      count,
      blas.isOpen ? withoutFile(blas.description) : "no BLAS",
      ...(oneDnn.isOpen ? [withoutFile(oneDnn.description)] : []),
      ...(matmulPrecision === "bf16" ? ["bf16"] : []),
    ];
    return {
      title: title.join(", ").slice(0, 60),
      description: parts.join(", "),
      details: {
        threads,
        relaxedSimd,
        float16: true,
        blas: blas.description,
        oneDnn: oneDnn.description,
        matmulPrecision,
      },
    };
  }

  /**
   * Runs the first share here, and the others in the workers, or here if those are late, or fail:
   * then the same error is thrown here.
   */
  #runShares(
    key: string,
    { id, run, code }: CompiledKernel,
    items: number,
    shares: number,
  ): void {
    const { address } = this.#argumentBlock;
    for (let share = 1; share < shares; share++) {
      this.#pool.post(share - 1, [
        id,
        address,
        boundary(items, share, shares),
        boundary(items, share + 1, shares),
        this.#scratch[share]?.address ?? 0,
        code.address,
        code.bytes,
      ]);
    }
    let failure: Error | null = null;
    for (let share = 0; share < shares; share++) {
      const state = share === 0 ? STATE.open : this.#pool.finish(share - 1);
      if (state === STATE.idle) continue;
      const [start, end] = [boundary(items, share, shares), boundary(items, share + 1, shares)];
      try {
        run(address, start, end, this.#scratch[share]?.address ?? 0);
        if (state === STATE.failed) throw new Error("it failed in a worker");
      } catch (error) {
        failure = new Error(`Cannot run kernel "${key}": ${error}`, { cause: error });
      }
    }
    if (failure !== null) throw failure;
  }

  /** Emits a kernel and compiles it for the main thread. */
  #compile({ key, emit }: WasmKernel): CompiledKernel {
    const bytes = emit(this.relaxedSimd);
    const { memory } = this.#heap;
    let run: KernelFunction;
    try {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
        env: { memory },
      });
      run = exports.kernel as KernelFunction;
    } catch (error) {
      throw new Error(`Cannot compile kernel "${key}": ${error}`, { cause: error });
    }
    const id = MATMULS + this.#kernels.size;
    const code = this.#heap.reserve(bytes.length, `code of kernel "${key}"`);
    this.#heap.bytes.set(bytes, code.address);
    const compiled = { id, code, run };
    this.#kernels.set(key, compiled);
    return compiled;
  }

  #writeArguments(key: string, { integers, floats = [] }: Arguments): void {
    const count = integers.length + floats.length;
    if (count > ARGUMENT_WORDS) {
      throw wrongValue(`run kernel "${key}"`, `at most ${ARGUMENT_WORDS} arguments`, count);
    }
    const { integers: words, floats: numbers } = this.#heap;
    let at = this.#argumentBlock.address / 4;
    for (let i = 0; i < integers.length; i++) words[at++] = integers[i] ?? 0;
    for (let i = 0; i < floats.length; i++) numbers[at++] = floats[i] ?? 0;
  }

  #provideScratch(shares: number, bytes: number, key: string): void {
    for (let share = 0; share < shares; share++) {
      const old = this.#scratch[share] ?? null;
      if (old !== null && old.bytes >= bytes) continue;
      if (old !== null) this.#heap.release(old);
      this.#scratch[share] = null;
      this.#scratch[share] = this.#heap.reserve(bytes, `scratch memory of kernel "${key}"`);
    }
  }

  #own(allocation: unknown, what: string): CpuAllocation {
    if (!(allocation instanceof CpuAllocation) || allocation.heap !== this.#heap) {
      throw wrongType(`${what} an allocation`, "one of this cpu device", "one of another device");
    }
    return allocation;
  }

  #alive(allocation: unknown, what: string): CpuAllocation {
    const own = this.#own(allocation, what);
    if (own.isFree) throw new Error(`Cannot ${what} "${own.label}": it was freed`);
    return own;
  }

  /** Checks a byte range, and returns its address. */
  #range(allocation: unknown, byteOffset: number, byteLength: number, what: string): number {
    this.#mustBeOpen(what);
    const { address, bytes, label } = this.#alive(allocation, what);
    if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= bytes)) {
      const got = `${byteLength} bytes from ${byteOffset} on`;
      throw wrongValue(`${what} "${label}"`, `a range within ${bytes} bytes`, got);
    }
    return address + byteOffset;
  }

  #mustBeOpen(what: string): void {
    if (this.#closed) throw new Error(`Cannot ${what}: the cpu device is closed`);
  }
}

/** Start of share `share` when splitting evenly into `shares`. */
function boundary(items: number, share: number, shares: number): number {
  return Math.floor((items * share) / shares);
}

/** The name of a library, without that of its file: "OpenBLAS 0.3.29 (libopenblas.so.0)". */
function withoutFile(description: string): string {
  return description.replace(/ \(.*\)$/, "");
}
