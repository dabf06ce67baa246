/**
 * Times the head of a language model with its loss and gradients: all logits at once, and in chunks
 * of several sizes. Checked by `linear_cross_entropy_test.ts`.
 *
 * @module
 */

import { openBenchDevices } from "../../../testing/bench_devices.ts";
import { crossEntropy, linear, normal, permutation } from "../../mod.ts";
import { inChunks } from "./linear_cross_entropy.ts";

const [ROWS, WIDTH, CLASSES] = [1024, 256, 4096];
const { devices } = await openBenchDevices();

for (const [name, device] of devices) {
  const hidden = normal(device, [ROWS, WIDTH], { seed: 1 }).requireGrad();
  const weight = normal(device, [CLASSES, WIDTH], { seed: 2 }).requireGrad();
  const targets = permutation(device, CLASSES, { seed: 3 }).slice(0, 0, ROWS);
  const options = { reduction: "mean", softcap: 15 } as const;
  const chunked = [64, 256, 1024].map((rowsAtOnce) =>
    [
      `${rowsAtOnce} rows at once`,
      () => inChunks(hidden, weight, targets, { ...options, classes: CLASSES, rowsAtOnce }),
    ] as const
  );
  const ways = [
    ["all logits", () => crossEntropy(linear(hidden, weight), targets, options)] as const,
    ...chunked,
  ];
  for (const [way, loss] of ways) {
    Deno.bench({
      name: way,
      group: `${ROWS} × ${WIDTH} × ${CLASSES}, ${name}`,
      baseline: way === "all logits",
      fn: async () => {
        {
          using _scope = device.scope();
          loss().backward();
          hidden.zeroGrad();
          weight.zeroGrad();
        }
        await device.synchronize();
      },
    });
  }
}
