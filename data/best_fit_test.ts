import { assertEquals } from "@std/assert";
import { BestFit } from "./best_fit.ts";
import { randomBits } from "./shuffle.ts";
import { NaiveFit } from "./testing/naive_fit.ts";

interface Item {
  length: number;
  name: number;
}

Deno.test("BestFit returns the items of a linear scan, in the same order", () => {
  for (const longest of [3, 31, 32, 33, 257, 5000]) {
    const fast = new BestFit<Item>();
    const naive = new NaiveFit<Item>();
    for (let i = 0; i < 1500; i++) {
      const draw = randomBits(longest, i);
      if (draw % 5 < 3) {
        const item = { length: 1 + randomBits(longest, i, 1) % longest, name: i };
        fast.add(item);
        naive.add(item);
      } else if (draw % 5 === 3) {
        const room = randomBits(longest, i, 2) % (longest + 40);
        assertEquals(fast.takeLongest(room), naive.takeLongest(room));
      } else {
        assertEquals(fast.takeShortest(), naive.takeShortest());
      }
      assertEquals(fast.size, naive.size);
    }
    assertEquals([...fast.items()], [...naive.items()]);
    while (naive.size > 0) assertEquals(fast.takeLongest(longest), naive.takeLongest(longest));
    assertEquals(fast.takeShortest(), undefined);
  }
});

Deno.test("BestFit finds nothing if nothing fits, and finds lengths at the edge of a bitmap word", () => {
  const waiting = new BestFit<Item>();
  for (const length of [31, 32, 64, 9000]) waiting.add({ length, name: 0 });
  assertEquals(waiting.takeLongest(0), undefined);
  assertEquals(waiting.takeLongest(30), undefined);
  assertEquals(waiting.takeLongest(31)?.length, 31);
  assertEquals(waiting.takeLongest(63)?.length, 32);
  assertEquals(waiting.takeLongest(100_000)?.length, 9000);
  assertEquals(waiting.takeShortest()?.length, 64);
});
