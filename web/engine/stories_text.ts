/** The texts that stories give, which are too large for the engine to hold. @module */

import { childSeed } from "../../autograd/random.ts";
import { documentOf, seededRandom, tellStory } from "../../stories/mod.ts";

/** Stories with their questions: as many as other tasks have lines. */
const STORIES = 4000;

/** Stories with an empty line between them, the same each time. */
export function storiesText(): string {
  return Array.from(
    { length: STORIES },
    (_, i) => documentOf(tellStory(seededRandom(childSeed(1, i)), "train")),
  ).join("\n\n");
}

/** Sentences of stories that quote nobody, each of them once, the same each time. */
export function storySentences(count: number): string[] {
  const sentences = new Set<string>();
  for (let i = 0; sentences.size < count; i++) {
    const { text } = tellStory(seededRandom(childSeed(1, i)), "train");
    for (const sentence of text.split(/(?<=[.!?]”?"?)\s+/)) {
      if (/^[A-Z][^"“”]*[.!?]$/.test(sentence)) sentences.add(sentence);
    }
  }
  return [...sentences].slice(0, count);
}
