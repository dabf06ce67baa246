/**
 * Tests that hold on every device.
 *
 * @module
 */

import { type Device, openDevice } from "../tensor/mod.ts";
import { gpuTest } from "./gpu.ts";

/** What a test does with the device that it gets. */
type DeviceTest = (device: Device) => void | Promise<void>;

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
export function testOnEveryDevice(name: string, fn: DeviceTest): void {
  cpuTest(`${name} (cpu)`, fn);
  gpuTest(`${name} (webgpu)`, fn);
}

/**
 * Registers a test three times: as {@linkcode testOnEveryDevice} does, and on the CPU with one thread.
 * For kernels, whose work is split among the threads.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 *
 * @example
 * ```ts ignore
 * import { kernelTest } from "./every_device.ts";
 *
 * kernelTest("a device begins without allocations", (device) => {
 *   if (device.live !== 0) throw new Error("expected none");
 * });
 * ```
 */
export function kernelTest(name: string, fn: DeviceTest): void {
  cpuTest(`${name} (cpu, one thread)`, fn, 1);
  cpuTest(`${name} (cpu, two threads)`, fn, 2);
  gpuTest(`${name} (webgpu)`, fn);
}

/**
 * Registers a test on the CPU device, which is closed at the end: for what needs no second device.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 * @param threads The threads of the device (default 2).
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
export function cpuTest(name: string, fn: DeviceTest, threads = 2): void {
  Deno.test(name, async () => {
    const device = await openDevice("cpu", { threads, blas: false });
    try {
      await fn(device);
    } finally {
      await device.close();
    }
  });
}
