/**
 * Stories as a corpus: documents in chunks, told when they are read.
 *
 * @module
 */

import { events } from "./events/mod.ts";
import { hashOf, seededRandom } from "./random.ts";
import { documentOf, type Story, tellStory } from "./story.ts";
import type { Part } from "./teller.ts";

/** Documents of a chunk. */
const CHUNK = 500;
/** Bytes of a document, on average; see the test. */
const BYTES = 465;
/** One in this many documents is for validation. */
const VALIDATION = 20;

/** Options for {@linkcode storySource}. */
export interface StorySourceOptions {
  /** Number of documents of both parts. @default {10_000} */
  readonly documents?: number;
  /** Other seeds tell other stories. @default {42} */
  readonly seed?: number;
}

/** One part of the corpus; a `Split` of `data`. */
export interface StorySplit {
  /** Corpus and part, for messages. */
  readonly name: string;
  /** Changes with the world, the seed and the number of documents. */
  readonly fingerprint: string;
  /** Approximate size in bytes. */
  readonly bytes: number;
  /** Number of chunks. */
  readonly chunks: number;
  /** Tells the documents of a chunk, the same each time. */
  read(chunk: number): Promise<string[]>;
}

/** The corpus; a `Source` of `data`, which this module does not import. */
export interface StorySource {
  /** `stories`. */
  readonly name: string;
  /** One of the two parts. */
  open(split: Part): Promise<StorySplit>;
}

/**
 * Stories with their questions, without end and without repetition: chunk by chunk from a seed.
 *
 * Names and pairs that are held out (see `names.ts`) occur only in the validation part, never in
 * the training part.
 *
 * @throws {RangeError} If there are too few documents for two parts.
 *
 * @example
 * ```ts
 * import { storySource } from "./source.ts";
 *
 * const split = await storySource({ documents: 1000 }).open("train");
 * const [first] = await split.read(0);
 * console.log(first); // a story in one line, and two questions with their answers
 * ```
 */
export function storySource(
  { documents = 10_000, seed = 42 }: StorySourceOptions = {},
): StorySource {
  const counts = { validation: Math.floor(documents / VALIDATION), train: 0 };
  counts.train = documents - counts.validation;
  if (!(counts.validation >= 1)) {
    throw new RangeError(
      `Cannot tell stories: wanted at least ${VALIDATION} documents, got ${documents}`,
    );
  }
  return {
    name: "stories",
    open: (part) => {
      const count = counts[part];
      if (count === undefined) {
        const wanted = "wanted the split train or validation";
        return Promise.reject(new RangeError(`Cannot open "stories": ${wanted}, got ${part}`));
      }
      const fingerprint = hashOf(JSON.stringify([events, documents, seed, part])).toString(16);
      return Promise.resolve({
        name: `the ${part} split of "stories"`,
        fingerprint,
        bytes: count * BYTES,
        chunks: Math.ceil(count / CHUNK),
        read: (chunk) => {
          const length = Math.min(CHUNK, count - chunk * CHUNK);
          const random = seededRandom(hashOf(`${seed} ${part} ${chunk}`));
          return Promise.resolve(
            Array.from({ length }, () => documentOf(tellStory(random, part))),
          );
        },
      });
    },
  };
}

/**
 * Stories to examine a model with: like those of the validation part, but from other seeds.
 *
 * @param seed Other seeds give other stories.
 */
export function examinationStories(count: number, seed = 0): Story[] {
  const random = seededRandom(hashOf(`examination ${seed}`));
  return Array.from({ length: count }, () => tellStory(random, "validation"));
}
