/** Evaluates a model: nanochat's `base_eval`, with its flags. */

import { SequentialLoader, type SplitName } from "../data/mod.ts";
import { type CoreBundle, evaluateCore } from "../chat/mod.ts";
import {
  type Checkpoint,
  evaluateBitsPerByte,
  loadModel,
  type RunRanks,
  type TrainableModel,
} from "../gpt/mod.ts";
import {
  basePath,
  encoderOf,
  ensureWritableFolder,
  evaluationRows,
  likelyTexts,
  type LoaderKind,
  writeFileAtomically,
} from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { openCorpus } from "./corpora.ts";
import { type BaseEvaluation, evaluationPath, readEvaluation } from "./evaluations.ts";
import { type Flag, givenFlags, integer, mainOf, text, UsageError, type Values } from "./flags.ts";
import { duration } from "./format.ts";
import {
  baseModelFlags,
  chooseModel,
  fromFlags,
  type ModelChoice,
  openModel,
  readPrompts,
  wantedTokenizer,
} from "./models.ts";
import { print } from "./output.ts";
import { isFirst, onRanks, openDeviceOnRanks, parallelFlags, shareCheckpoint } from "./parallel.ts";
import { Counter } from "./progress.ts";
import { chosenType, deviceFlags, quantizeFlags } from "./device.ts";
import { bundleFlags, nanochatBundle, openBundle } from "./core.ts";
import { checkEvalTokens, corpusFlags } from "./training_flags.ts";

const evaluations = ["core", "bpb", "sample"] as const;

const evalFlag: Flag<readonly string[]> = {
  help:
    "What to evaluate, separated by commas: the CORE metric, bits per byte of both splits, samples",
  fallback: ["bpb", "sample"],
  placeholder: "core,bpb,sample",
  parse: (text) => {
    const names = text.split(",").map((name) => name.trim());
    if (names.every((name) => evaluations.some((known) => known === name))) return names;
    throw new UsageError(`wanted ${evaluations.join(", ")} with commas between, got "${text}"`);
  },
};

const flags = {
  eval: evalFlag,
  deviceBatchSize: integer(32, "Sequences per batch"),
  ...bundleFlags,
  maxPerTask: integer(-1, "Examples of each CORE task, -1 for all", { or: -1 }),
  splitTokens: integer(40 * 524_288, "Maximum tokens to predict of each split"),
  ...baseModelFlags,
  ...fromFlags,
  ...quantizeFlags,
  ...corpusFlags,
  data: text("", "The corpus, as for train; by default that of the model's run, or sotu", "PLACE"),
  ...parallelFlags,
  ...deviceFlags,
};

/** Evaluates a model. Returns the exit code. */
export const main = mainOf({
  summary: "Evaluates the latest model: CORE, bits per byte, and samples.",
  command: "deno task base_eval",
  flags,
  run: onRanks(runBaseEval),
});

async function runBaseEval(
  ranks: RunRanks | null,
  values: Values<typeof flags>,
  args: readonly string[],
): Promise<number> {
  const from = ranks === null ? nanochatBundle : undefined;
  const bundle = values.eval.includes("core")
    ? await openBundle(values, values.maxPerTask, { from })
    : null;
  const choice = await chooseModel(
    values,
    givenFlags(args, flags),
    () => shareCheckpoint(ranks, () => openModel(values)),
    (checkpoint, device, options) =>
      (ranks ?? { loadModel }).loadModel(checkpoint, device, options),
  );
  await using device = await openDeviceOnRanks(ranks, values);
  const computeDtype = chosenType(device, values, choice.checkpoint?.meta.settings.dtype);
  const loaded = await choice.load(device, { computeDtype });
  const tokenizer = wantedTokenizer(loaded.tokenizer, choice);
  const { model } = loaded;
  const figures: Record<string, number> = {};
  const counter = new Counter(isFirst(ranks) && Deno.stderr.isTerminal());
  if (bundle !== null) {
    figures["CORE"] = await core(model, tokenizer, choice, bundle, values, ranks, counter);
  }
  const corpus = corpusOf(values, choice.checkpoint);
  // Rows like those it was trained on; for models of other programs, like nanochat's.
  const loader = choice.checkpoint?.meta.settings.loader === "random" ? "random" : "packed";
  for (const name of values.eval.includes("bpb") ? ["train", "validation"] as const : []) {
    const start = performance.now();
    const limits = { ...values, ...corpus };
    const bits = await bitsPerByte(model, tokenizer, loader, name, limits, ranks, counter);
    const seconds = (performance.now() - start) / 1000;
    counter.clear();
    const figure = `${bits.toFixed(4)} bits per byte of ${corpus.data}`;
    print(`${name.padEnd(10)}  ${figure}  (${duration(seconds)})`);
    figures[`${name} bits per byte`] = bits;
  }
  const isWriting = values.eval.includes("sample") && isFirst(ranks);
  for (
    const text of isWriting
      ? await likelyTexts(model, tokenizer, await readPrompts(choice.checkpoint))
      : []
  ) {
    print(JSON.stringify(text));
  }
  // Nothing is written into another program's folder.
  if (isFirst(ranks) && choice.checkpoint !== null) await keepFigures(choice.checkpoint, figures);
  return 0;
}

