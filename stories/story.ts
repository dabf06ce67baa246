/**
 * Whole stories, each with questions about it.
 *
 * @module
 */

import { type Plot, plots } from "./plots.ts";
import { pickRank, type Random } from "./random.ts";
import { type Part, pickCast, Teller } from "./teller.ts";
import type { World } from "./world.ts";

/** A story with two questions about it. */
export interface Story {
  /** The story, in one line. */
  readonly text: string;
  /** Questions with their answers. */
  readonly questions: readonly (readonly [question: string, answer: string])[];
}

/** Picks questions among those that a story answers; rather about what happened than who one is. */
function pickQuestions(random: Random, world: World, count: number): Story["questions"] {
  const questions = [...world.answers];
  const chosen: (readonly [string, string])[] = [];
  while (chosen.length < count && questions.length > 0) {
    const [entry] = questions.splice(Math.floor(random() * questions.length), 1);
    const isAboutKind = entry![0].startsWith("Who was ") && entry![1].startsWith("A");
    if (isAboutKind && questions.length >= count - chosen.length && random() < 0.6) continue;
    chosen.push(entry!);
  }
  return chosen;
}

/** Longer stories are told again, shorter: some 240 tokens with their questions. */
const MAX_LENGTH = 870;

/**
 * Tells a story.
 *
 * @param part Whether names and pairs that are held out may not, or must, occur in it.
 */
export function tellStory(random: Random, part: Part): Story {
  return tellByPlot(random, part, () => plots[pickRank(random, plots.length)]!);
}

/** Tells a story by a plot, which is chosen again if the story gets too long. */
export function tellByPlot(random: Random, part: Part, choosePlot: () => Plot): Story {
  for (;;) {
    const teller = new Teller(random, pickCast(random, part));
    teller.say("begin");
    teller.maybe(0.6, "nature");
    choosePlot()(teller);
    if (teller.length > MAX_LENGTH) continue;
    return { text: teller.sentences.join(" "), questions: pickQuestions(random, teller.world, 2) };
  }
}

/** A story as a document to train on: the text in one line, then a line for each question. */
export function documentOf({ text, questions }: Story): string {
  return [text, ...questions.map(([question, answer]) => `${question} ${answer}`)].join("\n");
}
