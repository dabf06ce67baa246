/**
 * Whole stories, each with questions about it.
 *
 * @module
 */

import { isHeldOutName } from "./names.ts";
import { type Plot, plots } from "./plots.ts";
import { byRank, pick, type Random } from "./random.ts";
import { type Part, pickCast, Teller } from "./teller.ts";
import type { World } from "./world.ts";

/** A story with questions about it. */
export interface Story {
  /** The main character. */
  readonly mainCharacter: { readonly name: string; readonly kind: string };
  /** Whether somebody in it has a name that never occurs in training text. */
  readonly hasNewName: boolean;
  /** The story, in one line. */
  readonly text: string;
  /** Questions with their answers. */
  readonly questions: readonly (readonly [question: string, answer: string])[];
}

/** Whether a question asks who one is, which most stories say only once. */
const asksWho = ([question, answer]: readonly [string, string]): boolean =>
  /^Who was .*\?$/.test(question) && /^An? /.test(answer);

/** Picks questions among those that a story answers: about what happened, if there are enough. */
function pickQuestions(
  random: Random,
  world: World,
  count: number,
): Story["questions"] {
  const all = [...world.answers];
  const [who, others] = [all.filter(asksWho), all.filter((entry) => !asksWho(entry))];
  const chosen: (readonly [string, string])[] = [];
  for (const from of [others, who]) {
    while (chosen.length < count && from.length > 0) {
      chosen.push(...from.splice(Math.floor(random() * from.length), 1));
    }
  }
  return chosen;
}

/** One story in so many is unusual: by any plot, about anybody and anything, in any words. */
export const UNUSUAL = 48;

/** The first plots, which the other stories have, the most frequent first. */
const COMMON_PLOTS = 7;
const pickPlot = byRank(0.5);

/** Longer stories are told again, shorter: some 240 tokens with their questions. */
const MAX_LENGTH = 780;

/** Options for {@linkcode tellStory}. */
export interface StoryOptions {
  /** Maximum characters without the questions, at least some 300. @default {780} */
  readonly maxLength?: number;
  /** The number of questions; a story that answers fewer has those. @default {2} */
  readonly questionCount?: number;
}

/**
 * Tells a story.
 *
 * @param part Whether names and pairs that are held out may not, or must, occur in it.
 */
export function tellStory(random: Random, part: Part, options: StoryOptions = {}): Story {
  const isUnusual = random() < 1 / UNUSUAL;
  const choosePlot = () => isUnusual ? pick(random, plots) : plots[pickPlot(random, COMMON_PLOTS)]!;
  return tellByPlot(random, part, choosePlot, { ...options, isUnusual });
}

/**
 * Tells a story by a plot, which is chosen again if the story gets too long or repeats itself.
 *
 * @param options `isUnusual`: whether it may be about anybody and anything, in any words.
 */
export function tellByPlot(
  random: Random,
  part: Part,
  choosePlot: () => Plot,
  { maxLength = MAX_LENGTH, questionCount = 2, isUnusual = true }: StoryOptions & {
    readonly isUnusual?: boolean;
  } = {},
): Story {
  for (;;) {
    const cast = pickCast(random, part, isUnusual);
    const teller = new Teller(random, cast, isUnusual);
    teller.say("begin");
    if (teller.chance(0.15)) teller.say("nature");
    choosePlot()(teller);
    const { length, sentences } = teller;
    // The second of two adventures may begin or end as the first one did, word for word.
    // Few sentences are of the same length, so that to compare them is faster than to hash them.
    const isRepeated = sentences.some((sentence, i) => sentences.indexOf(sentence) < i);
    if (length > maxLength || isRepeated) continue;
    const { name, kind } = cast.people.A;
    return {
      mainCharacter: { name, kind },
      hasNewName: [...teller.world.people.keys()].some(isHeldOutName),
      text: sentences.join(" "),
      questions: pickQuestions(random, teller.world, questionCount),
    };
  }
}

/** A story as a document to train on: the text in one line, then a line for each question. */
export function documentOf({ text, questions }: Story): string {
  return [text, ...questions.map(([question, answer]) => `${question} ${answer}`)].join("\n");
}
