/**
 * Flash attention against its composition of matmuls and a softmax, which stores all scores.
 * Results are compared before timing.
 *
 * @module
 */

import { relativeDeviation } from "../../../testing/golden.ts";
import type { Device } from "../../device.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import "../../mod.ts";
import { openWebGpuDevice } from "../../devices/webgpu/device.ts";
import { noGrad } from "../../grad_mode.ts";
import { normalArray } from "../../random.ts";
import { Tensor } from "../../tensor.ts";
import { attention } from "./attention.ts";
import { type Attention, composedAttention } from "../testing/composed_attention.ts";

const BATCH = 4;
const HEADS = 4;
const HEAD_SIZE = 64;

/** Numbers of queries and keys: training, and decoding. */
const SIZES = [[256, 256], [1, 2048]] as const;

function random(device: Device, seed: number, tokens: number): Tensor {
  const shape = [BATCH, tokens, HEADS, HEAD_SIZE];
  const length = shape.reduce((product, each) => product * each);
  return Tensor.from(device, normalArray(seed, length), { shape, requiresGrad: true });
}

async function register(name: string, device: Device): Promise<void> {
  for (const [queries, keys] of SIZES) {
    const q = random(device, 1, queries);
    const [k, v] = [random(device, 2, keys), random(device, 3, keys)];
    const upstream = random(device, 4, queries).detach();
    const forward = (way: Attention) => noGrad(() => way(q, k, v));
    const both = (way: Attention) => {
      for (const operand of [q, k, v]) operand.zeroGrad();
      way(q, k, v).backward(upstream);
      return k.grad!;
    };
    const ways: Readonly<Record<string, Attention>> = {
      "products and softmax": composedAttention(device, queries, keys),
      "attention": (q, k, v) => attention(q, k, v),
    };
    for (const [kind, run] of Object.entries(queries > 1 ? { forward, both } : { forward })) {
      const group = `${name}, ${kind}: ${BATCH * HEADS} × ${queries} queries, ${keys} keys`;
      await check(group, device, ways, run);
      for (const [way, compute] of Object.entries(ways)) {
        Deno.bench({
          name: way,
          group,
          baseline: way !== "attention",
          fn: async () => {
            {
              using _scope = device.scope();
              run(compute);
            }
            await device.synchronize();
          },
        });
      }
    }
  }
}

async function check(
  group: string,
  device: Device,
  ways: Readonly<Record<string, Attention>>,
  run: (way: Attention) => Tensor,
): Promise<void> {
  using _scope = device.scope();
  const results = [];
  for (const way of Object.values(ways)) results.push(await run(way).data());
  const deviation = relativeDeviation(results[1]!, results[0]!);
  if (deviation > 1e-4) {
    throw new Error(`Cannot time "${group}": the results differ by ${deviation}`);
  }
}

for (const threads of [1, 2]) {
  await register(`cpu, threads: ${threads}`, await openCpuDevice({ threads, blas: false }));
}
await register("cpu, with a BLAS where there is one", await openCpuDevice());
const gpu = await openWebGpuDevice().catch(() => null);
if (gpu !== null) await register("webgpu", gpu);
