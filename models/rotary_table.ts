/** Angles of rotary position embeddings, for as many positions as are used. @module */

import { type Device, Tensor } from "../tensor/mod.ts";

/** Positions of the first table. */
const FIRST_POSITIONS = 256;

/**
 * Cosines and sines for the positions of a model. A model may allow 131,072 of them and be used for
 * 100: the table grows with what is asked for.
 *
 * @example The second position turns by its frequency
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { RotaryTable } from "./rotary_table.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const table = new RotaryTable(device, [1, 0.1]);
 * const { cos } = table.at(1, 1);
 * if (cos.shape.join() !== "1,1,2") throw new Error(`got ${cos.shape}`);
 * if (Math.abs((await cos.data())[0]! - Math.cos(1)) > 1e-6) throw new Error("expected cos 1");
 * await device.close();
 * ```
 */
export class RotaryTable {
  readonly #device: Device;
  readonly #frequencies: readonly number[];
  readonly #sign: number;
  #length = 0;
  /** `[2, positions, 1, head size / 2]` */
  #table: Tensor | null = null;

  /**
   * @param frequencies Radians per position of each pair of channels, `[head size / 2]`.
   * @param direction `forward` as most models turn; `backward` as nanochat does, by −θ.
   */
  constructor(
    device: Device,
    frequencies: readonly number[],
    direction: "forward" | "backward" = "forward",
  ) {
    this.#device = device;
    this.#frequencies = frequencies.map(Math.fround);
    // The operation itself turns backward.
    this.#sign = direction === "forward" ? -1 : 1;
  }

  /** Operands of `rotary` for `count` positions from `start`, `[count, 1, head size / 2]` each. */
  at(start: number, count: number): { readonly cos: Tensor; readonly sin: Tensor } {
    const all = this.#reach(start + count).slice(1, start, start + count);
    return { cos: all.slice(0, 0, 1).squeeze(0), sin: all.slice(0, 1).squeeze(0) };
  }

  #reach(end: number): Tensor {
    if (this.#table !== null && end <= this.#length) return this.#table;
    const length = Math.max(FIRST_POSITIONS, 2 ** Math.ceil(Math.log2(end)));
    const half = this.#frequencies.length;
    const values = new Float32Array(2 * length * half);
    for (let position = 0; position < length; position++) {
      for (const [i, frequency] of this.#frequencies.entries()) {
        // As in float32, so that late positions are those of other programs.
        const angle = Math.fround(position * frequency);
        const at = position * half + i;
        values[at] = Math.cos(angle);
        values[length * half + at] = this.#sign * Math.sin(angle);
      }
    }
    // Steps that still run keep the former table.
    this.#length = length;
    this.#table = Tensor.from(this.#device, values, { shape: [2, length, 1, half] }).keep();
    return this.#table;
  }
}

/** The frequencies of plain rotary embeddings: base^(−2i / head size). */
export function rotaryFrequencies(headSize: number, base: number): number[] {
  return Array.from(
    { length: headSize / 2 },
    (_, i) => Math.fround(1 / Math.fround(base ** Math.fround(2 * i / headSize))),
  );
}
