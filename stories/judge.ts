/**
 * Statistics of many stories, written by a model, an n-gram baseline, or the teller.
 *
 * @module
 */

import { type CheckedStory, checkStory } from "./checker.ts";
import type { Story } from "./story.ts";

/** Words of an n-gram that counts as copied if the training text has it. */
const COPY = 8;
/** Words of the n-grams whose distinct ones are counted. */
const DISTINCT = 3;

/** Shares between 0 and 1. */
export interface Judgment {
  /** Number of stories. */
  readonly stories: number;
  /** Each sentence is one of the world's, from a beginning to an end. */
  readonly wellFormed: number;
  /** Well-formed, and nothing contradicts anything before it. */
  readonly consistent: number;
  /** Sentences without a fault, of all sentences. */
  readonly sentences: number;
  /** Sequences of eight words that occur nowhere in the training text. */
  readonly novel: number;
  /** Stories that are copied whole. */
  readonly copied: number;
  /** Distinct sequences of three words, of all. */
  readonly distinct: number;
  /** Stories with the commonest ending: those of a model that tells but one plot all end alike. */
  readonly alike: number;
  /** The first story with a fault, if any. */
  readonly firstFault:
    | { readonly text: string; readonly sentence: string; readonly fault: string }
    | undefined;
  /** How often each kind of fault occurs, the commonest first; names are replaced. */
  readonly faults: readonly (readonly [fault: string, count: number])[];
}

/** All sequences of `n` words of a text, as texts. */
export function grams(text: string, n: number): string[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return Array.from(
    { length: Math.max(0, words.length - n + 1) },
    (_, i) => words.slice(i, i + n).join(" "),
  );
}

/**
 * How little each story shares with the others: the mean of 1/n over its distinct sequences of three
 * words, of which n stories have each. 1 if it has all of them alone, 1/n if n stories are the same.
 *
 * @example
 * ```ts
 * import { originalities } from "./judge.ts";
 *
 * const [first, second] = originalities(["Tom was glad.", "Tom was sad."]);
 * if (first !== 1 || second !== 1) throw new Error("expected nothing in common");
 * ```
 */
export function originalities(stories: readonly string[]): number[] {
  const sequences = stories.map((story) => new Set(grams(story, DISTINCT)));
  const counts = tally(sequences.flatMap((one) => [...one]));
  return sequences.map((one) =>
    ratio([...one].reduce((sum, sequence) => sum + 1 / counts.get(sequence)!, 0), one.size)
  );
}

/** An index of training text, to find copies of it. */
export class KnownText {
  readonly #grams = new Set<string>();
  readonly #stories = new Set<string>();

  /** Indexes the stories of documents, and all their sequences of eight words. */
  constructor(documents: Iterable<string>) {
    for (const document of documents) {
      const [story = ""] = document.split("\n");
      this.#stories.add(story);
      for (const gram of grams(story, COPY)) this.#grams.add(gram);
    }
  }

  /** Whether it contains a whole story. */
  has(story: string): boolean {
    return this.#stories.has(story);
  }

