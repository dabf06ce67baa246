/**
 * Packing: search by length against a linear scan, over the same pieces; and whole loaders. An
 * iteration of the first two packs 1,000 rows of 257 tokens.
 *
 *     deno bench -A data/
 */

import { assertEquals } from "@std/assert";
import { BestFit, type Sized } from "./best_fit.ts";
import { listSource } from "./list_source.ts";
import { PackedLoader } from "./packed_loader.ts";
import { RandomCropLoader } from "./random_crop_loader.ts";
import { randomBits } from "./shuffle.ts";
import { NaiveFit } from "./testing/naive_fit.ts";

const CAPACITY = 257;
const ROWS = 1000;
const WAITING = 1000;

/** Lengths of 1 to 257, mostly short. */
const pieces: Sized[] = Array.from(
  { length: 100_000 },
  (_, i) => ({ length: 1 + Math.floor((randomBits(1, i) / 2 ** 32) ** 2 * CAPACITY) }),
);

/** Packs rows; returns the number of cropped tokens. */
function pack(waiting: BestFit<Sized> | NaiveFit<Sized>): number {
  let next = 0;
  let cropped = 0;
  for (let row = 0; row < ROWS; row++) {
    let room = CAPACITY;
    while (room > 0) {
      while (waiting.size < WAITING) {
        const piece = pieces[next++ % pieces.length];
        if (piece !== undefined) waiting.add({ length: piece.length });
      }
      const length = (waiting.takeLongest(room) ?? waiting.takeShortest())?.length ?? 0;
      cropped += Math.max(0, length - room);
      room -= Math.min(room, length);
    }
  }
  return cropped;
}

assertEquals(pack(new BestFit()), pack(new NaiveFit()));

const group = `pack ${ROWS} rows of ${CAPACITY} tokens`;
Deno.bench("linear scan of all pieces", { group, baseline: true }, () => {
  pack(new NaiveFit());
});
Deno.bench("one queue per length", { group }, () => {
  pack(new BestFit());
});

const words = Array.from({ length: 2000 }, (_, i) => {
  const length = 1 + Math.floor((randomBits(2, i) / 2 ** 32) ** 4 * 8000);
  return String.fromCharCode(...Array.from({ length }, (_, k) => randomBits(i, k) % 4000));
});
const encoder = {
  encode: (text: string) => Array.from(text, (character) => character.charCodeAt(0)),
  bos: 4095,
  vocabSize: 4096,
};
const split = await listSource("random", [...words, "x"], 1).open("train");
const size = { batchSize: 8, sequenceLength: 256, seed: 1 };
const packed = await PackedLoader.open({ split, encoder, ...size });
const random = new RandomCropLoader({ tokens: new Uint16Array(2_000_000), ...size });

Deno.bench("a packed batch of 8 × 256", { group: "batches" }, async () => {
  await packed.take();
});
Deno.bench("a batch of 8 × 256 random rows", { group: "batches", baseline: true }, async () => {
  await random.take();
});
