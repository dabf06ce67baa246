/** All wordings of synthetic conversations, by name. @module */

import {
  bareCalculation,
  calculationWordings,
  operations,
  problems,
} from "../rules/calculation.ts";
import { aboutTime } from "../rules/calendar.ts";
import { beyond } from "../rules/declined.ts";
import { geography } from "../rules/geography.ts";
import type { Template } from "../rules/grammar.ts";
import { aboutModel } from "../rules/identity.ts";
import { aboutRepeating } from "../rules/repetition.ts";
import { smallTalk } from "../rules/small_talk.ts";
import { storyWordings } from "../rules/stories.ts";
import { aboutUser } from "../rules/user_name.ts";
import type { Wordings } from "../rules/wording.ts";
import { aboutWords } from "../rules/words.ts";

/** The wordings. */
export const allWordings: Readonly<Record<string, Wordings>> = {
  ...smallTalk,
  ...aboutModel,
  ...aboutUser,
  ...aboutRepeating,
  ...geography,
  ...aboutWords,
  ...aboutTime,
  ...beyond,
  ...problems,
  ...storyWordings,
  bareCalculation,
  calculationWordings,
  ...Object.fromEntries(operations.map(({ word, wordings }) => [word, wordings])),
};

/** All texts of a template. */
export function textsOf(template: Template): string[] {
  let texts = [""];
  for (const part of template) {
    const ends = typeof part === "string" ? [part] : part.options.flatMap(textsOf);
    texts = texts.flatMap((text) => ends.map((end) => text + end));
  }
  return texts;
}
