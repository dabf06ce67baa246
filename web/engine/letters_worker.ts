/** The lessons' model of letters, on scalars, in a worker of its own. @module */

import { trainCharacterModel } from "../../lessons/character_model.ts";
import { serveTasks } from "./serve_tasks.ts";

serveTasks(async function* ({ task, input }) {
  if (task === "letters") yield trainCharacterModel(input);
});
