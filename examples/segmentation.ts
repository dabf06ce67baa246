/**
 * A U-Net learns to find discs in noisy images, pixel by pixel. Source: Ronneberger et al., "U-Net:
 * Convolutional Networks for Biomedical Image Segmentation" (2015).
 *
 *     deno run -A examples/segmentation.ts
 *
 * More arguments: epochs, and the number of images.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { concat, noGrad, normalArray, openDevice, Tensor, uniformArray } from "../tensor/mod.ts";

const [epochs = "4", count = "512"] = Deno.args;
const size = 32;
const device = await openDevice();
const nextSeed = nn.seedsFrom(1);

/** Noisy images of a disc each, and the masks of the discs, `[count, 1, size, size]`. */
function makeImages(count: number): [images: Tensor, masks: Tensor] {
  const discs = uniformArray(nextSeed(), 3 * count);
  const noise = normalArray(nextSeed(), count * size * size, 0, 0.5);
  const masks = Float32Array.from(noise, (_, i) => {
    const [image, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
    const [left, top, radius] = discs.subarray(3 * image);
    const distance = Math.hypot(x - 8 - 16 * left!, y - 8 - 16 * top!);
    return distance < 3 + 4 * radius! ? 1 : 0;
  });
  const images = noise.map((value, i) => value + masks[i]!);
  const shape = [count, 1, size, size];
  return [Tensor.from(device, images, { shape }), Tensor.from(device, masks, { shape })];
}

const block = (inputs: number, outputs: number) =>
  new nn.Sequential([
    new nn.Conv2d(device, inputs, outputs, 3, { padding: 1, bias: false, seed: nextSeed() }),
    new nn.BatchNorm2d(device, outputs),
    new nn.Activation("relu"),
  ]);
const enlarge = (inputs: number, outputs: number) =>
  new nn.ConvTranspose2d(device, inputs, outputs, 2, { stride: 2, seed: nextSeed() });

class UNet extends nn.Module {
  readonly down = [block(1, 8), block(8, 16), block(16, 32)];
  readonly pool = new nn.MaxPool2d(2);
  readonly enlarge = [enlarge(32, 16), enlarge(16, 8)];
  readonly up = [block(32, 16), block(16, 8)];
  readonly head = new nn.Conv2d(device, 8, 1, 1, { seed: nextSeed() });

  /** Images to logits of their pixels, both `[B, 1, H, W]`, with H and W multiples of 4. */
  forward(images: Tensor): Tensor {
    const fine = this.down[0]!.forward(images);
    const middle = this.down[1]!.forward(this.pool.forward(fine));
    let x = this.down[2]!.forward(this.pool.forward(middle));
    for (const [i, skipped] of [middle, fine].entries()) {
      x = this.up[i]!.forward(concat([this.enlarge[i]!.forward(x), skipped], 1));
    }
    return this.head.forward(x);
  }
}

const network = new UNet();
console.log(nn.summary(network));
const optimizer = new AdamW(network.parameters(), { lr: 5e-3 });
const train = makeImages(Number(count));
const [testImages, testMasks] = makeImages(64);
for (let epoch = 1; epoch <= Number(epochs); epoch++) {
  network.train();
  for (const [x, y] of nn.batches(train, { batchSize: 8, shuffle: true, seed: nextSeed() })) {
    using _scope = device.scope();
    optimizer.zeroGrad();
    nn.binaryCrossEntropyWithLogits(network.forward(x), y).backward();
    optimizer.step();
  }
  network.eval();
  using _scope = device.scope();
  const found = noGrad(() => network.forward(testImages).gt(0));
  const overlap = found.mul(testMasks).sum().div(found.maximum(testMasks).sum());
  console.log(`epoch ${epoch}: intersection over union ${(await overlap.item()).toFixed(3)}`);
}
await device.close();
