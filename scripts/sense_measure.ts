/** Measures whether a model of stories makes sense, during training and afterwards. */

import { askQuestions, evaluateSense, textTeller } from "../chat/internals.ts";
import type { PretrainOptions, TrainableModel } from "../gpt/mod.ts";
import type { ReportRow } from "../gpt/internals.ts";
import { KnownText } from "../stories/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** Few enough to take about 3 % of the time of a speedrun. */
const [MEASUREMENTS, QUESTIONS] = [4, 24];
/** The sizes of the examination in a speedrun's summary. */
const summary = { stories: 50, questions: 100, typedNames: 0 };

/** A measurement that asks questions about stories several times during a run. */
export function questionsMeasure(
  tokenizer: Tokenizer,
  numIterations: number,
): NonNullable<PretrainOptions["measure"]> {
  return {
    every: Math.max(1, Math.floor(numIterations / MEASUREMENTS)),
    run: async (model) => {
      const { asked, right } = await askQuestions(QUESTIONS, textTeller(model, tokenizer).answer);
      return { questionsRight: right / asked };
    },
  };
}

/** The rows of a summary: its stories, and its answers to questions about others. */
export async function senseRows(
  model: TrainableModel,
  tokenizer: Tokenizer,
): Promise<readonly ReportRow[]> {
  // Copies of the training text are not counted here.
  const known = new KnownText([]);
  const { stories, asked, right } = await evaluateSense(textTeller(model, tokenizer), {
    ...summary,
    known,
  });
  const consistent = Math.round(stories.consistent * stories.stories);
  return [
    ["stories without a contradiction", `${consistent} of ${stories.stories}`],
    ["questions about stories right", `${right} of ${asked}`],
  ];
}
