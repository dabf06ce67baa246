/**
 * Times matmuls, training steps, prefill and decoding in both precisions, and PyTorch's matmuls and
 * steps in both of its own.
 *
 *     deno run -A bench/precision.ts --quick
 *
 * Ways alternate within each round; the tables show medians, and the ratios are medians of the
 * ratios of a round. Each step is timed in a process of its own, which takes most of the time. A way
 * that is not available here has no figures. The last line is one line of JSON.
 */

import {
  type Device,
  type FloatType,
  matmul,
  noGrad,
  openDevice,
  type Tensor,
  uniform,
} from "../tensor/mod.ts";
import { integer, runScript, type Script, text, toggle, UsageError } from "../scripts/flags.ts";
import { timeRuns } from "./harness.ts";
import { median, round } from "./statistics.ts";
import { eagerTorch, eagerTorchBf16, OPENMP_BLAS, PYTHON } from "./peers/torch.ts";
import { program, readReport, type Side } from "./peers/contestant.ts";

const flags = {
  shapes: text(
    "64x64x64,128x128x128,256x256x256,512x512x512,1024x1024x1024,1024x256x256,1024x1024x256," +
      "1024x256x1024,1024x4096x256,48x256x256",
    "Comma-separated shapes m×n×k",
    "MxNxK,…",
  ),
  rounds: integer(5, "Rounds of each table"),
  quick: toggle("One round, without training at depth 6: some six minutes"),
  noShapes: toggle("Skip matmuls"),
  noSteps: toggle("Skip training steps"),
  noGeneration: toggle("Skip prefill and decoding"),
  noLarge: toggle("Skip depth 6, which takes many minutes"),
  noTorch: toggle("Skip PyTorch"),
};

/** The compared versions: our f32 without oneDNN and with it, our bfloat16, PyTorch's f32 and bf16. */
const columns = ["BLAS f32", "f32", "bf16", "PyTorch f32", "PyTorch bf16"] as const;

const script: Script<typeof flags> = {
  summary: "Times matmuls, training steps, prefill and decoding in f32 and in bf16.",
  command: "deno run -A bench/precision.ts",
  flags,
  run: async ({ quick, ...values }) => {
    if (quick) Object.assign(values, { rounds: 1, noLarge: true });
    const shapes: readonly (readonly number[])[] = values.shapes.split(",").map((shape) =>
      shape.split("x").map(Number)
    );
    if (!shapes.every(isShape)) {
      throw new UsageError(`Cannot use --shapes: wanted MxNxK,…, got "${values.shapes}"`);
    }
    const results: Record<string, number[][]> = {};
    if (!values.noShapes) {
      Object.assign(results, await timeShapes(shapes, values.rounds, !values.noTorch));
      printHeader("matmul, GFLOP/s");
      for (const [name, rounds] of Object.entries(results)) printRow(name, rounds);
    }
    if (!values.noSteps) Object.assign(results, await timeAllSteps(values));
    if (!values.noGeneration) Object.assign(results, await timeGeneration(values.rounds));
    const medians = Object.entries(results).map(([name, rounds]) =>
      [name, columns.map((_, i) => round(median(column(rounds, i)), 1))] as const
    );
    console.log(JSON.stringify({ columns, medians: Object.fromEntries(medians) }));
  },
};

type Shape = readonly [m: number, n: number, k: number];

function isShape(sizes: readonly number[]): sizes is Shape {
  return sizes.length === 3 && sizes.every((size) => size > 0);
}

function column(rounds: readonly (readonly number[])[], index: number): number[] {
  return rounds.map((row) => row[index] ?? NaN);
}

/** Begins a table of medians, with the ratios of bf16 to our f32 and to PyTorch's better precision. */
function printHeader(title: string): void {
  console.log(`\n| ${title} | ${columns.join(" | ")} | bf16 ÷ BLAS f32 | bf16 ÷ best PyTorch |`);
  console.log(`| --- |${" --- |".repeat(columns.length + 2)}`);
}

