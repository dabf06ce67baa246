/**
 * Top-k on the CPU: a heap of the best elements so far, with the worst of them on top.
 *
 * The heap is stored in the outputs: keys in place of values, and indices. Most elements are worse
 * than the top and are skipped many at a time.
 *
 * @module
 */

import type { FastPath } from "../../fast_paths.ts";
import type { Int } from "../../kernel/language.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import { sizeOf } from "../../layout.ts";
import { descendingKey } from "../../ops/sampling/top_k.ts";

/** Elements to scan that justify waking another thread. */
const ELEMENTS_PER_THREAD = 16_384;

/** Elements that are compared with the top at once. */
const TOGETHER = 16;

/** The largest elements of rows, found in one pass. */
export const heapTopK: FastPath<"top k", "cpu"> = {
  operation: "top k",
  name: "heap",
  device: "cpu",
  gain: { factor: 216, of: "the largest 50 of 32,768, against plain" },
  refuses: () => null,
  run: ({ x, values, indices }, device) => {
    const [length, k] = [x.shape.at(-1)!, values.shape.at(-1)!];
    const words = [length, k, 31 - Math.clz32(k)];
    const options = { grain: Math.ceil(ELEMENTS_PER_THREAD / length) };
    runKernel(device, HEAP, [x, values, indices], words, sizeOf(x.shape.slice(0, -1)), options);
  },
};

/** Work items are rows. */
const HEAP = defineKernel(
  {
    key: "top k by a heap",
    buffers: { x: "f32", values: "i32", indices: "i32" },
    writes: ["values", "indices"],
    arguments: ["length", "k", "levels"],
  },
  (k, row, buffers, { length, k: size, levels }) => {
    const x = buffers.x.from(row.multiply(length));
    const keys = buffers.values.from(row.multiply(size));
    const indices = buffers.indices.from(row.multiply(size));
    const put = (place: Int, key: Int, index: Int) => {
      keys.store(place, key);
      indices.store(place, index);
    };
    const keyOf = (i: Int) => k.let(descendingKey(k, x.load(i).asI32()));
    /** Among equal elements, the later one is worse. */
    const isWorse = (place: Int, key: Int, index: Int) => {
      const own = k.let(keys.load(place));
      return key.lessUnsigned(own).or(own.equal(key).and(index.less(indices.load(place))));
    };

    /** Sifts an element into a heap of `count` from `place` down: worse children move up. */
    const sift = (place: Int, count: Int, key: Int, index: Int) => {
      const hole = k.variable(place);
      k.loop(0, levels, () => {
        const child = k.variable(hole.multiply(2).add(1));
        const other = k.let(child.add(1));
        k.if(other.less(count), () =>
          k.if(
            isWorse(other, k.let(keys.load(child)), k.let(indices.load(child))),
            () => k.set(child, other),
          ));
        k.if(child.less(count), () =>
          k.if(isWorse(child, key, index), () => {
            put(hole, keys.load(child), indices.load(child));
            k.set(hole, child);
          }));
      });
      put(hole, key, index);
    };

    k.loop(0, size, (i) => put(i, keyOf(i), i));
    const half = k.let(size.divide(2));
    k.loop(0, half, (i) => {
      const place = k.let(half.subtract(i).subtract(1));
      sift(place, size, k.let(keys.load(place)), place);
    });

    const top = k.variable(x.load(indices.load(0)));
    // Comparisons with NaN are false, so NaN in either place enters the branch too.
    const consider = (i: Int) =>
      k.unless(x.load(i).lessEqual(top), () => {
        const key = keyOf(i);
        k.if(key.lessUnsigned(keys.load(0)), () => {
          sift(k.int(0), size, key, i);
          k.set(top, x.load(indices.load(0)));
        });
      });
    const rest = k.let(length.subtract(size));
    const end = k.let(length.subtract(rest.remainder(TOGETHER)));
    k.loop(size, end, (i) => {
      const some = x.from(i);
      // NaN is the maximum of vectors that contain it.
      const most = k.let(
        [4, 8, 12].reduce((max, at) => max.max(some.loadVector(at)), some.loadVector(0)),
      );
      const [first, ...others] = [0, 1, 2, 3].map((lane) => k.laneOf(most, lane).lessEqual(top));
      k.unless(
        others.reduce((all, each) => all.and(each), first!),
        () => k.loop(i, i.add(TOGETHER), consider),
      );
    }, { step: TOGETHER });
    k.loop(end, length, consider);

    // Heapsort: the worst goes to the end, then the worst of the rest before it, and so on.
    k.loop(0, size, (i) => {
      const last = k.let(size.subtract(i).subtract(1));
      const [key, index] = [k.let(keys.load(last)), k.let(indices.load(last))];
      put(last, keys.load(0), indices.load(0));
      sift(k.int(0), last, key, index);
    });
    k.loop(0, size, (i) => keys.store(i, x.load(indices.load(i)).asI32()));
  },
);
