/// <reference lib="dom" />
/** The chat page of the lesson, answered by the model that the reader taught, which the browser keeps. @module */

import { startChat } from "../chat/page.tsx";
import { backendOf } from "../engine/chat_backend.ts";
import { words as text } from "../words/serving.ts";
import { recallTalkModels } from "./talk_models.ts";

const taught = backendOf(async () => {
  const { rewarded = null, taught = null } = await recallTalkModels() ?? {};
  const files = rewarded ?? taught;
  if (files === null) throw new Error(text.noModel);
  return { ...text.card(rewarded !== null), files };
});

startChat(taught, { home: { text: text.lesson, href: "index.html#answering" } });
