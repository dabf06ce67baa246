/**
 * The WebGPU device: tensors and kernels on any GPU that `navigator.gpu` reaches.
 *
 * `adapter.ts` opens the adapter. `device.ts` is the device, composed of a `buffer_pool.ts`, a
 * `recording.ts` of dispatches with arguments in an `argument_ring.ts`, a `kernel_cache.ts` of
 * pipelines and bind groups, and a `readback.ts`. `gpu.ts` is the interface to WebGPU below;
 * `direct_gpu.ts` implements it, `remote_gpu.ts` forwards it to a worker. `program_wgsl.ts`
 * compiles formulas to kernels.
 *
 * @module
 */

export type { WebGpuLimits, WebGpuOptions } from "./adapter.ts";
export { openWebGpuDevice, RecordingWebGpuDevice, type WebGpuStatistics } from "./device.ts";
export type { Gpu } from "./gpu.ts";
export { runProgramOnWebGpu } from "./program_wgsl.ts";
export { beginMain, workgroupGrid } from "./workgroup_grid.ts";
