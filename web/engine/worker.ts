/** The engine: everything that needs tensors, in a worker of the page. @module */

import { attentionOf } from "./attention.ts";
import { deviceFor } from "./devices.ts";
import { trainGpt } from "./gpt.ts";
import { lookInside, openInside, writeInside } from "./inside.ts";
import { trainNetwork } from "./network.ts";
import { tellStory } from "./sense.ts";
import { trainOnSentences } from "./overfitting.ts";
import { serveTasks } from "./serve_tasks.ts";
import { descendValley, orthogonalize } from "./valley.ts";

const tasks = {
  network: trainNetwork,
  attention: attentionOf,
  gpt: trainGpt,
  overfitting: trainOnSentences,
  "inside.open": openInside,
  "inside.look": lookInside,
  "inside.write": writeInside,
  "sense.tell": tellStory,
  "optimizer.descend": descendValley,
  "optimizer.orthogonalize": orthogonalize,
};
export type EngineTasks = typeof tasks;

serveTasks(tasks, deviceFor);
