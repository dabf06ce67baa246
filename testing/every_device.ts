/** Tests that run on every device. */

import { type Device, openDevice } from "../tensor/mod.ts";
import { gpuTest } from "./gpu.ts";

type DeviceTest = (device: Device) => void | Promise<void>;

/**
 * Registers a test twice: on the CPU with two threads and no BLAS, and on WebGPU if there is an
 * adapter. Each gets a fresh device, which is closed afterwards.
 */
export function testOnEveryDevice(name: string, fn: DeviceTest): void {
  cpuTest(`${name} (cpu)`, fn);
  gpuTest(`${name} (webgpu)`, fn);
}

/**
 * Registers a test like {@linkcode testOnEveryDevice}, and on the CPU with one thread. For kernels,
 * whose work is split over threads.
 */
export function kernelTest(name: string, fn: DeviceTest): void {
  cpuTest(`${name} (cpu, one thread)`, fn, 1);
  cpuTest(`${name} (cpu, two threads)`, fn, 2);
  gpuTest(`${name} (webgpu)`, fn);
}

/** Registers a test on a fresh CPU device, for what needs no second device. */
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
