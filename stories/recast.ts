/** The same story about somebody else. @module */

import { checkStory } from "./checker.ts";
import { isHeldOutPair } from "./names.ts";
import type { Story } from "./story.ts";
import type { Part } from "./teller.ts";
import { places, things } from "./words.ts";

/** The words that pairs are held out of, besides kinds; see `isHeldOut` of the teller. */
const paired = new Set([...things, ...Object.keys(places)]);

/**
 * A story with another main character instead of its own; `null` if it would contradict itself, as with
 * "he" of a queen or a second fox, or if one of `train` would have a pair that is held out.
 *
 * @example
 * ```ts
 * import { recast } from "./recast.ts";
 * import { seededRandom } from "./random.ts";
 * import { tellStory } from "./story.ts";
 *
 * const told = tellStory(seededRandom(1), "train");
 * const other = recast(told, { ...told.mainCharacter, name: "Zorbit" }, "train");
 * console.log(other?.text); // "… named Zorbit. …"
 * ```
 */
export function recast(
  { mainCharacter: { kind, name }, text, questions, ...rest }: Story,
  mainCharacter: Story["mainCharacter"],
  part: Part,
): Story | null {
  const patterns = [[kind, mainCharacter.kind], [name, mainCharacter.name]] as const;
  const replace = (old: string) =>
    patterns.reduce(
      (words, [from, to]) => words.replaceAll(new RegExp(`\\b${from}\\b`, "g"), () => to),
      old,
    );
  const isHeldOut = (word: string) => paired.has(word) && isHeldOutPair(mainCharacter.kind, word);
  if (part === "train" && text.match(/[\p{L}-]+/gu)?.some(isHeldOut)) return null;
  const told = replace(text);
  const { isConsistent, answers } = checkStory(told);
  if (!isConsistent) return null;
  const answered = questions.map(([question]) => replace(question)).map((question) =>
    [question, answers.get(question)!] as const
  );
  return { ...rest, mainCharacter, text: told, questions: answered };
}
