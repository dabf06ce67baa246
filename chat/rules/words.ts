/** Questions about words: their opposites, and their letters. @module */

import { calculate } from "../../gpt/generate/calculator.ts";
import type { PythonRandom } from "../random/python_random.ts";
import type { Exchange, Subject } from "./exchange.ts";
import { oneWayOpposites, opposites } from "./facts.ts";
import { draft, type Wordings, wordings } from "./wording.ts";

const ask =
  "(what is|what's|tell me|give me|name|do you know|can you tell me|i want to know|find|)";

/** The wordings of this module. */
export const aboutWords = {
  opposite: wordings(
    "?",
    "(what is|what's) the opposite of {word}",
    `${ask} the (opposite|contrary|antonym|reverse) (of|to) {word}`,
    `${ask} (the opposite|an antonym) (of|for) the word {word}`,
    "(the|) opposite( of|) {word}",
    "{word}(:|,|) (opposite|antonym)",
    "(which|what) (word|one) (is|means) the opposite of {word}",
    "{word} is the opposite of( what|)",
    "(do you know|can you tell me) what the opposite of {word} is",
    "what (would be|do you call) the opposite of {word}",
    "(if it is not|if not|not) {word}, (then what|what is it)",
  ),
  nextOpposite: wordings(
    "?",
    "and( of|) {word}",
    "(what|how) about {word}",
    "{word}",
    "(now|then|and the opposite of|next|also) {word}",
  ),
  spelling: wordings(
    "?",
    "(how do you|how do i|how can i|how would you|how to|how does one) (spell|write) {word}",
    "(spell|spell out|please spell|spell me) {word}",
    "(spell|spell out|please spell) the word {word}",
    "(can|could|will|would) you( please|) (spell|spell out) (the word |){word}( for me|)",
    "how is( the word|) {word} (spelled|spelt|written)",
    "(what is|what's|tell me|give me|) the (spelling|correct spelling) of {word}",
    "(what are|tell me|give me|list|show me|say|name|) the letters (of|in) {word}",
    "(what|which) letters (are in|does|make up|form) {word}",
    "{word}(,|:|) (spelled|letter by letter|spelling|spell it|spell|in letters)",
    "(i want to know|tell me|do you know|show me) how to (spell|write) {word}",
    "(say|write|spell) {word} letter by letter",
    "(break|split) {word} into( its|) letters",
  ),
  nextSpelling: wordings(
    "?",
    "and {word}",
    "(what|how) about {word}",
    "(now|then|next|also|and now) {word}",
    "{word}",
  ),
  spellings: wordings(
    ".",
    "(spell|spell out|please spell|write|can you spell) {words}",
    "(spell|how do you spell|please spell|can you spell) (these|the|the following|these {count}) words:( |){words}",
    "(how do you spell|how do i spell|spell for me:|spelling of) {words}",
    "(what are the letters of|the letters of|spell the words) {words}",
    "{words}(:|,|) (letter by letter|spelled|in letters)",
  ),
  counting: wordings(
    "?",
    "how many {letters} (are|are there|do you see|can you find|do you find) in {word}",
    "how many {letters} (does|does the word) {word} have",
    "(count|count up|please count|can you count) the {letters} in {word}",
    "(how often|how many times) (is|does the letter) {letter}( come| appear| occur| stand|) in {word}",
    "how many {letters} in {word}",
    "(what is|tell me|give me|find|) the number of {letters} in {word}",
    "(how many|number of) times (does |){letter} (appears|appear|is|occurs) in {word}",
    "(do you know|tell me|can you tell me|say) how many {letters} (are in|there are in|are there in) {word}",
    "{word}(:|,|) how many {letters}",
    "in {word}, how many {letters} are there",
    "how many of the letter {letter} (are in|does) {word}",
  ),
} satisfies Record<string, Wordings>;

/** The opposite of a word. */
export function opposite(random: PythonRandom): Exchange {
  const [word, other] = pairOfOpposites(random);
  return {
    question: draft(random, aboutWords.opposite, { word }),
    answer: `The opposite of ${word} is ${other}.`,
  };
}

/** The opposites of two words: "And of big?" */
export function twoOpposites(random: PythonRandom): readonly Exchange[] {
  const second = opposite(random);
  return [opposite(random), {
    ...second,
    question: draft(random, aboutWords.nextOpposite, second.question.slots),
  }];
}

function pairOfOpposites(random: PythonRandom): readonly [string, string] {
  const pair = random.choice([...opposites, ...oneWayOpposites]);
  const isOneWay = oneWayOpposites.includes(pair);
  return isOneWay || random.random() < 0.5 ? pair : [pair[1], pair[0]];
}

/** A word, spelled. */
export function spelling(random: PythonRandom, subject: Subject): Exchange {
  const word = asked(random, subject);
  return {
    question: {
      ...draft(random, aboutWords.spelling, { word: quoted(random, word) }),
      isRepeated: true,
    },
    answer: spelled(word),
  };
}

/** A word, spelled, and then another: "And stone?" */
export function twoSpellings(random: PythonRandom, subject: Subject): readonly Exchange[] {
  const second = spelling(random, subject);
  return [spelling(random, subject), {
    ...second,
    question: {
      ...draft(random, aboutWords.nextSpelling, second.question.slots),
      isRepeated: true,
    },
  }];
}

/**
 * Two to five words, spelled in one answer. Of all that is taught, spelling takes the most examples, since
 * every token has letters of its own; this way there are more of them in as many tokens.
 */
export function spellings(random: PythonRandom, subject: Subject): Exchange {
  const words = Array.from({ length: 2 + random.randbelow(4) }, () => asked(random, subject));
  const last = random.choice([", ", " and ", ", and "]);
  const slots = { words: `${words.slice(0, -1).join(", ")}${last}${words.at(-1)!}` };
  const count = ["two", "three", "four", "five"][words.length - 2]!;
  return {
    question: { ...draft(random, aboutWords.spellings, { ...slots, count }), isRepeated: true },
    answer: words.map(spelled).join(", "),
  };
}

/** How many of a letter are in a word: counted by the calculator, in the spelled word. */
export function counting(random: PythonRandom, subject: Subject): Exchange {
  const word = subject.word(random);
  const letter = random.random() < 0.9
    ? random.choice(word)
    : random.choice("abcdefghijklmnopqrstuvwxyz");
  // Single letters are the same tokens wherever they stand; the tokens of a word after a quote are others
  // than those after a space.
  const expression = `'${spelled(word)}'.count('${letter}')`;
  const count = calculate(expression)!;
  const statement = count === "1" ? `There is 1 ${letter}` : `There are ${count} ${letter}`;
  const letters = random.choice([letter, letter, `${letter}'s`, `${letter}s`, `letters ${letter}`]);
  const slots = { word: quoted(random, word), letter, letters };
  return {
    question: { ...draft(random, aboutWords.counting, slots), isRepeated: true },
    answer: [
      { type: "python", text: expression },
      { type: "python_output", text: count },
      { type: "text", text: `${statement} in it.` },
    ],
  };
}

/** A word to spell, which a few write with a capital letter. */
function asked(random: PythonRandom, { word }: Subject): string {
  const text = word(random);
  return random.random() < 0.04 ? text[0]!.toUpperCase() + text.slice(1) : text;
}

/** A word in a question, in quotes now and then. */
function quoted(random: PythonRandom, word: string): string {
  if (random.random() >= 0.06) return word;
  const quote = random.choice(["'", '"']);
  return `${quote}${word}${quote}`;
}

function spelled(word: string): string {
  return [...word].join(" ");
}
