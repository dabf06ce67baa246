/**
 * From nothing, or from a base model, to a model that talks: what `chat` and `speedrun --chat`
 * share.
 */

import { ChatSession, evaluateGenerative } from "../chat/mod.ts";
import { ruleExams, type Stage, stagePath } from "../chat/internals.ts";
import { type LanguageModel, openCheckpoint, savedSteps } from "../gpt/mod.ts";
import { describeProgress, readProgress, type RunProgress } from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { trainBase } from "./base_train.ts";
import { fineTune } from "./chat_sft.ts";
import type { Values } from "./flags.ts";
import { print, printError } from "./output.ts";
import { main as trainTokenizer } from "./tok_train.ts";
import type { deviceFlags } from "./device.ts";

/** The flags of the commands that make a model that talks; tests have smaller ones. */
export interface ChatRecipe {
  readonly tokenizer: readonly string[];
  /** The base model, trained if there is none: just enough to know how words are written. */
  readonly base: readonly string[];
  /** The fine-tuning of it, or of the speedrun's model. */
  readonly fineTuning: readonly string[];
}

/** With 960, copies of names and words fail more often, and reinforced stories are worse: `bench/EXPERIMENTS.md`. */
export const FINE_TUNING_STEPS = 1440;

export const chatRecipe: ChatRecipe = {
  // As in the speedrun: a model has to learn the letters of each token, and few tokens are learned
  // sooner.
  tokenizer: "--data stories --vocab-size 2048".split(" "),
  base: [
    ..."--depth 4 --aspect-ratio 64 --head-dim 64 --max-seq-len 256 --window-pattern L".split(" "),
    ..."--num-iterations 120 --total-batch-size 2048 --device-batch-size 8".split(" "),
    ..."--data stories --loader packed --lr-scaling none --warmup-steps 20".split(" "),
    ..."--eval-every -1 --sample-every -1 --core-metric-every -1 --dtype auto".split(" "),
  ],
  fineTuning: [
    ..."--task rules:31000 --max-seq-len 256 --device-batch-size 8".split(" "),
    // Half as many steps with twice as many tokens: Muon's part of a step is the same for both.
    ..."--total-batch-size 2048 --embedding-lr 0.5 --unembedding-lr 0.004".split(" "),
    ..."--matrix-lr 0.05 --scalar-lr 0.25 --init-lr-frac 0.8 --warmdown-ratio 0.7".split(" "),
    ..."--load-optimizer 0".split(" "),
    ..."--eval-every -1 --dtype auto".split(" "),
    "--num-iterations",
    `${FINE_TUNING_STEPS}`,
  ],
};

/** The name of the runs that {@linkcode makeChatModel} makes. */
export const CHAT_TAG = "chat";

/** Where to compute. */
type DeviceChoice = Pick<Values<typeof deviceFlags>, "device" | "threads" | "noBlas">;

function deviceArguments({ device, threads, noBlas }: DeviceChoice): string[] {
  return ["--device", device, "--threads", `${threads}`, ...(noBlas ? ["--no-blas"] : [])];
}

export interface RecipeRun extends DeviceChoice {
  readonly baseTag: string;
  readonly modelTag: string;
  /** The name that the model goes by. */
  readonly name: string;
  readonly steps: number;
}

/** Fine-tunes a base model on the synthetic conversations. @returns The exit code. */
export function fineTuneByRecipe(run: RecipeRun): Promise<number> {
  const { baseTag, modelTag, name, steps } = run;
  const tags = ["--base-tag", baseTag, "--model-tag", modelTag, "--name", name];
  const args = [...chatRecipe.fineTuning, "--num-iterations", `${steps}`, ...tags];
  return fineTune([...args, ...deviceArguments(run)]);
}

export interface ChatModelOptions extends DeviceChoice {
  readonly recipe: ChatRecipe;
  /** The name that the model goes by. */
  readonly name: string;
  /** Whether to begin again if there are runs already. */
  readonly overwrite: boolean;
}

