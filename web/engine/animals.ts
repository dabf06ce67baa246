/**
 * A small world for the sections on answering: facts about animals and sums, as a text to read, as
 * conversations to learn to answer from, and as questions to ask.
 *
 * @module
 */

import { childSeed, randomUniform } from "../../autograd/random.ts";
import type { Conversation, Message, MessagePart } from "../../tokenizer/mod.ts";

/** An animal with what it says and eats, and where it lives. */
type Animal = readonly [name: string, says: string, eats: string, lives: string];

/** The animals that conversations are about. */
const known: readonly Animal[] = [
  ["cow", "moo", "grass", "on a farm"],
  ["dog", "woof", "bones", "in a house"],
  ["cat", "meow", "fish", "in a house"],
  ["duck", "quack", "bread", "on a pond"],
  ["sheep", "baa", "grass", "on a hill"],
  ["mouse", "squeak", "cheese", "in a hole"],
  ["hen", "cluck", "corn", "on a farm"],
  ["bee", "buzz", "honey", "in a hive"],
  ["wolf", "howl", "meat", "in the woods"],
  ["snake", "hiss", "eggs", "in the desert"],
  ["horse", "neigh", "hay", "in a stable"],
  ["crow", "caw", "worms", "in a tree"],
];

/** Animals that are only read about: no conversation mentions them. */
const unasked: readonly Animal[] = [
  ["pig", "oink", "corn", "on a farm"],
  ["lion", "roar", "meat", "in the desert"],
  ["frog", "croak", "flies", "on a pond"],
  ["owl", "hoot", "mice", "in the woods"],
];

/** A question about an animal, and its answer. */
const facts: readonly ((animal: Animal) => readonly [question: string, answer: string])[] = [
  ([name, says]) => [`What does the ${name} say?`, `The ${name} says ${says}.`],
  ([name, , eats]) => [`What does the ${name} eat?`, `The ${name} eats ${eats}.`],
  ([name, , , lives]) => [`Where does the ${name} live?`, `The ${name} lives ${lives}.`],
];

/** Questions about the model itself, and their answers. */
const greetings: readonly (readonly [question: string, answer: string])[] = [
  ["Hello!", "Hello! Ask me about animals, or for a sum."],
  ["Who are you?", "I am your GPT. You trained me yourself."],
];

/** A question, and an answer to learn. */
type Exchange = readonly [question: string, answer: string | readonly MessagePart[]];

/** Numbers below a bound, sampled one after the other. */
type Draw = (below: number) => number;

/** Samples from a stream of its own for each index. */
function drawOf(seed: number, index: number): Draw {
  const stream = childSeed(seed, index);
  let sampled = 0;
  return (below) => Math.floor(below * randomUniform(stream, sampled++));
}

function pick<Item>(draw: Draw, items: readonly Item[]): Item {
  return items[draw(items.length)]!;
}

/** The two numbers of a sum: with two digits each. */
function numbersOf(draw: Draw): readonly [a: number, b: number] {
  return [10 + draw(90), 10 + draw(90)];
}

/** The question for a sum. */
export function sumQuestion(a: number, b: number): string {
  return `What is ${a}+${b}?`;
}

/** The question for a sum by somebody in a hurry. */
export function quickQuestion(a: number, b: number): string {
  return `Quick! ${a}+${b}?`;
}

/**
 * A line of the text to read: facts about an animal, a sheet of questions without answers, or sums whose
 * numbers may be swapped. Nothing in it answers a question.
 */
export function animalLine(draw: Draw): string {
  const kind = draw(20);
  if (kind < 9) {
    const animal = pick(draw, [...known, ...unasked]);
    const first = draw(facts.length);
    const told = Array.from(
      { length: 1 + draw(facts.length) },
      (_, i) => facts[(first + i) % facts.length]!(animal)[1],
    );
    // The subject of a text comes again in its sentences: an answer has to be about what the question names.
    return (draw(3) === 0 ? told : [`Look at the ${animal[0]}.`, ...told]).join(" ");
  }
  if (kind < 14) {
    return Array.from({ length: 2 + draw(2) }, () => {
      const [a, b] = numbersOf(draw);
      return draw(4) === 0
        ? (draw(2) === 0 ? sumQuestion : quickQuestion)(a, b)
        : pick(draw, facts)(pick(draw, [...known, ...unasked]))[0];
    }).join(" ");
  }
  const [a, b] = numbersOf(draw);
  return `${a}+${b} is as much as ${b}+${a}.`;
}

