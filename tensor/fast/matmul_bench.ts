/**
 * Matmul algorithms on every device, from the plain kernel to the default one. Results are checked
 * in double precision before timing, the device is awaited, and runs are interleaved.
 *
 * `deno bench -A` times a few; as a script it prints a table, filtered by parts of names:
 * `deno run -A tensor/fast/matmul_bench.ts cpu 512`.
 *
 * @module
 */

import type { Allocation, CpuDevice, Device, View } from "../device.ts";
import { openCpuDevice } from "../devices/cpu/device.ts";
import { openWebGpuDevice } from "../devices/webgpu/device.ts";
import { describeMatmuls, type MatmulForm, type MatmulProblem } from "../ops/matmul/problem.ts";
import { plainMatmul } from "../ops/matmul/plain.ts";
import { multiplyViews } from "../ops/matmul/multiply.ts";
import { blasStripsMatmul } from "./cpu/blas_matmul.ts";
import "./mod.ts";
import { CPU_MATMULS } from "./testing/cpu_matmuls.ts";
import { matmulsThatFit } from "./testing/webgpu_matmuls.ts";

interface Shape {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch?: number;
  readonly options?: MatmulForm;
}

interface Rung {
  readonly name: string;
  readonly run: (operands: Operands) => void;
}

interface Operands {
  readonly shape: Shape;
  readonly a: View;
  readonly b: View;
  readonly c: View;
  readonly options: MatmulForm;
  readonly problems: readonly MatmulProblem[];
}

const cube = (size: number): Shape => ({ name: `${size}³`, m: size, n: size, k: size });

const LONG_SUMS: Shape = { name: "32×8,192×32", m: 32, n: 32, k: 8192 };

const SHAPES: readonly Shape[] = [
  cube(64),
  cube(256),
  cube(512),
  { ...cube(512), name: "512³ NT", options: { transposeB: true } },
  { ...cube(512), name: "512³ TN", options: { transposeA: true } },
  { ...cube(512), name: "512³ TT", options: { transposeA: true, transposeB: true } },
  cube(1024),
  cube(2048),
  { name: "100×37×211", m: 100, n: 211, k: 37 },
  { name: "linear 1,024×256×1,024", m: 1024, n: 1024, k: 256, options: { transposeB: true } },
  { name: "one row, 1 MB NN", m: 1, n: 512, k: 512 },
  { name: "one row, 1 MB NT", m: 1, n: 512, k: 512, options: { transposeB: true } },
  { name: "one row, 4 MB NN", m: 1, n: 1024, k: 1024 },
  { name: "one row, 4 MB NT", m: 1, n: 1024, k: 1024, options: { transposeB: true } },
  { name: "one row, 64 MB NT", m: 1, n: 4096, k: 4096, options: { transposeB: true } },
  { name: "one row, 64 MB NN", m: 1, n: 4096, k: 4096 },
  { name: "4 rows, 4 MB NT", m: 4, n: 1024, k: 1024, options: { transposeB: true } },
  { name: "8 rows, 4 MB NT", m: 8, n: 1024, k: 1024, options: { transposeB: true } },
  { name: "8 rows, 1 MB NT", m: 8, n: 1024, k: 256, options: { transposeB: true } },
  { name: "8 rows, 16 MB NT", m: 8, n: 16384, k: 256, options: { transposeB: true } },
  { name: "8 rows, 64 MB NT", m: 8, n: 4096, k: 4096, options: { transposeB: true } },
  { name: "16 rows, 4 MB NT", m: 16, n: 1024, k: 1024, options: { transposeB: true } },
  LONG_SUMS,
  { name: "batch of 64 × 16³", m: 16, n: 16, k: 16, batch: 64 },
  { name: "batch of 16 × 64³", m: 64, n: 64, k: 64, batch: 16 },
  { name: "batch of 16 × 256×256×64", m: 256, n: 256, k: 64, batch: 16 },
  {
    name: "X·Xᵀ 256×1,024",
    m: 256,
    n: 256,
    k: 1024,
    options: { transposeB: true, symmetric: true },
  },
  {
    name: "X·Xᵀ 4 × 256×1,024",
    m: 256,
    n: 256,
    k: 1024,
    batch: 4,
    options: { transposeB: true, symmetric: true },
  },
  {
    name: "X·Xᵀ 768×768",
    m: 768,
    n: 768,
    k: 768,
    options: { transposeB: true, symmetric: true },
  },
];

