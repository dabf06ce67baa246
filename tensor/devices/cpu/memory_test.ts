import { assert, assertEquals, assertThrows } from "@std/assert";
import { BLOCK_ALIGNMENT, type CpuAllocation, Heap } from "./memory.ts";

/** A linear congruential generator, so that failures are reproducible. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Sizes as in training: many small, some large, few distinct. */
function randomSize(random: (below: number) => number): number {
  const kind = random(10);
  if (kind === 0) return 0;
  if (kind < 6) return random(4_096);
  if (kind < 9) return 65_536 + random(65_536);
  return random(4_000_000);
}

/** Throws if two allocations overlap or one is misaligned. */
function assertDisjoint(allocations: CpuAllocation[]): void {
  const sorted = allocations.toSorted((a, b) => a.address - b.address);
  for (let i = 0; i < sorted.length; i++) {
    const one = sorted[i];
    const next = sorted[i + 1];
    if (one === undefined) break;
    assertEquals(one.address % BLOCK_ALIGNMENT, 0);
    if (next !== undefined) assert(one.address + Math.max(1, one.bytes) <= next.address);
  }
}

for (const seed of [1, 2, 3]) {
  Deno.test(`random allocations never overlap and leave one free block behind, seed ${seed}`, () => {
    const random = generator(seed);
    const heap = new Heap(1 << 20);
    const held: CpuAllocation[] = [];
    let bytes = 0;
    for (let step = 0; step < 5_000; step++) {
      if (held.length > 0 && random(100) < (held.length > 100 ? 60 : 40)) {
        const [gone] = held.splice(random(held.length), 1);
        if (gone === undefined) throw new Error("nothing to free");
        heap.free(gone);
        bytes -= gone.bytes;
      } else {
        const size = randomSize(random);
        held.push(heap.allocate(size, "test"));
        bytes += size;
      }
      assertEquals(heap.live, held.length);
      assertEquals(heap.liveBytes, bytes);
      if (step % 100 === 0) assertDisjoint(held);
    }
    assertDisjoint(held);
    for (const allocation of held) heap.free(allocation);
    assertEquals([heap.live, heap.liveBytes], [0, 0]);

    const before = heap.memory.buffer.byteLength;
    heap.free(heap.allocate(before, "everything"));
    assertEquals(heap.memory.buffer.byteLength, before);
  });
}

Deno.test("memory stays flat over cycles of varying sizes", () => {
  const random = generator(7);
  const heap = new Heap(1 << 20);
  const kept = Array.from({ length: 50 }, () => heap.allocate(randomSize(random), "kept"));
  let afterWarmUp = 0;
  for (let cycle = 0; cycle < 200; cycle++) {
    const held: CpuAllocation[] = [];
    // At most 16 MB at once, in sizes that differ between cycles.
    for (let total = 0; total < 16_000_000;) {
      const size = Math.min(randomSize(random), 16_000_000 - total);
      total += Math.max(size, 64);
      held.push(heap.allocate(size, "activation"));
      if (random(3) === 0) {
        const [gone] = held.splice(random(held.length), 1);
        if (gone !== undefined) heap.free(gone);
      }
    }
    // Replacing parameters one by one keeps the neighbors of free blocks in use.
    const index = random(kept.length);
    const old = kept[index];
    if (old === undefined) throw new Error("nothing to replace");
    heap.free(old);
    kept[index] = heap.allocate(old.bytes, "kept");
    for (const allocation of held) heap.free(allocation);
    if (cycle === 20) afterWarmUp = heap.memory.buffer.byteLength;
  }
  assertEquals(heap.memory.buffer.byteLength, afterWarmUp);
});

Deno.test("the most recently freed block is reused first", () => {
  const heap = new Heap(1 << 22);
  const block = (): CpuAllocation => heap.allocate(10_000, "block");
  const [, second, , fourth] = [block(), block(), block(), block(), block()] as const;
  heap.free(second);
  heap.free(fourth);
  assertEquals(heap.allocate(10_000, "again").address, fourth.address);
  assertEquals(heap.allocate(10_000, "again").address, second.address);
});

Deno.test("a size of 0 has an address of its own", () => {
  const heap = new Heap(1 << 16);
  const [one, two] = [heap.allocate(0, "one"), heap.allocate(0, "two")];
  assert(one.address !== two.address);
  assertEquals([heap.live, heap.liveBytes], [2, 0]);
});

Deno.test("views reach memory that was added by growth", () => {
  const heap = new Heap(1 << 16);
  const large = heap.allocate(50_000_000, "large");
  heap.bytes[large.address + large.bytes - 1] = 7;
  assertEquals(new Uint8Array(heap.memory.buffer)[large.address + large.bytes - 1], 7);
});

Deno.test("out of memory names the label, the size and what is in use", () => {
  const heap = new Heap(1 << 16, 1 << 20);
  heap.allocate(600_000, "weights");
  assertThrows(
    () => heap.allocate(600_001, "gradients"),
    RangeError,
    'Cannot allocate "gradients" on the cpu device: wanted 600001 bytes, got none; 600000 bytes in 1 allocations',
  );
  assertThrows(() => heap.allocate(2 ** 40, "too much"), RangeError, "1099511627776 bytes");
  assertThrows(() => heap.allocate(-1, "negative"), RangeError, "got -1");
  assertThrows(() => heap.allocate(NaN, "not a number"), RangeError, "got NaN");
  assertEquals(heap.live, 1);
  heap.allocate(400_000, "what still fits");
});

Deno.test("all 4 GiB of the address space are usable", () => {
  const heap = new Heap(1 << 16);
  const part = (): CpuAllocation => heap.allocate(2 ** 30 - 65_536, "part");
  const [first, second, third, last] = [part(), part(), part(), part()] as const;
  assertDisjoint([first, second, third, last]);
  assert(last.address > 2 ** 31);
  heap.floats[last.address / 4] = 1.5;
  assertEquals(heap.floats[last.address / 4], 1.5);
  assertThrows(() => heap.allocate(2 ** 20, "one more"), RangeError, "one more");
});

Deno.test("freeing twice is an error", () => {
  const heap = new Heap(1 << 16);
  const allocation = heap.allocate(8, "once");
  heap.free(allocation);
  assertThrows(() => heap.free(allocation), Error, 'Cannot free "once": it was freed before');
  assertEquals(heap.live, 0);
});
