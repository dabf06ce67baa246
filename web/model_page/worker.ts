/** The engine of a page that holds a model: it answers in the chat, and shows the model's inside. @module */

import type { Device } from "../../tensor/mod.ts";
import { ablateInside } from "../engine/ablation.ts";
import { answerChat, type ChatModel, openChat } from "../engine/chat.ts";
import { deviceFor } from "../engine/devices.ts";
import { lookInside, type ModelFiles, openInside, writeInside } from "../engine/inside.ts";
import { serveTasks } from "../engine/serve_tasks.ts";
import { unpackFiles } from "./eight_bits.ts";

const tasks = {
  "chat.open": async function* (device: Device, given: ChatModel) {
    yield* openChat(device, { ...given, files: await unpackFiles(given.files) });
  },
  "chat.answer": answerChat,
  "inside.open": async function* (device: Device, files: ModelFiles) {
    yield* openInside(device, await unpackFiles(files));
  },
  "inside.look": lookInside,
  "inside.write": writeInside,
  "inside.ablate": ablateInside,
};
export type ModelPageTasks = typeof tasks;

serveTasks(tasks, deviceFor);
