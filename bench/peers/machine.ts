/** Jobs that measure the machine: memory reads and copies, matmul's micro-kernel, the BLAS. */

import type { WasmKernel } from "../../tensor/internals.ts";
import { type CpuDevice, openDevice } from "../../tensor/mod.ts";
import { emitKernel, F32x4, I32 } from "../../tensor/kernel/emitter.ts";
import { TILE_COLUMNS, tileRows, writeTile } from "../../tensor/fast/cpu/matmul_tile.ts";
import { matmulOperands, someOf } from "./plain_problem.ts";
import { type Job, type JobOptions, serve, timer } from "./protocol.ts";

async function openCpu({ threads }: JobOptions): Promise<CpuDevice> {
  const device = await openDevice("cpu", {
    blas: false,
    ...(threads === undefined ? {} : { threads }),
  });
  if (device.kind !== "cpu") throw new Error(`Cannot measure the CPU on a ${device.kind}`);
  return device;
}

/** Bytes per iteration of the loops below. */
const TURN = 128;

/** Sums what it reads. Words: the address. Items are iterations. */
const readKernel: WasmKernel = {
  key: "bench read",
  emit: emitKernel((f, { words, start, end, scratch }) => {
    const address = f.local(words.loadI32(0).add(start.multiply(TURN)));
    const sums = Array.from({ length: 8 }, () => f.local(F32x4.of(0)));
    f.forRange(start, end, 1, () => {
      sums.forEach((sum, i) => f.set(sum, sum.add(address.loadF32x4(i * 16))));
      f.set(address, address.add(TURN));
    });
    sums.forEach((sum, i) => f.store(scratch, sum, i * 16));
  }),
};

/** Copies. Words: source and destination address. Items are iterations. */
const copyKernel: WasmKernel = {
  key: "bench copy",
  emit: emitKernel((f, { words, start, end }) => {
    const from = f.local(words.loadI32(0).add(start.multiply(TURN)));
    const to = f.local(words.loadI32(4).add(start.multiply(TURN)));
    f.forRange(start, end, 1, () => {
      for (let i = 0; i < TURN; i += 16) f.store(to, from.loadF32x4(i), i);
      f.set(from, from.add(TURN));
      f.set(to, to.add(TURN));
    });
  }),
};

/** Length of k, and repetitions of the tile, in a work item. */
const [DEPTH, TILES] = [256, 64];

/** Multiplies panels of A of this many rows in scratch memory. Takes no words. */
function tileKernel(rows: number): WasmKernel {
  const panelA = DEPTH * rows * 4;
  const panelB = DEPTH * TILE_COLUMNS * 4;
  return {
    key: "bench tile",
    emit: emitKernel((f, { start, end, scratch }) => {
      const b = f.local(scratch.add(panelA));
      const c = f.local(b.add(panelB));
      f.forRange(start, end, 1, () => {
        f.forRange(0, TILES, 1, () => {
          writeTile(f, scratch, b, I32.of(DEPTH), c, I32.of(32), I32.of(0));
        });
      });
    }),
  };
}

/** Reads `size` bytes on all threads. */
async function read(options: JobOptions): Promise<Job> {
  const { size = 2 ** 20 } = options;
  const device = await openCpu(options);
  const address = allocateOnes(device, size);
  const time = await timer(
    () => device.dispatch(readKernel, { integers: [address] }, size / TURN, { scratchBytes: TURN }),
    () => device.synchronize(),
  );
  return {
    check: [],
    measure: async () => ({ gigabytes_per_second: size / await time() / 1e6 }),
  };
}

/** Copies `size` bytes on all threads, counting both reads and writes. */
async function copy(options: JobOptions): Promise<Job> {
  const { size = 2 ** 24 } = options;
  const device = await openCpu(options);
  const [from, to] = [allocateOnes(device, size), allocateOnes(device, size)];
  const time = await timer(
    () => device.dispatch(copyKernel, { integers: [from, to] }, size / TURN),
    () => device.synchronize(),
  );
  return {
    check: [],
    measure: async () => ({ gigabytes_per_second: 2 * size / await time() / 1e6 }),
  };
}

function allocateOnes(device: CpuDevice, size: number): number {
  const allocation = device.allocate(size, "a bench");
  device.write(allocation, 0, new Float32Array(size / 4).fill(1));
  const view = { dtype: "float32", shape: [size / 4], strides: [1], offset: 0 } as const;
  return device.address({ allocation, ...view });
}

/** The matmul micro-kernel on one thread, times the number of threads. */
async function microKernel(options: JobOptions): Promise<Job> {
  const all = await openCpu(options);
  const { threads } = all;
  await all.close();
  const device = await openCpu({ threads: 1 });
  const rows = tileRows(device.relaxedSimd);
  const scratchBytes = (DEPTH * (rows + TILE_COLUMNS) + rows * TILE_COLUMNS) * 4;
  const items = 20;
  const kernel = tileKernel(rows);
  const time = await timer(
    () => device.dispatch(kernel, { integers: [] }, items, { scratchBytes }),
    () => device.synchronize(),
  );
  const operations = 2 * rows * TILE_COLUMNS * DEPTH * TILES * items;
  return {
    check: [],
    measure: async () => ({ gflops: threads * operations / await time() / 1e6 }),
  };
}

/** OpenBLAS with its own threads, on the kind of memory that the device uses. */
async function blas(options: JobOptions): Promise<Job> {
  const { size = 1024 } = options;
  const { symbols } = Deno.dlopen("libopenblas.so.0", {
    // deno-fmt-ignore
    cblas_sgemm: {
      parameters: [
        "i32", "i32", "i32", "i32", "i32", "i32",
        "f32", "pointer", "i32", "pointer", "i32", "f32", "pointer", "i32",
      ],
      result: "void",
    },
    openblas_set_num_threads: { parameters: ["i32"], result: "void" },
  });
  symbols.openblas_set_num_threads(options.threads ?? navigator.hardwareConcurrency);
  const bytes = 4 * size * size;
  const pages = Math.ceil(3 * bytes / 65_536);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const matrices = [0, 1, 2].map((i) => new Float32Array(buffer, i * bytes, size * size));
  const [a, b, c] = matrices as [Float32Array, Float32Array, Float32Array];
  const operands = matmulOperands(size);
  a.set(operands[0]);
  b.set(operands[1]);
  const place = (matrix: Float32Array) =>
    Deno.UnsafePointer.offset(
      Deno.UnsafePointer.of(new Uint8Array(buffer))!,
      matrix.byteOffset,
    );
  const [x, y, z] = [place(a), place(b), place(c)];
  const run = () =>
    symbols.cblas_sgemm(
      ...[101, 111, 111, size, size, size] as const,
      ...[1, x, size, y, size, 0, z, size] as const,
    );
  run();
  const check = someOf(c);
  const time = await timer(run, () => {});
  return { check, measure: async () => ({ gflops: 2 * size ** 3 / await time() / 1e6 }) };
}

await serve({ read, copy, microKernel, blas });
