/** Waiting for numbers from a device, and for the event loop. @module */

import { noGrad, stack, type Tensor } from "../../tensor/mod.ts";

/** Reads scalars from a device and frees them. Reading many takes as long as reading one. */
export async function readNumbers(numbers: readonly Tensor[]): Promise<number[]> {
  if (numbers.length === 0) return [];
  const together = join(numbers);
  const values = await together.data();
  for (const tensor of [together, ...numbers]) tensor.dispose();
  return Array.from(values);
}

/** Concatenates scalars; intermediate views end with the scope. */
function join(numbers: readonly Tensor[]): Tensor {
  using scope = numbers[0]!.device.scope();
  return scope.keep(noGrad(() => stack(numbers)));
}

/**
 * Yields to the event loop: signals, timers, a server. A loop on the CPU never waits, so nothing
 * else would run.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The mean of numbers, in double precision. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
