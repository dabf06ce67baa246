/** The lessons' model of letters, on scalars, in a worker of its own. @module */

import { type CharacterOptions, trainCharacterModel } from "../../lessons/character_model.ts";
import { serveTasks } from "./serve_tasks.ts";

const tasks = {
  letters: async function* (_device: null, options: CharacterOptions) {
    yield trainCharacterModel(options);
  },
};
export type LettersTasks = typeof tasks;

serveTasks(tasks, () => Promise.resolve(null));
