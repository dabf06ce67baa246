/**
 * Blocks of packed numbers: 32 neighbors along a row share a scale.
 *
 * A number of `q8` is a signed byte times the scale of its block. One of `q4` is a nibble less 8
 * times it; the low nibbles of the 16 bytes are the first half of the block. These are the numbers
 * of ggml's types `Q8_0` and `Q4_0`, in the same order; only the scales stand apart from them.
 *
 * Source: `ggml-quants.c` of ggml.
 *
 * @module
 */

import type { View } from "../../device.ts";
import type {
  Buffer,
  Float,
  Int,
  IntVector,
  KernelBuilder,
  Vector,
} from "../../kernel/language.ts";
import { defineKernel } from "../../kernel/run.ts";

/** How the numbers of a matrix are packed: 8 or 4 bits each, and a scale for 32. */
export type Packing = "q8" | "q4";

/** The memory of a packed matrix. */
export interface PackedRows {
  readonly packing: Packing;
  /** `int32 [n, words]`, contiguous. */
  readonly numbers: View;
  /** `float32 [n, k / 32]`, contiguous. */
  readonly scales: View;
}

/** Numbers of a block. */
export const BLOCK = 32;

/** Numbers in a 32-bit word. */
export const NUMBERS_OF_WORD: Readonly<Record<Packing, 4 | 8>> = { q8: 4, q4: 8 };

const [LOW_NIBBLES, EIGHTS, SIGNS] = [0x0f0f0f0f, 0x78787878, 0x80808080 | 0];

/** The numbers of a block as signed bytes: those of its first and of its second half. */
export function bytesOfBlock(
  k: KernelBuilder,
  packing: Packing,
  numbers: Buffer<"vec4<i32>">,
  block: Int,
): readonly [IntVector, IntVector] {
  if (packing === "q8") {
    const from = numbers.from(block.multiply(2));
    return [k.let(from.load(0)), k.let(from.load(1))];
  }
  const nibbles = k.let(numbers.load(block));
  // n − 8 in each byte: 0x78 + n has its sign bit where n ≥ 8, so no byte carries into the next.
  const centered = (each: IntVector) => k.let(each.and(LOW_NIBBLES).add(EIGHTS).xor(SIGNS));
  return [centered(nibbles), centered(nibbles.shiftRight(4))];
}

export const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i);

/** The bits of a float without its sign, moved left by one: larger as unsigned for larger floats. */
const [TINY, INFINITE] = [0x08000000, 0xff000000 | 0];
const NAN_BITS = 0x7fc00000;

/** A scale rounded to half precision, half to even, in the range of single precision. */
function roundedToHalf(k: KernelBuilder, scale: Vector): Vector {
  const magnitude = k.let(scale.abs());
  const bits = k.let(magnitude.bits());
  const normal = bits.shiftRight(13).and(1).add(bits).add(0xfff).and(~0x1fff);
  const small = magnitude.multiply(2 ** 24).nearest().multiply(2 ** -24).bits();
  return magnitude.less(2 ** -14).select(small, normal)
    .xor(scale.bits().and(0x80000000 | 0)).asF32x4();
}

/** To the nearest integers, half away from zero, as C's `roundf`. */
function roundAway(k: KernelBuilder, x: Vector): IntVector {
  const whole = k.let(x.toI32x4());
  const rest = k.let(x.subtract(whole.toF32x4()));
  return whole.add(k.vector(0.5).lessEqual(rest).where(1)).add(rest.lessEqual(-0.5).where(-1));
}

/**
 * Packs contiguous blocks. The scale of a block is its largest magnitude over 127, or its number of
 * largest magnitude over −8; NaN if the block contains NaN or an infinity. Blocks whose numbers are
 * all below 2⁻¹¹⁹, which GPUs may take for zeros, become zeros.
 *
 * @param asGgml Whether scales are rounded to half precision, as ggml stores them.
 */
function packingKernel(packing: Packing, asGgml: boolean) {
  return defineKernel(
    {
      key: `pack ${packing}${asGgml ? "" : ", with scales in single precision"}`,
      buffers: { x: "f32", numbers: "vec4<i32>", scales: "f32" },
      writes: ["numbers", "scales"],
      arguments: [],
    },
    (k, block, { x, numbers, scales }) => {
      const from = x.from(block.multiply(BLOCK));
      const largest = k.variable(k.int(0));
      const extreme = k.variable(k.int(0));
      k.loop(0, BLOCK, (i) => {
        const bits = k.let(from.load(i).asI32());
        const magnitude = k.let(bits.multiply(2));
        k.if(largest.lessUnsigned(magnitude), () => {
          k.set(largest, magnitude);
          k.set(extreme, bits);
        });
      });
      const four = (value: Float) => k.vectorOf([value, value, value, value]);
      const value = k.let(four(k.let(extreme.asF32())));
      const scale = k.let(packing === "q8" ? value.abs().divide(127) : value.divide(-8));
      const inverse = k.variable(k.vector(0));
      k.unless(largest.lessUnsigned(TINY), () => k.set(inverse, k.vector(1).divide(scale)));
      const stored = k.variable(asGgml ? roundedToHalf(k, scale) : scale);
      k.unless(
        largest.lessUnsigned(INFINITE),
        () => k.set(stored, four(k.let(k.int(NAN_BITS).asF32()))),
      );
      scales.store(block, k.laneOf(stored, 0));

      /** Numbers that become the same byte of four words: every fourth of a half of the block. */
      const rounded = (half: number, byte: number): IntVector => {
        const lanes = range(4).map((word) => from.load(16 * half + 4 * word + byte));
        const scaled = k.let(k.vectorOf(lanes).multiply(inverse));
        if (packing === "q8") return roundAway(k, scaled).and(0xff);
        return scaled.add(8.5).toI32x4().min(15);
      };
      const wordsOf = (byteOf: (byte: number) => IntVector) =>
        range(4).map((byte) => byteOf(byte).shiftLeft(8 * byte)).reduce((sum, each) =>
          sum.add(each)
        );
      if (packing === "q4") {
        const both = (byte: number) => rounded(0, byte).add(rounded(1, byte).shiftLeft(4));
        numbers.store(block, wordsOf(both));
      } else {
        for (const half of [0, 1]) {
          const at = k.let(block.multiply(2).add(half));
          numbers.store(at, wordsOf((byte) => rounded(half, byte)));
        }
      }
    },
  );
}

/** Kernels that pack weights as ggml does, over the blocks of contiguous views. */
export const PACK = { q8: packingKernel("q8", true), q4: packingKernel("q4", true) };

/** Kernel that rounds the other operand of a matmul to 8 bits; its scales need no rounding. */
export const ROUND = packingKernel("q8", false);
