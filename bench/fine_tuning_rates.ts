/**
 * Finds learning rates for training a model of another program further: fractions of the rates of a new
 * model, for short and long runs.
 *
 *     deno run -A bench/fine_tuning_rates.ts
 *
 * Trains a small Llama on stories, exports it as a folder of transformers, and opens it by `--from`: with
 * `task train` for a corpus that it does not know, State of the Union addresses, and for more of the stories
 * that it knows, which rates that are too large undo; and with `task chat_sft` for conversations, all
 * parameters or adapters. Takes some nine minutes of one core. The last line is one line of JSON.
 */

import { stagePath } from "../chat/internals.ts";
import { openCheckpoint } from "../gpt/mod.ts";
import { scalingDefaults } from "../gpt/internals.ts";
import { integer, optional, runScript, type Script, text } from "../scripts/flags.ts";
import { alignColumns } from "../scripts/format.ts";
import { kebabCase } from "../scripts/words.ts";
import { architectures } from "../models/architectures.ts";

/** Fractions of `embeddingLr`, `unembeddingLr`, `matrixLr` and `scalarLr` of a new model. */
const FRACTIONS = [1, 0.3, 0.1, 0.03];
const { embeddingLr, unembeddingLr, matrixLr, scalarLr } = scalingDefaults;
const RATES = { embeddingLr, unembeddingLr, matrixLr, scalarLr };

const ROWS = ["--max-seq-len", "256", "--device-batch-size", "4", "--total-batch-size", "1024"];
const EVALUATION = ["--eval-tokens", "20480"];
const PRETRAINING = [...ROWS, ...EVALUATION, "--sample-every", "-1", "--core-metric-every", "-1"];

const flags = {
  baseIterations: integer(500, "Steps of the model that is exported"),
  short: integer(30, "Steps of a short run"),
  long: integer(120, "Steps of a long run"),
  home: optional(text("", "Where to keep the model, by default a temporary folder", "DIR")),
};

async function task(script: string, args: readonly string[], home: string): Promise<void> {
  const place = new URL(`../scripts/${script}.ts`, import.meta.url).href;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", "--quiet", place, ...args],
    env: { NANODINO_HOME: home, NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`${script}: ${new TextDecoder().decode(stderr)}`);
}

/** A folder of transformers, with a Llama that knows stories. */
async function exportedModel(baseIterations: number, home: string): Promise<string> {
  const folder = `${home}/llama`;
  try {
    await Deno.stat(folder);
  } catch {
    const stories = ["--data", "stories"];
    const size = ["--vocab-size", "2048", "--max-chars", "8000000", "--pattern", "llama3"];
    await task("tok_train", [...stories, ...size], home);
    const steps = ["--num-iterations", `${baseIterations}`, "--eval-every", `${baseIterations}`];
    const model = ["--architecture", "llama", "--depth", "2", "--model-tag", "base"];
    await task("base_train", [...stories, ...model, ...steps, ...PRETRAINING, "--overwrite"], home);
    const from = ["--source", "base", "--model-tag", "base"];
    await task("export", [...from, "--to", "huggingface", "--out", folder], home);
  }
  return folder;
}

/** A way to train the model further. */
interface Way {
  readonly name: string;
  readonly stage: "base" | "sft";
  readonly args: readonly string[];
}

const WAYS: readonly Way[] = [
  { name: "train, new text", stage: "base", args: ["--data", "sotu"] },
  { name: "train, known text", stage: "base", args: ["--data", "stories"] },
  { name: "chat_sft", stage: "sft", args: ["--task", "rules:10000"] },
  { name: "chat_sft, LoRA", stage: "sft", args: ["--task", "rules:10000", "--lora-rank", "8"] },
];

/** Bits per byte of held-out text after a run. */
async function train(
  { name, stage, args }: Way,
  { from, steps, fraction, home }: {
    readonly from: string;
    readonly steps: number;
    readonly fraction: number;
    readonly home: string;
  },
): Promise<number> {
  const tag = `${name.replaceAll(/\W+/g, "-")}-${steps}-${fraction}`;
  const run = ["--from", from, "--model-tag", tag, "--overwrite", "--num-iterations", `${steps}`];
  const common = [...run, ...args, "--eval-every", `${steps}`];
  if (stage === "base") {
    const rates = Object.entries(RATES).flatMap(([name, rate]) => [
      `--${kebabCase(name)}`,
      `${rate * fraction}`,
    ]);
    await task("base_train", [...common, ...rates, ...PRETRAINING], home);
  } else {
    const rates = ["--init-lr-frac", `${fraction}`];
    await task("chat_sft", [...common, ...rates, ...ROWS, ...EVALUATION], home);
  }
  const { meta } = await openCheckpoint(stagePath(stage, tag), undefined, { architectures });
  return meta.state.bitsPerByte ?? NaN;
}

const script: Script<typeof flags> = {
  summary: "Finds learning rates for training models of other programs further.",
  command: "deno run -A bench/fine_tuning_rates.ts",
  flags,
  run: async ({ baseIterations, short, long, home: kept }) => {
    const home = kept ?? await Deno.makeTempDir();
    // For `stagePath`.
    Deno.env.set("NANODINO_HOME", home);
    const from = await exportedModel(baseIterations, home);
    const results: { way: string; steps: number; fraction: number; bitsPerByte: number }[] = [];
    const table = [["bits per byte", ...FRACTIONS.map((fraction) => `× ${fraction}`)]];
    for (const way of WAYS) {
      for (const steps of [short, long]) {
        const row: string[] = [];
        for (const fraction of FRACTIONS) {
          const bitsPerByte = await train(way, { from, steps, fraction, home });
          results.push({ way: way.name, steps, fraction, bitsPerByte });
          row.push(bitsPerByte.toFixed(4));
          console.error(`${way.name}, ${steps} steps, ${fraction}: ${row.at(-1)}`);
        }
        table.push([`${way.name}, ${steps} steps`, ...row]);
      }
    }
    console.log(alignColumns(table));
    console.log(JSON.stringify({ name: "fine_tuning_rates", results }));
    if (kept === null) await Deno.remove(home, { recursive: true });
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
