/**
 * A character-level language model on scalars: the same training loop, on letters.
 *
 * The model reads the last three letters of a word and computes a logit for each letter that could
 * come next. It is one linear layer on one-hot inputs: 1 for each of the three letters in its position,
 * 0 for all others. An input of 0 adds nothing, so the logits are the sum of three rows of weights.
 * Looking rows up instead of multiplying by zeros and ones is an embedding.
 *
 * Softmax turns logits into probabilities, and the loss is −ln of the probability of the actual next
 * letter: cross-entropy, as for a GPT.
 *
 * @module
 */

import { childSeed, randomUniform } from "../autograd/random.ts";
import { Value } from "../autograd/value.ts";
import { dinosaurs } from "./dinosaurs.ts";

/** Marks the beginning and the end of a word. */
const EDGE = ".";

const CONTEXT = 3;

/** Maximum length of a sampled word: an untrained model may not end one. */
const MAX_LETTERS = 20;

/** A model of the next letter, given the last three. */
export class CharacterModel {
  /** The vocabulary; the mark of a word's beginning and end comes first. */
  readonly alphabet: readonly string[];
  /** `weights[p][a][b]`: what letter `a` at position `p` adds to the logit of `b`. */
  readonly weights: readonly (readonly (readonly Value[])[])[];

  /** A model that predicts every letter of `words` with equal probability. */
  constructor(words: readonly string[]) {
    this.alphabet = [EDGE, ...[...new Set(words.join(""))].sort()];
    this.weights = Array.from(
      { length: CONTEXT },
      () => this.alphabet.map(() => this.alphabet.map(() => new Value(0))),
    );
  }

  /** All weights. */
  parameters(): Value[] {
    return this.weights.flat(2);
  }

  /**
   * The logits of the next letter, one for each letter of the alphabet, given the last three.
   *
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
   * The cross-entropy of `words`: the mean of −ln p over their letters, where p is the predicted
   * probability of the letter.
   */
  loss(words: readonly string[]): Value {
    const losses = words.flatMap((word) => {
      const letters = EDGE.repeat(CONTEXT) + word + EDGE;
      return [...letters.slice(CONTEXT)].map((next, i) => {
        const scores = this.scores(letters.slice(i, i + CONTEXT));
        const total = scores.map((score) => score.exp()).reduce((sum, e) => sum.add(e));
        // −ln(exp(score) / total) = ln(total) − score.
        return total.log().sub(scores[this.alphabet.indexOf(next)]!);
      });
    });
    return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
  }

  /**
   * The predicted probability of each letter of the alphabet after the last three, in its order.
   *
   * @throws {RangeError} If a letter is not in the alphabet.
   */
  probabilities(context: string): number[] {
    const weights = this.scores(context).map(({ data }) => Math.exp(data));
    const total = weights.reduce((sum, weight) => sum + weight);
    return weights.map((weight) => weight / total);
  }

  /** Samples a word letter by letter from the predicted probabilities. */
  write(seed: number): string {
    let word = "";
    while (word.length < MAX_LETTERS) {
      const context = (EDGE.repeat(CONTEXT) + word).slice(-CONTEXT);
      let left = randomUniform(seed, word.length);
      const index = this.probabilities(context).findIndex((share) => (left -= share) < 0);
      const letter = this.alphabet[index] ?? EDGE;
      if (letter === EDGE) break;
      word += letter;
    }
    return word;
  }
}

/** The course and the result of training a character model. */
export interface CharacterTraining {
  /** The model, trained. */
  readonly model: CharacterModel;
  /** The vocabulary. */
  readonly alphabet: readonly string[];
  /** Number of weights. */
  readonly parameters: number;
  /** Number of training examples: letters, including the ends of words. */
  readonly examples: number;
  /** Cross-entropy at each step. */
  readonly losses: readonly number[];
  /** Words sampled before training. */
  readonly before: readonly string[];
  /** Words sampled after training. */
  readonly after: readonly string[];
}

/** Options for {@linkcode trainCharacterModel}. */
export interface CharacterOptions {
  /** Training words; by default names of dinosaurs. */
  readonly words?: readonly string[];
  /** The learning rate. @default {10} */
  readonly learningRate?: number;
  /** Number of updates; 60 take about a second. @default {60} */
  readonly steps?: number;
  /** Random seed of the sampled words. @default {1} */
  readonly seed?: number;
}

/** A step of training a character model. */
export interface CharacterStep {
  /** Updates so far. */
  readonly step: number;
  /** The cross-entropy before the update. */
  readonly loss: number;
  /** A word sampled after it. */
  readonly word: string;
  /** The model after it; the next step changes it. */
  readonly model: CharacterModel;
}

/**
 * Trains a {@linkcode CharacterModel} step by step, and samples a word after each one.
 *
 * @throws {RangeError} If there are no words.
 *
 * @example
 * ```ts
 * import { characterSteps } from "./character_model.ts";
 *
 * for (const { step, loss, word } of characterSteps({ steps: 3 })) console.log(step, loss, word);
 * ```
 */
export function* characterSteps(
  { words = dinosaurs, learningRate = 10, steps = 60, seed = 1 }: CharacterOptions = {},
): Generator<CharacterStep, void, void> {
  const model = newModel(words);
  for (let step = 1; step <= steps; step++) {
    const loss = update(model, words, learningRate);
    yield { step, loss, word: model.write(childSeed(seed, step)), model };
  }
}

function newModel(words: readonly string[]): CharacterModel {
  if (words.length > 0) return new CharacterModel(words);
  throw new RangeError("Cannot train the character model: wanted at least 1 word, got none");
}

/** One step of the training loop. Returns the loss before it. */
function update(model: CharacterModel, words: readonly string[], learningRate: number): number {
  const parameters = model.parameters();
  for (const parameter of parameters) parameter.zeroGrad();
  const loss = model.loss(words);
  loss.backward();
  for (const parameter of parameters) parameter.data -= learningRate * parameter.grad;
  return loss.data;
}

/**
 * Trains a {@linkcode CharacterModel}, and samples words before and after.
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
  const model = newModel(words);
  const sample = (): string[] =>
    Array.from({ length: 8 }, (_, i) => model.write(childSeed(seed, i)));

  const before = sample();
  const losses = Array.from({ length: steps }, () => update(model, words, learningRate));
  return {
    model,
    alphabet: model.alphabet,
    parameters: model.parameters().length,
    examples: words.reduce((sum, word) => sum + word.length + 1, 0),
    losses,
    before,
    after: sample(),
  };
}
