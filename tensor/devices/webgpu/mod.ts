/**
 * The WebGPU device: tensors and kernels on any graphics processor that `navigator.gpu` reaches.
 *
 * `adapter.ts` opens the adapter; `device.ts` is the device, made of a `buffer_pool.ts`, a
 * `recording.ts` of dispatches with their arguments in an `argument_ring.ts`, a `kernel_cache.ts` of
 * pipelines and bind groups, and a `readback.ts`. `gpu.ts` says what all of these need of WebGPU;
 * `direct_gpu.ts` does it, and `remote_gpu.ts` has a worker do it. `program_wgsl.ts` turns formulas into
 * kernels.
 *
 * @module
 */

export type { WebGpuLimits, WebGpuOptions } from "./adapter.ts";
export { openWebGpuDevice, RecordingWebGpuDevice, type WebGpuStatistics } from "./device.ts";
export type { Gpu } from "./gpu.ts";
export { runProgramOnWebGpu } from "./program_wgsl.ts";
export { beginMain, workgroupGrid } from "./workgroup_grid.ts";