const operations = ({ m, n, k, batch = 1 }: Shape): number => 2 * m * n * k * batch;

/** The algorithms of a device, the plain one first, the default last. */
function ladder(device: Device): Rung[] {
  const plain: Rung = {
    name: "plain",
    run: ({ problems }) => {
      for (const problem of problems) plainMatmul(device, problem);
    },
  };
  const used: Rung = {
    name: "used",
    run: ({ a, b, c, options }) => multiplyViews(device, a, b, c, options),
  };
  if (device.kind === "cpu") {
    const inStrips = {
      supports: (problem: MatmulProblem) => blasStripsMatmul.refuses(problem, device) === null,
      run: (_: CpuDevice, problem: MatmulProblem) => blasStripsMatmul.run(problem, device),
    };
    const ways = Object.entries({ ...CPU_MATMULS, [blasStripsMatmul.name]: inStrips });
    const rungs = ways.map(([name, way]): Rung => ({
      name,
      run: ({ problems }) => {
        for (const problem of problems) {
          if (!way.supports(problem, device)) throw new Error(`does not fit`);
          way.run(device, problem);
        }
      },
    }));
    return [plain, ...rungs, used];
  }
  const rungs = matmulsThatFit(device).map((kernel): Rung => ({
    name: kernel.name,
    run: ({ problems }) => {
      for (const problem of problems) kernel.run(problem, device);
    },
  }));
  return [plain, ...rungs, used];
}

/** Whether to time an algorithm: slow ones are skipped for large shapes. */
function isWorthwhile(name: string, shape: Shape): boolean {
  if (name === "skinny") return shape.m <= 16;
  return name !== "plain" || operations(shape) <= 3e9;
}

/** Fills the operands of a shape with random numbers, and keeps them for the check. */
function prepare(device: Device, shape: Shape) {
  const { m, n, k, batch = 1 } = shape;
  const options = { transposeA: false, transposeB: false, ...shape.options };
  const make = (rows: number, columns: number) => {
    const data = Float32Array.from({ length: batch * rows * columns }, () => Math.random() - 0.5);
    const allocation: Allocation = device.allocate(data.byteLength, "a bench");
    device.write(allocation, 0, data);
    const view: View = {
      allocation,
      dtype: "float32",
      shape: [batch, rows, columns],
      offset: 0,
      strides: [rows * columns, columns, 1],
    };
    return { data, view };
  };
  const a = options.transposeA ? make(k, m) : make(m, k);
  const b = options.symmetric ? a : options.transposeB ? make(n, k) : make(k, n);
  const c = make(m, n);
  const views = { a: a.view, b: b.view, c: c.view };
  const problems = describeMatmuls(views.a, views.b, views.c, options);
  const check = async (name: string) => {
    const result = new Float32Array(await device.read(c.view.allocation, 0, c.data.byteLength));
    for (let sample = 0; sample < 200; sample++) {
      const item = Math.floor(Math.random() * batch);
      const i = Math.floor(Math.random() * m);
      const j = Math.floor(Math.random() * n);
      let [sum, size] = [0, 0];
      for (let step = 0; step < k; step++) {
        const at = item * m * k + (options.transposeA ? step * m + i : i * k + step);
        const bt = item * k * n + (options.transposeB ? j * k + step : step * n + j);
        const problem = a.data[at]! * b.data[bt]!;
        sum += problem;
        size += Math.abs(problem);
      }
      const got = result[item * m * n + i * n + j]!;
      if (!(Math.abs(got - sum) <= (k + 1) * 2 ** -24 * size)) {
        throw new Error(
          `Cannot time "${name}": wanted ${sum} at [${item}, ${i}, ${j}], got ${got}`,
        );
      }
    }
    device.write(c.view.allocation, 0, c.data);
  };
  const free = () => {
    for (const { allocation } of new Set(Object.values(views))) device.free(allocation);
  };
  return { operands: { shape, ...views, options, problems }, check, free };
}

