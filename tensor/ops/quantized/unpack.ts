/** Unpacking rows: all of them, or those of token ids. @module */

import { type Device, type View, viewAs } from "../../device.ts";
import { defineKernel, rowsInRanges, runKernel, split } from "../../kernel/run.ts";
import type { Buffer, Int, KernelBuilder } from "../../kernel/language.ts";
import { sizeOf } from "../../layout.ts";
import { grainFor } from "../gather/kernels.ts";
import { BLOCK, bytesOfBlock, type PackedRows, type Packing, range } from "./blocks.ts";

/** The packed and the unpacked numbers. */
interface Buffers {
  readonly numbers: Buffer<"vec4<i32>">;
  readonly scales: Buffer<"f32">;
  readonly output: Buffer<"f32">;
}

/** Unpacks a block to `output`, from an index on. */
function unpackBlock(
  k: KernelBuilder,
  packing: Packing,
  { numbers, scales, output }: Buffers,
  block: Int,
  at: Int,
): void {
  const scale = k.let(scales.loadSplat(block));
  const to = output.from(at);
  bytesOfBlock(k, packing, numbers, block).forEach((bytes, half) => {
    for (const byte of range(4)) {
      // The byte moves to the left end of its word, and back with its sign.
      const values = k.let(
        bytes.shiftLeft(24 - 8 * byte).shiftRight(24).toF32x4().multiply(scale),
      );
      for (const lane of range(4)) {
        to.store(16 * half + 4 * lane + byte, k.laneOf(values, lane));
      }
    }
  });
}

const unpackKernel = (packing: Packing) =>
  defineKernel(
    {
      key: `unpack ${packing}`,
      buffers: { numbers: "vec4<i32>", scales: "f32", output: "f32" },
      writes: ["output"],
      arguments: [],
    },
    (k, block, buffers) => unpackBlock(k, packing, buffers, block, k.let(block.multiply(BLOCK))),
  );
const UNPACK = { q8: unpackKernel("q8"), q4: unpackKernel("q4") };

/** Unpacks all rows to `output`, float32 `[n, k]`, contiguous. */
export function unpackRows(device: Device, { packing, ...packed }: PackedRows, output: View): void {
  const views = [packed.numbers, packed.scales, output];
  for (const part of rowsInRanges(device, views, output.shape[0]!, "unpack rows")) {
    const blocks = sizeOf(part[2]!.shape) / BLOCK;
    runKernel(device, UNPACK[packing], part, [], blocks, { grain: grainFor(BLOCK) });
  }
}

/** Work items are ids, as where rows of floats are taken. */
const takeKernel = (packing: Packing) =>
  defineKernel(
    {
      key: `take rows of ${packing}`,
      buffers: { numbers: "vec4<i32>", scales: "f32", ids: "i32", output: "f32" },
      writes: ["output"],
      arguments: ["firstRow", "rows", "blocks", "outside"],
      spread: "rows",
    },
    (k, i, { ids, ...buffers }, { firstRow, rows, blocks, outside }) => {
      const id = k.let(ids.load(i).subtract(firstRow));
      const [from, to] = [k.let(id.multiply(blocks)), k.let(i.multiply(blocks))];
      k.if(
        id.lessUnsigned(rows),
        () =>
          k.spread(blocks, (block) => {
            const at = k.let(to.add(block).multiply(BLOCK));
            unpackBlock(k, packing, buffers, k.let(from.add(block)), at);
          }),
        () =>
          k.if(firstRow.equal(0), () =>
            buffers.output.fill(to.multiply(BLOCK), blocks.multiply(BLOCK), outside.asF32())),
      );
    },
  );
const TAKE = { q8: takeKernel("q8"), q4: takeKernel("q4") };

const NAN_BITS = 0x7fc00000;

/** Unpacks the rows of ids, `int32 [...]`, to `output`, `[..., k]`; NaN for invalid ones. */
export function takePackedRows(
  device: Device,
  { packing, numbers, scales }: PackedRows,
  ids: View,
  output: View,
): void {
  const [rows, words] = numbers.shape as [number, number];
  const [count, blocks] = [sizeOf(ids.shape), scales.shape[1]!];
  const views = [
    viewAs(numbers, [rows, count, words], [words, 0, 1]),
    viewAs(scales, [rows, count, blocks], [blocks, 0, 1]),
    viewAs(ids, [rows, count, 1], [0, 1, 0]),
    viewAs(output, [rows, count, blocks * BLOCK], [0, blocks * BLOCK, 1]),
  ];
  const cut = { name: "take rows", axes: 2, firstOutput: 3 };
  for (const { views: part, begin: [firstRow] } of split(device, views, cut)) {
    const [rows, count] = part[0]!.shape as [number, number];
    const options = { columns: blocks, grain: grainFor(blocks * BLOCK) };
    runKernel(device, TAKE[packing], part, [firstRow!, rows, blocks, NAN_BITS], count, options);
  }
}
