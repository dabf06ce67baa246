/**
 * Tests that need a WebGPU adapter.
 *
 * Importing this file asks for an adapter, and opens no device. Without an adapter the tests are
 * ignored, and their names say so; with NANODINO_REQUIRE_GPU=1 they run and fail.
 */

import type { WebGpuOptions } from "../tensor/devices/webgpu/adapter.ts";
import { openWebGpuDevice, type RecordingWebGpuDevice } from "../tensor/devices/webgpu/device.ts";

const isRequired = Deno.env.get("NANODINO_REQUIRE_GPU") === "1";
const adapter = await navigator.gpu?.requestAdapter() ?? null;
const hasGpu = adapter !== null;

/** The minimum limits of WebGPU, and at most 1 MiB per binding. */
export const tinyDevice: WebGpuOptions = {
  limits: {
    maxStorageBufferBindingSize: 2 ** 20,
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupSizeX: 128,
    maxComputeWorkgroupStorageSize: 16 * 1024,
    maxStorageBuffersPerShaderStage: 8,
  },
};

/** Registers a test that needs a WebGPU adapter and opens devices itself. */
export function adapterTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  const ignore = !hasGpu && !isRequired;
  Deno.test({ name: ignore ? `${name} (ignored: no WebGPU adapter)` : name, ignore, fn });
}

export function gpuTest(
  name: string,
  fn: (device: RecordingWebGpuDevice, t: Deno.TestContext) => void | Promise<void>,
  options: WebGpuOptions = {},
): void {
  adapterTest(name, async (t) => {
    const device = await openWebGpuDevice(options);
    try {
      await fn(device, t);
    } finally {
      await device.close();
    }
  });
}

/** Registers a test like {@linkcode gpuTest}, for adapters with half precision (`shader-f16`). */
export function float16Test(
  name: string,
  fn: (device: RecordingWebGpuDevice, t: Deno.TestContext) => void | Promise<void>,
  options: WebGpuOptions = {},
): void {
  const ignore = adapter !== null && !adapter.features.has("shader-f16");
  if (ignore) Deno.test({ name: `${name} (ignored: no shader-f16)`, ignore, fn: () => {} });
  else gpuTest(name, fn, options);
}
