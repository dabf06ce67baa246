/**
 * Tests that hold on every device.
 *
 * @module
 */

import { type Device, openDevice } from "../tensor/mod.ts";
import { gpuTest } from "./gpu.ts";

/**
 * Registers a test twice: on the CPU without a BLAS and with two threads, and on a WebGPU device if
 * there is one. Each runs on a device of its own, which is closed at the end.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 *
 * @example
 * ```ts ignore
 * import { testOnEveryDevice } from "./every_device.ts";
 *
 * testOnEveryDevice("a device begins without allocations", (device) => {
 *   if (device.live !== 0) throw new Error("expected none");
 * });
 * ```
 */
export function testOnEveryDevice(
  name: string,
  fn: (device: Device) => void | Promise<void>,
): void {
  cpuTest(`${name} (cpu)`, fn);
  gpuTest(`${name} (webgpu)`, fn);
}

/**
 * Registers a test on the CPU device, which is closed at the end: for what needs no second device.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 *
 * @example
 * ```ts ignore
 * import { cpuTest } from "./every_device.ts";
 *
 * cpuTest("a device begins without allocations", (device) => {
 *   if (device.live !== 0) throw new Error("expected none");
 * });
 * ```
 */
export function cpuTest(name: string, fn: (device: Device) => void | Promise<void>): void {
  Deno.test(name, async () => {
    const device = await openDevice("cpu", { threads: 2, blas: false });
    try {
      await fn(device);
    } finally {
      await device.close();
    }
  });
}
