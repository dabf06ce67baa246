/** Matrices of numbers with 8 or 4 bits. @module */

import type { Device } from "../../device.ts";
import { rowsInRanges, runKernel } from "../../kernel/run.ts";
import { describeValue } from "../../checks.ts";
import { dtypeOf, formatShape, normalizeAxis, type StoredArray } from "../../layout.ts";
import { TypeError, wrongType, wrongValue } from "../../errors.ts";
import type { HandleOwner } from "../../storage.ts";
import { allocate, checkTensor, Tensor } from "../../tensor.ts";
import { contiguous } from "../views.ts";
import { BLOCK, NUMBERS_OF_WORD, PACK, type Packing } from "./blocks.ts";
import { unzipBlocks, zipBlocks } from "./ggml.ts";
import { unpackRows } from "./unpack.ts";

/** Blocks that justify waking another thread. */
const BLOCKS_PER_THREAD = 256;

/** Numbers that are packed at once: 16 MiB of float32 beside the packed ones. */
const NUMBERS_AT_ONCE = 2 ** 22;

/**
 * A weight `[n, k]` whose numbers have 8 or 4 bits: 0.28 or 0.16 of the memory of float32.
 *
 * It stands wherever a weight does, and `linear`, `embedding` and `linearCrossEntropy` compute with
 * it. Every other operation throws a `TypeError`: {@linkcode QuantizedMatrix.unpack} gives a tensor
 * for it. It has no gradient.
 *
 * @example
 * ```ts
 * import { linear, openDevice, quantize, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = quantize(Tensor.ones(device, [2, 32]), "q8");
 * const y = await linear(Tensor.ones(device, [1, 32]), weight).data();
 * if (Math.abs(y[0]! - 32) > 0.01) throw new Error(`expected 32, got ${y[0]}`);
 * await device.close();
 * ```
 */
export class QuantizedMatrix extends Tensor {
  /** How the numbers are packed. */
  readonly packing: Packing;
  /** The numbers, four or eight in a word: `int32 [n, k / 4]` or `[n, k / 8]`. */
  readonly numbers: Tensor;
  /** The scale of each block, `float32 [n, k / 32]`. */
  readonly scales: Tensor;

  /** For operations: of existing numbers and scales. */
  constructor(packing: Packing, numbers: Tensor, scales: Tensor) {
    const [rows, blocks] = scales.shape as [number, number];
    const columns = blocks * BLOCK;
    super(numbers.storage, "float32", [rows, columns], [columns, 1], 0);
    this.packing = packing;
    this.numbers = numbers;
    this.scales = scales;
  }

  /**
   * A matrix `[n, k]` with memory, to be filled by {@linkcode QuantizedMatrix.pack}.
   *
   * @throws {RangeError} If k is not a multiple of 32, or the device is out of memory.
   */
  static allocate(device: Device, packing: Packing, shape: readonly number[]): QuantizedMatrix {
    const what = `pack a matrix as ${describePacking(packing)}`;
    if (!canPack(shape)) {
      throw wrongValue(what, "two axes, the last a multiple of 32", formatShape(shape));
    }
    const [n, k] = shape as [number, number];
    const words = { shape: [n, k / NUMBERS_OF_WORD[packing]], dtype: "int32" } as const;
    const blocks = { shape: [n, k / BLOCK], dtype: "float32" } as const;
    const label = `${packing} matrix`;
    return new QuantizedMatrix(
      packing,
      allocate(device, words, label),
      allocate(device, blocks, label),
    );
  }

  /** Bytes of its numbers and scales. */
  get bytes(): number {
    return 4 * (this.numbers.size + this.scales.size);
  }

  /**
   * Packs rows from `first` on, as ggml packs `Q8_0` and `Q4_0`.
   *
   * @param rows `[count, k]`, of floats.
   * @throws {RangeError} If they do not fit.
   */
  pack(first: number, rows: Tensor): this {
    checkTensor("pack rows", rows);
    const [count, columns] = [rows.shape[0] ?? 0, this.shape[1]];
    if (rows.shape.length !== 2 || rows.shape[1] !== columns || first + count > this.shape[0]!) {
      const wanted = `at most ${this.shape[0]! - first} rows of ${columns} numbers`;
      throw wrongValue("pack rows", wanted, formatShape(rows.shape));
    }
    const { device } = this;
    using _temporaries = device.scopes.openSync();
    const x = contiguous(rows.to("float32"));
    const to = [this.numbers, this.scales].map((all) => all.slice(0, first, first + count));
    for (const part of rowsInRanges(device, [x, ...to], count, "pack rows")) {
      const [rows, length] = part[0]!.shape as [number, number];
      const options = { grain: BLOCKS_PER_THREAD };
      runKernel(device, PACK[this.packing], part, [], rows * length / BLOCK, options);
    }
    for (const { storage } of [this.numbers, this.scales]) storage.noteChange();
    return this;
  }

