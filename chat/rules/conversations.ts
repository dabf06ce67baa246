/**
 * Synthetic conversations, which `task chat` fine-tunes on by default, and exams on what they
 * teach.
 *
 * @module
 */

import type { Part } from "../../stories/mod.ts";
import type { Conversation, Message, Tokenizer } from "../../tokenizer/mod.ts";
import { type PythonRandom, randomOf } from "../random/python_random.ts";
import type { GenerativeTask, Task } from "../tasks/task.ts";
import { calendar } from "./calendar.ts";
import {
  arithmetic,
  longArithmetic,
  longerSum,
  nextArithmetic,
  spokenArithmetic,
} from "./calculation.ts";
import { unknown } from "./declined.ts";
import {
  type Exchange,
  isAnsweredExactly,
  type MakeExchange,
  type MakeExchanges,
  type Subject,
} from "./exchange.ts";
import {
  type Country,
  firstNames,
  readCountries,
  readUnknownPlaces,
  readWords,
  type WordLists,
} from "./facts.ts";
import { capital, countryOfCapital, currency, twoOfCountries } from "./geography.ts";
import { identity } from "./identity.ts";
import { repetition } from "./repetition.ts";
import { feeling, goodbye, greeting, reaction } from "./small_talk.ts";
import { companion, story, storyPractice, twoStories } from "./stories.ts";
import { anyName, correction, introduction, recollection } from "./user_name.ts";
import { chooseByToken } from "./word_choice.ts";
import {
  counting,
  length,
  manyOpposites,
  opposite,
  spelling,
  spellings,
  twoOpposites,
  twoSpellings,
} from "./words.ts";
import { writeCarefully, writeHastily } from "./wording.ts";

const single = (make: MakeExchange): MakeExchanges => (random, subject) => [make(random, subject)];

/** Kinds of exchanges, with their relative frequency. */
type Weights = readonly (readonly [MakeExchanges, number])[];

/** Exchanges that have one right answer. */
const shortWeights: Weights = [
  [single(greeting), 14],
  [single(goodbye), 11],
  [single(reaction), 26],
  [single(feeling), 24],
  [single(identity), 52],
  [single(capital), 20],
  // A capital is far more often an answer than part of a question, and rare capitals have rare
  // tokens.
  [single(countryOfCapital), 13],
  [single(currency), 16],
  [twoOfCountries, 4],
  [single(opposite), 38],
  [single(manyOpposites), 3],
  [twoOpposites, 1],
  [single(calendar), 32],
  [single(arithmetic), 18],
  [single(longerSum), 2],
  [single(spokenArithmetic), 8],
  [(random, subject) => [arithmetic(random, subject), nextArithmetic(random, subject)], 1],
  [single(spelling), 56],
  [single(spellings), 46],
  [twoSpellings, 4],
  [single(counting), 42],
  [single(length), 8],
  [single(repetition), 24],
  [single(unknown), 42],
];

const weights: Weights = [
  ...shortWeights,
  // A story introduces one character that its request does not name, which is too few for a model to
  // remember which names are men's: one in six of its stories told of a king named Molly or the like.
  // With half as many of these, one of two models told of other kinds than it was asked for.
  [single(companion), 28],
  // One in 34, which is a quarter of all text, since a story is as long as ten other answers. With a
  // fifth of that, a model that told stories before forgets how.
  [(random) => story(random, "train"), 17],
  [twoStories, 3],
];

const MAX_EXCHANGES = 8;

/** The share of users who correct the name that they gave. */
const CORRECTED = 0.15;

/** Maximum exchanges on one subject that others may follow. */
const MAX_SHORT = 3;

/** Options for {@linkcode ruleConversations} and {@linkcode ruleExams}. */
export interface RuleOptions {
  /** The name that the model goes by. @default {"Dino"} */
  readonly name?: string;
  /** Countries to talk about; read from a package by default. */
  readonly countries?: readonly Country[];
  /** Words to spell; read from packages by default. */
  readonly words?: WordLists;
  /** Which conversations. @default {1} */
  readonly seed?: number;
  /**
   * If given, all of its tokens occur equally often in the words to spell, so that each is learned.
   */
  readonly tokenizer?: Tokenizer;
}

/** Numbers that only the exam asks about. */
function isHeldOut(a: number, b: number): boolean {
  return (31 * a + 17 * b) % 10 === 0;
}

/**
 * A task of conversations of one to eight exchanges, each made when it is asked for.
 *
 * @param size The number of conversations.
 *
 * @example
 * ```ts
 * import { ruleConversations } from "./conversations.ts";
 *
 * const countries = [{ name: "France", capital: "Paris", currency: "euro" }];
 * const words = { common: ["river"], many: ["stone"], heldOut: ["cloud"] };
 * const task = await ruleConversations(100, { name: "Ada", countries, words });
 * if (task.get(0).messages[0]?.role !== "user") throw new Error("expected the user to begin");
 * ```
 */
