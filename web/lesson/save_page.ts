/// <reference lib="dom" />
/** Giving the reader a model as one page. @module */

import { loadScript } from "../engine/client.ts";
import type { ModelFiles } from "../engine/inside.ts";
import { fillTemplate, type ModelCard } from "../model_page/template.ts";
import { download } from "../parts/download.ts";

/** Downloads a page that holds a model. Returns what went wrong, or nothing. */
export async function savePage(card: ModelCard, files: ModelFiles): Promise<string> {
  try {
    await loadScript("model_page.js");
    // To go on with it takes a checkpoint, and not a page.
    const parts = new Map([...files].filter(([name]) => !name.startsWith("optim_")));
    const page = await fillTemplate(Reflect.get(globalThis, "nanodino_page"), card, parts);
    download("model.html", new Blob([page], { type: "text/html" }));
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
