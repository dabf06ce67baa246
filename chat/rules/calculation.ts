/** Questions for the calculator. @module */

import type { PythonRandom } from "../random/python_random.ts";
import { callCalculator, type Exchange, type Subject } from "./exchange.ts";
import { numerals } from "./facts.ts";
import { type Draft, draft, type Wordings, wordings } from "./wording.ts";

/** An operation: its word in answers, how the calculator takes it, and other ways to ask for it. */
interface Operation {
  readonly word: string;
  readonly symbol: "+" | "-" | "*" | "/";
  /** Between two numbers, with spaces around it. */
  readonly words: readonly string[];
  /** Between two numbers, with spaces or without. */
  readonly signs: readonly string[];
  readonly wordings: Wordings;
}

/** The operations. */
export const operations: readonly Operation[] = [
  {
    word: "plus",
    symbol: "+",
    words: ["plus", "plus", "plus", "added to"],
    signs: ["+"],
    wordings: wordings(
      ".",
      "(add|sum|add up|can you add|please add) {a} (and|to|with) {b}",
      "(what is|what's|find|tell me|give me|) the (sum|total) of {a} and {b}",
      "(what is|what's|how much is|what do you get if you add|what makes) {a} and {b}( together|)",
      "if (i|you|we) add {a} (to|and) {b}, what (is it|do i get|do you get|is the result)",
      "(start with|have|if i have|you have|begin with) {a} and (add|get|put) {b}( more|)",
    ),
  },
  {
    word: "minus",
    symbol: "-",
    words: ["minus", "minus", "less", "take away"],
    signs: ["-"],
    wordings: wordings(
      ".",
      "(subtract|take|take away|can you subtract|please subtract|remove) {b} from {a}",
      "(what is|what's|find|tell me|give me|) the difference (between|of) {a} and {b}",
      "(what is|what's|how much is) {b} (less than|subtracted from|taken from) {a}",
      "(take|use|start with) {a}(,| and|) (then|then you|now|and then) (subtract|take away|remove) {b}",
      "(what is left|how much is left|what remains) (if|when) (i|you|we) take {b} from {a}",
      "(start with|have|if i have|you have|begin with) {a} and (take away|remove|lose|give away) {b}",
    ),
  },
  {
    word: "times",
    symbol: "*",
    words: ["times", "times", "multiplied by", "multiplied with"],
    signs: ["*", "*", "x", "x", "×"],
    wordings: wordings(
      ".",
      "(multiply|can you multiply|please multiply) {a} (by|and|with) {b}",
      "(what is|what's|find|tell me|give me|) the product of {a} and {b}",
      "(what do i get|what do you get|what is it) if (i|you|we) multiply {a} (by|with|and) {b}",
    ),
  },
  {
    word: "divided by",
    symbol: "/",
    words: ["divided by", "divided by", "over", "by"],
    signs: ["/", "/", ":", "÷"],
    wordings: wordings(
      ".",
      "(divide|can you divide|please divide|split) {a} by {b}",
      "(what is|what's|find|tell me|give me|) the quotient of {a} and {b}",
      "(how many times|how often) does {b} (go|fit) into {a}",
      "(what do i get|what do you get|what is it) if (i|you|we) divide {a} by {b}",
    ),
  },
];

/** A calculation and nothing else, which is what most people type first. */
export const bareCalculation = wordings("?", "{sum}", "{sum}", "{sum}( |)=");

/** Wordings around a calculation, such as `7 + 9`. */
export const calculationWordings = wordings(
  "?",
  "(what is|what's|how much is|calculate|compute|what is|what's) {sum}",
  "(work out|solve|figure out|evaluate|do|find|add up|answer|try) {sum}",
  "(tell me|give me|i want to know|i need) (what {sum} is|{sum}|the (result|answer|value) of {sum})",
  "(can|could|will|would) you (calculate|compute|do|solve|work out|tell me|answer) {sum}( for me|)",
  "(do you know|can you tell me|could you tell me) (what {sum} is|{sum}|how much {sum} is)",
  "(what is|what's|how much is|and|how about|what about) {sum}",
  "{sum} (is|equals|makes|gives|is equal to) (what|how much|)",
  "(what|how much) (does|do) {sum} (make|equal|give|come to|add up to)",
  "(what is|what's) the (result|answer|value|solution) (of|to|for) {sum}",
  "(and|plus|then|now|next|so|ok|also) {sum}",
  "(check|compute|count|run|process|crunch|type)( for me|)(:|) {sum}",
  "{sum}(,|:|;|) (what is it|how much is it|answer|result|solve it|please solve|quick)",
  "{sum}(,|) (please|pls|plz|thanks|thx|now|quickly|for me|right now|anyone)",
  "(i|we) (need|have|want|would like) to (know|solve|do|compute|calculate|find) {sum}",
  "(i have|there is|here is) (a|this) (math|calculation|hard|little|quick) (question|problem|exercise|task)(:|,) {sum}",
  "(math|maths|math question|calculation|sum|exercise|problem)(:|) {sum}",
  "(the|) (answer|result|solution)( to| of|:) {sum}",
  "{sum} is (hard|difficult|too hard for me)",
);

