/**
 * Finding the fastest way to multiply matrices, by timing all that there are on the device itself.
 *
 * @module
 */

import type { Allocation, WebGpuDevice, WgslKernel } from "../../device.ts";
import { wholeWords } from "../../devices/webgpu/allocation.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import { bytesPerElement, type TypedArray, typedArray } from "../../dtype.ts";
import {
  formOf,
  MATMUL_CANDIDATE_NAMES,
  type MatmulCandidateName,
  runCandidate,
  WEBGPU_MATMULS,
} from "./candidates_wgsl.ts";
import { choiceTable, chooseBySize, type MatmulChoice, type NotedProduct } from "./choices_wgsl.ts";
import type { Matrix, Product } from "./product.ts";

/** A way that takes so much longer than the best is not timed to the end. */
const CLEARLY_SLOWER = 1.4;
/** Where drivers compile at the first dispatch, this much of its time may be theirs, in milliseconds. */
const MOST_FOR_COMPILING = 1000;
/** What is left is timed in turn for about so long, in milliseconds, but not more often than this. */
const TIMED = 300;
const MOST_ROUNDS = 5;
/** A winner has to be faster than the choice by size by this, or that stays: timing is never exact. */
const WORTH_CHANGING = 0.97;

/** How {@linkcode tuneMatmuls} goes about it. */
export interface TuneMatmulsOptions {
  /** No class is begun after so many seconds (default 30). */
  readonly seconds?: number;
  /** Told of each choice when it is made. */
  readonly onChoice?: (choice: MatmulChoice) => void;
}

/** What {@linkcode tuneMatmuls} did. */
export interface MatmulTuning {
  /** How many classes of products were timed. */
  readonly classes: number;
  /** How many are left, since the time was up or the device has no room for their operands. */
  readonly left: number;
  /** How long it took, in seconds. */
  readonly seconds: number;
  /** The ways that computed something else than the naive kernel, and are not taken where they did. */
  readonly wrong: readonly string[];
  /** Why nothing can be timed on this device; `null` where it can. */
  readonly obstacle: string | null;
}

/**
 * Times all ways to multiply matrices for each class of products that this device has computed and not
 * timed yet, and takes the fastest from then on.
 *
 * What each way computes is compared first, to the bit, with what the naive kernel does, on whole numbers
 * whose sums are exact in any order. The time is that of the kernels alone, by the timestamps of the GPU.
 *
 * @throws {Error} If a profile is being made, or the device fails.
 *
 * @example
 * ```ts
 * import { matmul, openDevice, Tensor, tuneMatmuls } from "../../mod.ts";
 *
 * const device = await openDevice("webgpu").catch(() => null);
 * if (device?.kind === "webgpu") {
 *   const x = Tensor.ones(device, [32, 32]);
 *   matmul(x, x);
 *   const { classes, obstacle } = await tuneMatmuls(device);
 *   if (obstacle === null && classes !== 1) throw new Error(`expected one class, got ${classes}`);
 *   await device.close();
 * }
 * ```
 */
export async function tuneMatmuls(
  device: WebGpuDevice,
  { seconds = 30, onChoice = () => {} }: TuneMatmulsOptions = {},
): Promise<MatmulTuning> {
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  const choices = choiceTable(device);
  const hasTimestamps = `${device.info.details.features}`.split(" ").includes("timestamp-query");
  const wrong = new Set<string>();
  let classes = 0;
  for (const noted of hasTimestamps ? choices.noted : []) {
    if (elapsed() > seconds) break;
    const choice = await tune(device, noted, wrong);
    if (choice === null) continue;
    choices.decide(choice);
    onChoice(choice);
    classes++;
  }
  return {
    classes,
    left: choices.noted.length,
    seconds: elapsed(),
    wrong: [...wrong],
    obstacle: hasTimestamps ? null : "the device has no timestamps",
  };
}

