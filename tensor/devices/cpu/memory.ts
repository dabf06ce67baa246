/** The CPU device's allocator: ranges of one shared WebAssembly memory that grows. @module */

import type { Allocation } from "../../device.ts";
import { Error, wrongValue } from "../../errors.ts";

/** Start and size of every range are multiples of this, a cache line. */
export const BLOCK_ALIGNMENT = 64;

const PAGE_BYTES = 65_536;
/** All that 32-bit addresses reach: 4 GiB. Only address space is reserved; memory follows use. */
const MAXIMUM_PAGES = 65_536;
const UNITS_PER_PAGE = PAGE_BYTES / BLOCK_ALIGNMENT;
/**
 * Below this many units, each size has its own class; above, each power of two has this many
 * classes.
 */
const CLASSES_PER_OCTAVE = 16;
const OCTAVE_BITS = 4;
const CLASSES = (27 - OCTAVE_BITS + 1) * CLASSES_PER_OCTAVE;
/** How many free ranges of the request's own class are tried before a larger class. */
const TRIES = 8;

/**
 * A range of the memory, used or free. Units are of {@linkcode BLOCK_ALIGNMENT} bytes. One that was
 * freed is never used again: what is allocated from it is a new object.
 */
export class CpuAllocation implements Allocation {
  readonly heap: Heap;
  readonly bytes: number;
  readonly label: string;
  readonly address: number;
  start: number;
  units: number;
  isFree = false;
  /** The neighbors in memory, in a ring. */
  before: CpuAllocation = this;
  after: CpuAllocation = this;
  /** The neighbors in the ring of its free list: freed after this one, and before it. */
  newer: CpuAllocation = this;
  older: CpuAllocation = this;

  constructor(heap: Heap, start: number, units: number, bytes: number, label: string) {
    this.heap = heap;
    this.start = start;
    this.units = units;
    this.bytes = bytes;
    this.label = label;
    this.address = start * BLOCK_ALIGNMENT;
  }
}

/** The size class of a range: the largest whose minimum size it reaches. */
function sizeClass(units: number): number {
  if (units < CLASSES_PER_OCTAVE) return units;
  const octave = 31 - Math.clz32(units);
  const step = (units >>> (octave - OCTAVE_BITS)) & (CLASSES_PER_OCTAVE - 1);
  return (octave - OCTAVE_BITS + 1) * CLASSES_PER_OCTAVE + step;
}

/**
 * An allocator over one growing `WebAssembly.Memory`.
 *
 * Free ranges are in lists by size class, most recently freed first, because its pages are mapped
 * and perhaps still cached. Adjacent free ranges are always merged, and the smallest fitting class
 * is used first, so that the untouched end of the memory is used last. The scheme is TLSF (Masmano
 * et al., "TLSF: a new dynamic memory allocator for real-time systems", 2004), with bookkeeping in
 * JavaScript objects.
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
  /** The ends of the free lists. */
  readonly #lists: CpuAllocation[] = Array.from({ length: CLASSES }, () => this.#make(0, 0));
  /** Bit `c` is set if list `c` is not empty. */
  readonly #filled = new Int32Array(CLASSES / 32);

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
      throw wrongValue(`allocate "${label}"`, "a whole number of bytes, 0 or more", bytes);
    }
    const units = Math.max(1, Math.ceil(bytes / BLOCK_ALIGNMENT));
    let free = this.#find(units);
    while (free === null) {
      this.#grow(units, bytes, label);
      free = this.#find(units);
    }
    this.#unlist(free);
    const allocation = this.#make(free.start, units, bytes, label);
    insertBefore(free, allocation);
    free.start += units;
    free.units -= units;
    if (free.units > 0) this.#list(free);
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
      allocation.units += after.units;
    }
    if (before.isFree) {
      this.#unlist(before);
      remove(before);
      allocation.start = before.start;
      allocation.units += before.units;
    }
    this.#list(allocation);
  }

  /** Drops the views, so that the memory can be collected, and resets the counts. */
  close(): void {
    this.#view(new ArrayBuffer(0));
    this.live = 0;
    this.liveBytes = 0;
  }

  #make(start: number, units: number, bytes = 0, label = ""): CpuAllocation {
    return new CpuAllocation(this, start, units, bytes, label);
  }

  #view(buffer: ArrayBufferLike): void {
    this.bytes = new Uint8Array(buffer);
    this.integers = new Int32Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  /** A free range of at least `units` units, still in its list. */
  #find(units: number): CpuAllocation | null {
    if (units > this.#end.start) return null;
    const own = sizeClass(units);
    const end = this.#lists[own]!;
    let free = end.older;
    for (let i = 0; free !== end && i < TRIES; i++) {
      if (free.units >= units) return free;
      free = free.older;
    }
    let word = (own + 1) >>> 5;
    // Shifts count modulo 32.
    let bits = this.#filled[word]! & (-1 << (own + 1));
    while (bits === 0 && ++word < this.#filled.length) bits = this.#filled[word]!;
    if (bits !== 0) return this.#lists[32 * word + 31 - Math.clz32(bits & -bits)]!.older;
    // Search the rest of the class only if the alternative is to grow.
    while (free !== end && free.units < units) free = free.older;
    return free === end ? null : free;
  }

  #list(free: CpuAllocation): void {
    const list = sizeClass(free.units);
    const end = this.#lists[list]!;
    free.newer = end;
    free.older = end.older;
    end.older.newer = free;
    end.older = free;
    this.#filled[list >>> 5]! |= 1 << list;
  }

  #unlist(free: CpuAllocation): void {
    free.newer.older = free.older;
    free.older.newer = free.newer;
    // Alone in the ring is its end: the list is empty.
    if (free.newer === free.older) {
      const list = sizeClass(free.units);
      this.#filled[list >>> 5]! &= ~(1 << list);
    }
    free.newer = free.older = free;
  }

  #grow(units: number, bytes: number, label: string): void {
    const { before: last, start: end } = this.#end;
    const pages = end / UNITS_PER_PAGE;
    const needed = Math.ceil((units - (last.isFree ? last.units : 0)) / UNITS_PER_PAGE);
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
    const used = `${this.liveBytes} bytes in ${this.live} allocations are in use`;
    const got = `none; ${used} of at most ${this.limitBytes}${this.advice()}`;
    throw wrongValue(`allocate "${label}" on the cpu device`, `${bytes} bytes`, got);
  }

  /** Frees the pages that were added to the memory. */
  #append(pages: number): void {
    this.#view(this.memory.buffer);
    const added = this.#make(this.#end.start, pages * UNITS_PER_PAGE);
    insertBefore(this.#end, added);
    this.#end.start += added.units;
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
