/** The lessons' model of letters, on scalars, in a worker of its own. @module */

import {
  CharacterModel,
  type CharacterOptions,
  characterSteps,
  trainCharacterModel,
} from "../../lessons/character_model.ts";
import { dinosaurs } from "../../lessons/dinosaurs.ts";
import { serveTasks } from "./serve_tasks.ts";

/** The model that was trained last; before that, one that knows nothing. */
let current = new CharacterModel(dinosaurs);

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
    for (const step of characterSteps(options)) {
      yield step;
      // Lets a message that stops this task arrive first.
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
};
export type LettersTasks = typeof tasks;

serveTasks(tasks, () => Promise.resolve(null));
