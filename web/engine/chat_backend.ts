/// <reference lib="dom" />
/** A chat that is answered in the page, by the engine. @module */

import type { AnswerEvent, Backend } from "../chat/backend.ts";
import { signal } from "../deps.ts";
import type { ChatModel } from "./chat.ts";
import { Latest } from "./client.ts";

/**
 * A backend of the chat that answers in the page.
 *
 * @param find The model. @throws {Error} If there is none; the reader sees the message.
 */
export function backendOf(find: () => Promise<ChatModel>): Backend {
  const message = signal("");
  const latest = {
    open: new Latest("chat.open", message),
    answer: new Latest("chat.answer", message),
  };
  return {
    async findModel() {
      // The model is known before the task has ended: it warms up.
      for await (const model of latest.open.stream(await find(), "auto")) return model;
      throw new Error(message.value);
    },
    async *streamAnswer(_model, messages, { temperature, top_k: topK }, _key, signal) {
      // The same question may be answered in another way.
      const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
      const events = latest.answer.stream({ messages, temperature, topK, seed }, "auto", signal);
      let last: AnswerEvent | undefined;
      for await (last of events) yield last;
      signal.throwIfAborted();
      if (last?.kind !== "finish") throw new Error(message.value);
    },
  };
}
