/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A page that holds a model: the chat page, answered by the model in it. @module */

import { startChat } from "../chat/page.tsx";
import { backendOf } from "../engine/chat_backend.ts";
import { InsideWidget } from "../inside/inside.tsx";
import { fileInBlock, loadSiteModel } from "../inside/files.ts";
import type { ModelCard } from "./template.ts";

/** The model in this page. */
const own = backendOf(async () => {
  const card: ModelCard = JSON.parse(document.getElementById("card")!.textContent);
  return { ...card, files: await loadSiteModel() };
});

/** Unpacks the engine, of whose text its workers are made, and starts the chat. */
async function start(): Promise<void> {
  const engine = await fileInBlock(document.querySelector<HTMLScriptElement>("script#engine")!);
  Reflect.set(globalThis, "nanodino_engine", await engine.text());
  startChat(own, { look: () => <InsideWidget isFixed /> });
}

start().catch((error) => document.body.append(`${error}`));
