/** Tests that run on every device. */

import { openWebGpuDevice } from "../tensor/devices/webgpu/device.ts";
import { type Device, openDevice } from "../tensor/mod.ts";
import { adapterTest } from "./gpu.ts";

type DeviceTest = (device: Device) => void | Promise<void>;

/** WebGPU, or the number of threads of a CPU without a BLAS. */
type Kind = "webgpu" | number;

interface DeviceTests {
  /**
   * Registers a test twice: on the CPU with two threads and no BLAS, and on WebGPU if there is an adapter.
   */
  testOnEveryDevice(name: string, fn: DeviceTest): void;
  /**
   * Registers a test like `testOnEveryDevice`, and on the CPU with one thread. For kernels, whose work is
   * split over threads.
   */
  kernelTest(name: string, fn: DeviceTest): void;
  /** Registers a test on the CPU, for what needs no second device. */
  cpuTest(name: string, fn: DeviceTest, threads?: number): void;
}

const open = (kind: Kind): Promise<Device> =>
  kind === "webgpu" ? openWebGpuDevice() : openDevice("cpu", { threads: kind, blas: false });

function testsOn(run: (kind: Kind, fn: DeviceTest) => Promise<void>): DeviceTests {
  const cpuTest: DeviceTests["cpuTest"] = (name, fn, threads = 2) =>
    Deno.test(name, () => run(threads, fn));
  const webgpuTest = (name: string, fn: DeviceTest) => adapterTest(name, () => run("webgpu", fn));
  return {
    testOnEveryDevice: (name, fn) => {
      cpuTest(`${name} (cpu)`, fn);
      webgpuTest(`${name} (webgpu)`, fn);
    },
    kernelTest: (name, fn) => {
      cpuTest(`${name} (cpu, one thread)`, fn, 1);
      cpuTest(`${name} (cpu, two threads)`, fn, 2);
      webgpuTest(`${name} (webgpu)`, fn);
    },
    cpuTest,
  };
}

const shared = new Map<Kind, Promise<Device>>();

Deno.test.afterAll(async () => {
  for (const device of shared.values()) await (await device).close();
});

/**
 * Tests share their devices with the others of the process: to open one, and to compile its kernels once more,
 * takes longer than most tests.
 */
export const { testOnEveryDevice, kernelTest, cpuTest } = testsOn(async (kind, fn) => {
  const device = shared.get(kind) ?? open(kind);
  shared.set(kind, device);
  await fn(await device);
});

/**
 * Each test has devices of its own: for what counts what a device holds or has done, as a shared one still holds
 * what others forgot, and for kernels whose names are not theirs alone.
 */
export const fresh = testsOn(async (kind, fn) => {
  const device = await open(kind);
  try {
    await fn(device);
  } finally {
    await device.close();
  }
});
