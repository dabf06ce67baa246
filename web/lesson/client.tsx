/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** What a page runs: its widgets come alive, each where the builder rendered it. @module */

import { hydrate } from "../deps.ts";
import { followAddress } from "../state.ts";
import { widgets } from "./widgets.ts";

for (const place of document.querySelectorAll<HTMLElement>("[data-widget]")) {
  const Widget = widgets[place.dataset.widget as keyof typeof widgets];
  hydrate(<Widget />, place);
}
// The settings follow: what is hydrated has to be what was rendered.
followAddress();
document.documentElement.dataset.ready = "";
if ("serviceWorker" in navigator && location.protocol !== "file:") {
  navigator.serviceWorker.register("sw.js").catch(() => {
    // Only the offline copy is missing then.
  });
}
