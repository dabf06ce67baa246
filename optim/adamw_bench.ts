/**
 * An AdamW step as one kernel, against the tensor operations that it replaces. Results are compared
 * before timing.
 */

import { assert } from "@std/assert";
import { relativeDeviation } from "../testing/golden.ts";
import { type Device, normal, openDevice, type Tensor } from "../tensor/mod.ts";
import { AdamW } from "./adam.ts";
import { ComposedAdamW } from "./testing/composed_adamw.ts";

const shape = [1024, 1024];
const numbers = { lr: 0.01, betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0.1 };

function parameterOf(device: Device): Tensor {
  const parameter = normal(device, shape, { seed: 1, requiresGrad: true });
  parameter.grad = normal(device, shape, { seed: 2 });
  return parameter;
}

const kinds = ["cpu", "webgpu"] as const;
for (const kind of kinds) {
  if (kind === "webgpu" && await navigator.gpu?.requestAdapter() == null) continue;
  const device = await openDevice(kind, { blas: false });
  const [fused, composed] = [parameterOf(device), parameterOf(device)];
  const optimizers = {
    "one kernel": new AdamW([fused], numbers),
    "tensor operations": new ComposedAdamW(composed, numbers),
  };
  for (const optimizer of Object.values(optimizers)) {
    for (let i = 0; i < 3; i++) optimizer.step();
  }
  assert(relativeDeviation(await fused.data(), await composed.data()) < 1e-5, "the results differ");

  for (const [name, optimizer] of Object.entries(optimizers)) {
    Deno.bench({
      name: `${name} (${kind})`,
      group: `AdamW on ${shape.join(" x ")} (${kind})`,
      baseline: name === "tensor operations",
      fn: async () => {
        optimizer.step();
        await device.synchronize();
      },
    });
  }
}
