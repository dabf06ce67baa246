/**
 * How people type a message: in lower case, without marks, with typing errors, with "please" and "ur".
 *
 * @module
 */

import type { PythonRandom } from "../random/python_random.ts";
import { expandTemplate, readTemplate, type Template } from "./grammar.ts";

/** What slots are filled with; a function gives another text each time. */
export type Slots = Readonly<Record<string, string | (() => string)>>;

/** A message of a user before it is written down. */
export interface Draft {
  /** The message in lower case, with slots: `what is the capital of {country}`. */
  readonly text: string;
  /** What the slots are filled with. */
  readonly slots: Slots;
  /** How the message ends in careful writing. */
  readonly mark: Mark;
  /** Whether the answer repeats what is in the slots, letter by letter, so that their case is kept. */
  readonly isRepeated?: boolean;
}

/** A mark at the end of a message. */
export type Mark = "?" | "." | "!";

/** The templates of one kind of message, by the mark that ends them in careful writing. */
export interface Wordings {
  readonly mark: Mark;
  readonly templates: readonly Template[];
}

/** Reads the templates of messages that end with a mark. */
export function wordings(mark: Mark, ...sources: readonly string[]): Wordings {
  return { mark, templates: sources.map(readTemplate) };
}

/** Chooses one of the wordings; every template is as likely as the others. */
export function draft(
  random: PythonRandom,
  { mark, templates }: Wordings,
  slots: Slots = {},
): Draft {
  return { text: expandTemplate(random.choice(templates), random), slots, mark };
}

/**
 * Writes a message with care: a capital letter first, its mark last.
 *
 * @example
 * ```ts
 * import { writeCarefully } from "./wording.ts";
 *
 * const slots = { country: "Peru" };
 * const message = writeCarefully({ text: "tell me about  {country}", slots, mark: "." });
 * if (message !== "Tell me about Peru.") throw new Error(message);
 * ```
 */
export function writeCarefully({ text, slots, mark, isRepeated = false }: Draft): string {
  return withMark(fillWithCapital(text.trim(), slots, isRepeated), markOf(text, mark));
}

/** Words that orders begin with, which end with a point though other wordings are questions. */
const isOrder =
  /^ *(please )?(add|answer|break|calculate|compute|count|divide|do|evaluate|explain|figure|find|give|help|introduce|list|multiply|name|repeat|say|show|solve|spell|split|subtract|take|tell|try|work|write)\b(?! (you|they|people|i)\b)/;

function markOf(text: string, mark: Mark): Mark {
  return mark === "?" && isOrder.test(text) ? "." : mark;
}

/** Words that a message may begin with, as people go on from what was said. */
export const openings: readonly string[] = [
  ...["and", "now", "please", "so", "then", "okay,", "ok", "hey,", "hi,", "hello,", "well,", "but"],
  ...["also,", "um,", "sorry,", "just", "hey", "one more:", "next:", "quick question:"],
];

/** Words that a message may end with. */
export const closings: readonly string[] = [
  ...["please", ", please", "pls", "thanks", "for me", "for me please", "now", "then", "again"],
];

/** How hasty writers shorten words. */
export const shorthand: Readonly<Record<string, readonly string[]>> = {
  you: ["u"],
  your: ["ur"],
  are: ["r"],
  please: ["pls", "plz"],
  "what's": ["whats", "wats"],
  "i'm": ["im"],
  "don't": ["dont"],
  "how's": ["hows"],
  "who's": ["whos"],
  "where's": ["wheres"],
  what: ["wat"],
  thanks: ["thx"],
};

/**
 * Writes a message as people type it.
 *
 * @param isLater Whether something was said before it.
 */
export function writeHastily(
  { text, slots, mark, isRepeated = false }: Draft,
  random: PythonRandom,
  isLater: boolean,
): string {
  let written = ` ${text} `;
  if (random.random() < (isLater ? 0.25 : 0.12)) written = `${random.choice(openings)}${written}`;
  if (random.random() < 0.06) written += random.choice(closings);
  const isLower = random.random() < 0.35;
  if (random.random() < (isLower ? 0.3 : 0.08)) written = shorten(written, random);
  if (random.random() < 0.08) written = misspell(written, random);
  const cased = isLower
    ? fill(written, slots, !isRepeated)
    : fillWithCapital(written.trim(), slots, isRepeated);
  if (random.random() < (isLower ? 0.5 : 0.2)) return cased;
  return withMark(
    cased,
    random.random() < 0.04 ? random.choice(["??", "!", " ?", "..."]) : markOf(text, mark),
  );
}

/** The text with its slots filled in, and single spaces. */
function fill(text: string, slots: Slots, isLower = false): string {
  return text.replace(/\{(\w+)\}/g, (slot, name: string) => {
    const value = slots[name];
    if (value === undefined) throw new RangeError(`Cannot write: wanted a text for ${slot}`);
    const filled = typeof value === "string" ? value : value();
    return isLower ? filled.toLowerCase() : filled;
  }).replace(/\s+/g, " ").replaceAll(" ,", ",").trim();
}

/** The same with a capital letter first, unless what comes first is repeated in the answer. */
function fillWithCapital(text: string, slots: Slots, isRepeated: boolean): string {
  const filled = fill(text, slots);
  if (filled === "" || (isRepeated && text.startsWith("{"))) return filled;
  return filled[0]!.toUpperCase() + filled.slice(1);
}

/** Ends a text with a mark, unless it has one. */
function withMark(text: string, mark: string): string {
  return /[.?!=]$/.test(text) ? text : text + mark;
}

/** Shortens every word that has a short form. */
function shorten(text: string, random: PythonRandom): string {
  return text.replace(/[a-z']+(?![^{]*\})/g, (word) => {
    const forms = Object.hasOwn(shorthand, word) ? shorthand[word] : undefined;
    return forms === undefined ? word : random.choice(forms);
  });
}

/** A typing error in one of the longer words, outside of the slots. */
function misspell(text: string, random: PythonRandom): string {
  const words = [...text.matchAll(/[a-z]{4,}(?![^{]*\})/g)];
  if (words.length === 0) return text;
  const { 0: word, index } = random.choice(words);
  return text.slice(0, index) + random.choice(misspellings(word)) + text.slice(index + word.length);
}

/** The ways to mistype a word: two letters in the wrong order, one too few, one too many. */
export function misspellings(word: string): string[] {
  return Array.from({ length: Math.max(0, word.length - 2) }, (_, i) => i + 1).flatMap((at) => [
    word.slice(0, at) + word[at + 1]! + word[at]! + word.slice(at + 2),
    word.slice(0, at) + word.slice(at + 1),
    word.slice(0, at) + word[at]! + word.slice(at),
  ]);
}