/** Chooses two numbers for an operation. */
type ChooseNumbers = (symbol: string, random: PythonRandom) => [number, number];

/** A sum, difference, product or quotient, computed by the calculator. */
export function arithmetic(random: PythonRandom, subject: Subject): Exchange {
  return calculation(random, subject, operations, numbersFor);
}

/**
 * The same with more digits than any synthetic conversation has: a model that was fine-tuned on
 * these conversations usually copies such numbers wrongly, so there is something left to practice.
 */
export function longArithmetic(random: PythonRandom, subject: Subject): Exchange {
  return calculation(random, subject, operations.slice(0, 3), longNumbersFor);
}

/** A calculation that follows up on another: "And 3 x 4?" */
export function nextArithmetic(random: PythonRandom, subject: Subject): Exchange {
  const exchange = arithmetic(random, subject);
  const { slots } = exchange.question;
  if (slots["sum"] === undefined) return exchange;
  return { ...exchange, question: { text: "and {sum}", slots, mark: "?" } };
}

/** Three numbers and two operations. */
export function longerSum(random: PythonRandom): Exchange {
  const [first, second] = [
    random.choice(operations.slice(0, 3)),
    random.choice(operations.slice(0, 3)),
  ];
  const numbers = Array.from({ length: 3 }, () => 1 + random.randbelow(random.choice([9, 20])));
  const [a, b, c] = numbers as [number, number, number];
  const join = (write: (operation: Operation) => string) =>
    `${a}${write(first)}${b}${write(second)}${c}`;
  const expression = join(({ symbol }) => symbol);
  const space = random.choice(["", " "]);
  const sum = random.random() < 0.6
    ? join(({ symbol }) => `${space}${symbol}${space}`)
    : join(({ word }) => ` ${word} `);
  const said = join(({ word }) => ` ${word} `);
  return answered(around(random, sum), expression, said);
}

/** Ways to say a multiplication or a division. */
export const multiples:
  readonly (readonly [said: readonly string[], symbol: "*" | "/", by: number])[] = [
    [["half of", "half of", "half", "one half of"], "/", 2],
    [["a third of", "one third of"], "/", 3],
    [["a quarter of", "one quarter of"], "/", 4],
    [["double", "twice", "the double of", "double of"], "*", 2],
    [["three times", "triple"], "*", 3],
  ];

/** Things that problems count. */
const countable =
  "apples books coins eggs cookies balls cats dogs cars pens cards oranges flowers friends sheep"
    .split(" ");

const someone = "(i have|tom has|she has|he has|if i have|you have|we have|ann has|there are)";

/** The wordings of problems. */
export const problems = {
  more: wordings(
    "?",
    `${someone} {a} {things} and (buy|get|find|add|buys|gets|finds) {b}( more|)(,|.|) how many( {things}|) (do i have|are there|does he have|is that|now|in total|are that)( now|)`,
    `${someone} {a} {things}(,|.|) {b} (more come|are added|more are bought)(,|.|) how many( now| are there|)`,
    "how many are {a} {things} and {b} {things}",
  ),
  fewer: wordings(
    "?",
    `${someone} {a} {things} and (lose|eat|sell|give away|loses|eats|sells|gives away) {b}( of them|)(,|.|) how many( {things}|) (are left|do i have|remain|does he have|now|are there)( now|)`,
    `${someone} {a} {things}(,|.|) {b} (are lost|get lost|are sold|go away)(,|.|) how many (are left|remain)`,
  ),
} satisfies Record<string, Wordings>;

/** Calculations in words: "five plus four", "half of 50", "I have 3 apples and buy 5 more". */
export function spokenArithmetic(random: PythonRandom, subject: Subject): Exchange {
  const exchange = random.choice([inNumerals, inNumerals, multiple, problem]);
  return exchange(random, subject);
}

/** Chooses numbers until they may be asked about. */
function allowed(
  { allowsNumbers }: Subject,
  choose: () => readonly [number, number],
): readonly [number, number] {
  while (true) {
    const [a, b] = choose();
    if (allowsNumbers(a, b)) return [a, b];
  }
}

