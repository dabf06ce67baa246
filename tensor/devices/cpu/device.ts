/** The CPU device: combines memory, threads and BLAS. @module */

import type {
  Arguments,
  CpuDevice,
  DeviceInfo,
  DeviceMemory,
  DispatchOptions,
  MatmulPrecision,
  NativeKernel,
  View,
  WasmKernel,
} from "../../device.ts";
import { bytesPerElement, type TypedArray } from "../../dtype.ts";
import { Error, RangeError, TypeError } from "../../errors.ts";
import { type Profile, ProfileRecorder } from "../../profile.ts";
import { type Scope, Scopes } from "../../scope.ts";
import { Blas } from "./blas.ts";
import { type CompiledKernel, compileKernel } from "./kernel.ts";
import { CpuAllocation, Heap } from "./memory.ts";
import { LIBRARY, OneDnn } from "./onednn.ts";
import { Pool } from "./pool.ts";
import { partOf, readSgemm, type Sgemm, usefulParts } from "./sgemm.ts";
import { hasRelaxedSimd } from "./relaxed_simd.ts";

/** Options for {@linkcode openCpuDevice}. */
export interface CpuOptions {
  /** Number of threads, including the main thread. @default {one per logical core} */
  readonly threads?: number;
  /** Whether to use a BLAS, or the path of one. By default, one is used if found and permitted. */
  readonly blas?: boolean | string;
  /**
   * Whether to use oneDNN for large matmuls, beside a BLAS; or the path of one, which is then used
   * on any processor. By default, it is used if found, permitted, and faster than the BLAS.
   */
  readonly oneDnn?: boolean | string;
  /**
   * The precision of the operands of matmuls. `auto` takes `bf16` if oneDNN multiplies it at least
   * 1.5 times as fast as `f32`, which takes a processor with AMX. @default {"f32"}
   */
  readonly matmulPrecision?: MatmulPrecision | "auto";
}

const INITIAL_BYTES = 1 << 24;
/** Starting a worker takes some 30 ms, so a thousand would take half a minute. */
const MAX_THREADS = 256;
/** Milliseconds between pauses while reading. A pause takes about one. */
const MAX_TASK_MILLISECONDS = 100;
const ARGUMENT_WORDS = 1_024;

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
export async function openCpuDevice(options: CpuOptions = {}): Promise<CpuDevice> {
  const threads = options.threads ??
    Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, MAX_THREADS);
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new RangeError(
      `Cannot open the cpu device: wanted a whole number of threads from 1 to ${MAX_THREADS}, ` +
        `got ${threads}`,
    );
  }
  const choice = options.blas ?? true;
  const heap = new Heap(INITIAL_BYTES);
  const blas = Blas.open(choice, heap);
  if (typeof blas === "string" && typeof choice === "string") {
    throw new Error(`Cannot open the cpu device: wanted the BLAS ${choice}, got none (${blas})`);
  }
  const oneDnn = OneDnn.open(options.oneDnn ?? true, blas, heap);
  if (typeof oneDnn === "string" && typeof options.oneDnn === "string") {
    throw new Error(
      `Cannot open the cpu device: wanted the oneDNN ${options.oneDnn}, got none (${oneDnn})`,
    );
  }
  const { pool, failure } = await Pool.start(heap, threads - 1, {
    blas: blas instanceof Blas && blas.isPerThread ? blas.forWorkers : null,
    oneDnn: oneDnn instanceof OneDnn ? oneDnn.forWorkers : null,
  });
  const { matmulPrecision = "f32" } = options;
  const isMissing = oneDnn instanceof OneDnn && !pool.hasOneDnn;
  const libraries = { blas, oneDnn: isMissing ? "a worker cannot open it" : oneDnn };
  const missing = matmulPrecision === "f32" ? null : missingBf16(heap, libraries, matmulPrecision);
  const device = new Cpu(heap, pool, failure, libraries, matmulPrecision, missing);
  if (isMissing) oneDnn.close();
  if (missing === null || matmulPrecision !== "bf16") return device;
  await device.close();
  throw new Error(`Cannot open the cpu device: wanted matmuls in bf16, got f32 only (${missing})`);
}

