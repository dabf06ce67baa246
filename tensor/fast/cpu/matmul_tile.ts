/**
 * The inner kernel of packed matmul: a register tile of the result.
 *
 * Operands are packed into panels. A panel of A holds `rows` rows, a panel of B eight columns, both
 * interleaved by steps of k: so the loop reads memory sequentially, whatever the matrices' strides.
 * {@linkcode writePacking} packs panels, {@linkcode writeTile} multiplies two of them.
 *
 * Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 *
 * @module
 */

import { F32, F32x4, type FunctionBuilder, I32, type Local } from "../../kernel/emitter.ts";

/** Columns of a tile, and lanes of a panel of B. */
export const TILE_COLUMNS = 8;

/** Steps of k per loop iteration. */
const UNROLL = 8;

/**
 * Rows of a tile, and lanes of a panel of A: as many as registers allow. With fused multiply-add, 6
 * × 8 sums, two vectors of B and one of A take fifteen registers; separate multiplication needs one
 * more for the product, and then four rows are faster.
 */
export function tileRows(relaxedSimd: boolean): number {
  return relaxedSimd ? 6 : 4;
}

/**
 * Multiplies a panel of A by a panel of B, and stores the whole tile, or adds it to the result if
 * `add` is not 0. Takes addresses, and strides in bytes.
 *
 * @example One step of k: every element is the product of a row's and a column's factor
 * ```ts
 * import { emitKernel, I32 } from "../../kernel/emitter.ts";
 * import { writeTile } from "./matmul_tile.ts";
 *
 * const emit = emitKernel((f, { words }) => {
 *   const [a, b, c] = [words, words.add(64), words.add(128)];
 *   writeTile(f, a, b, I32.of(1), c, I32.of(32), I32.of(0));
 * });
 * const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
 * const module = new WebAssembly.Module(emit(false));
 * const { exports } = new WebAssembly.Instance(module, { env: { memory } });
 * const floats = new Float32Array(memory.buffer);
 * floats.set([1, 2, 3, 4], 0);
 * floats.set([1, 2, 3, 4, 5, 6, 7, 8], 16);
 * if (typeof exports.kernel === "function") exports.kernel(0, 0, 1, 0);
 * if (floats[32 + 3 * 8 + 7] !== 32) throw new Error("expected 4 · 8 in the last row and column");
 * ```
 */
export function writeTile(
  f: FunctionBuilder,
  panelA: I32,
  panelB: I32,
  depth: I32,
  c: I32,
  rowBytes: I32,
  add: I32,
): void {
  const rows = tileRows(f.relaxedSimd);
  const a = f.local(panelA);
  const b = f.local(panelB);
  const sums = Array.from(
    { length: rows },
    () => [f.local(F32x4.of(0)), f.local(F32x4.of(0))] as const,
  );
  const steps = (count: number) => {
    for (let step = 0; step < count; step++) {
      const left = f.local(b.loadF32x4(step * 32));
      const right = f.local(b.loadF32x4(step * 32 + 16));
      sums.forEach(([low, high], row) => {
        const factor = f.local(a.loadSplat((step * rows + row) * 4));
        f.set(low, factor.multiplyAdd(left, low));
        f.set(high, factor.multiplyAdd(right, high));
      });
    }
    f.set(a, a.add(count * rows * 4));
    f.set(b, b.add(count * 32));
  };
  f.forRange(0, depth.shiftRight(3), 1, () => steps(UNROLL));
  f.forRange(0, depth.and(UNROLL - 1), 1, () => steps(1));

  const each = (use: (sum: Local<F32x4>, address: I32, offset: number) => void) => {
    const address = f.local(c);
    for (const [low, high] of sums) {
      use(low, address, 0);
      use(high, address, 16);
      f.set(address, address.add(rowBytes));
    }
  };
  f.if(
    add,
    () => each((sum, address, offset) => f.set(sum, sum.add(address.loadF32x4(offset)))),
  );
  each((sum, address, offset) => f.store(address, sum, offset));
}

/**
 * Packs lanes (rows of A, columns of B) into panels of `width` each, step by step of k. Missing lanes
 * of the last become zeros, so that edge tiles are computed like any other. Takes addresses, and
 * strides in bytes.
 *
 * One of the two strides must be 4 bytes, unless there is only one lane or one step.
 */
export function writePacking(
  f: FunctionBuilder,
  width: number,
  to: I32,
  from: I32,
  laneBytes: I32,
  stepBytes: I32,
  lanes: I32,
  depth: I32,
): void {
  // Those of a width of six overlap.
  const vectors = Array.from(
    { length: Math.ceil(width / 4) },
    (_, i) => Math.min(4 * i, width - 4),
  );
  const target = f.local(to);
  f.forRange(0, lanes, width, (first) => {
    const rest = f.local(lanes.subtract(first));
    const source = f.local(from.add(first.multiply(laneBytes)));
    const packed = f.local(I32.of(0));
    f.if(rest.greaterEqual(width), () =>
      f.if(laneBytes.equal(4), () => {
        f.forRange(0, depth, 1, () => {
          for (const lane of vectors) f.store(target, source.loadF32x4(4 * lane), 4 * lane);
          f.set(target, target.add(width * 4));
          f.set(source, source.add(stepBytes));
        });
        f.set(packed, depth);
      }, () =>
        f.if(stepBytes.equal(4), () => {
          f.forRange(0, depth.shiftRight(2), 1, () => {
            const row = f.local(source);
            const rows = Array.from({ length: width }, () => {
              const four = f.local(row.loadF32x4());
              f.set(row, row.add(laneBytes));
              return four;
            });
            for (const lane of vectors) {
              transpose(f, rows.slice(lane, lane + 4)).forEach((four, step) =>
                f.store(target, four, 4 * (step * width + lane))
              );
            }
            f.set(target, target.add(width * 16));
            f.set(source, source.add(16));
          });
          f.set(packed, depth.and(-4));
        })));
    f.forRange(packed, depth, 1, () => {
      const element = f.local(source);
      for (let lane = 0; lane < width; lane++) {
        f.if(rest.greater(lane), () => {
          f.store(target, element.loadF32(), lane * 4);
          f.set(element, element.add(laneBytes));
        }, () => f.store(target, F32.of(0), lane * 4));
      }
      f.set(target, target.add(width * 4));
      f.set(source, source.add(stepBytes));
    });
  });
}

/** The columns of four rows. */
function transpose(f: FunctionBuilder, rows: readonly F32x4[]): F32x4[] {
  const [a, b, c, d] = rows as [F32x4, F32x4, F32x4, F32x4];
  return ([[0, 4, 1, 5], [2, 6, 3, 7]] as const).flatMap((lanes) => {
    const [left, right] = [f.local(a.shuffle(b, lanes)), f.local(c.shuffle(d, lanes))];
    return [left.shuffle(right, [0, 1, 4, 5]), left.shuffle(right, [2, 3, 6, 7])];
  });
}