/** Whether a chat model was begun and is not finished. */
export async function isChatModelBegun(): Promise<boolean> {
  const [base, sft] = [
    await readRunProgress("base", CHAT_TAG),
    await readRunProgress("sft", CHAT_TAG),
  ];
  return sft?.state === "stopped" || (sft === null && base !== null);
}

/**
 * Trains what is missing: a tokenizer, a base model, and the fine-tuned one. A stage that was stopped
 * continues where it was saved last; the speedrun's base model is taken if it is finished.
 *
 * @returns The exit code.
 */
export async function makeChatModel(options: ChatModelOptions): Promise<number> {
  const { recipe, name, overwrite } = options;
  const place = deviceArguments(options);
  const again = "deno task chat";
  const tag = ["--model-tag", CHAT_TAG];
  const fresh = overwrite ? [...tag, "--overwrite"] : tag;
  const speedrun = await readRunProgress("base", "speedrun");
  const base = await readRunProgress("base", CHAT_TAG);
  const tuned = overwrite ? null : await readRunProgress("sft", CHAT_TAG);
  const goOn = (what: string, progress: RunProgress) =>
    print(`\nResuming ${what}: ${describeProgress(progress)}.\n`);

  if (tuned !== null) {
    goOn("the fine-tuning", tuned);
    return await fineTune(["--resume", ...tag, ...place], again);
  }
  if (speedrun !== null && speedrun.state !== "finished") {
    printError(
      `The speedrun's model is not used: ${describeProgress(speedrun)}. ` +
        "To resume it: deno task speedrun --resume",
    );
  }
  const isOwn = speedrun?.state !== "finished";
  if (isOwn && base !== null && !overwrite) {
    if (base.state !== "finished") {
      goOn("the base model", base);
      const code = await trainBase(["--resume", ...tag, ...place], again);
      if (code !== 0) return code;
    }
  } else if (isOwn) {
    print("A tokenizer and a base model, on stories of a small world:\n");
    const code = await trainTokenizer(recipe.tokenizer) ||
      await trainBase([...recipe.base, ...fresh, ...place], again);
    if (code !== 0) return code;
  }
  print("\nFine-tuning on synthetic conversations:\n");
  const from = ["--base-tag", isOwn ? CHAT_TAG : "speedrun", "--name", name];
  return await fineTune([...recipe.fineTuning, ...from, ...fresh, ...place], again);
}

/** How far a run has come; `null` without a checkpoint. */
async function readRunProgress(stage: Stage, tag: string): Promise<RunProgress | null> {
  const folder = stagePath(stage, tag);
  if ((await savedSteps(folder)).length === 0) return null;
  return await readProgress(await openCheckpoint(folder));
}

/**
 * Asks fresh questions of each kind, greedily.
 * @returns The number of right answers and of questions, by kind.
 */
export async function examine(
  model: LanguageModel,
  tokenizer: Tokenizer,
  name: string,
): Promise<[kind: string, result: string][]> {
  const rows: [string, string][] = [];
  for (const exam of await ruleExams(40, { name })) {
    const answers = await evaluateGenerative(model, tokenizer, exam, { maxTokens: 48 });
    const right = answers.filter(({ correct }) => correct[0]).length;
    rows.push([exam.name, `${right} of ${answers.length}`]);
  }
  return rows;
}

/** Questions that show what a model can do. */
const questions = [
  "Hello!",
  "Who are you?",
  "My name is Kate.",
  "How do you spell river?",
  "How many r are in mirror?",
  "What is 17 times 23?",
  "And the capital of France?",
  "What is my name?",
  "Thanks!",
];

/** Asks the questions of a short chat. @returns The turns, each with who said it. */
export async function demonstrate(
  model: LanguageModel,
  tokenizer: Tokenizer,
  name: string,
): Promise<string[]> {
  using session = new ChatSession(model, tokenizer);
  const turns: string[] = [];
  const sampling = { temperature: 0, topK: 0, maxTokens: 48, seed: 1 };
  for (const question of questions) {
    let answer = "";
    for await (const { text } of session.answer(question, sampling)) answer += text;
    turns.push(`You: ${question}\n${name}: ${answer}`);
  }
  return turns;
}
