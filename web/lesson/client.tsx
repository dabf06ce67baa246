/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The entry point of the page's script. @module */

import { hydrate, type JSX } from "../deps.ts";
import { loadScript } from "../engine/client.ts";
import { followAddress, isWaiting, readWaiting } from "../state.ts";
import { shared } from "./shared.ts";
import { widgets } from "./widgets.ts";

/** Marks the section that is read in the index, and shows how far one has come. */
function followReading(): void {
  const line = document.querySelector<HTMLElement>(".progress")!;
  const showProgress = () => {
    const rest = document.documentElement.scrollHeight - innerHeight;
    line.style.scale = `${Math.min(1, scrollY / rest)} 1`;
  };
  document.addEventListener("scroll", showProgress, { passive: true });
  const links = new Map(
    [...document.querySelectorAll(".index a")].map((link) => [link.getAttribute("href"), link]),
  );
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(`#${target.id}`)?.setAttribute("aria-current", "true");
    }
    // A section is read when it crosses the upper third of the window.
  }, { rootMargin: "-33% 0px -66% 0px" });
  for (const section of document.querySelectorAll("section")) watcher.observe(section);
}

/** Brings widgets to life, each where the builder rendered it. */
function bringToLife(widgets: Readonly<Record<string, () => JSX.Element>>): void {
  for (const [name, Widget] of Object.entries(widgets)) {
    for (const place of document.querySelectorAll<HTMLElement>(`[data-widget=${name}]`)) {
      hydrate(<Widget />, place);
    }
  }
}

/** Loads the other widgets, and the copy for visits without a network. */
async function loadRest(): Promise<void> {
  // They ask for the modules that they share with the first ones.
  Reflect.set(globalThis, "require", (path: string) => shared[path.split("/").at(-1)!]);
  await loadScript("labs.js");
  bringToLife(Reflect.get(globalThis, "nanodinoLabs"));
  // The settings follow: what is hydrated has to be what was rendered.
  readWaiting();
  document.documentElement.dataset.ready = "";
  if ("serviceWorker" in navigator && location.protocol !== "file:") {
    navigator.serviceWorker.register("sw.js").catch(() => {
      // Only the offline copy is missing then.
    });
  }
}

/** Loads the rest as soon as the reader moves, so that a first look costs little. */
function loadRestOnMove(): void {
  const moves = ["scroll", "pointerdown", "pointermove", "touchstart", "keydown"];
  const load = () => {
    for (const move of moves) removeEventListener(move, load);
    loadRest().catch((error) => console.error(error));
  };
  for (const move of moves) addEventListener(move, load, { passive: true });
  if (isWaiting()) load();
}

bringToLife(widgets);
followReading();
followAddress();
loadRestOnMove();
document.documentElement.dataset.live = "";
