/** The calls of oneDNN that one thread makes: the same text runs on the main thread and in workers. @module */

import type { DenoSubset, ForeignFunction } from "./deno_subset.ts";
import type { Sgemm } from "./sgemm.ts";

const status = (name: string, parameters: ForeignFunction["parameters"]): ForeignFunction => ({
  name: `dnnl_${name}`,
  parameters,
  result: "i32",
});

/** Handles and addresses are passed as numbers, which costs less than pointer objects. */
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

export interface OneDnnStart {
  readonly path: string;
  readonly functions: typeof ONEDNN_FUNCTIONS;
  /** Address of the memory's first byte in this process. */
  readonly base: number;
  /** Maximum primitives that a thread keeps. */
  readonly maxPrimitives: number;
}

export interface OneDnnThread {
  readonly version: string;
  /** A value of `dnnl_cpu_isa_t`: what the processor has and the environment permits. */
  readonly instructionSet: number;
  readonly primitives: () => number;
  /**
   * Throws if the library refuses, or an axis of the result has length 1: it would ignore strides
   * there, and write outside of the result. Operands may be rounded to bf16 if `isBf16`.
   */
  readonly multiply: (gemm: Sgemm, isBf16: boolean) => void;
  readonly close: () => void;
}

/**
 * Opens the library for the calling thread; throws if it is not oneDNN 3, or its calls would not
 * stay on the thread. It may only use its arguments: workers are started from its source text.
 */
