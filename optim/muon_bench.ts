/**
 * A Muon step on stacks with fused kernels, against tensor operations on one matrix at a time.
 * Results are compared before timing.
 */

import { assert } from "@std/assert";
import { relativeDeviation } from "../testing/golden.ts";
import { copyInto, type Device, noGrad, normal, openDevice, Tensor } from "../tensor/mod.ts";
import { Muon } from "./muon.ts";
import { composedPolarExpress } from "./testing/composed_polar_express.ts";

/** The matrices of a depth-4 model: attention, then MLP. */
const shapes = [
  ...Array.from({ length: 16 }, () => [256, 256]),
  ...Array.from({ length: 4 }, () => [1024, 256]),
  ...Array.from({ length: 4 }, () => [256, 1024]),
];
// No weight decay: it depends on the sign of each step, and rounding decides the sign near 0.
const numbers = { lr: 0.02, momentum: 0.95, beta2: 0.9, weightDecay: 0 };
/** The same step composed of tensor operations, line by line as in nanochat. */
class ComposedMuon {
  readonly #parameters: readonly Tensor[];
  readonly #momenta: readonly Tensor[];
  readonly #variances: readonly Tensor[];

  constructor(parameters: readonly Tensor[]) {
    this.#parameters = parameters;
    this.#momenta = parameters.map(({ device, shape }) => Tensor.zeros(device, shape));
    this.#variances = parameters.map(({ device, shape: [rows, columns] }) =>
      Tensor.zeros(device, rows! >= columns! ? [rows!, 1] : [1, columns!])
    );
  }

  step(): void {
    noGrad(() => this.#parameters.forEach((_, i) => this.#stepOne(i)));
  }

  #stepOne(i: number): void {
    const parameter = this.#parameters[i]!;
    using _scope = parameter.device.scope();
    const [rows, columns] = parameter.shape as [number, number];
    const { momentum, beta2, weightDecay } = numbers;
    const lerp = (a: Tensor, b: Tensor, share: number) => a.add(b.sub(a).mul(share));

    copyInto(lerp(this.#momenta[i]!, parameter.grad!, 1 - momentum), this.#momenta[i]!);
    let x = lerp(parameter.grad!, this.#momenta[i]!, momentum);
    const target = x.square().sum().sqrt().div(Math.sqrt(rows));
    x = x.mul(target.div(x.square().sum(1, true).sqrt().maximum(1e-6)));
    x = composedPolarExpress(x.div(x.square().sum().sqrt().mul(1.01).add(1e-6)));
    const smaller = Math.min(rows, columns);
    x = x.mul(x.square().sum().sqrt().maximum(1e-6).pow(-1).mul(Math.sqrt(smaller)));

    const axis = rows >= columns ? 1 : 0;
    const mean = x.square().mean(axis, true);
    const norm = mean.sum().mul(smaller).sqrt();
    copyInto(lerp(this.#variances[i]!, mean, 1 - beta2), this.#variances[i]!);
    const size = this.#variances[i]!.maximum(1e-10).sqrt().pow(-1);
    const newNorm = mean.mul(smaller).mul(size.square()).sum().sqrt();
    x = x.mul(size.mul(norm.div(newNorm.maximum(1e-10))));

    const lr = numbers.lr * Math.sqrt(Math.max(1, rows / columns));
    const mask = x.mul(parameter).ge(0);
    copyInto(
      parameter.sub(x.mul(lr).add(parameter.mul(mask).mul(lr * weightDecay))),
      parameter,
    );
  }
}

function parametersOf(device: Device): Tensor[] {
  return shapes.map((shape, i) => {
    const parameter = normal(device, shape, { seed: i, requiresGrad: true });
    parameter.grad = normal(device, shape, { seed: 100 + i });
    return parameter;
  });
}

const devices = [["cpu", false], ["cpu", true], ["webgpu", false]] as const;
for (const [kind, blas] of devices) {
  if (kind === "webgpu" && await navigator.gpu?.requestAdapter() == null) continue;
  const device = await openDevice(kind, { blas });
  const where = blas ? `${kind}, BLAS` : kind;
  const [stacked, single] = [parametersOf(device), parametersOf(device)];
  const optimizers = {
    "stacks and fused kernels": new Muon(stacked, numbers),
    "tensor operations": new ComposedMuon(single),
  };
  for (const optimizer of Object.values(optimizers)) optimizer.step();
  for (const [i, parameter] of stacked.entries()) {
    const deviation = relativeDeviation(await parameter.data(), await single[i]!.data());
    assert(deviation < 1e-6, `the results differ by ${deviation}`);
  }

  for (const [name, optimizer] of Object.entries(optimizers)) {
    Deno.bench({
      name: `${name} (${where})`,
      group: `Muon on the matrices of depth 4 (${where})`,
      baseline: name === "tensor operations",
      // A step takes seconds on a software adapter.
      n: 10,
      warmup: 1,
      fn: async () => {
        optimizer.step();
        await device.synchronize();
      },
    });
  }
}