async function printLadder(title: string, device: Device, wanted: readonly string[]) {
  console.log(`\n${title}: ${device.info.description}`);
  const isWanted = ({ name }: Shape) =>
    wanted.length === 0 || wanted.some((part) => name.includes(part));
  // Subtract the cost of waiting alone.
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await device.synchronize();
    waits.push(performance.now() - start);
  }
  for (const shape of SHAPES.filter(isWanted)) {
    if (device.kind === "webgpu" && operations(shape) > 1e10) continue;
    const { operands, check, free } = prepare(device, shape);
    const rungs = ladder(device).filter(({ name }) => isWorthwhile(name, shape));
    const entries: { name: string; run: () => void; repeats: number; times: number[] }[] = [];
    for (const { name, run } of rungs) {
      const call = () => run(operands);
      try {
        call();
      } catch {
        continue;
      }
      await check(`${name}, ${shape.name}`);
      // V8 and drivers need some milliseconds of warmup.
      const start = performance.now();
      let calls = 0;
      for (; performance.now() - start < 40 && calls < 5000; calls++) {
        call();
        if (device.kind === "webgpu") await device.synchronize();
      }
      const each = (performance.now() - start) / calls;
      const repeats = device.kind === "webgpu"
        ? Math.max(1, Math.min(200, Math.ceil(3e9 / operations(shape)), Math.ceil(500 / each)))
        : Math.max(1, Math.ceil(20 / each));
      entries.push({ name, run: call, repeats, times: [] });
    }
    for (let round = 0; round < 7; round++) {
      for (const { run, repeats, times } of entries) {
        const start = performance.now();
        for (let i = 0; i < repeats; i++) run();
        await device.synchronize();
        times.push((performance.now() - start) / repeats);
      }
    }
    const bytes = 4 * (shape.batch ?? 1) * shape.k * shape.n;
    const plain = entries.find(({ name }) => name === "plain");
    for (const { name, times } of entries) {
      const time = median(times);
      console.log(
        [
          shape.name.padEnd(26),
          name.padEnd(22),
          `${time.toPrecision(4)} ms`.padStart(11),
          `${(operations(shape) / time / 1e6).toFixed(1)} GFLOP/s`.padStart(15),
          shape.m <= 16 ? `${(bytes / time / 1e6).toFixed(1)} GB/s`.padStart(11) : "",
          plain ? `${(median(plain.times) / time).toFixed(1)} × plain`.padStart(14) : "",
        ].join(" "),
      );
    }
    free();
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((x, y) => x - y)[times.length >> 1]!;
}

async function main(wanted: readonly string[]): Promise<void> {
  const isKind = (part: string): part is Device["kind"] => part === "cpu" || part === "webgpu";
  const kinds = wanted.filter(isKind);
  const names = wanted.filter((part) => !isKind(part));
  const wants = (kind: Device["kind"]) => kinds.length === 0 || kinds.includes(kind);
  if (wants("cpu")) {
    for (const [threads, blas] of [[1, true], [2, true]] as const) {
      const device = await openCpuDevice({ threads, blas });
      await printLadder(`threads: ${threads}`, device, names);
      await device.close();
    }
  }
  if (wants("webgpu")) {
    const device = await openWebGpuDevice();
    await printLadder("webgpu", device, names);
    await device.close();
  }
}

/** Registers a device's algorithms for `deno bench`, which reports times, not FLOPs per second. */
async function registerBenches(title: string, device: Device): Promise<void> {
  for (const shape of [cube(64), cube(256), cube(512), LONG_SUMS]) {
    const { operands, check } = prepare(device, shape);
    for (const { name, run } of ladder(device)) {
      if (!isWorthwhile(name, shape)) continue;
      try {
        run(operands);
      } catch {
        continue;
      }
      await check(name);
      Deno.bench({
        name: `${name}, ${shape.name}, ${title}`,
        group: `${title} ${shape.name}`,
        baseline: name === "plain",
        fn: async () => {
          run(operands);
          await device.synchronize();
        },
      });
    }
  }
}

if (import.meta.main) {
  await main(Deno.args);
} else {
  await registerBenches("cpu", await openCpuDevice());
  const gpu = await openWebGpuDevice().catch(() => null);
  if (gpu !== null) await registerBenches("webgpu", gpu);
}
