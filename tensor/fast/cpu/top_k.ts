/**
 * Top-k on the CPU: a heap of the best elements so far, with the worst of them on top.
 *
 * The heap is stored in the outputs: keys in place of values, and indices. Most elements are worse
 * than the top and are skipped four at a time.
 *
 * @module
 */

import type { WasmKernel } from "../../device.ts";
import {
  emitKernel,
  type FunctionReference,
  I32,
  loadWords,
  type Local,
  type ModuleBuilder,
} from "../../devices/cpu/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import { sizeOf } from "../../shape.ts";

/** Elements to scan that justify waking another thread. */
const ELEMENTS_PER_THREAD = 16_384;

/** The largest elements of rows, found in one pass. */
export const heapTopK: FastPath<"top k", "cpu"> = {
  operation: "top k",
  name: "heap",
  device: "cpu",
  gain: { factor: 300, of: "the largest 50 of 32,768, against plain" },
  suits: () => true,
  run: ({ x, values, indices }, device) => {
    const [length, k] = [x.shape.at(-1)!, values.shape.at(-1)!];
    const addresses = [x, values, indices].map((view) => device.address(view));
    device.dispatch(
      TOP_K,
      { integers: [...addresses, length, k] },
      sizeOf(x.shape.slice(0, -1)),
      { grain: Math.ceil(ELEMENTS_PER_THREAD / length) },
    );
  },
};

/**
 * Maps the float at an address to an integer key of the same order: zeros of both signs are equal,
 * NaN is largest.
 */
function defineKey(module: ModuleBuilder): FunctionReference<readonly [typeof I32], I32> {
  return module.define([I32], I32, (f, address) => {
    // Adding 0 turns −0 into 0.
    const value = f.local(address.loadF32().add(0));
    const bits = f.local(value.asI32());
    const ordered = bits.xor(bits.shiftRight(31).shiftRightUnsigned(1));
    return value.equal(value).select(ordered, I32.of(0x7fffffff));
  });
}

type Sift = FunctionReference<readonly (typeof I32)[], null>;

/** Sifts a key and its index into a heap from `hole` down: worse children move up. */
function defineSift(module: ModuleBuilder): Sift {
  return module.defineProcedure(
    [I32, I32, I32, I32, I32, I32],
    (f, keys, indices, place, size, key, index) => {
      const at = (base: I32, i: I32) => base.add(i.shiftLeft(2));
      const isWorse = (aKey: I32, aIndex: I32, bKey: I32, bIndex: I32) =>
        aKey.less(bKey).or(aKey.equal(bKey).and(aIndex.greater(bIndex)));
      const hole = f.local(place);
      const child = f.local(hole.shiftLeft(1).add(1));
      f.while(child.less(size), () => {
        const childKey = f.local(at(keys, child).loadI32());
        const childIndex = f.local(at(indices, child).loadI32());
        const other = f.local(child.add(1));
        f.if(other.less(size), () => {
          const otherKey = f.local(at(keys, other).loadI32());
          const otherIndex = f.local(at(indices, other).loadI32());
          f.if(isWorse(otherKey, otherIndex, childKey, childIndex), () => {
            f.set(child, other);
            f.set(childKey, otherKey);
            f.set(childIndex, otherIndex);
          });
        });
        f.if(isWorse(childKey, childIndex, key, index), () => {
          f.store(at(keys, hole), childKey);
          f.store(at(indices, hole), childIndex);
          f.set(hole, child);
          f.set(child, hole.shiftLeft(1).add(1));
        }, () => f.set<I32>(child, size));
      });
      f.store(at(keys, hole), key);
      f.store(at(indices, hole), index);
    },
  );
}

/** Work items are rows. */
const TOP_K: WasmKernel = {
  key: "top k",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }, module) => {
      const keyOf = defineKey(module);
      const sift = defineSift(module);
      const word = loadWords(f, words, ["x", "values", "indices", "length", "k"]);
      const downFrom = (first: I32, body: (i: Local<I32>) => void) => {
        const i = f.local(first);
        f.while(i.greaterEqual(0), () => {
          body(i);
          f.set(i, i.subtract(1));
        });
      };
      const at = (base: I32, i: I32) => base.add(i.shiftLeft(2));

      f.forRange(start, end, 1, (row) => {
        const x = f.local(at(word.x, row.multiply(word.length)));
        const keys = f.local(at(word.values, row.multiply(word.k)));
        const indices = f.local(at(word.indices, row.multiply(word.k)));
        f.forRange(0, word.k, 1, (i) => {
          f.store(at(keys, i), f.call(keyOf, at(x, i)));
          f.store(at(indices, i), i);
        });
        downFrom(word.k.shiftRight(1).subtract(1), (i) => {
          const key = f.local(at(keys, i).loadI32());
          f.callStatement(sift, keys, indices, i, word.k, key, i);
        });

        const consider = (i: I32) => {
          const key = f.local(f.call(keyOf, at(x, i)));
          // On ties the earlier element wins.
          f.if(
            key.greater(keys.loadI32()),
            () => f.callStatement(sift, keys, indices, I32.of(0), word.k, key, i),
          );
        };
        const worst = f.local(at(x, indices.loadI32()).loadSplat());
        const fours = f.local(word.k.add(word.length.subtract(word.k).and(-4)));
        f.forRange(word.k, fours, 4, (i) => {
          const isNone = I32.all(at(x, i).loadF32x4().lessEqual(worst));
          f.if(isNone.isZero(), () => {
            f.forRange(i, i.add(4), 1, consider);
            f.set(worst, at(x, indices.loadI32()).loadSplat());
          });
        });
        f.forRange(fours, word.length, 1, consider);

        // Heapsort: the worst goes to the end, then the worst of the rest before it, and so on.
        downFrom(word.k.subtract(1), (i) => {
          const key = f.local(at(keys, i).loadI32());
          const index = f.local(at(indices, i).loadI32());
          f.store(at(keys, i), keys.loadI32());
          f.store(at(indices, i), indices.loadI32());
          f.if(
            i.greater(0),
            () => f.callStatement(sift, keys, indices, I32.of(0), i, key, index),
          );
        });
        f.forRange(0, word.k, 1, (i) => {
          const index = f.local(at(indices, i).loadI32());
          f.store(at(keys, i), at(x, index).loadI32());
        });
      });
    }),
};