interface Libraries {
  readonly blas: Blas | string;
  readonly oneDnn: OneDnn | string;
}

/** Why there are no matmuls in bf16, or none that gain enough for `auto`; `null` if there are. */
function missingBf16(heap: Heap, { blas, oneDnn }: Libraries, asked: string): string | null {
  if (typeof blas === "string" || typeof oneDnn === "string") return `no oneDNN: ${oneDnn}`;
  return oneDnn.missingBf16(blas, heap, asked === "auto");
}

class Cpu implements CpuDevice {
  readonly kind = "cpu";
  readonly info: DeviceInfo;
  readonly threads: number;
  readonly hasBlas: boolean;
  readonly hasOneDnn: boolean;
  readonly relaxedSimd: boolean = hasRelaxedSimd();
  // WebAssembly cannot load half-precision floats.
  readonly hasFloat16 = false;
  readonly scopes: Scopes = new Scopes("cpu");
  readonly memory: DeviceMemory;
  readonly #heap: Heap;
  readonly #pool: Pool;
  readonly #blas: Blas | null;
  readonly #oneDnn: OneDnn | null;
  readonly #blasThreads: number;
  readonly #matmulPrecision: MatmulPrecision;
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
    libraries: Libraries,
    asked: MatmulPrecision | "auto",
    missing: string | null,
  ) {
    const { blas, oneDnn } = libraries;
    this.#heap = heap;
    this.#pool = pool;
    this.#blas = blas instanceof Blas ? blas : null;
    this.#oneDnn = oneDnn instanceof OneDnn ? oneDnn : null;
    this.hasOneDnn = this.#oneDnn !== null;
    this.#matmulPrecision = asked === "f32" || missing !== null ? "f32" : "bf16";
    this.threads = pool.size + 1;
    this.hasBlas = this.#blas !== null;
    this.#blasThreads = this.#blas?.isPerThread && pool.hasBlas ? this.threads : 1;
    this.#argumentBlock = heap.reserve(ARGUMENT_WORDS * 4, "arguments of kernels");
    this.#scratch = new Array(this.threads).fill(null);
    this.memory = {
      get liveBytes() {
        return heap.liveBytes;
      },
      get peakBytes() {
        return heap.peakBytes;
      },
      limitBytes: heap.limitBytes,
    };
    heap.advice = () => this.scopes.advice;
    this.info = describe(this.threads, failure, this.relaxedSimd, libraries, {
      asked,
      matmulPrecision: this.matmulPrecision,
      missing,
    });
  }

  get live(): number {
    return this.#heap.live;
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
    this.#mustBeOpen("allocate", label);
    return this.#heap.allocate(bytes, label);
  }

  free(allocation: CpuAllocation): void {
    // Scopes and finalizers may outlive the device; closing it freed everything.
    if (!this.#closed) this.#heap.free(this.#own(allocation, "free"));
  }

  write(allocation: CpuAllocation, byteOffset: number, data: TypedArray): void {
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

  async profile(run: () => void | Promise<void>): Promise<Profile> {
    this.#mustBeOpen("profile");
    if (this.#recorder !== null) {
      throw new Error("Cannot profile: wanted no profile in progress, got one");
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
    this.#oneDnn?.close();
    this.#blas?.close();
    this.#kernels.clear();
    this.#heap.close();
  }

  bytes(allocation: CpuAllocation, byteOffset: number, byteLength: number): Uint8Array {
    const address = this.#range(allocation, byteOffset, byteLength, "read");
    return this.#heap.bytes.subarray(address, address + byteLength);
  }

  address(view: View): number {
    return this.#alive(view.allocation, "use").address + view.offset * bytesPerElement(view.dtype);
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
    recorder.time(kernel.key, options.work, run);
  }

  #run(
    kernel: WasmKernel | NativeKernel,
    arguments_: Arguments,
    items: number,
    options: DispatchOptions,
  ): void {
    // The message is made only if it is needed.
    if (this.#closed) this.#mustBeOpen(`run kernel "${kernel.key}"`);
    const { grain = 1, scratchBytes = 0 } = options;
    if (!Number.isInteger(items) || items < 0) {
      throw new RangeError(
        `Cannot run kernel "${kernel.key}": wanted a whole number of items, got ${items}`,
      );
    }
    if (items === 0) return;
    if ("emit" in kernel) {
      const compiled = this.#kernels.get(kernel.key) ?? this.#compile(kernel);
      this.#writeArguments(kernel.key, arguments_);
      const shares = shareCount(items, grain, this.threads);
      if (scratchBytes > 0) this.#provideScratch(shares, scratchBytes, kernel.key);
      if (shares === 1) this.#runHere(kernel.key, compiled, 0, 0, items);
      else this.#runShared(kernel.key, compiled, items, shares);
    } else {
      const { precision = this.matmulPrecision } = kernel;
      this.#multiply(readSgemm(arguments_), items, grain, precision);
    }
  }

  #multiply(call: Sgemm, items: number, grain: number, precision: MatmulPrecision): void {
    const [blas, oneDnn] = [this.#blas, this.#oneDnn];
    if (blas === null) {
      throw new Error(`Cannot run kernel "sgemm": no BLAS (${this.info.details.blas})`);
    }
    if (precision === "bf16" && this.#matmulPrecision === "f32") {
      throw new Error(`Cannot run kernel "sgemm": the device was opened for matmuls in f32`);
    }
    // Chosen by part: a part may be too narrow for oneDNN where the whole is not.
    const libraryFor = (part: Sgemm) => oneDnn?.libraryFor(part, precision) ?? LIBRARY.blas;
    const multiply = (part: Sgemm) => {
      const library = libraryFor(part);
      if (library === LIBRARY.blas) blas.multiply(part);
      else oneDnn?.multiply(part, library);
    };
    const threads = Math.min(this.#blasThreads, usefulParts(call));
    const shares = shareCount(items, grain, threads);
    if (shares === 1) return multiply(partOf(call, 0, items));
    const part = (share: number): Sgemm =>
      partOf(call, boundary(items, share, shares), boundary(items, share + 1, shares));
    for (let share = 1; share < shares; share++) {
      const own = part(share);
      this.#pool.postSgemm(share - 1, own, libraryFor(own));
    }
    multiply(part(0));
    let failure: string | null = null;
    for (let share = 1; share < shares; share++) {
      if (this.#pool.takeBack(share - 1)) multiply(part(share));
      else failure = this.#pool.finish(share - 1) ?? failure;
    }
    if (failure !== null) throw new Error(`Cannot run kernel "sgemm": ${failure}`);
  }

  #runHere(key: string, kernel: CompiledKernel, share: number, start: number, end: number): void {
    try {
      kernel.run(this.#argumentBlock.address, start, end, this.#scratch[share]?.address ?? 0);
    } catch (error) {
      throw failed(key, String(error), error);
    }
  }

  #runShared(key: string, kernel: CompiledKernel, items: number, shares: number): void {
    const code = this.#codeForWorkers(key, kernel, shares);
    for (let share = 1; share < shares; share++) {
      this.#pool.post(share - 1, {
        kernel: kernel.id,
        arguments: this.#argumentBlock.address,
        start: boundary(items, share, shares),
        end: boundary(items, share + 1, shares),
        scratch: this.#scratch[share]?.address ?? 0,
        code: kernel.isKnown[share] ? null : code,
      });
    }
    let failure: Error | null = null;
    const runHere = (share: number): void => {
      try {
        const [start, end] = [boundary(items, share, shares), boundary(items, share + 1, shares)];
        this.#runHere(key, kernel, share, start, end);
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
    };
    runHere(0);
    for (let share = 1; share < shares; share++) {
      if (this.#pool.takeBack(share - 1)) {
        runHere(share);
        continue;
      }
      const message = this.#pool.finish(share - 1);
      if (message === null) kernel.isKnown[share] = true;
      else failure = failed(key, message, null);
    }
    if (code !== null) this.#heap.release(code);
    if (failure !== null) throw failure;
  }

  /** The kernel's module in shared memory, unless all workers have it. */
  #codeForWorkers(key: string, kernel: CompiledKernel, shares: number): CpuAllocation | null {
    for (let share = 1; share < shares; share++) {
      if (kernel.isKnown[share]) continue;
      const code = this.#heap.reserve(kernel.bytes.length, `code of kernel "${key}"`);
      this.#heap.bytes.set(kernel.bytes, code.address);
      return code;
    }
    return null;
  }

  #compile(kernel: WasmKernel): CompiledKernel {
    const compiled = compileKernel(kernel, this.#kernels.size, this.#heap.memory, this.threads);
    this.#kernels.set(kernel.key, compiled);
    return compiled;
  }

  #writeArguments(key: string, { integers, floats = [] }: Arguments): void {
    if (integers.length + floats.length > ARGUMENT_WORDS) {
      throw new RangeError(
        `Cannot run kernel "${key}": wanted at most ${ARGUMENT_WORDS} arguments, ` +
          `got ${integers.length + floats.length}`,
      );
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
      throw new TypeError(
        `Cannot ${what} an allocation: wanted one of this cpu device, got one of another device`,
      );
    }
    return allocation;
  }

  #alive(allocation: unknown, what: string): CpuAllocation {
    const own = this.#own(allocation, what);
    if (own.block === null) throw new Error(`Cannot ${what} "${own.label}": it was freed`);
    return own;
  }

  /** Checks a byte range, and returns its address. */
  #range(allocation: unknown, byteOffset: number, byteLength: number, what: string): number {
    this.#mustBeOpen(what);
    const { address, bytes, label } = this.#alive(allocation, what);
    if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= bytes)) {
      throw new RangeError(
        `Cannot ${what} "${label}": wanted a range within ${bytes} bytes, ` +
          `got ${byteLength} bytes from ${byteOffset} on`,
      );
    }
    return address + byteOffset;
  }

  #mustBeOpen(what: string, label?: string): void {
    if (!this.#closed) return;
    const action = label === undefined ? what : `${what} "${label}"`;
    throw new Error(`Cannot ${action}: the cpu device is closed`);
  }
}

