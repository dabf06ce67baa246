/**
 * Whole stories, each with questions about it.
 *
 * @module
 */

import { isHeldOutName } from "./names.ts";
import { type Plot, plots } from "./plots.ts";
import { byRank, type Random } from "./random.ts";
import { type Part, pickCast, Teller } from "./teller.ts";
import type { World } from "./world.ts";

/** A story with two questions about it. */
export interface Story {
  /** The main character. */
  readonly hero: { readonly name: string; readonly kind: string };
  /** Whether somebody in it has a name that never occurs in text to train on. */
  readonly hasNewName: boolean;
  /** The story, in one line. */
  readonly text: string;
  /** Questions with their answers. */
  readonly questions: readonly (readonly [question: string, answer: string])[];
}

/** How often a question is skipped if there are others: who one is, above all if one is not the hero. */
function skipped([question, answer]: readonly [string, string], hero: string): number {
  if (!/^Who was .*\?$/.test(question) || !answer.startsWith("A")) return 0;
  return question === `Who was ${hero}?` ? 0.5 : 0.8;
}

/** Picks questions among those that a story answers; rather about what happened than who one is. */
function pickQuestions(
  random: Random,
  world: World,
  hero: string,
  count: number,
): Story["questions"] {
  const questions = [...world.answers];
  const chosen: (readonly [string, string])[] = [];
  while (chosen.length < count && questions.length > 0) {
    const [entry] = questions.splice(Math.floor(random() * questions.length), 1);
    if (questions.length >= count - chosen.length && random() < skipped(entry!, hero)) continue;
    chosen.push(entry!);
  }
  return chosen;
}

/** The first plots are told more often than the last ones. */
const pickPlot = byRank(1);

/** Longer stories are told again, shorter: some 240 tokens with their questions. */
const MAX_LENGTH = 870;

/**
 * Tells a story.
 *
 * @param part Whether names and pairs that are held out may not, or must, occur in it.
 * @param maxLength Its characters at most, without the questions; some 300 are the least.
 */
export function tellStory(random: Random, part: Part, maxLength = MAX_LENGTH): Story {
  return tellByPlot(random, part, () => plots[pickPlot(random, plots.length)]!, maxLength);
}

/** Tells a story by a plot, which is chosen again if the story gets too long. */
export function tellByPlot(
  random: Random,
  part: Part,
  choosePlot: () => Plot,
  maxLength = MAX_LENGTH,
): Story {
  for (;;) {
    const cast = pickCast(random, part);
    const teller = new Teller(random, cast);
    teller.say("begin");
    teller.maybe(0.3, "nature");
    choosePlot()(teller);
    if (teller.length > maxLength) continue;
    const { name, kind } = cast.people.A;
    return {
      hero: { name, kind },
      hasNewName: [...teller.world.people.keys()].some(isHeldOutName),
      text: teller.sentences.join(" "),
      questions: pickQuestions(random, teller.world, name, 2),
    };
  }
}

/** A story as a document to train on: the text in one line, then a line for each question. */
export function documentOf({ text, questions }: Story): string {
  return [text, ...questions.map(([question, answer]) => `${question} ${answer}`)].join("\n");
}
