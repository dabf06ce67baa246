/**
 * Stories from a small simulated world, and a program that says whether a story makes sense.
 *
 * A table of events (`events/`) serves both sides: each event has sentences that tell it
 * and one rule, its precondition and its effect on the world. The teller ({@linkcode tellStory})
 * picks sentences and applies the rules; the checker ({@linkcode checkStory}) recognizes sentences
 * and applies the same rules, and says which sentence contradicts what was told, and why.
 *
 * A model that trains on the stories sees only text, none of the rules. How well it follows them
 * can therefore be measured.
 *
 * @example Tell a story, break it, and find what is wrong
 * ```ts
 * import { checkStory, seededRandom, tellStory } from "./mod.ts";
 *
 * const { text, questions } = tellStory(seededRandom(1), "train");
 * console.log(text, questions);
 * console.log(checkStory(text).isConsistent); // true
 * ```
 *
 * @module
 */

export {
  type CheckedQuestion,
  type CheckedSentence,
  type CheckedStory,
  checkStory,
} from "./checker.ts";
export {
  isAbout,
  judge,
  type Judgment,
  kindOfQuestion,
  KnownText,
  originalities,
} from "./judge.ts";
export { isHeldOutName, rareName } from "./names.ts";
export { NGram } from "./ngram.ts";
export { type Random, seededRandom } from "./random.ts";
export { recast } from "./recast.ts";
export {
  examinationStories,
  type StorySource,
  storySource,
  type StorySourceOptions,
  type StorySplit,
} from "./source.ts";
export { documentOf, type Story, type StoryOptions, tellStory } from "./story.ts";
export type { Part } from "./teller.ts";
export { type Kind, kinds, type Pronoun } from "./words.ts";
export { withArticle } from "./world.ts";
