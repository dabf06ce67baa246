/**
 * A diffusion model learns to place points on two half moons. Source: Ho et al., "Denoising Diffusion
 * Probabilistic Models" (2020).
 *
 *     deno run -A examples/diffusion.ts
 *
 * One more argument: the number of steps of training.
 */

import * as nn from "../nn/mod.ts";
import { AdamW, cosineSchedule } from "../optim/mod.ts";
import { cumulativeSum, noGrad, normal, openDevice, Tensor, uniform } from "../tensor/mod.ts";

const [steps = "2000"] = Deno.args;
const [batch, levels] = [256, 40];
const device = await openDevice("cpu", { threads: 1 });
const nextSeed = nn.seedsFrom(1);

/** Points of the moons, `[N, 2]`. */
const moons = Tensor.from(
  device,
  Array.from({ length: 1000 }, (_, i) => {
    const angle = Math.PI * (i % 500) / 500;
    const [x, y] = [Math.cos(angle), Math.sin(angle)];
    return i < 500 ? [x, y] : [1 - x, 0.5 - y];
  }),
);
/** How much of the variance is noise that a step of each level adds, and what all up to it leave. */
const added = Tensor.linspace(device, 1e-4, 0.25, levels);
const left = cumulativeSum(added.neg().add(1).log(), 0).exp();

class Denoiser extends nn.Module {
  readonly level = new nn.Embedding(device, levels, 128, { seed: nextSeed() });
  readonly point = new nn.Linear(device, 2, 128, { seed: nextSeed() });
  readonly mlp = new nn.MLP(device, [128, 128, 128, 2], { activation: "silu", seed: nextSeed() });

  /** The noise in points `[N, 2]`, each at a level, `int32 [N]`. */
  forward(points: Tensor, level: Tensor): Tensor {
    return this.mlp.forward(this.point.forward(points).add(this.level.forward(level)));
  }
}

const denoiser = new Denoiser();
const optimizer = new AdamW(denoiser.parameters(), { lr: 1e-2, weightDecay: 0 });
for (let step = 1; step <= Number(steps); step++) {
  using _scope = device.scope();
  for (const group of optimizer.groups) group.lr = cosineSchedule(step, Number(steps), 1e-2, 0);
  const random = (high: number) => uniform(device, [batch], { seed: nextSeed(), high }).to("int32");
  const [points, level] = [moons.at(random(1000)), random(levels)];
  const noise = normal(device, [batch, 2], { seed: nextSeed() });
  const share = left.at(level).unsqueeze(1);
  const noisy = points.mul(share.sqrt()).add(noise.mul(share.neg().add(1).sqrt()));
  optimizer.zeroGrad();
  const loss = nn.meanSquaredError(denoiser.forward(noisy, level), noise);
  loss.backward();
  optimizer.step();
  if (step % 500 === 0) console.log(`step ${step}: loss ${(await loss.item()).toFixed(3)}`);
}

using _scope = device.scope();
const [beta, rest] = [await added.data(), await left.data()];
let points = normal(device, [200, 2], { seed: nextSeed() });
for (let level = levels - 1; level >= 0; level--) {
  const all = Tensor.full(device, [200], level, { dtype: "int32" });
  const noise = noGrad(() => denoiser.forward(points, all));
  points = points.sub(noise.mul(beta[level]! / Math.sqrt(1 - rest[level]!)))
    .div(Math.sqrt(1 - beta[level]!));
  if (level === 0) break;
  points = points.add(normal(device, [200, 2], { seed: nextSeed() }).mul(Math.sqrt(beta[level]!)));
}
const distances = points.unsqueeze(1).sub(moons).norm(-1).min(1);
console.log(
  `200 points are ${(await distances.mean().item()).toFixed(3)} from the moons on average`,
);
console.log(await points.format());
await device.close();