export async function ruleConversations(size: number, options: RuleOptions = {}): Promise<Task> {
  const { seed = 1 } = options;
  const subject = await subjectToLearn(options);
  return {
    name: "Rules",
    length: size,
    get: (index) => {
      const random = randomOf(seed, index);
      return chat(random, weights, subject);
    },
  };
}

/** A conversation as people type it. */
function chat(random: PythonRandom, weights: Weights, subject: Subject): Conversation {
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const make = (): readonly Exchange[] => {
    let rest = random.random() * total;
    const [kind] = weights.find(([, weight]) => (rest -= weight) < 0) ?? weights[0]!;
    return kind(random, subject);
  };
  return typed(exchangesFor(random, make, subject), random);
}

/** A conversation of exchanges as people type them. */
function typed(exchanges: readonly Exchange[], random: PythonRandom): Conversation {
  return writeConversation(exchanges, ({ question }, i) => writeHastily(question, random, i > 0));
}

/** The training part: every word and pair of numbers that is not held out. */
async function subjectToLearn({ name = "Dino", ...options }: RuleOptions): Promise<Subject> {
  const countries = options.countries ?? await readCountries();
  const { common, many } = options.words ?? await readWords();
  const { tokenizer } = options;
  const words = [...common, ...many];
  const doubled = words.filter((word) => /(.)\1|(..)\2/.test(word));
  const any = (random: PythonRandom) => random.choice(many);
  // Many words are a single token, whose letters nothing but examples teaches: hence by the first one, too.
  const { byFirst, byAny } = tokenizer === undefined
    ? { byFirst: any, byAny: any }
    : chooseByToken(words, tokenizer);
  return {
    name,
    countries,
    unknownPlaces: await unknownTo(countries),
    // Two of five are common words, the ones people ask about. From rare words alone, a model would
    // learn that a token like "number" is never the whole word.
    word: (random) => {
      const kind = random.random();
      if (kind < 0.4) return random.choice(common);
      // Of "banana" and "school", a model is prone to spell half.
      if (kind < 0.45 && doubled.length > 0) return random.choice(doubled);
      return kind < 0.7 ? byFirst(random) : byAny(random);
    },
    allowsNumbers: (a, b) => !isHeldOut(a, b),
  };
}

/** The places that are none of the countries. */
async function unknownTo(countries: readonly Country[]): Promise<string[]> {
  const known = new Set(countries.map(({ name }) => name));
  return (await readUnknownPlaces()).filter((place) => !known.has(place));
}

/** The part that exams ask about. */
async function heldOutSubject({ name = "Dino", ...options }: RuleOptions): Promise<Subject> {
  const countries = options.countries ?? await readCountries();
  const { heldOut } = options.words ?? await readWords();
  return {
    name,
    countries,
    unknownPlaces: await unknownTo(countries),
    word: (random) => random.choice(heldOut),
    allowsNumbers: isHeldOut,
  };
}

/**
 * One to eight exchanges; in one of five chats the user says a name, and asks for it later, and in one of
 * eight the user asks for it before.
 */
function exchangesFor(
  random: PythonRandom,
  make: () => readonly Exchange[],
  subject: Subject,
): Exchange[] {
  // Half of the chats are short.
  const count = random.random() < 0.5
    ? 1 + random.randbelow(2)
    : 1 + random.randbelow(MAX_EXCHANGES);
  let exchanges: Exchange[] = [];
  for (let i = 0; i < count && exchanges.length < MAX_EXCHANGES; i++) {
    const made = make();
    if (made.length > MAX_SHORT) {
      // A story and the questions about it are long: little is said before or after.
      const other = random.random() < 0.4 ? [reaction(random, subject)] : make();
      exchanges = other.length === 1 && random.random() < 0.5
        ? [...made, ...other]
        : [...exchanges.slice(-1), ...made];
      break;
    }
    exchanges.push(...made);
  }
  if (random.random() < 0.2) {
    let name = anyName(random, subject);
    const introduced = [introduction(random, name)];
    if (random.random() < CORRECTED) {
      name = anyName(random, subject);
      introduced.push(correction(random, name));
    }
    const told = random.randbelow(Math.min(2, exchanges.length));
    exchanges.splice(told, 0, ...introduced);
    const next = told + introduced.length;
    const asked = next + random.randbelow(exchanges.length - next + 1);
    exchanges.splice(asked, 0, recollection(random, name));
    if (random.random() < 0.125) exchanges.splice(told, 0, recollection(random, null));
  } else if (random.random() < 0.125) {
    exchanges.splice(random.randbelow(exchanges.length + 1), 0, recollection(random, null));
  }
  return exchanges;
}

