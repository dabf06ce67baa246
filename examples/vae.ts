/**
 * A variational autoencoder of clothes, on Fashion-MNIST. Source: Kingma and Welling (2013).
 *
 *     deno run -A examples/vae.ts /usr/share/datasets/fashion-mnist
 *
 * The folder has the data set's files, see `fashion_mnist.ts`. One more argument: epochs.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { type Device, noGrad, normal, openDevice, type Tensor } from "../tensor/mod.ts";
import { readExamples } from "./fashion_mnist.ts";

const [pixels, hidden, latent] = [28 * 28, 400, 20];

class VAE extends nn.Module {
  readonly encoder: nn.MLP;
  readonly decoder: nn.MLP;

  constructor(device: Device) {
    super();
    this.encoder = new nn.MLP(device, [pixels, hidden, 2 * latent], { seed: 1 });
    this.decoder = new nn.MLP(device, [latent, hidden, pixels], { seed: 2 });
  }

  /** The negative evidence lower bound of images, in nats. */
  loss(images: Tensor): Tensor {
    const x = images.reshape([-1, pixels]);
    const code = this.encoder.forward(x);
    const [mean, logVariance] = [code.slice(1, 0, latent), code.slice(1, latent)];
    const noise = normal(x.device, mean.shape, { seed: nextSeed() });
    const decoded = this.decoder.forward(mean.add(logVariance.mul(0.5).exp().mul(noise)));
    const reconstruction = nn.binaryCrossEntropyWithLogits(decoded, x, { reduction: "sum" });
    const divergence = mean.square().add(logVariance.exp()).sub(logVariance).sub(1).sum().mul(0.5);
    return reconstruction.add(divergence).div(x.shape[0]!);
  }
}

const [folder = ".", epochs = "3"] = Deno.args;
const nextSeed = nn.seedsFrom(3);
const device = await openDevice();
const vae = new VAE(device);
const optimizer = new AdamW(vae.parameters(), { lr: 1e-3 });
const train = await readExamples(device, folder, "train");
const [test] = await readExamples(device, folder, "t10k");
for (let epoch = 1; epoch <= Number(epochs); epoch++) {
  for (const [x] of nn.batches(train, { batchSize: 128, shuffle: true, seed: epoch })) {
    using _scope = device.scope();
    optimizer.zeroGrad();
    vae.loss(x).backward();
    optimizer.step();
  }
  const nats = await noGrad(() => vae.loss(test)).item();
  console.log(`epoch ${epoch}: ${nats.toFixed(2)} nats an image`);
}
await device.close();
