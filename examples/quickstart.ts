/**
 * PyTorch's quickstart: a multilayer perceptron learns to tell ten kinds of clothes apart, on
 * Fashion-MNIST.
 *
 *     deno run -A examples/quickstart.ts /usr/share/datasets/fashion-mnist
 *
 * The folder has the data set's files, see `fashion_mnist.ts`. More arguments: epochs, and a seed.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { noGrad, openDevice } from "../tensor/mod.ts";
import { readExamples } from "./fashion_mnist.ts";

const [folder = ".", epochs = "2", seed = "1"] = Deno.args;
const device = await openDevice();
const nextSeed = nn.seedsFrom(Number(seed));
const network = new nn.Sequential([
  new nn.Flatten(),
  new nn.MLP(device, [28 * 28, 512, 512, 10], { seed: nextSeed() }),
]);
const optimizer = new AdamW(network.parameters(), { lr: 1e-3 });
const train = await readExamples(device, folder, "train");
const test = await readExamples(device, folder, "t10k");
for (let epoch = 1; epoch <= Number(epochs); epoch++) {
  for (const [x, y] of nn.batches(train, { batchSize: 64, shuffle: true, seed: nextSeed() })) {
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
await device.close();