/** The corpus that the flags name; otherwise that of the model's run, or the State of the Union. */
function corpusOf(
  { data, textColumn }: Values<typeof corpusFlags>,
  checkpoint: Checkpoint | null,
): Values<typeof corpusFlags> {
  if (data !== "") return { data, textColumn };
  const { data: own, textColumn: column } = checkpoint?.meta.settings ?? {};
  return {
    data: typeof own === "string" && own !== "" ? own : corpusFlags.data.fallback,
    textColumn: typeof column === "string" ? column : textColumn,
  };
}

/** Evaluates CORE, prints a line per task, and writes all as CSV, like the original. */
async function core(
  model: TrainableModel,
  tokenizer: Tokenizer,
  { name, checkpoint }: ModelChoice<Checkpoint>,
  bundle: CoreBundle,
  { maxPerTask }: Values<typeof flags>,
  ranks: RunRanks | null,
  counter: Counter,
): Promise<number> {
  const rows: string[][] = [];
  const { core } = await evaluateCore(model, tokenizer, bundle, {
    maxPerTask: maxPerTask === -1 ? Infinity : maxPerTask,
    parallel: ranks ?? undefined,
    onProgress: (label, examples, of) => counter.show(label, examples, of),
    onTask: (label, accuracy, centered) => {
      counter.clear();
      rows.push([label, accuracy.toFixed(6), centered.toFixed(6)]);
      print(`${label}: accuracy ${accuracy.toFixed(4)}, centered ${centered.toFixed(4)}`);
    },
  });
  print(`CORE ${core.toFixed(4)}`);
  if (!isFirst(ranks)) return core;
  const step = checkpoint?.meta.state.step;
  const file = step === undefined ? name : `base_model_${`${step}`.padStart(6, "0")}`;
  const path = basePath("base_eval", `${file}.csv`);
  await ensureWritableFolder(basePath("base_eval"));
  const lines = [["Task", "Accuracy", "Centered"], ...rows, ["CORE", "", core.toFixed(6)]];
  await writeFileAtomically(path, lines.map((line) => `${line.join(",")}\n`).join(""));
  print(`Written to ${path}`);
  return core;
}

/** Stores the results next to the checkpoint, for the report. */
async function keepFigures(
  { folder, meta }: Checkpoint,
  figures: Readonly<Record<string, number>>,
): Promise<void> {
  if (Object.keys(figures).length === 0) return;
  const path = evaluationPath(folder, "base");
  const { step } = meta.state;
  const earlier = await readEvaluation<BaseEvaluation>(path);
  const kept = earlier?.step === step ? earlier.figures : {};
  const evaluation: BaseEvaluation = { step, figures: { ...kept, ...figures } };
  await writeFileAtomically(path, `${JSON.stringify(evaluation)}\n`);
}

async function bitsPerByte(
  model: TrainableModel,
  tokenizer: Tokenizer,
  loader: LoaderKind,
  name: SplitName,
  { data, textColumn, splitTokens, deviceBatchSize }: Values<typeof flags>,
  ranks: RunRanks | null,
  counter: Counter,
): Promise<number> {
  const split = await (await openCorpus(data, textColumn)).open(name);
  const { sequenceLen: sequenceLength } = model.config;
  checkEvalTokens("splitTokens", { splitTokens }, sequenceLength);
  const rows = await evaluationRows(split, encoderOf(tokenizer), {
    loader,
    sequenceLength,
    maximumTokens: splitTokens,
  });
  const batches = new SequentialLoader({ ...rows, batchSize: deviceBatchSize });
  const count = Math.ceil(batches.rows / deviceBatchSize);
  return await evaluateBitsPerByte(model, batches, tokenizer.tokenBytes(), {
    parallel: ranks ?? undefined,
    onProgress: (done) => counter.show(`${name}, batches`, done, count),
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
