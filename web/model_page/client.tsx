/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A page that holds a model: the chat page, answered by the model in it. @module */

import { startChat } from "../chat/page.tsx";
import type { AnswerEvent, Backend } from "../chat/backend.ts";
import { signal } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { InsideWidget } from "../inside/inside.tsx";
import { fileInBlock, loadSiteModel } from "../inside/files.ts";
import type { ModelCard } from "./template.ts";

const message = signal("");
const latest = {
  open: new Latest("chat.open", message),
  answer: new Latest("chat.answer", message),
};

/** The model in this page. */
const own: Backend = {
  async findModel() {
    const card: ModelCard = JSON.parse(document.getElementById("card")!.textContent);
    return await latest.open.ask({ ...card, files: await loadSiteModel() }, "auto");
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

/** Unpacks the engine, of whose text its workers are made, and starts the chat. */
async function start(): Promise<void> {
  const engine = await fileInBlock(document.querySelector<HTMLScriptElement>("script#engine")!);
  Reflect.set(globalThis, "nanodino_engine", await engine.text());
  startChat(own, () => <InsideWidget isFixed />);
}

start().catch((error) => document.body.append(`${error}`));
