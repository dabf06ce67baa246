/**
 * Counts the lines of the engine by area, and fails above its limit: `deno run -A testing/budgets.ts`.
 *
 * The engine is what a training step and a generated token run through. Fast paths are optional and
 * count apart. A limit is only ever lowered, but for something new that the engine must have: elements
 * of 16 bits on both devices took 230 lines, and their pairs of vectors on the CPU 40.
 *
 * @module
 */

import { isTestOrBench } from "./imports.ts";
import { sourceFiles } from "./source_files.ts";

/** The areas of the engine, by the beginnings of their paths. */
const areas: Readonly<Record<string, readonly string[]>> = {
  tape: ["autograd/tape.ts"],
  "tensor, without fast paths": ["tensor/"],
  nn: ["nn/"],
  optim: ["optim/"],
  // Without the counts of FLOPs and bytes, which only reports show.
  "gpt: model": [
    "block",
    "config",
    "kv_cache",
    "model",
    "optimizer_groups",
    "parameters",
    "smear_cache",
  ].map((name) => `gpt/model/${name}.ts`),
  "gpt: training": ["loop", "run"].map((name) => `gpt/train/${name}.ts`),
  "gpt: generation": ["engine", "lookahead", "sampling", "language_model", "row_state"]
    .map((name) => `gpt/generate/${name}.ts`),
};

/**
 * Layers and operations for other networks, which no step of a GPT needs and no file of `gpt/` imports:
 * about 3,600 lines of code, of which recurrent layers, einsum, losses of distributions, RMSprop and
 * averages of weights are 810.
 */
const breadth = [
  "tensor/ops/convolution/",
  "tensor/ops/indexing/",
  "tensor/ops/sort/order.ts",
  "tensor/ops/attention/masked.ts",
  "tensor/ops/losses/weighted_cross_entropy.ts",
  "tensor/ops/arrange.ts",
  "tensor/ops/custom_gradient.ts",
  "tensor/ops/einsum.ts",
  "tensor/ops/functions.ts",
  "tensor/ops/integers.ts",
  "tensor/ops/layer_norm.ts",
  "tensor/ops/more_methods.ts",
  "tensor/ops/more_reductions.ts",
  "tensor/ops/power.ts",
  "tensor/ops/ranges.ts",
  "tensor/ops/recurrent.ts",
  "tensor/ops/to_device.ts",
  "tensor/state.ts",
  "nn/activation.ts",
  "nn/attention.ts",
  "nn/batch_norm.ts",
  "nn/batches.ts",
  "nn/buffer.ts",
  "nn/convolution.ts",
  "nn/dropout.ts",
  "nn/group_norm.ts",
  "nn/gru.ts",
  "nn/kl_divergence.ts",
  "nn/layer_norm.ts",
  "nn/losses.ts",
  "nn/lstm.ts",
  "nn/mlp.ts",
  "nn/pool.ts",
  "nn/recurrent.ts",
  "nn/rms_norm.ts",
  "nn/seeds_from.ts",
  "nn/self_attention.ts",
  "nn/sequential.ts",
  "nn/summary.ts",
  "optim/clip.ts",
  "optim/ema.ts",
  "optim/rmsprop.ts",
  "optim/sgd.ts",
];

/**
 * The text that `task explain` and profiles print: pseudo-code, formulas and tables. No step runs any of
 * it. The notes of calls and their times (`tensor/profile.ts`) count as engine.
 */
const printing = ["tensor/kernel/text.ts", "tensor/profile_text.ts"];

/** Weights of 8 and 4 bits: models run without them. */
const quantized = [
  "tensor/kernel/wgsl_dot_bytes.ts",
  "tensor/ops/quantized/",
  "nn/quantize.ts",
  "nn/without_weights.ts",
  "tensor/fast/cpu/quantized_",
  "tensor/fast/quantized_",
];

/** Code that is only faster; the tests hold it equal to the plain code. */
const fastPaths = ["tensor/fast/", "gpt/generate/decode.ts", "gpt/generate/kernels/"];

