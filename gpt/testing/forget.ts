/**
 * Creates tensors outside of scopes, drops them, and prints how many allocations remain.
 *
 *     deno run -A --v8-flags=--expose-gc gpt/testing/forget.ts cpu
 */

import { openDevice, Tensor } from "../../tensor/mod.ts";

const [kind] = Deno.args;
if (kind !== "cpu" && kind !== "webgpu") throw new Error(`Cannot open a device of kind "${kind}"`);
const device = await openDevice(kind, { threads: 1, blas: false });

/** A loop by someone who has not read about scopes. */
async function carelessly(): Promise<number> {
  const weight = Tensor.ones(device, [4, 4], { requiresGrad: true });
  let sum = 0;
  for (let i = 0; i < 50; i++) {
    const loss = weight.matmul(Tensor.full(device, [4, 4], i)).tanh().sum();
    loss.backward();
    sum += await loss.item();
  }
  return sum;
}

const sum = await carelessly();
const before = device.live;
for (let i = 0; i < 100 && device.live > 0; i++) {
  Reflect.get(globalThis, "gc")();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(JSON.stringify({ sum, before, after: device.live }));
await device.close();
