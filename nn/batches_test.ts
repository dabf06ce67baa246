import { assert, assertEquals } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { Tensor } from "../tensor/mod.ts";
import { batches } from "./batches.ts";

testOnEveryDevice("batches have every example once, with its target", async (device) => {
  const count = 23;
  const x = Tensor.from(device, Float32Array.from({ length: count * 6 }, (_, i) => i), {
    shape: [count, 2, 3],
  });
  const y = Tensor.arange(device, 0, count);
  for (const shuffle of [false, true]) {
    for (const dropLast of [false, true]) {
      const seen: number[] = [];
      const sizes: number[] = [];
      for (const [some, ids] of batches([x, y], { batchSize: 5, shuffle, seed: 3, dropLast })) {
        assertEquals(some.shape.slice(1), [2, 3]);
        assertEquals(ids.dtype, "int32");
        const [values, numbers] = [await some.data(), await ids.data()];
        numbers.forEach((id, i) => assertEquals(values[6 * i], 6 * id));
        seen.push(...numbers);
        sizes.push(ids.size);
      }
      assertEquals(sizes, dropLast ? [5, 5, 5, 5] : [5, 5, 5, 5, 3]);
      const all = Array.from({ length: count }, (_, i) => i);
      assertEquals(new Set(seen).size, seen.length);
      if (!dropLast) assertEquals(seen.toSorted((a, b) => a - b), all);
      if (!shuffle) assertEquals(seen, all.slice(0, seen.length));
      else assert(seen.some((id, i) => id !== i));
    }
  }
});

fresh.testOnEveryDevice("a batch lives until the next one, also in scopes", async (device) => {
  const x = Tensor.from(device, [[1], [2], [3], [4]]);
  const before = device.live;
  const kept: Tensor[] = [];
  for (const [some] of batches([x], { batchSize: 1, shuffle: true, seed: 1 })) {
    using _scope = device.scope();
    assert(device.live <= before + 1, `${device.live - before} more`);
    if (kept.length > 0) assertEquals(kept.at(-1)!.isOpen, false);
    kept.push(some);
    await some.add(1).data();
    if (kept.length === 3) break;
  }
  assertEquals(kept.at(-1)!.isOpen, false);
  assertEquals(device.live, before);
});

cpuTest("one order for each seed", async (device) => {
  const y = Tensor.arange(device, 0, 50);
  const order = async (seed: number) => {
    for (const [ids] of batches([y], { batchSize: 50, shuffle: true, seed })) {
      return [...await ids.data()];
    }
    return [];
  };
  assertEquals(await order(1), await order(1));
  assert((await order(1)).join() !== (await order(2)).join());
});