/** The maximum lines of code of the engine without its fast paths. */
const engineLimit = 13_588;

export interface Lines {
  readonly files: number;
  /** Lines of code: without comments and blank lines. */
  readonly code: number;
  readonly all: number;
}

export interface Budget extends Lines {
  readonly name: string;
  /** Maximum lines of code. */
  readonly limit?: number;
}

/** Counts the lines of a file. */
export function countLines(source: string): Lines {
  let code = 0;
  let isInComment = false;
  const lines = source.split("\n");
  for (const line of lines.map((line) => line.trim())) {
    if (!isInComment && line !== "" && !line.startsWith("//") && !line.startsWith("/*")) code++;
    if (line.startsWith("/*")) isInComment = true;
    if (line.endsWith("*/")) isInComment = false;
  }
  return { files: 1, code, all: lines.length - 1 };
}

function sum(all: readonly Lines[]): Lines {
  const total = (of: keyof Lines) => all.reduce((count, lines) => count + lines[of], 0);
  return { files: total("files"), code: total("code"), all: total("all") };
}

/**
 * The files that the README names for one training step, from the script to a kernel.
 *
 * @throws {Error} If it has no such list.
 */
export function filesOfStep(readme: string): readonly string[] {
  const heading = "To follow one training step, read:";
  const [, list] = new RegExp(`^${heading}\n\n((?:\\d+\\. .*\n)+)`, "m").exec(readme) ?? [];
  if (list === undefined) throw new Error(`README.md: wanted a list below "${heading}", got none`);
  return [...list.matchAll(/`([\w/]+\.ts)`/g)].map(([, path]) => path!);
}

/** The lines of each area, of the whole engine, and of `tensor/` with its fast paths. */
export async function measureBudgets(): Promise<readonly Budget[]> {
  const root = new URL("../", import.meta.url);
  const counts = new Map<string, Lines>();
  for await (const path of sourceFiles()) {
    if (isTestOrBench(path)) continue;
    counts.set(path, countLines(await Deno.readTextFile(new URL(path, root))));
  }
  const begins = (path: string, starts: readonly string[]) =>
    starts.some((start) => path.startsWith(start));
  const below = (starts: readonly string[], isFast: boolean) =>
    sum(
      [...counts].flatMap(([path, lines]) =>
        begins(path, starts) && !begins(path, [...breadth, ...quantized, ...printing]) &&
          begins(path, fastPaths) === isFast
          ? [lines]
          : []
      ),
    );
  const all = (starts: readonly string[]) =>
    sum([...counts].flatMap(([path, lines]) => begins(path, starts) ? [lines] : []));
  const each = Object.entries(areas).map(([name, starts]) => ({ name, ...below(starts, false) }));
  const step = filesOfStep(await Deno.readTextFile(new URL("README.md", root)));
  return [
    ...each,
    { name: "engine", ...sum(each), limit: engineLimit },
    { name: "fast paths", ...below(fastPaths, true) },
    { name: "breadth", ...all(breadth) },
    { name: "quantized", ...all(quantized) },
    { name: "printing", ...all(printing) },
    {
      name: "tensor, with fast paths",
      ...sum([below(["tensor/"], false), below(["tensor/"], true)]),
    },
    { name: "a training step, read", ...sum(step.map((path) => counts.get(path)!)) },
  ];
}

/** The budgets that are exceeded, a line for each. */
export function exceeded(budgets: readonly Budget[]): readonly string[] {
  return budgets.flatMap(({ name, limit = Infinity, code }) =>
    code > limit ? [`${name}: wanted at most ${limit} lines of code, got ${code}`] : []
  );
}

if (import.meta.main) {
  const budgets = await measureBudgets();
  const row = (name: string, ...cells: readonly (string | number)[]) =>
    console.log(name.padEnd(28) + cells.map((cell) => String(cell).padStart(8)).join(" "));
  row("", "files", "code", "lines", "limit");
  for (const { name, files, code, all, limit } of budgets) {
    row(name, files, code, all, limit === undefined ? "" : `${limit} code`);
  }
  const problems = exceeded(budgets);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
