/**
 * Reads Fashion-MNIST, for the examples: four files as they are published, `train-images-idx3-ubyte.gz`
 * and so on, on Debian in `/usr/share/datasets/fashion-mnist` from the package `dataset-fashion-mnist`.
 *
 * @module
 */

import { type Device, Tensor } from "../tensor/mod.ts";

/** Images, `[N, 1, 28, 28]` from 0 to 1, and their classes, `int32 [N]`. */
export async function readExamples(
  device: Device,
  folder: string,
  part: "train" | "t10k",
): Promise<[images: Tensor, classes: Tensor]> {
  const read = async (name: string, headerBytes: number) => {
    const file = await Deno.open(`${folder}/${part}-${name}-ubyte.gz`);
    const unpacked = file.readable.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(unpacked).arrayBuffer()).subarray(headerBytes);
  };
  const classes = Tensor.from(device, Int32Array.from(await read("labels-idx1", 8)));
  const pixels = Float32Array.from(await read("images-idx3", 16), (byte) => byte / 255);
  return [Tensor.from(device, pixels, { shape: [classes.size, 1, 28, 28] }), classes];
}
