/** Tests that run on every device. @module */

import { gpuTest } from "../../../testing/gpu.ts";
import type { Device } from "../../device.ts";
import { openDevice } from "../../open_device.ts";

/**
 * Registers a test for the CPU with one thread, for two, and for WebGPU where there is an adapter.
 *
 * @param name A sentence that the test proves; the device is added to it.
 */
export function everyDevice(name: string, fn: (device: Device) => void | Promise<void>): void {
  for (const threads of [1, 2]) {
    Deno.test(`${name}, on the CPU with ${threads} thread${threads === 1 ? "" : "s"}`, async () => {
      const device = await openDevice("cpu", { threads, blas: false });
      try {
        await fn(device);
      } finally {
        await device.close();
      }
    });
  }
  gpuTest(`${name}, on WebGPU`, fn);
}