/** Times the ways to compute a product. `null` if there is no room for its operands. */
async function tune(
  device: WebGpuDevice,
  noted: NotedProduct,
  wrong: Set<string>,
): Promise<MatmulChoice | null> {
  const operands = Operands.allocate(device, noted);
  if (operands === null) return null;
  try {
    const form = formOf(noted.product, noted.flags.symmetric === true);
    const fallback = chooseBySize(device, noted.product);
    const names = MATMUL_CANDIDATE_NAMES.filter((name) => {
      const { fits, suits } = WEBGPU_MATMULS[name];
      return name === fallback || (fits(device) && suits(noted.product, form, device));
    });
    // First once each, together with the check; then those that may have had to be compiled; then those
    // that are left. What disturbs a measurement only adds to it, so the least counts.
    const times = await operands.check(names);
    for (const name of names) if (!Number.isFinite(times.get(name))) wrong.add(name);
    const least = () => Math.min(...times.values());
    const take = (measured: ReadonlyMap<MatmulCandidateName, number>) => {
      for (const [name, time] of measured) times.set(name, Math.min(time, times.get(name)!));
    };
    const isClose = (name: MatmulCandidateName) => times.get(name)! <= CLEARLY_SLOWER * least();
    const isUnclear = (name: MatmulCandidateName) =>
      times.get(name)! <= CLEARLY_SLOWER * least() + MOST_FOR_COMPILING;
    for (const measured of await operands.time(names.filter(isUnclear), 1)) take(measured);
    const close = names.filter((name) =>
      Number.isFinite(times.get(name)) && (name === fallback || isClose(name))
    );
    const sum = close.reduce((sum, name) => sum + times.get(name)!, 0);
    const rounds = Math.min(MOST_ROUNDS, Math.ceil(TIMED / sum));
    for (const measured of await operands.time(close, rounds)) take(measured);
    const fastest = names.toSorted((x, y) => times.get(x)! - times.get(y)!)[0]!;
    const isWorthIt = times.get(fastest)! < WORTH_CHANGING * times.get(fallback)!;
    return {
      class: noted.class,
      candidate: isWorthIt ? fastest : fallback,
      forced: false,
      microseconds: Object.fromEntries(
        [...times].filter(([, time]) => Number.isFinite(time)).map((
          [name, time],
        ) => [name, round(1000 * time)]),
      ),
    };
  } catch (error) {
    // There was room for the operands, but not for what some ways need besides.
    if (error instanceof RangeError) return null;
    throw error;
  } finally {
    operands.free();
  }
}

/** Three digits are more than timing gives. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** The operands of a product that is timed: whole numbers, so small that their sums are exact. */
class Operands {
  readonly #device: WebGpuDevice;
  readonly #noted: NotedProduct;
  readonly #product: Product;
  readonly #allocations: readonly Allocation[];
  /** What the result holds before it is computed. */
  readonly #start: TypedArray;

  private constructor(
    device: WebGpuDevice,
    noted: NotedProduct,
    product: Product,
    start: TypedArray,
  ) {
    this.#device = device;
    this.#noted = noted;
    this.#product = product;
    this.#start = start;
    const { a, b, c } = product;
    this.#allocations = [...new Set([a.allocation, b.allocation, c.allocation])];
  }

