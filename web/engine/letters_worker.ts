/** The lessons' model of letters, on scalars, in a worker of its own. @module */

import {
  CharacterModel,
  type CharacterOptions,
  characterSteps,
  trainCharacterModel,
} from "../../lessons/character_model.ts";
import { dinosaurs } from "../../lessons/dinosaurs.ts";
import { openingLetters } from "./opening_letters.ts";
import { serveTasks } from "./serve_tasks.ts";

/** The model that was trained last; before that, one that knows nothing. */
let current = new CharacterModel(dinosaurs);

/** A guess of the letter that comes next, and the weights that make it. */
export interface Guess {
  /** The probability of each of {@linkcode openingLetters.next}. */
  readonly shares: readonly number[];
  /** The weights: how much each letter before adds to the logit of each of them. */
  readonly weights: readonly (readonly number[])[];
}

function guessOf(model: CharacterModel): Guess {
  const { before, next } = openingLetters;
  const places = [...next].map((letter) => model.alphabet.indexOf(letter));
  const all = model.probabilities(before);
  return {
    shares: places.map((place) => all[place]!),
    weights: [...before].map((letter, i) => {
      const row = model.weights[i]![model.alphabet.indexOf(letter)]!;
      return places.map((place) => row[place]!.data);
    }),
  };
}

const tasks = {
  letters: async function* (_device: null, options: CharacterOptions) {
    const { model, ...training } = trainCharacterModel(options);
    current = model;
    yield training;
  },
  /** The probabilities of the letter after three letters, the largest first. */
  "letters.next": async function* (_device: null, context: string) {
    const { alphabet } = current;
    yield current.probabilities(context)
      .map((share, i) => [alphabet[i]!, share] as const)
      .sort(([, a], [, b]) => b - a);
  },
  "letters.opening": async function* (_device: null, options: CharacterOptions) {
    for (const { step, loss, word, model } of characterSteps(options)) {
      yield { step, loss, word, ...guessOf(model) };
      // Lets a message that stops this task arrive first.
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
};
export type LettersTasks = typeof tasks;

serveTasks(tasks, () => Promise.resolve(null));
