/** The engine: everything that needs tensors, in a worker of the page. @module */

import { ablateInside, compareInside } from "./ablation.ts";
import { compareAnswers, learnToAnswer } from "./answering.ts";
import { attentionOf } from "./attention.ts";
import { answerChat, openChat } from "./chat.ts";
import { deviceFor } from "./devices.ts";
import { trainGpt } from "./gpt.ts";
import { lookInside, openInside, writeInside } from "./inside.ts";
import { changeWeight, openNetwork, trainNetwork } from "./network.ts";
import { reinforceSums } from "./reward.ts";
import { tellStory } from "./sense.ts";
import { trainOnSentences } from "./overfitting.ts";
import { serveTasks } from "./serve_tasks.ts";
import { serveRequests } from "./serving.ts";
import { answerWithTool } from "./tool.ts";
import { descendValley, orthogonalize } from "./valley.ts";

const tasks = {
  network: trainNetwork,
  "network.open": openNetwork,
  "network.change": changeWeight,
  attention: attentionOf,
  gpt: trainGpt,
  overfitting: trainOnSentences,
  "inside.open": openInside,
  "inside.look": lookInside,
  "inside.write": writeInside,
  "inside.ablate": ablateInside,
  "inside.compare": compareInside,
  "sense.tell": tellStory,
  "optimizer.descend": descendValley,
  "optimizer.orthogonalize": orthogonalize,
  "talk.read": trainGpt,
  "talk.learn": learnToAnswer,
  "talk.compare": compareAnswers,
  "talk.tool": answerWithTool,
  "talk.reward": reinforceSums,
  "talk.serve": serveRequests,
  "chat.open": openChat,
  "chat.answer": answerChat,
};
export type EngineTasks = typeof tasks;

serveTasks(tasks, deviceFor);