  /**
   * Packs numbers of the host, row-major.
   *
   * @throws {RangeError} If there are more or fewer.
   * @throws {TypeError} If they are not in float32.
   */
  override assign(values: StoredArray): void {
    const [rows, columns] = this.shape as [number, number];
    if (values.length !== this.size) {
      throw wrongValue("pack numbers", `those of ${formatShape(this.shape)}`, values.length);
    }
    if (!(values instanceof Float32Array)) {
      throw wrongType("pack numbers", "float32", dtypeOf(values));
    }
    const height = Math.max(1, Math.floor(NUMBERS_AT_ONCE / columns));
    for (let first = 0; first < rows; first += height) {
      using _scope = this.device.scopes.openSync();
      const shape = [Math.min(height, rows - first), columns];
      const part = values.subarray(first * columns, (first + shape[0]!) * columns);
      this.pack(first, Tensor.from(this.device, part, { shape }));
    }
  }

  /**
   * Takes over all blocks as ggml stores them, without rounding again.
   *
   * @param bytes Of `Q8_0` or `Q4_0`, row-major.
   * @throws {RangeError} If there are more or fewer, or a scale is not finite.
   */
  assignBlocks(bytes: Uint8Array): void {
    const { numbers, scales } = unzipBlocks(this.packing, bytes);
    if (scales.length !== this.scales.size) {
      const wanted = `${this.scales.size} blocks of ${formatShape(this.shape)}`;
      throw wrongValue("take over packed numbers", wanted, scales.length);
    }
    this.numbers.assign(new Int32Array(numbers.buffer));
    this.scales.assign(scales);
  }

  /** All blocks as ggml stores them, row-major. */
  async blocks(): Promise<Uint8Array<ArrayBuffer>> {
    const [numbers, scales] = await Promise.all([this.numbers.data(), this.scales.data()]);
    return zipBlocks(this.packing, {
      numbers: new Uint8Array(numbers.buffer),
      scales: Float32Array.from(scales),
    });
  }

  /** The numbers in float32, `[n, k]`. */
  unpack(): Tensor {
    const result = allocate(this.device, { shape: this.shape, dtype: "float32" }, "unpack");
    unpackRows(this.device, this, result);
    return result;
  }

  /** Rows, which are not copied. @throws {TypeError} Along another axis than the first. */
  override slice(axis: number, start: number, end?: number): QuantizedMatrix {
    if (normalizeAxis(axis, this.shape, "slice") !== 0) return this.checkOpen();
    const [numbers, scales] = [this.numbers, this.scales].map((all) => all.slice(0, start, end));
    return new QuantizedMatrix(this.packing, numbers!, scales!);
  }

  /** Throws: packed numbers are used by few operations only. */
  override checkOpen(): never {
    super.checkOpen();
    throw new TypeError(
      `Cannot use the ${this.packing} matrix ${formatShape(this.shape)} here: wanted float32. ` +
        "Packed numbers are for linear, embedding and linearCrossEntropy; train, save and export " +
        "a model before quantizeModule, or unpack() the matrix.",
    );
  }

  /** Throws a `TypeError`: packed numbers are not trained. */
  override requireGrad(): this {
    throw new TypeError("Cannot train packed numbers: wanted float32, as before quantize()");
  }

  /** Gives the numbers and their scales to another owner. */
  override moveTo(owner: HandleOwner | null): void {
    super.moveTo(owner);
    this.numbers.moveTo(owner);
    this.scales.moveTo(owner);
  }

  /** Frees the numbers and their scales. */
  override dispose(): void {
    super.dispose();
    this.numbers.dispose();
    this.scales.dispose();
  }
}

/** Whether a tensor of this shape can be packed: a matrix whose rows are whole blocks. */
export function canPack(shape: readonly number[]): boolean {
  return shape.length === 2 && shape[1]! > 0 && shape[1]! % BLOCK === 0;
}

function describePacking(packing: Packing): string {
  if (packing === "q8" || packing === "q4") return packing;
  throw wrongType("pack a matrix", '"q8" or "q4"', describeValue(packing));
}

/**
 * Packs the numbers of a matrix in blocks of 32 along its rows: each gets 8 or 4 bits, and each
 * block a scale, as ggml packs `Q8_0` and `Q4_0`.
 *
 * @param tensor Floats, `[n, k]` with k a multiple of 32.
 * @throws {RangeError} If it has another shape.
 * @throws {TypeError} If it is no tensor of floats.
 *
 * @example
 * ```ts
 * import { openDevice, quantize, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const matrix = quantize(Tensor.full(device, [4, 64], 0.5), "q4");
 * if (matrix.bytes !== 4 * (64 / 2 + 2 * 4)) throw new Error(`got ${matrix.bytes} bytes`);
 * if ((await matrix.unpack().data())[7] !== 0.5) throw new Error("expected 0.5");
 * await device.close();
 * ```
 */
export function quantize(tensor: Tensor, packing: Packing): QuantizedMatrix {
  checkTensor("quantize", tensor);
  if (tensor.dtype === "int32") throw wrongType("quantize", "a matrix of floats", tensor.dtype);
  return QuantizedMatrix.allocate(tensor.device, packing, tensor.shape).pack(0, tensor);
}