function inNumerals(random: PythonRandom, subject: Subject): Exchange {
  const operation = random.choice(operations);
  const { words, symbol } = operation;
  const [a, b] = allowed(subject, () => {
    const b = 1 + random.randbelow(12);
    return [
      symbol === "/" ? b * (1 + random.randbelow(Math.floor(20 / b))) : 1 + random.randbelow(20),
      b,
    ];
  });
  const sum = `${numerals[a]} ${random.choice(words)} ${numerals[b]}`;
  return computed(around(random, sum), a, operation, b);
}

function multiple(random: PythonRandom, subject: Subject): Exchange {
  const isSquare = random.random() < 0.2;
  const [said, symbol, by] = random.choice(multiples);
  const [a, b] = allowed(subject, () => {
    const number = 1 + random.randbelow(random.choice([12, 100]));
    if (isSquare) return [number, number];
    return [symbol === "/" && random.random() < 0.8 ? number * by : number, by];
  });
  const operation = operations.find((one) => one.symbol === (isSquare ? "*" : symbol))!;
  const sum = isSquare
    ? random.choice([`${a} squared`, `the square of ${a}`])
    : `${random.choice(said)} ${a}`;
  return computed(around(random, sum), a, operation, b);
}

function problem(random: PythonRandom, subject: Subject): Exchange {
  const isMore = random.random() < 0.5;
  const [plus, minus] = operations;
  const [a, b] = allowed(subject, () => {
    const b = 1 + random.randbelow(random.choice([10, 40]));
    return [isMore ? 1 + random.randbelow(60) : b + random.randbelow(60), b];
  });
  const things = random.choice(countable);
  const slots = { a: `${a}`, b: `${b}`, things };
  const question = draft(random, isMore ? problems.more : problems.fewer, slots);
  return computed(question, a, isMore ? plus! : minus!, b);
}

/** A calculation in one of the wordings. */
function around(random: PythonRandom, sum: string): Draft {
  return draft(random, random.random() < 0.25 ? bareCalculation : calculationWordings, { sum });
}

function calculation(
  random: PythonRandom,
  subject: Subject,
  choices: readonly Operation[],
  numbers: ChooseNumbers,
): Exchange {
  const operation = random.choice(choices);
  const { symbol, words, signs } = operation;
  const [a, b] = allowed(subject, () => numbers(symbol, random));
  const question = random.random() < 0.15
    ? draft(random, operation.wordings, { a: `${a}`, b: `${b}` })
    : around(random, written(random, a, b, words, signs));
  return computed(question, a, operation, b);
}

/** A calculation as people type it: in words, or with a sign, with spaces around it or without. */
function written(
  random: PythonRandom,
  a: number,
  b: number,
  words: readonly string[],
  signs: readonly string[],
): string {
  if (random.random() < 0.4) return `${a} ${random.choice(words)} ${b}`;
  const space = random.random() < 0.5 ? " " : "";
  return `${a}${space}${random.choice(signs)}${space}${b}`;
}

/** An operation on two numbers, and its answer. */
function computed(question: Draft, a: number, { word, symbol }: Operation, b: number): Exchange {
  return answered(question, `${a}${symbol}${b}`, `${a} ${word} ${b}`);
}

/** The call of the calculator, and a sentence with its result. */
function answered(question: Draft, expression: string, said: string): Exchange {
  const answer = callCalculator(expression, (output) => `${said} is ${shortened(output)}`);
  return { question, answer };
}

/** A number at the end of a sentence: `12.`, `2.5.`, or `14.28...` if it has more digits. */
function shortened(output: string): string {
  const [whole, fraction = "0"] = output.split(".") as [string, string?];
  if (fraction === "0") return `${whole}.`;
  return fraction.length <= 2 ? `${output}.` : `${whole}.${fraction.slice(0, 2)}...`;
}

function longNumbersFor(symbol: string, random: PythonRandom): [number, number] {
  if (symbol === "*") return [random.randbelow(900) + 100, random.randbelow(90) + 10];
  return [random.randbelow(9000) + 1000, random.randbelow(900) + 100];
}

/** Numbers of one to three digits, small ones as often as large ones. */
function numbersFor(symbol: string, random: PythonRandom): [number, number] {
  const most = random.choice([10, 100, 1000]);
  const number = (most: number) => random.randbelow(most - 1) + 1;
  if (symbol === "+") return [number(most), number(random.choice([10, most]))];
  if (symbol === "*") return [number(Math.min(most, 100)), number(Math.min(most, 100))];
  const b = number(Math.min(most, 100));
  if (symbol === "/") {
    // A quarter of the quotients are not whole numbers.
    return random.random() < 0.25 ? [number(most), b] : [b * number(20), b];
  }
  return random.random() < 0.1 ? [b, number(most)] : [b + random.randbelow(most), b];
}
