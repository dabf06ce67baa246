/**
 * Questions made by rule, and the one right answer to each.
 *
 * @module
 */

import { calculate } from "../../gpt/generate/calculator.ts";
import type { MessagePart } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";
import { type Country, days, months, opposites, unanswerable, unknownBeginnings } from "./facts.ts";

/** One question of the user and its answer. */
export interface Exchange {
  /** The user's message. */
  readonly question: string;
  /** The assistant's message: text, and calls of the calculator with their output. */
  readonly answer: string | readonly MessagePart[];
}

/** The subjects of questions. */
export interface Subject {
  /** The name of the model. */
  readonly name: string;
  /** Countries to ask about. */
  readonly countries: readonly Country[];
  /** A word to spell or to count in. */
  readonly word: (random: PythonRandom) => string;
  /** Whether two numbers may be asked about: others are kept for an exam. */
  readonly allowsNumbers: (a: number, b: number) => boolean;
}

/** Makes one exchange. */
export type MakeExchange = (random: PythonRandom, subject: Subject) => Exchange;

/** Ways to say hello, and what to answer. */
export function greeting(random: PythonRandom): Exchange {
  return {
    question: random.choice(["Hi", "Hello", "Good morning", "Good evening", "Hi there", "Hey"]) +
      "!",
    answer: random.choice(["Hello! What can I do for you?", "Hello! How can I help you?"]),
  };
}

/** Ways to say good-bye. */
export function goodbye(random: PythonRandom): Exchange {
  return {
    question: random.choice(["Bye", "Good-bye", "See you", "Good night", "I have to go"]) + ".",
    answer: random.choice(["Bye! It was nice to talk to you.", "Good-bye!"]),
  };
}

/** Ways to say thanks. */
export function thanks(random: PythonRandom): Exchange {
  return {
    question: random.choice(["Thanks", "Thank you", "Thank you very much", "That helps"]) + "!",
    answer: "You are welcome!",
  };
}

/** Questions about the model itself. */
export function identity(random: PythonRandom, { name }: Subject): Exchange {
  return random.choice<Exchange>([
    ...["Who are you?", "What are you?", "Tell me who you are.", "Please introduce yourself."].map(
      (question) => ({ question, answer: `I am ${name}, a small language model.` }),
    ),
    ...["What is your name?", "What are you called?", "Tell me your name."].map(
      (question) => ({ question, answer: `My name is ${name}.` }),
    ),
    ...["Who made you?", "Who trained you?", "Where do you come from?"].map(
      (question) => ({ question, answer: "I was trained with nanodino, on one machine." }),
    ),
    ...["What can you do?", "How can you help me?", "What do you know?"].map((question) => ({
      question,
      answer: "I can calculate, spell words, and tell you capitals, currencies and opposites.",
    })),
    ...["Are you a human?", "Are you a person?", "Are you real?"].map(
      (question) => ({ question, answer: `No, I am ${name}, a language model.` }),
    ),
  ]);
}

/** The capital of a country, or the country of a capital. */
export function capital(random: PythonRandom, subject: Subject): Exchange {
  const country = random.choice(subject.countries);
  if (random.random() < 0.25) return countryOf(random, country);
  const { name, capital } = country;
  return {
    question: random.choice([
      `What is the capital of ${name}?`,
      `Tell me the capital of ${name}.`,
      `Which city is the capital of ${name}?`,
      `The capital of ${name}?`,
      `Do you know the capital of ${name}?`,
    ]),
    answer: `The capital of ${name} is ${capital}.`,
  };
}

/** The country of a capital. */
export function countryOfCapital(random: PythonRandom, { countries }: Subject): Exchange {
  return countryOf(random, random.choice(countries));
}

function countryOf(random: PythonRandom, { name, capital }: Country): Exchange {
  return {
    question: random.choice([
      `Which country has the capital ${capital}?`,
      `${capital} is the capital of which country?`,
    ]),
    answer: `${capital} is the capital of ${name}.`,
  };
}

/** The currency of a country. */
export function currency(random: PythonRandom, { countries }: Subject): Exchange {
  const { name, currency } = random.choice(countries);
  return {
    question: random.choice([
      `What is the currency of ${name}?`,
      `Which currency does ${name} use?`,
      `What do people pay with in ${name}?`,
    ]),
    answer: `The currency of ${name} is the ${currency}.`,
  };
}

/** The opposite of a word. */
export function opposite(random: PythonRandom): Exchange {
  const pair = random.choice(opposites);
  const [word, other] = random.random() < 0.5 ? pair : [pair[1], pair[0]];
  return {
    question: random.choice([
      `What is the opposite of ${word}?`,
      `Tell me the opposite of ${word}.`,
      `The opposite of ${word}?`,
      `What is the contrary of ${word}?`,
    ]),
    answer: `The opposite of ${word} is ${other}.`,
  };
}

/** The day or month before or after another. */
export function calendar(random: PythonRandom): Exchange {
  const names = random.choice([days, months]);
  const at = random.randbelow(names.length);
  const name = names[at]!;
  if (random.random() < 0.3) {
    const before = names[(at + names.length - 1) % names.length]!;
    return {
      question: random.choice([`What comes before ${name}?`, `Which one precedes ${name}?`]),
      answer: `Before ${name} comes ${before}.`,
    };
  }
  const after = names[(at + 1) % names.length]!;
  return {
    question: random.choice([`What comes after ${name}?`, `Which one follows ${name}?`]),
    answer: `After ${name} comes ${after}.`,
  };
}

