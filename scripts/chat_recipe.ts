/** From nothing, or from a base model, to a model that talks: what `chat` and `speedrun --chat` share. */

import { ChatSession, evaluateGenerative, ruleExams } from "../chat/mod.ts";
import type { GPT } from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { main as fineTune } from "./chat_sft.ts";
import type { Values } from "./flags.ts";
import type { deviceFlags } from "./training.ts";

/** A base model that is made where there is none: enough to know how words are written. */
export const baseRecipe: readonly string[] = [
  ..."--depth 4 --aspect-ratio 64 --head-dim 64 --max-seq-len 256 --window-pattern L".split(" "),
  ..."--num-iterations 120 --total-batch-size 2048 --device-batch-size 8 --loader random".split(
    " ",
  ),
  ..."--lr-scaling none --warmup-steps 20 --eval-every -1 --sample-every -1".split(" "),
  ..."--core-metric-every -1".split(" "),
];

/** The fine-tuning of it, or of the speedrun's model. */
const fineTuningRecipe = [
  ..."--task rules:20000 --max-seq-len 256 --device-batch-size 4".split(" "),
  ..."--total-batch-size 1024 --embedding-lr 0.3 --unembedding-lr 0.008".split(" "),
  ..."--matrix-lr 0.02 --init-lr-frac 0.6 --load-optimizer 0 --eval-every -1".split(" "),
];

export const FINE_TUNING_STEPS = 880;

export interface RecipeRun extends Omit<Values<typeof deviceFlags>, "dtype"> {
  readonly baseTag: string;
  readonly modelTag: string;
  /** The name that the model goes by. */
  readonly name: string;
  readonly steps: number;
}

/** The flags that say where things run. */
export function placeOf(
  { device, threads, noBlas }: Omit<Values<typeof deviceFlags>, "dtype">,
): string[] {
  return ["--device", device, "--threads", `${threads}`, ...(noBlas ? ["--no-blas"] : [])];
}

/** Fine-tunes a base model on conversations made by rule. @returns The exit code. */
export function fineTuneByRecipe(run: RecipeRun): Promise<number> {
  const { baseTag, modelTag, name, steps } = run;
  const tags = ["--base-tag", baseTag, "--model-tag", modelTag, "--name", name];
  return fineTune([...fineTuningRecipe, "--num-iterations", `${steps}`, ...tags, ...placeOf(run)]);
}

/** Asks fresh questions of each kind, greedily. @returns How many of how many are right, by kind. */
export async function examine(
  model: GPT,
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
  ...["Hello!", "Who are you?", "My name is Kate.", "How do you spell river?"],
  ...["How many r are in mirror?", "What is 17 times 23?", "And the capital of France?"],
  ...["What is my name?", "Thanks!"],
];

/** Asks the questions of a short chat. @returns The turns, each with who said it. */
export async function demonstrate(
  model: GPT,
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
