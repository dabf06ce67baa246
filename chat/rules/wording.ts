/**
 * How people type a message: in lower case, without marks, with typing errors, with "please" and "ur".
 *
 * @module
 */

import type { PythonRandom } from "../random/python_random.ts";
import { beginsWithSlot, expandTemplate, readTemplate, type Template } from "./grammar.ts";

/** The texts of slots; a function returns another text each time. */
export type Slots = Readonly<Record<string, string | (() => string)>>;

/** A message of a user before it is written down. */
export interface Draft {
  /** The message in lower case, with slots: `what is the capital of {country}`. */
  readonly text: string;
  /** The texts of the slots. */
  readonly slots: Slots;
  /** How the message ends in careful writing. */
  readonly mark: Mark;
  /**
   * Whether the answer copies the texts of the slots letter by letter, so that their case must not
   * change.
   */
  readonly isRepeated?: boolean;
  /** Whether the message stands alone, with nothing before or after it. */
  readonly isWhole?: boolean;
}

/** A mark at the end of a message. */
export type Mark = "?" | "." | "!";

/** The templates of one kind of message, by the mark that ends them in careful writing. */
export interface Wordings {
  readonly mark: Mark;
  readonly templates: readonly Template[];
  /** Whether such a message stands alone, like a greeting. */
  readonly isWhole: boolean;
  /** The templates that begin with a slot, and the others, if a share of the messages is to begin so. */
  readonly parts?: readonly [slotFirst: readonly Template[], others: readonly Template[]];
}

/** Reads the templates of messages that end with a mark. */
export function wordings(mark: Mark, ...sources: readonly string[]): Wordings {
  return { mark, templates: sources.map(readTemplate), isWhole: false };
}

/** The same for messages that stand alone. */
export function wholeMessages(mark: Mark, ...sources: readonly string[]): Wordings {
  return { ...wordings(mark, ...sources), isWhole: true };
}

/** The share of messages that begin with a slot; see {@linkcode slotFirst}. */
const SLOT_FIRST = 0.3;

/**
 * Makes three of ten messages begin with their slot: "Peru, what is its capital?" At the very
 * beginning, a word has other tokens than after a space, and a model has to learn both.
 */
export function slotFirst(wordings: Wordings): Wordings {
  const others = wordings.templates.filter((template) => !beginsWithSlot(template));
  return { ...wordings, parts: [wordings.templates.filter(beginsWithSlot), others] };
}

/**
 * Chooses one of the wordings. The first templates come more often, since they are what most people say:
 * of ten, the first is chosen in 22 and the last in 7 of 100 cases.
 */
