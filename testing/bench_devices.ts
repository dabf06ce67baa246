/** The devices that benchmarks run on. */

import { type Device, openDevice } from "../tensor/mod.ts";

/**
 * Opens every available device, by benchmark name: the CPU without BLAS (the `baseline`), the CPU
 * with BLAS, and WebGPU. They stay open until the process ends.
 */
export async function openBenchDevices(): Promise<
  { readonly devices: ReadonlyMap<string, Device>; readonly baseline: string }
> {
  const baseline = "cpu";
  const devices = new Map<string, Device>([[baseline, await openDevice("cpu", { blas: false })]]);
  const withBlas = await openDevice("cpu");
  if (withBlas.kind === "cpu" && withBlas.hasBlas) devices.set("cpu, BLAS", withBlas);
  const gpu = await openDevice("webgpu").catch(() => null);
  if (gpu !== null) devices.set("webgpu", gpu);
  return { devices, baseline };
}