  /** Fills operands with numbers; `null` if there is no room for them. */
  static allocate(device: WebGpuDevice, noted: NotedProduct): Operands | null {
    const { m, n, k, outer, inner } = noted.product;
    const made: Allocation[] = [];
    const fill = (matrices: readonly Matrix[], rows: number, columns: number) => {
      // Places are kept up to what may matter: how the first element is aligned.
      const skipped = Math.floor(Math.min(...matrices.map((x) => x.offset)) / 64) * 64;
      const moved = matrices.map((matrix) => ({ ...matrix, offset: matrix.offset - skipped }));
      const [{ offset, row, column, dtype, ...batch }] = moved as [Matrix];
      const lengths = [rows, columns, outer, inner];
      const strides = [row, column, batch.outer, batch.inner];
      const last = lengths.reduce((sum, length, i) => sum + (length - 1) * strides[i]!, offset);
      const values = typedArray(dtype, new ArrayBuffer((last + 1) * bytesPerElement(dtype)));
      // With values that are the same on both sides of the diagonal, X·X is symmetric as well as X·Xᵀ.
      const isSymmetric = noted.flags.symmetric === true;
      for (let item = 0; item < outer * inner; item++) {
        const begin = offset + Math.floor(item / inner) * batch.outer + item % inner * batch.inner;
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            const [low, high] = isSymmetric ? [Math.min(i, j), Math.max(i, j)] : [i, j];
            values[begin + i * row + j * column] = (7 * low + 11 * high + (low ^ high) + item) % 5 -
              2;
          }
        }
      }
      const allocation = device.allocate(wholeWords(values.byteLength), "timing a matmul");
      made.push(allocation);
      device.write(allocation, 0, values);
      return { values, placed: moved.map((matrix) => ({ ...matrix, allocation })) };
    };
    try {
      const { a, b, c } = noted.product;
      const [left, right] = noted.sharesOperands
        ? fill([a, b], m, k).placed
        : [...fill([a], m, k).placed, ...fill([b], k, n).placed];
      const { values, placed: [result] } = fill([c], m, n);
      const product = { ...noted.product, a: left!, b: right!, c: result! };
      return new Operands(device, noted, product, values);
    } catch (error) {
      for (const allocation of made) device.free(allocation);
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  /** Gives the memory back. */
  free(): void {
    for (const allocation of this.#allocations) this.#device.free(allocation);
  }

  /**
   * Computes the product by each way, and compares every bit with what the naive kernel computes, which
   * has to be the first of them.
   *
   * @returns The milliseconds of each way, at its first time: infinite if it computes something else.
   */
  async check(
    names: readonly MatmulCandidateName[],
  ): Promise<Map<MatmulCandidateName, number>> {
    const device = this.#device;
    const { c } = this.#product;
    const result = c.allocation;
    const wanted = device.allocate(result.bytes, "timing a matmul");
    const mistakes = device.allocate(4 * names.length, "timing a matmul");
    device.write(wanted, 0, this.#start);
    device.write(mistakes, 0, new Int32Array(names.length));
    const words = result.bytes / 4;
    const grid = workgroupGrid(
      Math.ceil(words / COMPARED_BY_GROUP),
      device.limits.maxComputeWorkgroupsPerDimension,
    );
    const [times] = await this.#timed(names, 1, (name) => {
      if (name === "naive") {
        return this.#run(name, { ...this.#product, c: { ...c, allocation: wanted } });
      }
      device.write(result, 0, this.#start);
      const dispatches = this.#run(name);
      const integers = [words, names.indexOf(name)];
      device.dispatch(COMPARE_KERNEL, [wanted, result, mistakes], { integers }, grid);
      return dispatches;
    }) as [Map<MatmulCandidateName, number>];
    const found = new Int32Array(await device.read(mistakes, 0, mistakes.bytes));
    device.free(wanted);
    device.free(mistakes);
    for (const [index, name] of names.entries()) {
      if (found[index] !== 0) times.set(name, Infinity);
    }
    return times;
  }

  /** Times each way so often, in turn: for each round the milliseconds. */
  time(
    names: readonly MatmulCandidateName[],
    rounds: number,
  ): Promise<Map<MatmulCandidateName, number>[]> {
    return this.#timed(names, rounds, (name) => this.#run(name));
  }

  /** Times what `run` dispatches for each way. It tells how many of its dispatches count. */
  async #timed(
    names: readonly MatmulCandidateName[],
    rounds: number,
    run: (name: MatmulCandidateName) => number,
  ): Promise<Map<MatmulCandidateName, number>[]> {
    const dispatches: number[] = [];
    const { events } = await this.#device.profile(() => {
      for (let round = 0; round < rounds; round++) {
        for (const name of names) dispatches.push(run(name));
      }
    });
    const kernels = events.filter(({ kernel }) => kernel !== COMPARE_KERNEL.key);
    let at = 0;
    return Array.from({ length: rounds }, (_, round) =>
      new Map(names.map((name, i) => {
        const own = kernels.slice(at, at += dispatches[round * names.length + i]!);
        return [name, own.reduce((sum, { milliseconds }) => sum + milliseconds, 0)];
      })));
  }

  /** Computes the product once. @returns How many dispatches that took. */
  #run(name: MatmulCandidateName, product = this.#product): number {
    return runCandidate(this.#device, name, product, this.#noted.flags);
  }
}

/** Words that a workgroup compares. */
const COMPARED_BY_GROUP = 64;

/** Counts the words that differ, for one of several comparisons. */
const COMPARE_KERNEL: WgslKernel = {
  key: "matmul compare",
  integers: ["words", "index"],
  buffers: [
    { name: "wanted", type: "u32", writes: false },
    { name: "got", type: "u32", writes: false },
    { name: "mistakes", type: "atomic<u32>", writes: true },
  ],
  code: () => `
${beginMain(COMPARED_BY_GROUP, "group", "local")}
  let at = group * ${COMPARED_BY_GROUP} + local;
  if (at < u32(arguments.words) && wanted[at] != got[at]) {
    atomicAdd(&mistakes[arguments.index], 1);
  }
}
`,
};
