/**
 * Speed of gathering, scatter-adding and sampling. On WebGPU ten runs share one wait, and a time is
 * for all ten.
 *
 * @module
 */

import type { Device } from "../../device.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import { openWebGpuDevice } from "../../devices/webgpu/device.ts";
import { normalArray, uniformArray } from "../../random.ts";
import { Tensor } from "../../mod.ts";
import { embedding, gather } from "./gather.ts";
import { multinomial, topK } from "../sampling/sampling.ts";
import { cumulativeSum } from "../scan/scan.ts";

const devices = new Map<string, Device>();
for (const threads of [1, 2]) {
  devices.set(`CPU, threads: ${threads}`, await openCpuDevice({ threads, blas: false }));
}
const gpu = await openWebGpuDevice().catch(() => null);
if (gpu !== null) devices.set("WebGPU, ten times", gpu);

function bench(group: string, name: string, device: Device, run: () => void): void {
  const times = device.kind === "cpu" ? 1 : 10;
  Deno.bench({
    name,
    group,
    baseline: name.endsWith(": 1"),
    fn: async () => {
      {
        using _scope = device.scope();
        for (let i = 0; i < times; i++) run();
      }
      await device.synchronize();
    },
  });
}

const COUNT = 4096;
for (const [name, device] of devices) {
  const idKinds = {
    random: Int32Array.from(uniformArray(1, COUNT, 0, 2048), Math.floor),
    equal: new Int32Array(COUNT).fill(1000),
  };
  const upstream = Tensor.from(device, normalArray(2, COUNT * 256), { shape: [COUNT, 256] });
  for (const vocabulary of [2048, 32_768]) {
    const weight = Tensor.zeros(device, [vocabulary, 256], { requiresGrad: true });
    for (const [kind, values] of Object.entries(idKinds)) {
      const ids = Tensor.from(device, values);
      const group = `4,096 ${kind} ids of ${vocabulary} × 256`;
      bench(`embedding, ${group}`, name, device, () => embedding(weight, ids));
      bench(`embedding and its gradient, ${group}`, name, device, () => {
        embedding(weight, ids).backward(upstream);
        weight.zeroGrad();
      });
    }
  }

  for (const rows of [1, 16]) {
    const logits = Tensor.from(device, normalArray(3, rows * 32_768), { shape: [rows, 32_768] });
    const weights = logits.softmax();
    const uniforms = Tensor.from(device, uniformArray(4, rows));
    const group = `${rows} × 32,768`;
    bench(`top 50, ${group}`, name, device, () => topK(logits, 50));
    bench(`top 1,000, ${group}`, name, device, () => topK(logits, 1000));
    bench(`multinomial, ${group}`, name, device, () => multinomial(weights, uniforms));
    bench(`sample from the top 50, ${group}`, name, device, () => {
      const { values, indices } = topK(logits, 50);
      gather(indices, -1, multinomial(values.softmax(), uniforms).unsqueeze(-1));
    });
    bench(`running sum, ${group}`, name, device, () => cumulativeSum(weights, -1));
  }
}

Deno.bench("5,000,000 normal numbers", () => {
  normalArray(1, 5_000_000);
});
Deno.bench("5,000,000 uniform numbers", () => {
  uniformArray(1, 5_000_000);
});