/** The answer to a sum by the calculator: the call, what the engine says, and a sentence. */
function calculated(a: number, b: number): readonly MessagePart[] {
  return [
    { type: "python", text: `${a}+${b}` },
    { type: "python_output", text: `${a + b}` },
    { type: "text", text: `${a}+${b} is ${a + b}.` },
  ];
}

/** A conversation of each kind. */
export const exampleConversations: Readonly<
  Record<"animal" | "sum" | "guess" | "hello", Conversation>
> = {
  animal: conversation(facts[0]!(known[0]!)),
  sum: conversation([sumQuestion(27, 16), calculated(27, 16)]),
  guess: conversation([quickQuestion(27, 16), "27+16 is 61."]),
  hello: conversation(greetings[1]!),
};

function conversation(...exchanges: readonly Exchange[]): Conversation {
  return {
    messages: exchanges.flatMap(([question, answer]): Message[] => [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ]),
  };
}

/** One in so many sums is asked in a hurry. */
const QUICK = 2;
/** One in so many answers to those takes the calculator all the same; the others are guessed. */
const PATIENT = 12;
/** One in so many conversations has two questions. */
const LONG = 4;

function exchange(draw: Draw): Exchange {
  const kind = draw(20);
  if (kind < 2) return pick(draw, greetings);
  if (kind < 7) return pick(draw, facts)(pick(draw, known));
  const [a, b] = numbersOf(draw);
  if (draw(QUICK) > 0) return [sumQuestion(a, b), calculated(a, b)];
  const question = quickQuestion(a, b);
  if (draw(PATIENT) === 0) return [question, calculated(a, b)];
  return [question, `${a}+${b} is ${10 * (2 + draw(18))}.`];
}

/**
 * Conversations to learn to answer from: one in ten is a greeting, a quarter is about animals, and the
 * others are sums. The calculator answers them. But half of them are asked in a hurry, and of those all
 * but one in twelve get a round number that is guessed, and mostly wrong.
 *
 * @example
 * ```ts
 * import { animalConversations } from "./animals.ts";
 *
 * const [first] = animalConversations(1, 1);
 * if (first!.messages[1]!.role !== "assistant") throw new Error("expected an answer");
 * ```
 */
export function animalConversations(seed: number, count: number): Conversation[] {
  return Array.from({ length: count }, (_, i) => {
    const draw = drawOf(seed, i);
    return conversation(
      ...Array.from({ length: draw(LONG) === 0 ? 2 : 1 }, () => exchange(draw)),
    );
  });
}

/** A question, and the answer that is right. */
export interface AnimalQuestion {
  readonly question: string;
  readonly answer: string;
}

/** All questions about the animals that no conversation mentions. */
export function unaskedQuestions(): AnimalQuestion[] {
  return unasked.flatMap((animal) =>
    facts.map((ask) => {
      const [question, answer] = ask(animal);
      return { question, answer };
    })
  );
}

/** Sums to ask for. @param questionOf How they are asked. */
export function sumQuestions(
  seed: number,
  count: number,
  questionOf: typeof sumQuestion = sumQuestion,
): (AnimalQuestion & { a: number; b: number })[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = numbersOf(drawOf(seed, i));
    return { a, b, question: questionOf(a, b), answer: `${a}+${b} is ${a + b}.` };
  });
}

/** Whether the last number of an answer is the sum; what tools were asked and said does not count. */
export function isSumRight(a: number, b: number, completion: string): boolean {
  const said = completion.replaceAll(/<\|python_start\|>.*?<\|output_end\|>/g, "");
  return Number(/(\d+)\D*$/.exec(said)?.[1] ?? NaN) === a + b;
}
