/** The corpora that a command knows by name, besides those that `data` reads from files. */

import { openSource, type Source } from "../data/mod.ts";
import { storySource } from "../stories/mod.ts";

/** Documents of the corpus of stories: 2.9 million tokens, so that a speedrun sees none twice. */
export const STORY_DOCUMENTS = 20_000;

/**
 * Opens a corpus: `stories`, told by rules, or what {@linkcode openSource} of `data` knows.
 *
 * @throws {Error} If there is no such corpus.
 */
export async function openCorpus(place: string): Promise<Source> {
  return place === "stories"
    ? storySource({ documents: STORY_DOCUMENTS })
    : await openSource(place);
}
