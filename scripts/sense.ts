/**
 * Measures whether a model makes sense: lets it tell stories, replays them, and asks it questions.
 */

import {
  askQuestions,
  chatTeller,
  evaluateSense,
  judgeTrueStories,
  type QuestionTally,
  type SenseResult,
  textTeller,
} from "../chat/internals.ts";
import { loadModel } from "../gpt/mod.ts";
import { judge, type Judgment, KnownText, NGram, seededRandom } from "../stories/mod.ts";
import { openCorpus } from "./corpora.ts";
import { decimal, integer, mainOf, toggle, type Values } from "./flags.ts";
import { alignColumns, percent } from "./format.ts";
import { baseModelFlags, chatParts, type ChosenModel, openModel, titleOf } from "./models.ts";
import { print } from "./output.ts";
import { chosenType, deviceFlags, openChosenDevice } from "./device.ts";

const flags = {
  stories: integer(200, "Number of stories that the model tells"),
  questions: integer(300, "Questions about stories that it has never seen"),
  names: integer(50, "Stories about names that it has never seen", { least: 0 }),
  temperature: decimal(0.8, "0 takes the most likely token, 1 samples from the distribution"),
  topK: integer(50, "Sample from this many of the most likely tokens, 0 for all", { least: 0 }),
  seed: integer(42, "The same seed tells the same stories", { least: 0 }),
  json: toggle("Print one line of JSON"),
  ...baseModelFlags,
  ...deviceFlags,
};

/** Examines the latest model of stories. Returns the exit code. */
export const main = mainOf({
  summary:
    "Lets a model tell stories and answers questions about others, and checks each sentence.",
  command: "deno task sense",
  flags,
  run: runSense,
});

/** A column of the table: results of the model, or of a baseline. */
interface Column {
  readonly name: string;
  readonly stories: Judgment;
  readonly questions: QuestionTally | null;
}

async function runSense(values: Values<typeof flags>): Promise<void> {
  const checkpoint = await openModel(values);
  checkCorpus(checkpoint);
  const source = await openCorpus("stories");
  const split = await source.open("train");
  const documents: string[] = [];
  for (let chunk = 0; chunk < split.chunks; chunk++) documents.push(...await split.read(chunk));
  const known = new KnownText(documents);

  await using device = await openChosenDevice(values);
  const computeDtype = chosenType(device, values, checkpoint.meta.settings.dtype);
  const model = await loadModel(checkpoint, device, { computeDtype });
  const { tokenizer } = checkpoint;
  const { stories, questions, names: typedNames, temperature, topK, seed } = values;
  // A model that chats is asked for its stories.
  using format = checkpoint.stage === "base"
    ? null
    : chatParts({ tokenizer, chatTemplate: checkpoint.meta.chatTemplate ?? null }, {
      name: checkpoint.tag,
    }).format;
  const teller = format === null
    ? textTeller(model, tokenizer)
    : chatTeller(model, tokenizer, format);
  const result = await evaluateSense(teller, {
    stories,
    questions,
    typedNames,
    temperature,
    topK,
    seed,
    known,
  });
  const columns: Column[] = [
    { name: "model", stories: result.stories, questions: result },
    { name: "true stories", stories: judgeTrueStories(stories, known), questions: null },
  ];
  for (const order of [4, 2]) {
    const ngram = new NGram(order, documents);
    const random = seededRandom(seed);
    columns.push({
      name: `${order}-gram`,
      stories: judge(Array.from({ length: stories }, () => ngram.write(random)), known),
      questions: await askQuestions(
        questions,
        ({ text }, question) => ngram.answer(`${text}\n${question}`),
      ),
    });
  }
  print(
    values.json
      ? JSON.stringify(asData(checkpoint, result, columns))
      : describeSense(result, columns),
  );
}

/**
 * Conversations have stories in them, so that a model that chats may be examined whatever its base is.
 *
 * @throws {Error} If a base model was trained on another text.
 */
function checkCorpus(checkpoint: ChosenModel): void {
  const { data } = checkpoint.meta.settings;
  if (checkpoint.stage !== "base" || data === "stories") return;
  throw new Error(
    `Cannot examine ${titleOf(checkpoint)}: wanted a model that was trained on stories, got one ` +
      `of ${JSON.stringify(data)}. Train one: deno task speedrun`,
  );
}

/** The result for people: a table, then the first story and the first one with a fault. */
export function describeSense(result: SenseResult, columns: readonly Column[]): string {
  const { stories, byKind, newNames, typedNames, ownQuestions, texts } = result;
  const row = (name: string, cell: (column: Column) => string) => [name, ...columns.map(cell)];
  const share = ({ right, asked }: QuestionTally) => percent(asked === 0 ? 0 : right / asked);
  const parts = [
    alignColumns([
      ["", ...columns.map(({ name }) => name)],
      row("well-formed stories", ({ stories }) => percent(stories.wellFormed)),
      row("stories without a contradiction", ({ stories }) => percent(stories.consistent)),
      row("sentences without a fault", ({ stories }) => percent(stories.sentences)),
      row("questions right", ({ questions }) => questions === null ? "" : share(questions)),
      row("new sequences of 8 words", ({ stories }) => percent(stories.novel)),
      row("stories copied", ({ stories }) => `${stories.copied}`),
      row("distinct sequences of 3 words", ({ stories }) => percent(stories.distinct)),
      row("stories that end alike", ({ stories }) => percent(stories.alike)),
    ]),
    [
      `Questions about stories with a name never seen: ${newNames.right} of ${newNames.asked} right`,
      ...(ownQuestions.asked === 0
        ? []
        : [`Its own questions about its own stories: ${share(ownQuestions)} right`]),
      ...(typedNames === null
        ? []
        : [`Stories about typed names, without a contradiction: ${percent(typedNames)}`]),
    ].join("\n"),
    `Questions right, by kind:\n${
      alignColumns([...byKind].map(([kind, { asked, right }]) => [kind, `${right} of ${asked}`]))
    }`,
  ];
  if (stories.faults.length > 0) {
    const rows = stories.faults.map(([fault, times]) => [fault, `${times}`]);
    parts.push(`Faults, by kind:\n${alignColumns(rows)}`);
  }
  parts.push(`The first story:\n${texts[0]}`);
  if (stories.firstFault !== undefined) {
    const { text, sentence, fault } = stories.firstFault;
    parts.push(`The first story with a fault:\n${text}\n→ ${sentence}\n→ ${fault}`);
  }
  return parts.join("\n\n");
}

/** The output of `--json`. */
function asData(
  checkpoint: ChosenModel,
  { byKind, ...result }: SenseResult,
  columns: readonly Column[],
): unknown {
  return {
    model: titleOf(checkpoint),
    ...result,
    byKind: Object.fromEntries(byKind),
    columns,
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
