/** Names that users may type when they ask for a story. @module */

import { isHeldOutName, rareName, type Story } from "../../stories/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";
import { firstNames, moreNames } from "./facts.ts";
import { blend, inventedName } from "./user_name.ts";

/**
 * Another name for the main character of a story, none that is held out.
 *
 * A model copies a name token by token, and learns to copy the tokens that occur in names. Those of
 * real names are hardly ever those of invented syllables, nor of the few names that it is told often.
 * So half of the names have the beginning of one name or word, and the end of another.
 */
export function characterName(random: PythonRandom, told: Story): string {
  const words = told.text.match(/\p{L}{3,}/gu)!;
  const rare = () => rareName(() => random.random(), told.mainCharacter);
  const any = () => {
    const sort = random.randbelow(3);
    return sort === 0 ? rare() : random.choice(sort === 1 ? [...firstNames, ...moreNames] : words);
  };
  const both = () => blend(random, any(), any());
  const makers = [() => inventedName(random), rare, both, both];
  while (true) {
    const name = random.choice(makers)();
    if (!isHeldOutName(name)) return name;
  }
}
