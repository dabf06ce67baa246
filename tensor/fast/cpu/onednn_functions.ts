/** The functions of oneDNN 3 that are called, as Deno's foreign function interface declares them. @module */

import type { ForeignFunction } from "./deno_subset.ts";

const status = (name: string, parameters: ForeignFunction["parameters"]): ForeignFunction => ({
  name: `dnnl_${name}`,
  parameters,
  result: "i32",
});

/**
 * Handles and addresses are passed as integers, which costs less than pointer objects: as `bigint` in 10 ns
 * a call, and as numbers in half a microsecond.
 */
export const ONEDNN_FUNCTIONS: Readonly<Record<string, ForeignFunction>> = {
  version: { name: "dnnl_version", parameters: [], result: "pointer" },
  instructionSet: status("get_effective_cpu_isa", []),
  setCacheCapacity: status("set_primitive_cache_capacity", ["i32"]),
  createEngine: status("engine_create", ["usize", "i32", "usize"]),
  destroyEngine: status("engine_destroy", ["usize"]),
  createStream: status("stream_create", ["usize", "usize", "i32"]),
  destroyStream: status("stream_destroy", ["usize"]),
  describeMatrix: status("memory_desc_create_with_strides", [
    ...["usize", "i32", "usize", "i32", "usize"] as const,
  ]),
  destroyMatrix: status("memory_desc_destroy", ["usize"]),
  createAttributes: status("primitive_attr_create", ["usize"]),
  destroyAttributes: status("primitive_attr_destroy", ["usize"]),
  setMathMode: status("primitive_attr_set_fpmath_mode", ["usize", "i32"]),
  setPostOps: status("primitive_attr_set_post_ops", ["usize", "usize"]),
  createPostOps: status("post_ops_create", ["usize"]),
  destroyPostOps: status("post_ops_destroy", ["usize"]),
  appendSum: status("post_ops_append_sum", ["usize", "f32", "i32", "i32"]),
  describeMatmul: status("matmul_primitive_desc_create", [
    ...["usize", "usize", "usize", "usize", "usize", "usize", "usize"] as const,
  ]),
  destroyDescription: status("primitive_desc_destroy", ["usize"]),
  createPrimitive: status("primitive_create", ["usize", "usize"]),
  destroyPrimitive: status("primitive_destroy", ["usize"]),
  createMemory: status("memory_create", ["usize", "usize", "usize", "usize"]),
  destroyMemory: status("memory_destroy", ["usize"]),
  setAddress: status("memory_set_data_handle", ["usize", "usize"]),
  execute: status("primitive_execute", ["usize", "usize", "i32", "usize"]),
  /** OpenMP's, which most builds use: the number of threads of calls from the calling thread. */
  setThreads: {
    name: "omp_set_num_threads",
    parameters: ["i32"],
    result: "void",
    optional: true,
  },
};
