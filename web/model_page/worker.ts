/** The engine of a page that holds a model: what answers, and what looks inside. @module */

import { answerChat, openChat } from "../engine/chat.ts";
import { lookInside, openInside, writeInside } from "../engine/inside.ts";
import { serveTasks } from "../engine/serve_tasks.ts";
import { deviceFor } from "../engine/devices.ts";

const tasks = {
  "chat.open": openChat,
  "chat.answer": answerChat,
  "inside.open": openInside,
  "inside.look": lookInside,
  "inside.write": writeInside,
};
export type ModelPageTasks = typeof tasks;

serveTasks(tasks, deviceFor);
