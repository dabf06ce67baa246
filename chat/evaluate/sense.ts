/**
 * Measures whether a model makes sense: a program replays the stories that it tells, and checks its
 * answers to questions about unseen stories.
 *
 * @module
 */

import { Engine, type LanguageModel, type SamplingOptions } from "../../gpt/mod.ts";
import { generateEach } from "../../gpt/internals.ts";
import {
  checkStory,
  documentOf,
  examinationStories,
  isAbout,
  judge,
  type Judgment,
  kindOfQuestion,
  type KnownText,
  seededRandom,
  type Story,
  tellStory,
  withArticle,
} from "../../stories/mod.ts";
import type { Message, Tokenizer } from "../../tokenizer/mod.ts";
import type { ChatFormat } from "../format/format.ts";

/** Sequences decoded as one batch. */
const BATCH = 25;
/** Maximum tokens of a story with its questions; longer ones are cut off. */
const MAX_STORY_TOKENS = 300;
/** Tokens of an answer. */
const MAX_ANSWER_TOKENS = 24;

/** Names that no list of the world has, as a user may type them. */
const TYPED_NAMES = [
  "Zorbit",
  "Jinyoung",
  "Elisabeth",
  "Muhammad",
  "Bartholomew",
  "Svetlana",
  "Oluwaseun",
  "Guadalupe",
  "Thorsten",
  "Xiomara",
] as const;

