/** The CPU device's allocator: blocks of one shared WebAssembly memory that grows. @module */

import type { Allocation } from "../../device.ts";
import { Error, RangeError } from "../../errors.ts";

/** Start and size of every block are multiples of this, a cache line. */
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
/** How many blocks of the request's own class are tried before a larger class. */
const TRIES = 8;

/** A range of the memory, used or free. Units are of {@linkcode BLOCK_ALIGNMENT} bytes. */
export class Block {
  free = false;
  before: Block | null = null;
  after: Block | null = null;
  /** The next block of its free list, freed after this one. */
  newer: Block | null = null;
  older: Block | null = null;
  readonly start: number;
  units: number;

  constructor(start: number, units: number) {
    this.start = start;
    this.units = units;
  }
}

export class CpuAllocation implements Allocation {
  readonly bytes: number;
  readonly address: number;
  readonly label: string;
  readonly heap: Heap;
  /** `null` once freed. */
  block: Block | null;

  constructor(heap: Heap, block: Block, bytes: number, label: string) {
    this.heap = heap;
    this.block = block;
    this.bytes = bytes;
    this.label = label;
    this.address = block.start * BLOCK_ALIGNMENT;
  }
}

/** The size class of a block: the largest whose minimum size it reaches. */
function sizeClass(units: number): number {
  if (units < CLASSES_PER_OCTAVE) return units;
  const octave = 31 - Math.clz32(units);
  const step = (units >>> (octave - OCTAVE_BITS)) & (CLASSES_PER_OCTAVE - 1);
  return (octave - OCTAVE_BITS + 1) * CLASSES_PER_OCTAVE + step;
}

