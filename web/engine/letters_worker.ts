/** The lessons' model of letters, on scalars, in a worker of its own. @module */

import {
  type CharacterOptions,
  characterSteps,
  trainCharacterModel,
} from "../../lessons/character_model.ts";
import { serveTasks } from "./serve_tasks.ts";

const tasks = {
  letters: async function* (_device: null, options: CharacterOptions) {
    yield trainCharacterModel(options);
  },
  "letters.opening": async function* (_device: null, options: CharacterOptions) {
    for (const step of characterSteps(options)) {
      yield step;
      // What a reader starts meanwhile comes first where this one is told to stop.
      await new Promise((resolve) => setTimeout(resolve));
    }
  },
};
export type LettersTasks = typeof tasks;

serveTasks(tasks, () => Promise.resolve(null));