  /** The share of sequences of eight words that it does not contain. */
  novelty(stories: readonly string[]): number {
    const all = stories.flatMap((story) => grams(story, COPY));
    return ratio(all.filter((gram) => !this.#grams.has(gram)).length, all.length);
  }
}

/**
 * Whether a story is about somebody, and does not contradict itself.
 *
 * @param wanted The main character; without a name or a kind, it may have any.
 *
 * @example
 * ```ts
 * import { checkStory, isAbout, seededRandom, tellStory } from "./mod.ts";
 *
 * const { mainCharacter, text } = tellStory(seededRandom(1), "train");
 * const story = checkStory(text);
 * if (!isAbout(story, mainCharacter)) throw new Error("expected a story about its main character");
 * if (isAbout(story, { name: "Zorbit", kind: "dragon" })) throw new Error("expected another one");
 * ```
 */
export function isAbout(
  { isConsistent, mainCharacter }: CheckedStory,
  wanted: Partial<Pick<Story["mainCharacter"], "name" | "kind">>,
): boolean {
  if (!isConsistent || mainCharacter === undefined) return false;
  const { name, kind } = mainCharacter;
  return (wanted.name ?? name) === name && (wanted.kind ?? kind) === kind;
}

/** How often each text occurs. */
function tally(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

const ratio = (part: number, whole: number) => whole === 0 ? 0 : part / whole;
const count = <T>(list: readonly T[], is: (item: T) => boolean) => list.filter(is).length;

/** The kind of a fault: its words without names, things and places. */
function kindOfFault(fault: string): string {
  if (fault.startsWith("one says")) return "wrong preposition";
  if (/ is s?he, /.test(fault)) return "he or she";
  if (fault.startsWith("nobody is called")) return "unknown name";
  if (fault.startsWith("nobody in particular")) return "he or she is nobody";
  if (fault.startsWith("there is no place")) return "spot of another place";
  if (fault.startsWith("there is no")) return "thing or kind that is not there";
  if (fault.startsWith("a second")) return "introduced twice";
  if (fault.startsWith("it was said to be")) return "found elsewhere than told";
  if (fault.startsWith("this was told already")) return "told twice";
  if (fault.startsWith("it was ")) return "another person or day than before";
  if (fault.startsWith("they are ")) return "there already";
  if (fault.includes(" does not have the ")) return "does not have it";
  if (fault.includes(" does this with ")) return "one person in two roles";
  if (fault.includes(" has done nothing for ")) return "thanked for nothing";
  if (fault.includes(" becomes ")) return "another within a sentence";
  if (/^the \S+ is \S+, not /.test(fault)) return "other look";
  if (/ is not |'s own$/.test(fault)) return "other owner or mood";
  if (/^(wrong article|capital letter)/.test(fault)) return "spelling";
  return /^(no such sentence|this is not what)/.test(fault)
    ? fault.replace(/ of .*/, "")
    : "not yet";
}

/**
 * Replays stories and counts.
 *
 * @param documents Stories, perhaps followed by lines with questions.
 * @param known The training text.
 */
export function judge(documents: readonly string[], known: KnownText): Judgment {
  const checked: readonly CheckedStory[] = documents.map(checkStory);
  const stories = documents.map((document) => document.trim().split("\n")[0] ?? "");
  const sentences = checked.flatMap(({ sentences }) => sentences);
  const triples = stories.flatMap((story) => grams(story, DISTINCT));
  const faults = tally(sentences.flatMap(({ faults }) => faults).map(kindOfFault));
  const endings = tally(checked.flatMap(({ sentences }) => sentences.at(-1)?.event ?? []));
  const failed = checked.findIndex(({ isConsistent }) => !isConsistent);
  const sentence = checked[failed]?.sentences.find(({ faults }) => faults.length > 0);
  return {
    stories: documents.length,
    wellFormed: ratio(count(checked, ({ isWellFormed }) => isWellFormed), documents.length),
    consistent: ratio(count(checked, ({ isConsistent }) => isConsistent), documents.length),
    sentences: ratio(count(sentences, ({ faults }) => faults.length === 0), sentences.length),
    novel: known.novelty(stories),
    copied: count(stories, (story) => known.has(story)),
    distinct: ratio(new Set(triples).size, triples.length),
    alike: ratio(Math.max(0, ...endings.values()), documents.length),
    firstFault: failed < 0 ? undefined : {
      text: stories[failed]!,
      sentence: sentence?.text ?? stories[failed]!.slice(-60),
      fault: sentence?.faults[0] ?? "the story breaks off",
    },
    faults: [...faults].toSorted(([, a], [, b]) => b - a),
  };
}

/** The kind of a question, for tables: its words without names and things. */
export function kindOfQuestion(question: string): string {
  return question
    .replace(/\b(the|a|an) [a-z-]+ (now|down|back)\b/, "it $2")
    .replace(/\bthe [a-z-]+(?=\?)/, "it")
    .replace(/\bthe (?!friend)[a-z-]+ /, "it ")
    .replace(/^Whose .* was it/, "Whose was it")
    .replace(/^Who was (?!the friend)[^?]*/, "Who was N")
    .replace(/(?<=\s)\p{Lu}\p{L}*(?:'s)?/gu, "N");
}