function printRow(name: string, rounds: readonly (readonly number[])[]): void {
  const cell = (value: number, decimals: number) =>
    Number.isFinite(value) ? value.toFixed(decimals) : "–";
  const cells = columns.map((_, i) => cell(median(column(rounds, i)), 0));
  const ratios = [
    median(rounds.map(([blas, , bf16]) => bf16! / blas!)),
    median(
      rounds.map(([, , bf16, ...torch]) => bf16! / (torch.length === 0 ? NaN : Math.max(...torch))),
    ),
  ];
  console.log(`| ${[name, ...cells, ...ratios.map((x) => cell(x, 2))].join(" | ")} |`);
}

async function openOurs(): Promise<Device[]> {
  const devices = [await openDevice("cpu", { oneDnn: false }), await openDevice("cpu")];
  for (const { info } of devices) console.log(info.description);
  return devices;
}

/** GFLOP/s of each shape, by round and column. */
async function timeShapes(
  shapes: readonly Shape[],
  rounds: number,
  hasTorch: boolean,
): Promise<Record<string, number[][]>> {
  const devices = await openOurs();
  const ways = [[devices[0]!, "float32"], [devices[1]!, "float32"], [
    devices[1]!,
    "bfloat16",
  ]] as const;
  const results: Record<string, number[][]> = {};
  for (const shape of shapes) {
    const rows = results[shape.join("×")] = [] as number[][];
    for (let i = 0; i <= rounds; i++) {
      const row: number[] = [];
      for (const [device, dtype] of ways) row.push(await timeMatmul(device, shape, dtype));
      // The first round warms up.
      if (i > 0) rows.push(row);
    }
  }
  for (const device of devices) await device.close();
  if (hasTorch) {
    const torch = await timeTorchMatmuls(shapes, rounds);
    Object.values(results).forEach((rows, shape) =>
      rows.forEach((row, i) => row.push(...torch[shape]![i]!))
    );
  }
  return results;
}

async function timeMatmul(
  device: Device,
  [m, n, k]: Shape,
  dtype: FloatType,
): Promise<number> {
  using _scope = device.scope();
  const [a, b] = [[m, k], [k, n]].map((shape, i) =>
    uniform(device, shape, { seed: i, low: -1, high: 1 }).to(dtype)
  ) as [Tensor, Tensor];
  const operations = 2 * m * n * k;
  const count = Math.max(1, Math.round(1e8 / operations));
  const run = () => {
    for (let i = 0; i < count; i++) {
      using _results = device.scope();
      noGrad(() => matmul(a, b));
    }
  };
  const times = await timeRuns(device, 7, run);
  return count * operations / median(times) / 1e6;
}

/** Times `a @ b` in both precisions; prints rounds of shapes as JSON. */
const TORCH_MATMULS = `
import json, statistics, sys, time, torch
shapes, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
def gflops(m, n, k, dtype):
    a, b = torch.rand(m, k).to(dtype), torch.rand(k, n).to(dtype)
    count, times = max(1, round(1e8 / (2 * m * n * k))), []
    for _ in range(9):
        start = time.perf_counter()
        for _ in range(count): a @ b
        times.append(time.perf_counter() - start)
    return count * 2 * m * n * k / statistics.median(times[2:]) / 1e9
print(json.dumps([[[gflops(*s, t) for t in (torch.float32, torch.bfloat16)]
    for _ in range(rounds)] for s in shapes]))
`;

