/** The CPU device's allocator: ranges of one shared WebAssembly memory that grows. @module */

import type { Allocation } from "../../device.ts";
import { Error, RangeError } from "../../errors.ts";

/** Start and size of every range are multiples of this, a cache line. */
export const BLOCK_ALIGNMENT = 64;

const PAGE_BYTES = 65_536;
/** All that 32-bit addresses reach: 4 GiB. Only address space is reserved; memory follows use. */
const MAXIMUM_PAGES = 65_536;

/**
 * A range of the memory, used or free. One that was freed is never used again: what is allocated
 * from it is a new object.
 */
export class CpuAllocation implements Allocation {
  readonly heap: Heap;
  readonly bytes: number;
  readonly label: string;
  /** The place and the size with padding, which change while it is free. */
  address: number;
  size: number;
  isFree = false;
  /** The neighbors in memory, in a ring. */
  before: CpuAllocation = this;
  after: CpuAllocation = this;

  constructor(heap: Heap, address: number, size: number, bytes: number, label: string) {
    this.heap = heap;
    this.address = address;
    this.size = size;
    this.bytes = bytes;
    this.label = label;
  }
}

/**
 * An allocator over one growing `WebAssembly.Memory`.
 *
 * Free ranges are in lists by size, most recently freed last: that is used first, because its pages
 * are mapped and perhaps still cached. Adjacent free ranges are always merged, and the smallest
 * fitting size is used, so that the untouched end of the memory is used last.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  /** The whole memory as bytes. This view and the next two are replaced when the memory grows. */
  bytes: Uint8Array = new Uint8Array();
  integers: Int32Array = new Int32Array();
  floats: Float32Array = new Float32Array();
  live = 0;
  liveBytes = 0;
  /** Maximum of {@linkcode liveBytes} so far. */
  peakBytes = 0;
  readonly limitBytes: number;
  /** Ends the out-of-memory message. */
  advice: () => string = () => "";
  /** The end of the memory: comes after the last range, and before the first. */
  readonly #end: CpuAllocation = this.#make(0, 0);
  /** The free ranges of each size; no list is empty. */
  readonly #free = new Map<number, CpuAllocation[]>();

  /** Reserves address space: at most 4 GiB. Throws where there is no shared WebAssembly memory. */
  constructor(initialBytes: number, maximumBytes: number = MAXIMUM_PAGES * PAGE_BYTES) {
    const initial = Math.ceil(initialBytes / PAGE_BYTES);
    const maximum = Math.floor(maximumBytes / PAGE_BYTES);
    this.limitBytes = maximum * PAGE_BYTES;
    this.memory = new WebAssembly.Memory({ initial, maximum, shared: true });
    this.#append(initial);
  }

  /** Allocates 64-byte-aligned memory. Throws a `RangeError` if there is no room. */
  allocate(bytes: number, label: string): CpuAllocation {
    const allocation = this.reserve(bytes, label);
    this.live++;
    this.liveBytes += bytes;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    return allocation;
  }

  /** Frees an allocation; throws if it was already freed. */
  free(allocation: CpuAllocation): void {
    this.release(allocation);
    this.live--;
    this.liveBytes -= allocation.bytes;
  }

  /** Like {@linkcode Heap.allocate}, for the device's own needs, which are not counted. */
  reserve(bytes: number, label: string): CpuAllocation {
    if (!(bytes >= 0) || !Number.isSafeInteger(bytes)) {
      throw new RangeError(
        `Cannot allocate "${label}": wanted a whole number of bytes, 0 or more, got ${bytes}`,
      );
    }
    const size = Math.max(1, Math.ceil(bytes / BLOCK_ALIGNMENT)) * BLOCK_ALIGNMENT;
    let free = this.#find(size);
    while (free === null) {
      this.#grow(size, bytes, label);
      free = this.#find(size);
    }
    this.#unlist(free);
    const allocation = this.#make(free.address, size, bytes, label);
    insertBefore(free, allocation);
    free.address += size;
    free.size -= size;
    if (free.size > 0) this.#list(free);
    else remove(free);
    return allocation;
  }

  release(allocation: CpuAllocation): void {
    if (allocation.isFree) {
      throw new Error(`Cannot free "${allocation.label}": it was freed before`);
    }
    allocation.isFree = true;
    const { before, after } = allocation;
    if (after.isFree) {
      this.#unlist(after);
      remove(after);
      allocation.size += after.size;
    }
    if (before.isFree) {
      this.#unlist(before);
      remove(before);
      allocation.address = before.address;
      allocation.size += before.size;
    }
    this.#list(allocation);
  }

  /** Drops the views, so that the memory can be collected, and resets the counts. */
  close(): void {
    this.#view(new ArrayBuffer(0));
    this.live = 0;
    this.liveBytes = 0;
  }

  #make(address: number, size: number, bytes = 0, label = ""): CpuAllocation {
    return new CpuAllocation(this, address, size, bytes, label);
  }

  #view(buffer: ArrayBufferLike): void {
    this.bytes = new Uint8Array(buffer);
    this.integers = new Int32Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  /** The smallest free range of at least a size, still in its list. */
  #find(size: number): CpuAllocation | null {
    let best = this.#free.get(size);
    if (best === undefined) {
      let least = Infinity;
      for (const [other, ranges] of this.#free) {
        if (other >= size && other < least) [least, best] = [other, ranges];
      }
    }
    return best?.at(-1) ?? null;
  }

  #list(free: CpuAllocation): void {
    const list = this.#free.get(free.size);
    if (list === undefined) this.#free.set(free.size, [free]);
    else list.push(free);
  }

  #unlist(free: CpuAllocation): void {
    const list = this.#free.get(free.size)!;
    if (list.length === 1) this.#free.delete(free.size);
    else list.splice(list.lastIndexOf(free), 1);
  }

  #grow(size: number, bytes: number, label: string): void {
    const last = this.#end.before;
    const pages = this.#end.address / PAGE_BYTES;
    const needed = Math.ceil((size - (last.isFree ? last.size : 0)) / PAGE_BYTES);
    const room = this.limitBytes / PAGE_BYTES - pages;
    // Growing costs a system call and new views, so grow by an eighth, at least 16 MiB.
    const wished = Math.min(room, Math.max(needed, pages >>> 3, 256));
    for (const more of needed <= room ? [wished, needed] : []) {
      try {
        this.memory.grow(more);
      } catch {
        continue;
      }
      return this.#append(more);
    }
    throw new RangeError(
      `Cannot allocate "${label}" on the cpu device: wanted ${bytes} bytes, got none; ` +
        `${this.liveBytes} bytes in ${this.live} allocations are in use of at most ` +
        `${this.limitBytes}${this.advice()}`,
    );
  }

  /** Frees the pages that were added to the memory. */
  #append(pages: number): void {
    this.#view(this.memory.buffer);
    const added = this.#make(this.#end.address, pages * PAGE_BYTES);
    insertBefore(this.#end, added);
    this.#end.address += added.size;
    this.release(added);
  }
}

function insertBefore(next: CpuAllocation, added: CpuAllocation): void {
  added.before = next.before;
  added.after = next;
  next.before.after = added;
  next.before = added;
}

/** Takes a range out of the ring of neighbors. It keeps none of them from being collected. */
function remove(range: CpuAllocation): void {
  range.before.after = range.after;
  range.after.before = range.before;
  range.before = range.after = range;
}