/** In words, as people type them, and as the calculator takes them. */
const operations = [
  ["plus", "+", "+"],
  ["minus", "-", "-"],
  ["times", "*", "*"],
  ["divided by", "/", "//"],
] as const;

/** Chooses two numbers for an operation. */
type ChooseNumbers = (symbol: string, random: PythonRandom) => [number, number];

/** A sum, difference, product or quotient, computed by the calculator. */
export function arithmetic(random: PythonRandom, subject: Subject): Exchange {
  return calculation(random, subject, operations, numbersFor);
}

/**
 * The same with more digits than any conversation made by rule has: a model that was fine-tuned on these
 * copies such numbers wrongly more often than not, and has something to learn by practice.
 */
export function longArithmetic(random: PythonRandom, subject: Subject): Exchange {
  return calculation(random, subject, operations.slice(0, 3), longNumbersFor);
}

function calculation(
  random: PythonRandom,
  { allowsNumbers }: Subject,
  choices: readonly (readonly [word: string, sign: string, symbol: string])[],
  numbers: ChooseNumbers,
): Exchange {
  const [word, sign, symbol] = random.choice(choices);
  let [a, b] = numbers(symbol, random);
  while (!allowsNumbers(a, b)) [a, b] = numbers(symbol, random);
  const expression = `${a}${symbol}${b}`;
  const result = calculate(expression)!;
  const asked = `${a} ${random.random() < 0.3 ? sign : word} ${b}`;
  return {
    question: random.choice([
      `What is ${asked}?`,
      `How much is ${asked}?`,
      `Calculate ${asked}.`,
      `${asked}?`,
    ]),
    answer: [
      { type: "python", text: expression },
      { type: "python_output", text: result },
      { type: "text", text: `${a} ${word} ${b} is ${result}.` },
    ],
  };
}

function longNumbersFor(symbol: string, random: PythonRandom): [number, number] {
  if (symbol === "*") return [random.randbelow(900) + 100, random.randbelow(90) + 10];
  return [random.randbelow(9000) + 1000, random.randbelow(900) + 100];
}

function numbersFor(symbol: string, random: PythonRandom): [number, number] {
  if (symbol === "+") return [random.randbelow(999) + 1, random.randbelow(999) + 1];
  if (symbol === "*") return [random.randbelow(98) + 2, random.randbelow(98) + 2];
  const b = random.randbelow(98) + 2;
  if (symbol === "-") return [b + random.randbelow(900), b];
  return [b * (random.randbelow(20) + 1), b];
}

/** A word, spelled. */
export function spelling(random: PythonRandom, { word: pick }: Subject): Exchange {
  const word = pick(random);
  return {
    question: random.choice([
      `How do you spell ${word}?`,
      `Spell ${word}.`,
      `Spell the word ${word}.`,
      `Can you spell ${word}?`,
    ]),
    answer: spelled(word),
  };
}

/** How many of a letter are in a word: counted by the calculator, in the spelled word. */
export function counting(random: PythonRandom, { word: pick }: Subject): Exchange {
  const word = pick(random);
  const letter = random.random() < 0.9
    ? random.choice(word)
    : random.choice("abcdefghijklmnopqrstuvwxyz");
  // Single letters are the same tokens wherever they stand; the tokens of a word after a quote are others
  // than those after a space.
  const expression = `'${spelled(word)}'.count('${letter}')`;
  const count = calculate(expression)!;
  const statement = count === "1" ? `There is 1 ${letter}` : `There are ${count} ${letter}`;
  return {
    question: random.choice([
      `How many ${letter} are in ${word}?`,
      `How many ${letter} does ${word} have?`,
      `Count the ${letter} in ${word}.`,
      `How often is ${letter} in ${word}?`,
    ]),
    answer: [
      { type: "python", text: expression },
      { type: "python_output", text: count },
      { type: "text", text: `${statement} in it.` },
    ],
  };
}

function spelled(word: string): string {
  return [...word].join(" ");
}

/** Questions that the model cannot answer. */
export function unknown(random: PythonRandom, { word }: Subject): Exchange {
  const aboutAnything = () => {
    const year = 1950 + random.randbelow(80);
    const end = random.choice(["", " last year", " in town", ` in ${year}`]);
    return `${random.choice(unknownBeginnings)} the ${word(random)}${end}`;
  };
  return {
    question: (random.random() < 0.4 ? random.choice(unanswerable) : aboutAnything()) + "?",
    answer: "I am sorry, I do not know that.",
  };
}

/** The user's name, given. */
export function introduction(random: PythonRandom, name: string): Exchange {
  return {
    question: random.choice([
      `My name is ${name}.`,
      `I am ${name}.`,
      `Hello, my name is ${name}.`,
      `Call me ${name}.`,
    ]),
    answer: `Nice to meet you, ${name}!`,
  };
}

/** The user's name, asked for. */
export function recollection(random: PythonRandom, name: string): Exchange {
  return {
    question: random.choice([
      "What is my name?",
      "Do you remember my name?",
      "Who am I?",
      "Tell me my name.",
    ]),
    answer: `Your name is ${name}.`,
  };
}
