/**
 * A convolutional network learns to tell ten kinds of clothes apart, on Fashion-MNIST.
 *
 *     deno run -A examples/clothes.ts /usr/share/datasets/fashion-mnist
 *
 * The folder has the data set's four files as they are published: `train-images-idx3-ubyte.gz` and so
 * on, on Debian from the package `dataset-fashion-mnist`. More arguments: epochs, and a seed.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { noGrad, openDevice, Tensor } from "../tensor/mod.ts";

const [folder = ".", epochs = "3", seed = "1"] = Deno.args;
const device = await openDevice();

/** Reads images or labels, after a header of 16 or 8 bytes. */
async function read(name: string, headerBytes: number): Promise<Uint8Array> {
  const file = await Deno.open(`${folder}/${name}-ubyte.gz`);
  const unpacked = file.readable.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer()).subarray(headerBytes);
}

async function readExamples(part: "train" | "t10k"): Promise<[Tensor, Tensor]> {
  const labels = Tensor.from(device, Int32Array.from(await read(`${part}-labels-idx1`, 8)));
  const pixels = Float32Array.from(await read(`${part}-images-idx3`, 16), (byte) => byte / 255);
  return [Tensor.from(device, pixels, { shape: [labels.size, 1, 28, 28] }), labels];
}

const nextSeed = nn.seedsFrom(Number(seed));
const network = new nn.Sequential([
  new nn.Conv2d(device, 1, 32, 3, { padding: 1, seed: nextSeed() }),
  new nn.Activation("relu"),
  new nn.MaxPool2d(2),
  new nn.Conv2d(device, 32, 64, 3, { padding: 1, seed: nextSeed() }),
  new nn.Activation("relu"),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(device, 64 * 7 * 7, 128, { seed: nextSeed() }),
  new nn.Activation("relu"),
  new nn.Linear(device, 128, 10, { seed: nextSeed() }),
]);
const optimizer = new AdamW(network.parameters(), { lr: 1e-3 });
const [train, test] = [await readExamples("train"), await readExamples("t10k")];
for (let epoch = 1; epoch <= Number(epochs); epoch++) {
  for (const [x, y] of nn.batches(train, { batchSize: 64, shuffle: true, seed: epoch })) {
    using _scope = device.scope();
    optimizer.zeroGrad();
    nn.crossEntropy(network.forward(x), y).backward();
    optimizer.step();
  }
  let right = 0;
  for (const [x, y] of nn.batches(test, { batchSize: 500 })) {
    using _scope = device.scope();
    right += await noGrad(() => network.forward(x).argmax().eq(y).sum()).item();
  }
  console.log(`epoch ${epoch}: ${(right / test[1].size).toFixed(4)} of the test images are right`);
}
await Deno.writeFile("clothes.safetensors", await nn.encodeState(network.stateDict()));
await device.close();