/** A conversation of exchanges, written carefully by default. */
function writeConversation(
  exchanges: readonly Exchange[],
  write = ({ question }: Exchange, _index: number): string => writeCarefully(question),
): Conversation {
  return {
    messages: exchanges.flatMap((exchange, i): Message[] => [
      { role: "user", content: write(exchange, i) },
      { role: "assistant", content: exchange.answer },
    ]),
  };
}

/** One of the exams: fresh questions of one kind. */
export type RuleExam = GenerativeTask;

const examKinds = [
  ["identity", identity],
  ["capitals", capital],
  ["opposites", opposite],
  ["calendar", calendar],
  ["arithmetic", arithmetic],
  ["spelling", spelling],
  ["counting", counting],
] as const;

/**
 * Exams on what the conversations teach: words and pairs of numbers are new, everything else comes
 * in new combinations. An answer must match the expected one exactly.
 *
 * @param size The number of questions of each exam.
 * @returns An exam for each kind of question; `names`: a name given and asked for later; and `stories`: a
 * question about a story of names and pairs that no training story has.
 */
export async function ruleExams(size: number, options: RuleOptions = {}): Promise<RuleExam[]> {
  const { seed = 1 } = options;
  const subject = await heldOutSubject(options);
  const random = (exam: number, index: number) => randomOf(1000 + seed, exam * 2 ** 16 + index);
  const exams = examKinds.map(([label, kind], exam): RuleExam => ({
    name: label,
    length: size,
    get: (index) => writeConversation([kind(random(exam, index), subject)]),
    isRight: isAnsweredExactly,
  }));
  const names: RuleExam = {
    name: "names",
    length: size,
    get: (index) => {
      const numbers = random(examKinds.length, index);
      const user = numbers.choice(firstNames);
      const between = Array.from(
        { length: numbers.randbelow(3) },
        () => opposite(numbers),
      );
      return writeConversation([
        introduction(numbers, user),
        ...between,
        recollection(numbers, user),
      ]);
    },
    isRight: isAnsweredExactly,
  };
  const stories: RuleExam = {
    name: STORIES,
    length: size,
    get: (index) => aboutStory(random(examKinds.length + 1, index), "validation"),
    isRight: isAnsweredExactly,
  };
  return [...exams, names, stories];
}

/** A story with one to four questions about it, as people type them. */
function aboutStory(random: PythonRandom, part: Part): Conversation {
  return typed(story(random, part).slice(0, 2 + random.randbelow(4)), random);
}

const practiceKinds = [...examKinds, ["long-arithmetic", longArithmetic]] as const;
/** As an exam, questions about stories; to practice, requests for them: see {@linkcode storyPractice}. */
const STORIES = "stories";

/** Options for {@linkcode rulePractice}. */
export interface PracticeOptions extends RuleOptions {
  /** Whether to use the words and numbers that are held out for exams. @default {false} */
  readonly heldOut?: boolean;
}

/**
 * Questions of one kind to practice on, or to measure the effect of practice.
 *
 * @param kind The name of an exam other than `names` and `stories`; or `long-arithmetic`, with more digits than
 * the synthetic conversations have; or `stories`: requests for stories, right if the story does not
 * contradict itself, questions about stories, and chats without one.
 * @param size The number of questions.
 * @throws {RangeError} If there is no such kind.
 */
export async function rulePractice(
  kind: string,
  size: number,
  { heldOut = false, ...options }: PracticeOptions = {},
): Promise<GenerativeTask> {
  const seed = (options.seed ?? 1) + (heldOut ? 1000 : 0);
  const random = (index: number) => randomOf(seed, index);
  const make = practiceKinds.find(([label]) => label === kind)?.[1];
  if (make === undefined && kind !== STORIES) {
    const kinds = [...practiceKinds.map(([label]) => label), STORIES].join(", ");
    throw new RangeError(`Cannot practice: wanted ${kinds}, got "${kind}"`);
  }
  const subject = await (heldOut ? heldOutSubject : subjectToLearn)(options);
  if (make === undefined) {
    const part = heldOut ? "validation" : "train";
    return storyPractice(size, random, part, [
      (random) => chat(random, shortWeights, subject),
      (random) => aboutStory(random, part),
    ]);
  }
  return {
    name: kind,
    length: size,
    get: (index) => writeConversation([make(random(index), subject)]),
    isRight: isAnsweredExactly,
  };
}
