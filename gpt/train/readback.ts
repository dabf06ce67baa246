/**
 * Waiting: for numbers from a device, and for everything else that wants its turn.
 *
 * @module
 */

import { noGrad, stack, type Tensor } from "../../tensor/mod.ts";

/**
 * Reads single numbers from a device and frees them. Waiting for many costs no more than for one.
 *
 * @param numbers Scalars on one device.
 * @returns Their values.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { readNumbers } from "./readback.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const read = await readNumbers([Tensor.full(device, [], 1), Tensor.full(device, [], 2)]);
 * if (read.join() !== "1,2") throw new Error(`got ${read}`);
 * await device.close();
 * ```
 */
export async function readNumbers(numbers: readonly Tensor[]): Promise<number[]> {
  if (numbers.length === 0) return [];
  const together = join(numbers);
  const values = await together.data();
  for (const tensor of [together, ...numbers]) tensor.dispose();
  return Array.from(values);
}

/** One tensor of many scalars; the views on the way end with the scope. */
function join(numbers: readonly Tensor[]): Tensor {
  using scope = numbers[0]!.device.scope();
  return scope.keep(noGrad(() => stack(numbers)));
}

/**
 * Lets everything else have its turn: signals, timers, a server. On the CPU a loop over batches waits
 * for nothing, so without this nothing else would ever run.
 *
 * @example
 * ```ts
 * import { nextTask } from "./readback.ts";
 *
 * await nextTask();
 * ```
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
