/**
 * A CPU device for kernel tests: memory that is never freed, and `threads` that are just ranges of
 * work, run sequentially, each with its own scratch memory.
 *
 * @module
 */

import type { Allocation, CpuDevice, NativeKernel, View, WasmKernel } from "../../../device.ts";

import type { DType, StoredArray } from "../../../layout.ts";
import { type Scope, Scopes } from "../../../scope.ts";
import { instantiateKernel, type RunningKernel } from "./run_kernel.ts";

interface Block extends Allocation {
  readonly address: number;
}

export class FakeCpuDevice implements CpuDevice {
  readonly kind = "cpu";
  readonly hasBlas = false;
  readonly hasOneDnn = false;
  readonly bfloat16Speed = 0;
  readonly matmulPrecision = "f32";
  readonly info = { title: "a fake", description: "a fake", details: {} };
  readonly live = 0;
  readonly hasFloat16 = false;
  readonly memory = { liveBytes: 0, peakBytes: 0, limitBytes: Infinity };
  readonly scopes: Scopes = new Scopes("fake");
  readonly threads: number;
  readonly relaxedSimd: boolean;
  compiled = 0;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels = new Map<string, RunningKernel>();
  readonly #blocks = new WeakMap<Allocation, Block>();
  /** The first bytes are for arguments. */
  #next = 4096;

  /** @param pages Size of the memory, in pages of 64 KiB. */
  constructor(
    { threads = 1, relaxedSimd = false, pages = 256 }: {
      threads?: number;
      relaxedSimd?: boolean;
      pages?: number;
    } = {},
  ) {
    this.threads = threads;
    this.relaxedSimd = relaxedSimd;
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  }

  allocate(bytes: number): Allocation {
    const block = { bytes, address: this.#next };
    this.#next += (bytes + 63) & ~63;
    if (this.#next > this.#memory.buffer.byteLength) {
      throw new RangeError("Cannot allocate: the fake is full");
    }
    this.#blocks.set(block, block);
    return block;
  }

  #addressOf(allocation: Allocation): number {
    return this.#blocks.get(allocation)!.address;
  }

  address(view: View): number {
    return this.#addressOf(view.allocation) + 4 * view.offset;
  }

  elements(allocation: Allocation, dtype: "int32"): Int32Array;
  elements(allocation: Allocation, dtype: "float32"): Float32Array;
  elements(allocation: Allocation, dtype: DType): Float32Array | Int32Array {
    const [address, length] = [this.#addressOf(allocation), allocation.bytes / 4];
    return dtype === "int32"
      ? new Int32Array(this.#memory.buffer, address, length)
      : new Float32Array(this.#memory.buffer, address, length);
  }

  bytes(allocation: Allocation, byteOffset: number, byteLength: number): Uint8Array {
    return new Uint8Array(
      this.#memory.buffer,
      this.#addressOf(allocation) + byteOffset,
      byteLength,
    );
  }

  write(allocation: Allocation, byteOffset: number, data: StoredArray): void {
    const start = this.#addressOf(allocation) + byteOffset;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.#memory.buffer).set(bytes, start);
  }

  dispatch(
    kernel: WasmKernel | NativeKernel,
    arguments_: { readonly integers: readonly number[]; readonly floats?: readonly number[] },
    items: number,
    options: { readonly scratchBytes?: number } = {},
  ): void {
    if (!("emit" in kernel)) throw new Error("Cannot dispatch: the fake has no BLAS");
    let running = this.#kernels.get(kernel.key);
    if (running === undefined) {
      running = instantiateKernel(kernel.emit, this.relaxedSimd, this.#memory);
      this.#kernels.set(kernel.key, running);
      this.compiled++;
    }
    const { integers, floats = [] } = arguments_;
    running.integers.set(integers);
    running.floats.set(floats, integers.length);
    const scratch = this.#next;
    const threads = Math.min(this.threads, items);
    const bytes = (kernel.scratchBytes ?? 0) + (options.scratchBytes ?? 0) + 63 & ~63;
    for (let t = 0; t < threads; t++) {
      const [start, end] = [t, t + 1].map((n) => Math.floor(items * n / threads));
      running.run(0, start!, end!, scratch + t * bytes);
    }
  }

  scope(): Scope {
    throw new Error("Cannot open a scope: the fake has none");
  }

  free(): void {}

  read(): Promise<ArrayBuffer> {
    return Promise.reject(new Error("Cannot read: look at elements()"));
  }

  inF32<Result>(run: () => Promise<Result>): Promise<Result> {
    return run();
  }

  flush(): void {}

  synchronize(): Promise<void> {
    return Promise.resolve();
  }

  backpressure(): Promise<void> {
    return Promise.resolve();
  }

  explain(): Promise<never> {
    return this.profile();
  }

  profile(): Promise<never> {
    return Promise.reject(new Error("Cannot profile: the fake has no clock"));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
