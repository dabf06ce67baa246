/** The text of the task of stories, which is too large for the engine to hold. @module */

import { childSeed } from "../../autograd/random.ts";
import { documentOf, randomOf, tellStory } from "../../stories/mod.ts";

/** Stories with their questions: as many as other tasks have lines. */
const STORIES = 4000;

/** Stories with an empty line between them, the same each time. */
export function storiesText(): string {
  return Array.from(
    { length: STORIES },
    (_, i) => documentOf(tellStory(randomOf(childSeed(1, i)), "train")),
  ).join("\n\n");
}