export function draft(
  random: PythonRandom,
  { mark, templates, isWhole, parts }: Wordings,
  slots: Slots = {},
): Draft {
  const choices = parts?.[random.random() < SLOT_FIRST ? 0 : 1] ?? templates;
  const place = Math.floor(choices.length * random.random() ** 1.5);
  const text = expandTemplate(choices[place]!, random);
  return { text, slots, mark, ...(isWhole ? { isWhole } : {}) };
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

/**
 * Words that imperatives begin with; these end with a period even where other wordings are
 * questions.
 */
const isOrder =
  /^ *(please )?(add|answer|break|calculate|carry|compute|continue|count|divide|do|evaluate|explain|figure|find|give|go|help|introduce|keep|list|multiply|name|remind|repeat|say|show|solve|spell|split|subtract|take|tell|try|work|write)\b(?! (you|they|people|i)\b)/;

function markOf(text: string, mark: Mark): Mark {
  return mark === "?" && isOrder.test(text) ? "." : mark;
}

/** Openings of messages: people continue a conversation, or say why they ask. */
export const openings: readonly Template[] = [
  "(and|now|please|so|then|okay,|ok|hey,|hi,|hello,|well,|but|also,|um,|sorry,|just|hey|oh,)",
  "(one more:|next:|(a |quick |one |another )question:|here is one:|listen:|question:|let's see:)",
].map(readTemplate);

/** More openings, for questions only. */
export const reasons: readonly Template[] = [
  "(my|our|his|the) (teacher|son|daughter|boss|friend|mother|wife|brother|class|dad) (asks|wants to know|asked|wonders|needs to know):",
  "(i forgot|i do not know|i don't know|i am not sure|no idea|i wonder|i am curious|just curious|i ask myself)(:|,)",
  "(for|it is for|this is for) (my|a|the|our) (homework|quiz|test|school|trip|game|exam|crossword)(:|,)",
  "(help|help me|can you help me|please help|i need help|i need help with)(:|,|)",
  "(remind me|guess|just tell me|explain|look up|check|answer this|would you know|any idea|who knows)(:|,|)",
  "(my|our|the) (kids|neighbor|sister|grandma|boyfriend|girlfriend|daughter|students|colleague) (asked me|would like to know|want to know|keep asking|told me to ask)(:|,|)",
  "(i have to know|i need to know|i would like to know|i was wondering|i am trying to remember|i always forget|i keep forgetting|i have a question)(:|,)",
  "(random|silly|stupid|simple|easy|hard|serious|important|last|first|small|real) question(:|,)",
  "(hi, i have a question|hello, one question|hey, quick one|good morning, tell me|hi there, tell me|excuse me|sorry to bother you|so listen|okay so|alright|tell me something)(:|,)",
  "(we were talking about this|i had a bet|we have an argument|i saw this on tv|this came up at dinner|i read about it)(:|,)",
].map(readTemplate);

/** Closings of messages. */
export const closings: readonly Template[] = [
  "(please|, please|pls|thanks|for me|for me please|now|then|again|exactly|in short)",
].map(readTemplate);

/** More closings, for questions only. */
export const additions: readonly Template[] = [
  ", (do you know|can you tell me|any idea|i forgot|if you know|i need it for school|help|quickly|right now)",
].map(readTemplate);

/** Filler words that people put into a message. */
export const fillers: readonly string[] = [
  "actually",
  "really",
  "like",
  "um",
  "uh",
  "honestly",
  "maybe",
  "simply",
  "quickly",
  "please",
  "well",
  "basically",
  "you know",
  "again",
  "kindly",
  "by chance",
  "possibly",
  "dear",
  "hm",
];

/** Small words that hasty writers leave out. */
export const droppable: readonly string[] = ["is", "are", "the", "a", "an", "do", "does"];

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
  thanks: ["thx"],
};

/**
 * Writes a message as people type it.
 *
 * @param isLater Whether something was said before it.
 */
export function writeHastily(
  { text, slots, mark, isRepeated = false, isWhole = false }: Draft,
  random: PythonRandom,
  isLater: boolean,
): string {
  const said = !isWhole && random.random() < 0.06 ? dropSmallWords(text) : text;
  let written = isWhole ? said : surround(said, mark, random, isLater);
  if (!isWhole && random.random() < 0.1) written = insertFiller(written, random);
  const isLower = random.random() < 0.5;
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

/** A message with what people say before and after what they ask. */
function surround(text: string, mark: Mark, random: PythonRandom, isLater: boolean): string {
  const choose = (templates: readonly Template[]) =>
    expandTemplate(random.choice(templates), random);
  const isQuestion = mark === "?";
  const [before, after] = [random.random(), random.random()];
  const begin = before < (isLater ? 0.2 : 0.1)
    ? choose(openings)
    : before > 0.9 && isQuestion
    ? choose(reasons)
    : "";
  const end = after < 0.05 ? choose(closings) : after > 0.96 && isQuestion ? choose(additions) : "";
  return `${begin} ${text} ${end}`;
}

/** Inserts a filler word between two words. */
function insertFiller(text: string, random: PythonRandom): string {
  const words = text.split(" ");
  return words.toSpliced(1 + random.randbelow(words.length), 0, random.choice(fillers)).join(" ");
}

/** The text without its small words. */
function dropSmallWords(text: string): string {
  return text.split(" ").filter((word) => !droppable.includes(word)).join(" ");
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

/** The same with a capital letter at the beginning of each sentence, unless the answer copies its first word. */
function fillWithCapital(text: string, slots: Slots, isRepeated: boolean): string {
  const filled = fill(text.replace(/[.!?] +[a-z]/g, (start) => start.toUpperCase()), slots);
  if (filled === "" || (isRepeated && text.startsWith("{"))) return filled;
  return withCapital(filled);
}

/** A text with a capital letter first. */
export function withCapital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
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
