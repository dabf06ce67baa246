/** ChatCORE, as fine-tuning measures it. */

import {
  chatCore,
  type ChatFormat,
  evaluateCategorical,
  evaluateGenerative,
  type ExamTask,
  type FineTuneOptions,
} from "../chat/mod.ts";
import type { TrainableModel } from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { openExam } from "./named_tasks.ts";
import { print } from "./output.ts";
import { isHere } from "./stored.ts";

/** The examinations of ChatCORE except HumanEval, which runs programs: see `chat_eval:python`. */
const EXAMS = ["arc-easy", "arc-challenge", "mmlu", "gsm8k"];

/** Maximum tokens of a generated answer, as in nanochat. */
const MAX_TOKENS = 512;

/**
 * Examinations during a run, if they are requested and their data is here. The scores are centered:
 * 0 for guessing.
 *
 * @returns `chatcoreCat` of the examinations by letters, `chatcoreOfFour` with GSM8K, and the accuracy in
 * each of them.
 */
export async function chatCoreMeasurement(
  { chatcoreEvery: every, chatcoreMaxCat, chatcoreMaxSample }: {
    readonly chatcoreEvery: number;
    readonly chatcoreMaxCat: number;
    readonly chatcoreMaxSample: number;
  },
  tokenizer: Tokenizer,
  format: ChatFormat,
): Promise<FineTuneOptions["measure"]> {
  if (every === -1) return undefined;
  for (const name of EXAMS) {
    if (await isHere(name, "test")) continue;
    print(
      `No examinations during training, since ${name} is missing. Get it: deno task data get ${name}`,
    );
    return undefined;
  }
  const exams: ExamTask[] = [];
  for (const name of EXAMS) exams.push(await openExam(name, null));
  const most = chatcoreMaxCat === -1 ? Infinity : chatcoreMaxCat;
  const run = async (model: TrainableModel) => {
    const accuracies: Record<string, number> = {};
    for (const exam of exams) {
      const right = exam.kind === "categorical"
        ? (await evaluateCategorical(model, tokenizer, exam.task, { maxProblems: most, format }))
          .map(({ correct }) => correct)
        : (await evaluateGenerative(model, tokenizer, exam.task, {
          maxProblems: chatcoreMaxSample,
          maxTokens: MAX_TOKENS,
          temperature: 0,
          format,
        })).map(({ correct }) => correct.includes(true));
      accuracies[exam.task.name] = right.filter(Boolean).length / right.length;
    }
    const names = Object.keys(accuracies);
    const letters = exams.filter(({ kind }) => kind === "categorical").map(({ task }) => task.name);
    return {
      chatcoreCat: chatCore(accuracies, letters)!,
      chatcoreOfFour: chatCore(accuracies, names)!,
      ...Object.fromEntries(names.map((name) => [`chatcore/${name}`, accuracies[name]!])),
    };
  };
  return { every, run };
}
