import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Embedding } from "../nn/mod.ts";
import { openDevice, rotary, rotaryAngles, Tensor } from "../tensor/mod.ts";
import { lookUp, sixWords } from "./embedding.ts";
import { positions, turn } from "./positions.ts";

Deno.test("looking a word up is one row of the library's table", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    const { words, features, table } = sixWords;
    const embedding = new Embedding(device, words.length, features.length, { seed: 1 });
    embedding.weight.assign(Float32Array.from(table.flat()));
    for (const id of words.keys()) {
      const { oneHot, row, similarities } = lookUp(id);
      const ids = Tensor.from(device, [id], { dtype: "int32" });
      assertEquals([...await embedding.forward(ids).data()], row.map(Math.fround));
      assertEquals(oneHot.indexOf(1), id);
      assertAlmostEquals(similarities[id]!, 1, 1e-12);
      assert(similarities.every((x) => x < 1 + 1e-12));
    }
  } finally {
    await device.close();
  }
  assertThrows(() => lookUp(6), RangeError, "wanted a number below 6, got 6");
});

Deno.test("arrows turn as the library's rotary positions do", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    for (const [size, base] of [[4, 100], [6, 10_000]] as const) {
      const head = Array.from({ length: size }, (_, i) => Math.sin(3 * i + 1));
      const { cos, sin } = rotaryAngles(31, size, base);
      const angles = (of: Float32Array<ArrayBuffer>) =>
        Tensor.from(device, of, { shape: [31, 1, size / 2] });
      const all = Array.from({ length: 31 }, () => head);
      const x = Tensor.from(device, all.flat(), { shape: [1, 31, 1, size] });
      const turned = [...await rotary(x, angles(cos), angles(sin)).data()];
      all.flatMap((one, place) => turn(one, place, base)).forEach((x, i) =>
        assertAlmostEquals(x, Number(turned[i]), 2e-6, `${i}`)
      );
    }
  } finally {
    await device.close();
  }
});

Deno.test("a score depends on the distance of two places, and on nothing else", () => {
  for (const [query, key] of [[[1, 1, 0, 0], [1, 1, 0, 0]], [[2, -1, 0.5, 3], [0, 1, 1, -2]]]) {
    for (let distance = -6; distance <= 6; distance++) {
      const scores = [6, 10, 24].map((place) => positions([place + distance, place], query, key));
      for (const { score } of scores) assertAlmostEquals(score, scores[0]!.score, 1e-12);
    }
  }
  // Side by side both arrows agree best.
  assertAlmostEquals(positions([7, 7]).score, 2, 1e-12);
});
