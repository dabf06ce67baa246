/** Packed matrices as ggml stores them: each block's scale in half precision before its numbers. @module */

import { RangeError } from "../../errors.ts";
import { BLOCK, NUMBERS_OF_WORD, type Packing } from "./blocks.ts";

/** The type of ggml with these numbers. */
export const GGML_TYPES: Readonly<Record<Packing, string>> = { q8: "Q8_0", q4: "Q4_0" };

/** Bytes of the numbers of a block. */
const numberBytes = (packing: Packing) => 4 * BLOCK / NUMBERS_OF_WORD[packing];

/** Numbers, as bytes, and scales. */
export interface Unzipped {
  readonly numbers: Uint8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * Takes numbers and scales of blocks apart.
 *
 * @throws {RangeError} If the last block is cut off, or a scale is not finite.
 */
export function unzipBlocks(packing: Packing, bytes: Uint8Array): Unzipped {
  const size = numberBytes(packing);
  const count = bytes.length / (2 + size);
  if (!Number.isInteger(count)) {
    const wanted = `whole blocks of ${2 + size} bytes`;
    throw new RangeError(
      `Cannot read ${GGML_TYPES[packing]}: wanted ${wanted}, got ${bytes.length}`,
    );
  }
  const numbers = new Uint8Array(count * size);
  const halves = new Uint16Array(count);
  for (let block = 0, at = 0; block < count; block++, at += 2 + size) {
    halves[block] = bytes[at]! | bytes[at + 1]! << 8;
    numbers.set(bytes.subarray(at + 2, at + 2 + size), block * size);
  }
  const scales = Float32Array.from(new Float16Array(halves.buffer));
  const bad = scales.findIndex((scale) => !Number.isFinite(scale));
  if (bad !== -1) {
    throw new RangeError(
      `Cannot read ${GGML_TYPES[packing]}: wanted finite scales, got ${
        scales[bad]
      } in block ${bad}`,
    );
  }
  return { numbers, scales };
}

/** Puts numbers and scales of blocks together. */
export function zipBlocks(
  packing: Packing,
  { numbers, scales }: Unzipped,
): Uint8Array<ArrayBuffer> {
  const size = numberBytes(packing);
  const bytes = new Uint8Array(scales.length * (2 + size));
  const halves = new Uint8Array(Float16Array.from(scales).buffer);
  for (let block = 0, at = 0; block < scales.length; block++, at += 2 + size) {
    bytes[at] = halves[2 * block]!;
    bytes[at + 1] = halves[2 * block + 1]!;
    bytes.set(numbers.subarray(block * size, (block + 1) * size), at + 2);
  }
  return bytes;
}