function shareCount(items: number, grain: number, threads: number): number {
  return Math.max(1, Math.min(threads, Math.floor(items / grain)));
}

/** Start of share `share` when splitting evenly into `shares`. */
function boundary(items: number, share: number, shares: number): number {
  return Math.floor((items * share) / shares);
}

function failed(key: string, message: string, cause: unknown): Error {
  return new Error(`Cannot run kernel "${key}": ${message}`, { cause });
}

function describe(
  threads: number,
  failure: string | null,
  relaxedSimd: boolean,
  { blas, oneDnn }: Libraries,
  precision: { asked: string; matmulPrecision: MatmulPrecision; missing: string | null },
): DeviceInfo {
  const { asked, matmulPrecision, missing } = precision;
  const count = failure === null
    ? `${threads} thread${threads === 1 ? "" : "s"}`
    : `1 thread (no workers: ${failure})`;
  const simd = relaxedSimd ? "relaxed SIMD" : "SIMD without fused multiply-add";
  const libraries = [
    blas instanceof Blas ? blas.description : `no BLAS (${blas})`,
    ...(oneDnn instanceof OneDnn ? [oneDnn.description] : []),
    ...(asked === "f32"
      ? []
      : [`matmuls in ${missing === null ? "bf16" : `f32 (no bf16: ${missing})`}`]),
  ];
  return {
    description: `cpu: ${count}, ${simd}, ${libraries.join(", ")}`,
    details: {
      threads,
      relaxedSimd,
      float16: false,
      blas: blas instanceof Blas ? blas.description : blas,
      oneDnn: oneDnn instanceof OneDnn ? oneDnn.description : oneDnn,
      matmulPrecision,
    },
  };
}
