/** Openings of documents, as prompts for a model that was trained on similar ones. @module */

import type { Split } from "./source.ts";

/** Words of an opening. */
const WORDS = 4;

/** Maximum characters of an opening, for text without words. */
const MAX_LENGTH = 40;

/**
 * The first words of documents that are spread over a split.
 *
 * @param count Maximum number of openings; fewer if the split has fewer documents that begin
 * differently.
 *
 * @example
 * ```ts
 * import { listSource } from "./list_source.ts";
 * import { openings } from "./openings.ts";
 *
 * const texts = ["Once upon a time there was a fox.", "The fern is green.", "It rains."];
 * const source = listSource("tales", texts, 2);
 * const found = await openings(await source.open("validation"), 2);
 * if (found.join("|") !== "The fern is green|It rains") throw new Error(found.join("|"));
 * ```
 */
export async function openings(split: Split, count: number): Promise<string[]> {
  const found = new Set<string>();
  const chunks = Math.min(split.chunks, 2 * count);
  for (let i = 0; i < chunks && found.size < count; i++) {
    const documents = await split.read(Math.floor(i * split.chunks / chunks));
    // A split with few chunks yields several openings from each.
    const wanted = Math.ceil((count - found.size) / (chunks - i));
    const step = Math.max(1, Math.floor(documents.length / wanted));
    for (let at = 0, added = 0; at < documents.length && added < wanted; at += step) {
      const opening = openingOf(documents[at]!);
      if (opening === "" || found.has(opening)) continue;
      found.add(opening);
      added++;
    }
  }
  return [...found];
}

/** The first words of a text, in any script, on its first line that has some. */
function openingOf(text: string): string {
  const line = text.slice(0, 1000).trimStart().split("\n", 1)[0]!;
  let [end, words, lastWord] = [0, 0, ""];
  segmenter ??= new Intl.Segmenter("en", { granularity: "word" });
  for (const { segment, index, isWordLike } of segmenter.segment(line)) {
    if (words === WORDS || index + segment.length > MAX_LENGTH) break;
    // The end of a short sentence, but not that of "Mr."
    if (words === WORDS - 1 && lastWord.length > 2 && /^[.!?…]/.test(segment)) break;
    if (isWordLike) [words, lastWord] = [words + 1, segment];
    if (segment.trim() !== "") end = index + segment.length;
  }
  return line.slice(0, end).replace(/[.!?…]$/, "");
}

/** Made when it is first needed: its tables take a tenth of a script's start to load. */
let segmenter: Intl.Segmenter | undefined;