export function openOneDnn(
  runtime: Pick<DenoSubset, "dlopen" | "UnsafePointer" | "UnsafePointerView">,
  { path, functions, base, maxPrimitives }: OneDnnStart,
): OneDnnThread {
  const F32 = 3;
  const [ON_CPU, IN_ORDER, BF16_MATH] = [1, 1, 1];
  const [SOURCE, WEIGHTS, RESULT] = [1, 33, 17];
  const [SEQUENTIAL, OPENMP] = [1, 2];

  const library = runtime.dlopen(path, functions);
  const { symbols } = library;
  const call = (name: string, ...values: number[]): void => {
    const status = symbols[name]?.(...values);
    if (status !== 0) throw new Error(`${functions[name]?.name} returned ${status}`);
  };

  /** Memory that does not move: V8 moves small arrays. */
  const block = () => {
    const words = new BigInt64Array(new ArrayBuffer(128));
    return { words, address: Number(runtime.UnsafePointer.value(runtime.UnsafePointer.of(words))) };
  };
  type Block = ReturnType<typeof block>;
  const fill = ({ words, address }: Block, values: readonly number[]): number => {
    words.set(values.map(BigInt));
    return address;
  };
  const [out, dims, strides] = [block(), block(), block()] as const;
  const create = (name: string, ...values: number[]): number => {
    call(name, out.address, ...values);
    return Number(out.words[0]);
  };

  let engine = 0;
  let stream = 0;
  interface Primitive {
    readonly handle: number;
    readonly memories: readonly [a: number, b: number, c: number];
    readonly arguments: Block;
  }
  const primitives = new Map<string, Primitive>();

  const describeAttributes = (accumulate: number, isBf16: boolean): number => {
    const attributes = create("createAttributes");
    if (isBf16) call("setMathMode", attributes, BF16_MATH);
    // Without a sum the result is not read: it may be NaN.
    if (accumulate === 0) return attributes;
    const postOps = create("createPostOps");
    call("appendSum", postOps, 1, 0, F32);
    call("setPostOps", attributes, postOps);
    call("destroyPostOps", postOps);
    return attributes;
  };

  const compile = (gemm: Sgemm, isBf16: boolean): Primitive => {
    const { transposeA, transposeB, m, n, k, lda, ldb, ldc, count } = gemm;
    const matrix = (rows: number, columns: number, lead: number, swapped: number, step: number) => {
      const isBatch = count > 1;
      const steps = [...(isBatch ? [step / 4] : []), ...(swapped === 0 ? [lead, 1] : [1, lead])];
      const sizes = [...(isBatch ? [count] : []), rows, columns];
      const places = [fill(dims, sizes), F32, fill(strides, steps)] as const;
      return create("describeMatrix", sizes.length, ...places);
    };
    const views = [
      matrix(m, k, lda, transposeA, gemm.stepA),
      matrix(k, n, ldb, transposeB, gemm.stepB),
      matrix(m, n, ldc, 0, gemm.stepC),
    ] as const;
    const [a, b, c] = views;
    const attributes = describeAttributes(gemm.accumulate, isBf16);
    const description = create("describeMatmul", engine, a, b, 0, c, attributes);
    const handle = create("createPrimitive", description);
    const memory = (view: number) => create("createMemory", view, engine, 0);
    const memories = [memory(a), memory(b), memory(c)] as const;
    call("destroyDescription", description);
    call("destroyAttributes", attributes);
    for (const view of views) call("destroyMatrix", view);
    const list = block();
    fill(list, [SOURCE, memories[0], WEIGHTS, memories[1], RESULT, memories[2]]);
    return { handle, memories, arguments: list };
  };

  const destroy = ({ handle, memories }: Primitive): void => {
    for (const memory of memories) call("destroyMemory", memory);
    call("destroyPrimitive", handle);
  };

  /** The least recently used primitive is first, and makes room. */
  const provide = (gemm: Sgemm, isBf16: boolean): Primitive => {
    const { transposeA, transposeB, m, n, k, lda, ldb, ldc, accumulate, count } = gemm;
    const steps = count > 1 ? `,${count},${gemm.stepA},${gemm.stepB},${gemm.stepC}` : "";
    const key = `${isBf16},${transposeA},${transposeB},${m},${n},${k},${lda},${ldb},${ldc},` +
      `${accumulate}${steps}`;
    const known = primitives.get(key);
    if (known === undefined && primitives.size >= maxPrimitives) {
      const [oldest, primitive] = primitives.entries().next().value!;
      primitives.delete(oldest);
      destroy(primitive);
    }
    const provided = known ?? compile(gemm, isBf16);
    primitives.delete(key);
    primitives.set(key, provided);
    return provided;
  };

  const run = (gemm: Sgemm, isBf16: boolean): void => {
    const { handle, memories: [a, b, c], arguments: list } = provide(gemm, isBf16);
    call("setAddress", a, base + gemm.a);
    call("setAddress", b, base + gemm.b);
    call("setAddress", c, base + gemm.c);
    call("execute", handle, stream, 3, list.address);
  };

  const multiply = (gemm: Sgemm, isBf16: boolean): void => {
    const { m, n, count, stepA, stepB, stepC } = gemm;
    if (m < 2 || n < 2) {
      throw new Error(`wanted a result of at least 2 rows and 2 columns, got ${m} and ${n}`);
    }
    // A batch that shares an operand is multiplied one by one.
    if (count === 1 || (stepA > 0 && stepB > 0)) return run(gemm, isBf16);
    for (let i = 0; i < count; i++) {
      const [a, b, c] = [gemm.a + i * stepA, gemm.b + i * stepB, gemm.c + i * stepC];
      run({ ...gemm, a, b, c, count: 1 }, isBf16);
    }
  };

  const close = (): void => {
    for (const primitive of primitives.values()) destroy(primitive);
    primitives.clear();
    if (stream !== 0) call("destroyStream", stream);
    if (engine !== 0) call("destroyEngine", engine);
    library.close();
  };

  try {
    const facts = new runtime.UnsafePointerView(symbols.version?.() as never);
    // Three numbers, the address of a text, and what the threads are.
    const version = [0, 4, 8].map((at) => facts.getInt32(at));
    const threads = facts.getInt32(24);
    if (version[0] !== 3) throw new Error(`wanted oneDNN 3, got ${version[0]}.${version[1]}`);
    const isLimited = threads === OPENMP && symbols.setThreads !== null;
    if (threads !== SEQUENTIAL && !isLimited) {
      throw new Error(`wanted a build without threads or with OpenMP, got ${threads}`);
    }
    // A setting of the calling thread: a parallel region of one thread starts no other.
    symbols.setThreads?.(1);
    // The library's own cache would keep what is destroyed here.
    call("setCacheCapacity", maxPrimitives);
    engine = create("createEngine", ON_CPU, 0);
    stream = create("createStream", engine, IN_ORDER);
    return {
      version: version.join("."),
      instructionSet: Number(symbols.instructionSet?.()),
      primitives: () => primitives.size,
      ...{ multiply, close },
    };
  } catch (error) {
    close();
    throw error;
  }
}