/**
 * An allocator over one growing `WebAssembly.Memory`.
 *
 * Free blocks are in lists by size class, most recently freed first, because its pages are mapped
 * and perhaps still cached. Adjacent free blocks are always merged, and the smallest fitting class
 * is used first, so that the untouched end of the memory is used last. The scheme is TLSF (Masmano
 * et al., "TLSF: a new dynamic memory allocator for real-time systems", 2004), with bookkeeping in
 * JavaScript objects.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  /** The whole memory as bytes. This view and the next two are replaced when the memory grows. */
  bytes: Uint8Array;
  integers: Int32Array;
  floats: Float32Array;
  live = 0;
  liveBytes = 0;
  /** Maximum of {@linkcode liveBytes} so far. */
  peakBytes = 0;
  readonly limitBytes: number;
  /** Ends the out-of-memory message. */
  advice: () => string = () => "";
  readonly #maximumPages: number;
  readonly #lists: (Block | null)[] = new Array(CLASSES).fill(null);
  /** Bit `c` is set if list `c` is not empty. */
  readonly #filled = new Int32Array(CLASSES / 32);
  #last: Block | null = null;
  #pages: number;

  /** Reserves address space: at most 4 GiB. Throws where there is no shared WebAssembly memory. */
  constructor(initialBytes: number, maximumBytes: number = MAXIMUM_PAGES * PAGE_BYTES) {
    this.#pages = Math.ceil(initialBytes / PAGE_BYTES);
    this.#maximumPages = Math.floor(maximumBytes / PAGE_BYTES);
    this.limitBytes = this.#maximumPages * PAGE_BYTES;
    this.memory = new WebAssembly.Memory({
      initial: this.#pages,
      maximum: this.#maximumPages,
      shared: true,
    });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.integers = new Int32Array(this.memory.buffer);
    this.floats = new Float32Array(this.memory.buffer);
    this.#append(this.#pages);
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
    const units = Math.max(1, Math.ceil(bytes / BLOCK_ALIGNMENT));
    let block = this.#find(units);
    if (block === null) {
      this.#grow(units, bytes, label);
      block = this.#find(units);
      if (block === null) throw new Error(`Cannot allocate "${label}": the memory did not grow`);
    }
    this.#unlist(block);
    block.free = false;
    if (block.units > units) {
      const rest = new Block(block.start + units, block.units - units);
      block.units = units;
      this.#insertAfter(block, rest);
      this.#list(rest);
    }
    return new CpuAllocation(this, block, bytes, label);
  }

  release(allocation: CpuAllocation): void {
    let block = allocation.block;
    if (block === null) {
      throw new Error(`Cannot free "${allocation.label}": it was freed before`);
    }
    allocation.block = null;
    const { before, after } = block;
    if (after !== null && after.free) {
      this.#unlist(after);
      this.#absorb(block, after);
    }
    if (before !== null && before.free) {
      this.#unlist(before);
      this.#absorb(before, block);
      block = before;
    }
    this.#list(block);
  }

  /** Drops the views, so that the memory can be collected, and resets the counts. */
  close(): void {
    this.bytes = new Uint8Array();
    this.integers = new Int32Array();
    this.floats = new Float32Array();
    this.live = 0;
    this.liveBytes = 0;
  }

  /** A free block of at least `units` units, still in its list. */
  #find(units: number): Block | null {
    const own = sizeClass(units);
    let block = this.#lists[own] ?? null;
    for (let i = 0; block !== null && i < TRIES; i++) {
      if (block.units >= units) return block;
      block = block.older;
    }
    const from = own + 1;
    for (let word = from >>> 5; word < this.#filled.length; word++) {
      let bits = this.#filled[word] ?? 0;
      if (word === from >>> 5) bits &= -1 << (from & 31);
      if (bits !== 0) return this.#lists[word * 32 + 31 - Math.clz32(bits & -bits)] ?? null;
    }
    // Search the rest of the class only if the alternative is to grow.
    while (block !== null && block.units < units) block = block.older;
    return block;
  }

  #list(block: Block): void {
    const index = sizeClass(block.units);
    const head = this.#lists[index] ?? null;
    block.free = true;
    block.newer = null;
    block.older = head;
    if (head !== null) head.newer = block;
    this.#lists[index] = block;
    this.#filled[index >>> 5] = (this.#filled[index >>> 5] ?? 0) | (1 << (index & 31));
  }

  #unlist(block: Block): void {
    const { newer, older } = block;
    if (older !== null) older.newer = newer;
    if (newer !== null) newer.older = older;
    else {
      const index = sizeClass(block.units);
      this.#lists[index] = older;
      if (older === null) {
        this.#filled[index >>> 5] = (this.#filled[index >>> 5] ?? 0) & ~(1 << (index & 31));
      }
    }
    block.newer = null;
    block.older = null;
  }

  #insertAfter(block: Block, added: Block): void {
    added.before = block;
    added.after = block.after;
    if (block.after !== null) block.after.before = added;
    else this.#last = added;
    block.after = added;
  }

  #absorb(block: Block, after: Block): void {
    block.units += after.units;
    block.after = after.after;
    if (after.after !== null) after.after.before = block;
    else this.#last = block;
  }

  #grow(units: number, bytes: number, label: string): void {
    const last = this.#last;
    const missing = units - (last !== null && last.free ? last.units : 0);
    const needed = Math.ceil(missing / UNITS_PER_PAGE);
    const room = this.#maximumPages - this.#pages;
    // Growing costs a system call and new views, so grow by an eighth, at least 16 MiB.
    const wished = Math.min(room, Math.max(needed, this.#pages >>> 3, 256));
    if (needed <= room) {
      for (const pages of wished > needed ? [wished, needed] : [needed]) {
        try {
          this.memory.grow(pages);
        } catch {
          continue;
        }
        this.bytes = new Uint8Array(this.memory.buffer);
        this.integers = new Int32Array(this.memory.buffer);
        this.floats = new Float32Array(this.memory.buffer);
        this.#append(pages);
        this.#pages += pages;
        return;
      }
    }
    throw new RangeError(
      `Cannot allocate "${label}" on the cpu device: wanted ${bytes} bytes, got none; ` +
        `${this.liveBytes} bytes in ${this.live} allocations are in use of at most ` +
        `${this.#maximumPages * PAGE_BYTES}${this.advice()}`,
    );
  }

  #append(pages: number): void {
    const units = pages * UNITS_PER_PAGE;
    const last = this.#last;
    if (last === null) {
      this.#last = new Block(0, units);
      this.#list(this.#last);
    } else if (last.free) {
      this.#unlist(last);
      last.units += units;
      this.#list(last);
    } else {
      const added = new Block(last.start + last.units, units);
      this.#insertAfter(last, added);
      this.#list(added);
    }
  }
}