async function timeTorchMatmuls(shapes: readonly Shape[], rounds: number): Promise<number[][][]> {
  const { success, stdout, stderr } = await new Deno.Command(PYTHON, {
    args: ["-c", TORCH_MATMULS, JSON.stringify(shapes), `${rounds}`],
    env: { LD_LIBRARY_PATH: OPENMP_BLAS },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

function ours(bench: "step" | "decode", args: readonly string[]): Side {
  const place = new URL(`./${bench}.ts`, import.meta.url).href;
  return program(
    "nanodino",
    [Deno.execPath(), "run", "-A", "--no-lock", "--quiet", place, ...args],
    readReport,
  );
}

const models = {
  base: {
    ours: "--depth 4 --vocab-size 4096 --max-seq-len 256 --device-batch-size 4 --steps 6",
    torch: "--depth 4 --n-embd 256 --n-head 4 --vocab-size 4096 --seq 256 --batch 4 --steps 6",
  },
  "depth 6, vocabulary 32,768, 4 × 512": {
    ours:
      "--depth 6 --vocab-size 32768 --max-seq-len 512 --device-batch-size 4 --steps 2 --warmup 1",
    torch: "--depth 6 --n-embd 384 --n-head 6 --vocab-size 32768 --seq 512 --batch 4 --steps 3 " +
      "--warmup 1",
  },
};

/** Tokens per second of each model and optimizer, by round and column. */
async function timeAllSteps(
  { rounds, noTorch, noLarge }: { rounds: number; noTorch: boolean; noLarge: boolean },
): Promise<Record<string, number[][]>> {
  const results: Record<string, number[][]> = {};
  printHeader("step, tokens/s");
  for (const [name, { ours, torch }] of Object.entries(models).slice(0, noLarge ? 1 : 2)) {
    for (const optimizer of ["muon", "adamw"]) {
      const own = [...ours.split(" "), "--optimizer", optimizer];
      const other = ["step", ...torch.split(" "), ...(optimizer === "adamw" ? ["--adamw"] : [])];
      const sides = [
        ...ourSides("step", own),
        ...(noTorch ? [] : [eagerTorch(other), eagerTorchBf16(other)]),
      ];
      const rows = await timeSides(sides, rounds, "tokens_per_second");
      printRow(`${name}, ${optimizer}`, rows);
      results[`${name}, ${optimizer}`] = rows;
    }
  }
  return results;
}

/** The uses of weights in text generation, and the keys of their speeds in the report of `decode.ts`. */
const generations = {
  "prefill of 128 tokens, base": { args: "--max-tokens 8", key: "prefill_tokens_per_second" },
  "decoding, batch 16, base": { args: "--samples 16", key: "tokens_per_second" },
  "decoding, batch 1, depth 12, width 768": {
    args: "--depth 12 --max-tokens 50 --warmup 2",
    key: "tokens_per_second",
  },
} as const;

/** Tokens per second of prefill and decoding, by round and column. */
async function timeGeneration(rounds: number): Promise<Record<string, number[][]>> {
  const results: Record<string, number[][]> = {};
  printHeader("generation, tokens/s");
  for (const [name, { args, key }] of Object.entries(generations)) {
    const rows = results[name] = await timeSides(ourSides("decode", args.split(" ")), rounds, key);
    printRow(name, rows);
  }
  return results;
}

/** Our three columns. */
function ourSides(bench: "step" | "decode", args: readonly string[]): Side[] {
  return [["--no-one-dnn"], [], ["--dtype", "bf16"]].map((way) => ours(bench, [...args, ...way]));
}

/** Measures sides in turns, by round. */
async function timeSides(
  sides: readonly Side[],
  rounds: number,
  key: "tokens_per_second" | "prefill_tokens_per_second",
): Promise<number[][]> {
  const measurements: (() => Promise<number>)[] = [];
  for (const side of sides) measurements.push(await start(side, key));
  const rows: number[][] = [];
  for (let i = 0; i < rounds; i++) {
    const row: number[] = [];
    for (const measure of measurements) row.push(await measure());
    rows.push(row);
  }
  return rows;
}

/** Measures tokens per second; `NaN` where a side is not available, with a line that says why. */
async function start(side: Side, key: string): Promise<() => Promise<number>> {
  try {
    const { measure } = await side.start();
    return async () => (await measure())[key] ?? NaN;
  } catch (error) {
    console.error(`${side.library}: ${error instanceof Error ? error.message : error}`);
    return () => Promise.resolve(NaN);
  }
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