/** Options for {@linkcode evaluateSense}. */
export interface SenseOptions extends Pick<SamplingOptions, "temperature" | "topK" | "seed"> {
  /** Number of stories to write. @default {200} */
  readonly stories?: number;
  /** Number of questions to ask, each about another story. @default {300} */
  readonly questions?: number;
  /** Number of stories to write about names that were never seen. @default {50} */
  readonly typedNames?: number;
  /** The text that the model was trained on, to count what is copied from it. */
  readonly known: KnownText;
  /** Called with the fraction of the work that is done. */
  readonly onProgress?: (fraction: number) => void;
  /** Aborts the evaluation, which throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Right answers among questions. */
export interface QuestionTally {
  /** Questions asked. */
  readonly asked: number;
  /** Answers that are right, word for word. */
  readonly right: number;
}

/** The result of {@linkcode evaluateSense}. */
export interface SenseResult extends QuestionTally {
  /** Answers about stories with a name that never occurs in the training text. */
  readonly newNames: QuestionTally;
  /** The judgment of the stories that the model wrote. */
  readonly stories: Judgment;
  /** The stories themselves, in the order of their seeds, with the model's own questions. */
  readonly texts: readonly string[];
  /** Right answers by kind of question, the most frequent kind first. */
  readonly byKind: ReadonlyMap<string, QuestionTally>;
  /** Questions that the model asked about its own stories, and how many it answered right. */
  readonly ownQuestions: QuestionTally;
  /**
   * Share of the stories about dragons with names never seen that are about them, and consistent; `null`
   * if none was written.
   */
  readonly typedNames: number | null;
}

/** Answers a question about a story. */
export type Answerer = (story: Story, question: string) => string | Promise<string>;

/** Settings of sampling, all of them given. */
export type StorySampling = Required<Pick<SamplingOptions, "temperature" | "topK" | "seed">>;

/** A model that is examined: {@linkcode textTeller} or {@linkcode chatTeller}. */
export interface StoryTeller {
  /**
   * Tells stories.
   *
   * @param count The number of stories.
   * @param mainCharacter The main character of all of them; by default the teller chooses.
   */
  tell(
    count: number,
    sampling: StorySampling,
    mainCharacter?: Story["mainCharacter"],
  ): Promise<readonly string[]>;
  /** Answers a question about a story by the most likely tokens. */
  readonly answer: Answerer;
}

/**
 * Asks one question about each of many stories that are in no training text.
 *
 * @param answer Answers the questions: a model, or a baseline.
 */
export async function askQuestions(
  count: number,
  answer: Answerer,
  onAsked: () => void = () => {},
): Promise<QuestionTally & Pick<SenseResult, "byKind" | "newNames">> {
  const byKind = new Map<string, QuestionTally>();
  let all: QuestionTally = { asked: 0, right: 0 };
  let newNames = all;
  const counted = ({ asked, right }: QuestionTally, isRight: boolean): QuestionTally => ({
    asked: asked + 1,
    right: right + Number(isRight),
  });
  const stories = examinationStories(count);
  for (const [i, story] of stories.entries()) {
    const [question, wanted] = story.questions[i % story.questions.length]!;
    const isRight = (await answer(story, question)).trim() === wanted;
    const kind = kindOfQuestion(question);
    byKind.set(kind, counted(byKind.get(kind) ?? { asked: 0, right: 0 }, isRight));
    if (story.hasNewName) newNames = counted(newNames, isRight);
    all = counted(all, isRight);
    onAsked();
  }
  const sorted = [...byKind].toSorted(([, a], [, b]) => b.asked - a.asked);
  return { ...all, byKind: new Map(sorted), newNames };
}

/**
 * A base model, which continues text: a question stands below its story, and the answer is what the
 * model writes up to the end of the line.
 */
export function textTeller(model: LanguageModel, tokenizer: Tokenizer): StoryTeller {
  const engine = new Engine(model, tokenizer);
  const promptOf = (text: string) => tokenizer.encode(text, { prepend: tokenizer.bos });
  return {
    tell: async (count, sampling, mainCharacter) => {
      const beginning = mainCharacter === undefined
        ? ""
        : `Once upon a time, there was a kind ${mainCharacter.kind} named ${mainCharacter.name}.`;
      const prompt = promptOf(beginning);
      const { tokens } = await engine.generateBatch(prompt, {
        ...sampling,
        samples: count,
        maxTokens: Math.min(MAX_STORY_TOKENS, model.maximumLength - prompt.length),
      });
      return tokens.map((ids) => plainText(tokenizer, ids));
    },
    answer: async ({ text }, question) => {
      const prompt = promptOf(`${text}\n${question}`);
      const maxTokens = Math.min(MAX_ANSWER_TOKENS, model.maximumLength - prompt.length);
      if (maxTokens < 1) return "";
      const ids: number[] = [];
      for await (const { tokens } of engine.generate(prompt, { maxTokens, temperature: 0 })) {
        if (tokens[0] === tokenizer.bos) break;
        ids.push(tokens[0]!);
        if (tokenizer.decode(ids).includes("\n")) break;
      }
      return tokenizer.decode(ids).split("\n")[0]!;
    },
  };
}

/**
 * A model that chats: it is asked for each story, about a character that the seed determines, and each
 * question follows a story as if the model had told it.
 */
export function chatTeller(
  model: LanguageModel,
  tokenizer: Tokenizer,
  format: ChatFormat,
): StoryTeller {
  /** Completes chats, each with a seed of its own. */
  const complete = async (
    chats: readonly (readonly Message[])[],
    maximum: number,
    { seed, ...sampling }: StorySampling,
  ): Promise<string[]> => {
    const prompts = await Promise.all(chats.map(async (messages, i) => {
      const prompt = await format.renderPrompt(messages);
      const maxTokens = Math.min(maximum, model.maximumLength - prompt.length);
      return { prompt, samples: maxTokens < 1 ? 0 : 1, maxTokens, seed: seed + i };
    }));
    const told = await generateEach(model, tokenizer, prompts, { ...sampling, batchSize: BATCH });
    return told.map(([one]) => one === undefined ? "" : plainText(tokenizer, one.tokens));
  };
  const requestFor = ({ kind, name }: Story["mainCharacter"]): Message => ({
    role: "user",
    content: `Tell me a story about ${withArticle(kind)} named ${name}.`,
  });
  return {
    tell: async (count, sampling, mainCharacter) => {
      const random = seededRandom(sampling.seed);
      const chats = Array.from({ length: count }, () => [
        requestFor(mainCharacter ?? tellStory(random, "train").mainCharacter),
      ]);
      return await complete(chats, MAX_STORY_TOKENS, sampling);
    },
    answer: async ({ mainCharacter, text }, question) => {
      const [answer = ""] = await complete(
        [[
          requestFor(mainCharacter),
          { role: "assistant", content: text },
          { role: "user", content: question },
        ]],
        MAX_ANSWER_TOKENS,
        { temperature: 0, topK: 0, seed: 0 },
      );
      // Synthetic conversations answer with a name in a sentence: "It was Tom."
      return answer.replace(/^It (is|was) /, "");
    },
  };
}

/** The text of tokens, without the special ones. */
function plainText(tokenizer: Tokenizer, ids: readonly number[]): string {
  const special = new Set(tokenizer.specialTokens.values());
  return tokenizer.decode(ids.filter((id) => !special.has(id)));
}

/**
 * Measures a model that was trained on stories.
 *
 * @throws {RangeError} If an option is out of range.
 */
export async function evaluateSense(
  teller: StoryTeller,
  options: SenseOptions,
): Promise<SenseResult> {
  const { stories = 200, questions = 300, typedNames = 50, known, signal, onProgress } = options;
  const { temperature = 0.8, topK = 50, seed = 42 } = options;
  // A story takes about ten times as long as an answer.
  const work = 10 * (stories + typedNames) + questions;
  let done = 0;
  const advance = (by: number) => {
    done += by;
    signal?.throwIfAborted();
    onProgress?.(done / work);
  };

  const texts: string[] = [];
  while (texts.length < stories) {
    const count = Math.min(BATCH, stories - texts.length);
    const sampling = { temperature, topK, seed: seed + texts.length };
    texts.push(...await teller.tell(count, sampling));
    advance(10 * count);
  }
  const asked = await askQuestions(questions, teller.answer, () => advance(1));

  const named: boolean[] = [];
  for (let i = 0; named.length < typedNames; i++) {
    const dragon = { kind: "dragon", name: TYPED_NAMES[i % TYPED_NAMES.length]! };
    const count = Math.min(Math.ceil(typedNames / TYPED_NAMES.length), typedNames - named.length);
    const told = await teller.tell(count, { temperature, topK, seed: seed + i }, dragon);
    named.push(...told.map((text) => isAbout(checkStory(text), dragon)));
    advance(10 * count);
  }

  const own = texts.flatMap((text) => checkStory(text).questions);
  return {
    ...asked,
    stories: judge(texts, known),
    texts,
    ownQuestions: {
      asked: own.length,
      right: own.filter(({ answer, wanted }) => answer === wanted).length,
    },
    typedNames: named.length === 0 ? null : named.filter(Boolean).length / named.length,
  };
}

/** Scores of true stories of the examination, to compare with. */
export function judgeTrueStories(count: number, known: KnownText): Judgment {
  return judge(examinationStories(count, 1).map(documentOf), known);
}
