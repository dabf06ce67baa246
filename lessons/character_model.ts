/**
 * A language model on scalars: the training loop again, on letters.
 *
 * The model reads the last three letters of a word and gives a score to every letter that could
 * come next. It is a single layer of linear neurons, one for each letter of the alphabet, whose
 * inputs say which letters are where: 1 for each of the three that are there, 0 for all others. A
 * weight whose input is 0 adds nothing, so the scores are just three rows of weights, added up; to
 * look a row up instead of multiplying by zeros and ones is what is called an embedding.
 *
 * The scores become probabilities by softmax, and the loss is −ln of the probability that the model
 * gave to the letter that really came next: cross-entropy. A GPT is trained on the very same loss.
 *
 * @module
 */

import { childSeed, randomUniform } from "../autograd/random.ts";
import { Value } from "../autograd/value.ts";

/** What the model learns to write. */
export const dinosaurs: readonly string[] = [
  "allosaurus",
  "ankylosaurus",
  "brachiosaurus",
  "carnotaurus",
  "ceratosaurus",
  "dilophosaurus",
  "diplodocus",
  "gallimimus",
  "iguanodon",
  "maiasaura",
  "megalosaurus",
  "nodosaurus",
  "oviraptor",
  "parasaurolophus",
  "plateosaurus",
  "plesiosaurus",
  "protoceratops",
  "pteranodon",
  "spinosaurus",
  "stegosaurus",
  "styracosaurus",
  "torosaurus",
  "triceratops",
  "utahraptor",
  "velociraptor",
];

/** Marks where a word begins and where it ends. */
const EDGE = ".";

/** How many letters the model looks back. */
const CONTEXT = 3;

/** Longer words are cut off: an untrained model does not know when to stop. */
const LONGEST = 20;

/** A model of which letter follows which. */
export class CharacterModel {
  /** The letters that it knows, the edge of a word first. */
  readonly alphabet: readonly string[];
  /** `weights[p][a][b]`: what letter `a` at position `p` adds to the score of `b` as the next. */
  readonly weights: readonly (readonly (readonly Value[])[])[];

  /**
   * Makes a model that finds every letter equally likely.
   *
   * @param words The words that it will have to write; only their letters matter here.
   */
  constructor(words: readonly string[]) {
    this.alphabet = [EDGE, ...[...new Set(words.join(""))].sort()];
    this.weights = Array.from(
      { length: CONTEXT },
      () => this.alphabet.map(() => this.alphabet.map(() => new Value(0))),
    );
  }

  /** Every weight of the model. */
  parameters(): Value[] {
    return this.weights.flat(2);
  }

  /**
   * The scores of each letter of the alphabet as the one after `context`.
   *
   * @param context The last letters, as many as the model looks back.
   * @throws {RangeError} If a letter is not in the alphabet.
   */
  scores(context: string): Value[] {
    const rows = [...context].map((letter, position) => {
      const row = this.weights[position]?.[this.alphabet.indexOf(letter)];
      if (row === undefined) {
        throw new RangeError(
          `Cannot score the letter after "${context}": wanted ${CONTEXT} letters out of ` +
            `"${this.alphabet.join("")}", got "${letter}" as letter ${position + 1}`,
        );
      }
      return row;
    });
    return this.alphabet.map((_, i) =>
      rows.map((row) => row[i]!).reduce((sum, score) => sum.add(score))
    );
  }

  /**
   * How surprised the model is by `words`: the mean over their letters of −ln p, where p is the
   * probability that it gave to the letter.
   */
  loss(words: readonly string[]): Value {
    const losses = words.flatMap((word) => {
      const letters = EDGE.repeat(CONTEXT) + word + EDGE;
      return [...letters.slice(CONTEXT)].map((next, i) => {
        const scores = this.scores(letters.slice(i, i + CONTEXT));
        const total = scores.map((score) => score.exp()).reduce((sum, e) => sum.add(e));
        // −ln(exp(score) / total), written so that the exp and the ln cancel.
        return total.log().sub(scores[this.alphabet.indexOf(next)]!);
      });
    });
    return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
  }

  /** Writes a word, a letter at a time, each drawn with the probability that the model gives it. */
  write(seed: number): string {
    let word = "";
    while (word.length < LONGEST) {
      const context = (EDGE.repeat(CONTEXT) + word).slice(-CONTEXT);
      const weights = this.scores(context).map(({ data }) => Math.exp(data));
      let left = randomUniform(seed, word.length) * weights.reduce((sum, weight) => sum + weight);
      const index = weights.findIndex((weight) => (left -= weight) < 0);
      const letter = this.alphabet[index] ?? EDGE;
      if (letter === EDGE) break;
      word += letter;
    }
    return word;
  }
}

/** A model before and after training. */
export interface CharacterTraining {
  /** The letters that it knows. */
  readonly alphabet: readonly string[];
  /** How many weights it has. */
  readonly parameters: number;
  /** How many letters it learned from, the ends of the words included. */
  readonly examples: number;
  /** The loss at each turn of the loop. */
  readonly losses: readonly number[];
  /** What it wrote before the first turn. */
  readonly before: readonly string[];
  /** What it wrote after the last. */
  readonly after: readonly string[];
}

/** What the character model learns, and how. */
export interface CharacterOptions {
  /** The words to learn from; names of dinosaurs by default. */
  readonly words?: readonly string[];
  /** How far an update goes for a gradient of 1; 10 by default. */
  readonly learningRate?: number;
  /** How many updates to make; 60 by default, which take about a second. */
  readonly steps?: number;
  /** Chooses what is written; 1 by default. */
  readonly seed?: number;
}

/**
 * From there to a language model: zero, forward, loss, backward, update, on the letters of words.
 *
 * @throws {RangeError} If there are no words.
 *
 * @example
 * ```ts
 * import { trainCharacterModel } from "./character_model.ts";
 *
 * const { losses } = trainCharacterModel({ steps: 3 });
 * if (!(losses[2]! < losses[0]!)) throw new Error(`the loss did not fall: ${losses}`);
 * ```
 */
export function trainCharacterModel(
  { words = dinosaurs, learningRate = 10, steps = 60, seed = 1 }: CharacterOptions = {},
): CharacterTraining {
  if (words.length === 0) {
    throw new RangeError("Cannot train the character model: wanted at least 1 word, got none");
  }
  const model = new CharacterModel(words);
  const parameters = model.parameters();
  const sample = (): string[] =>
    Array.from({ length: 8 }, (_, i) => model.write(childSeed(seed, i)));

  const before = sample();
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    for (const parameter of parameters) parameter.zeroGrad();
    const loss = model.loss(words);
    loss.backward();
    for (const parameter of parameters) parameter.data -= learningRate * parameter.grad;
    losses.push(loss.data);
  }
  return {
    alphabet: model.alphabet,
    parameters: parameters.length,
    examples: words.reduce((sum, word) => sum + word.length + 1, 0),
    losses,
    before,
    after: sample(),
  };
}
