/** Copies rows between tensors and attention blocks in scratch memory, on the CPU. @module */

import {
  F32,
  F32x4,
  type FunctionBuilder,
  type FunctionReference,
  I32,
  type ModuleBuilder,
} from "../../devices/cpu/emitter/mod.ts";
import { SCORE_ROW } from "./attention_tile.ts";

/** `load(to, from, rowBytes, count)`: NaN if an element is not finite, else 0. */
export type LoadRowsFunction = FunctionReference<
  readonly [typeof I32, typeof I32, typeof I32, typeof I32],
  F32
>;

/**
 * Defines the function that copies rows of D elements into a block, zero-padded to `head` columns
 * and `rows` rows.
 */
export function defineLoadRows(
  module: ModuleBuilder,
  headSize: number,
  head: number,
  rows: number,
): LoadRowsFunction {
  return module.define([I32, I32, I32, I32], F32, (f, to, from, rowBytes, count) => {
    const target = f.local(to);
    const source = f.local(from);
    const check = f.local(F32x4.of(0));
    f.forRange(0, count, 1, () => {
      f.forRange(0, (headSize & -4) * 4, 16, (column) => {
        const four = f.local(source.add(column).loadF32x4());
        f.set(check, four.multiplyAdd(0, check));
        f.store(target.add(column), four);
      });
      for (let column = headSize & -4; column < head; column += 4) {
        const four = f.local(loadPart(f, source, column * 4, headSize - column));
        f.set(check, four.multiplyAdd(0, check));
        f.store(target, four, column * 4);
      }
      f.set(target, target.add(head * 4));
      f.set(source, source.add(rowBytes));
    });
    f.clearMemory(target, I32.of(rows).subtract(count).multiply(head * 4));
    return f.sumOfLanes(check);
  });
}

/** The first `count` of four floats, then zeros; reads nothing beyond them. */
function loadPart(f: FunctionBuilder, address: I32, offset: number, count: number): F32x4 {
  if (count <= 0) return F32x4.of(0);
  if (count === 1) return address.loadLane0(offset);
  if (count === 2) return address.loadLanes01(offset);
  if (count >= 4) return address.loadF32x4(offset);
  return address.loadLane(f.local(address.loadLanes01(offset)), 2, offset + 8);
}

/** `store(to, rowBytes, from, count, factor)` */
export type StoreRowsFunction = FunctionReference<
  readonly [typeof I32, typeof I32, typeof I32, typeof I32, typeof F32],
  null
>;

/** Defines the function that copies scaled rows of D elements out of a block, or adds them. */
export function defineStoreRows(
  module: ModuleBuilder,
  headSize: number,
  head: number,
  accumulate: boolean,
): StoreRowsFunction {
  return module.defineProcedure(
    [I32, I32, I32, I32, F32],
    (f, to, rowBytes, from, count, scale) => {
      const target = f.local(to);
      const source = f.local(from);
      const factor = f.local(scale.splat());
      f.forRange(0, count, 1, () => {
        f.forRange(0, (headSize & -4) * 4, 16, (column) => {
          const address = f.local(target.add(column));
          const four = source.add(column).loadF32x4();
          f.store(
            address,
            accumulate ? four.multiplyAdd(factor, address.loadF32x4()) : four.multiply(factor),
          );
        });
        for (let column = headSize & -4; column < headSize; column++) {
          const product = source.loadF32(column * 4).multiply(scale);
          const value = accumulate ? product.add(target.loadF32(column * 4)) : product;
          f.store(target, value, column * 4);
        }
        f.set(target, target.add(rowBytes));
        f.set(source, source.add(head * 4));
      });
    },
  );
}

/** `transpose(to, from, count, factor)` */
export type TransposeFunction = FunctionReference<
  readonly [typeof I32, typeof I32, typeof I32, typeof F32],
  null
>;

/**
 * Defines the function that transposes and scales a block of queries [QUERIES, D] to [D, QUERIES]:
 * the existing queries, and up to seven of the padding.
 */
export function defineTranspose(module: ModuleBuilder, head: number): TransposeFunction {
  return module.defineProcedure([I32, I32, I32, F32], (f, to, from, count, scale) => {
    const factor = f.local(scale.splat());
    const source = f.local(from);
    const column = f.local(to);
    f.forRange(0, count.add(7).and(-8), 4, () => {
      const target = f.local(column);
      f.forRange(0, head * 4, 16, (at) => {
        const row = f.local(source.add(at));
        const load = (i: number) => f.local(row.loadF32x4(i * head * 4).multiply(factor));
        const [a, b, c, d] = [load(0), load(1), load(2), load(3)] as const;
        for (let step = 0; step < 4; step++) {
          const lanes = [step, 4 + step, 0, 0] as const;
          const four = a.shuffle(b, lanes).shuffle(c.shuffle(d, lanes), [0, 1, 4, 5]);
          f.store(target, four, step * SCORE_ROW);
        }
        f.set(target, target.add(4 * SCORE_ROW));
      });
      f.set(column, column.add(16));
      f.set(source, source.add(4 * head * 4));
    });
  });
}
