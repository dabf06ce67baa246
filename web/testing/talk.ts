/** Small models that read and answer, trained in Deno, for pages that would train them for long. @module */

import type { Page } from "npm:playwright-core@1.65.1";
import { type AnsweringProgress, learnToAnswer } from "../engine/answering.ts";
import { readingSpec } from "../engine/gpt_spec.ts";
import type { ModelFiles } from "../engine/inside.ts";
import type { TalkModels } from "../lesson/talk_models.ts";
import { filesOf, onCpu, trainInDeno } from "./gpt.ts";

const signal = new AbortController().signal;

let reader: Promise<ModelFiles> | null = null;
/** A model that has read for a while: once for a test file. */
export function readerModel(): Promise<ModelFiles> {
  return reader ??= trainInDeno({ spec: { ...readingSpec, steps: 150 } }).then(filesOf);
}

/** Teaches the reader to answer, in Deno. */
export async function teachInDeno(steps: number): Promise<AnsweringProgress[]> {
  const base = await readerModel();
  return await onCpu((device) =>
    Array.fromAsync(learnToAnswer(device, { base, steps, seed: 1 }, signal))
  );
}

let answerer: Promise<ModelFiles> | null = null;
/** A model that answers: once for a test file. */
export function answererModel(): Promise<ModelFiles> {
  return answerer ??= teachInDeno(80).then((events) => {
    const last = events.at(-1);
    if (last?.kind !== "files") throw new Error("wanted files, got none");
    return last.files;
  });
}

/** Keeps models in the browser of a page, as the page itself does, and opens the page again. */
export async function keepModels(page: Page, models: Partial<TalkModels>): Promise<void> {
  const encoded = await Promise.all(
    Object.entries(models).map(async ([name, files]) => {
      const parts = Array.from(
        files ?? [],
        async ([path, file]) => [path, (await file.bytes()).toBase64()] as const,
      );
      return [name, await Promise.all(parts)] as const;
    }),
  );
  await page.evaluate(async (encoded) => {
    const kept: Record<string, Map<string, Blob> | null> = {
      read: null,
      taught: null,
      rewarded: null,
    };
    for (const [name, files] of encoded) {
      kept[name] = new Map(files.map(([path, content]) => [
        path,
        new Blob([Uint8Array.fromBase64(content)]),
      ]));
    }
    const asked = indexedDB.open("keyval-store");
    asked.onupgradeneeded = () => asked.result.createObjectStore("keyval");
    await new Promise((resolve) => asked.onsuccess = resolve);
    const change = asked.result.transaction("keyval", "readwrite");
    change.objectStore("keyval").put({ format: 1, models: kept }, "nanodino talk");
    await new Promise((resolve) => change.oncomplete = resolve);
    asked.result.close();
  }, encoded);
  await page.reload();
  await page.waitForSelector("html[data-live]");
  await page.keyboard.press("Shift");
  await page.waitForSelector("html[data-ready]");
}
