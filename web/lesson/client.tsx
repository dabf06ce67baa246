/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** What the page runs first. @module */

import { hydrate, type JSX } from "../deps.ts";
import { loadScript } from "../engine/client.ts";
import { followAddress } from "../state.ts";
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

bringToLife(widgets);
followReading();
// The other widgets come when these live, and ask for the modules that they share with them.
Reflect.set(globalThis, "require", (path: string) => shared[path.split("/").at(-1)!]);
loadScript("labs.js").then(() => bringToLife(Reflect.get(globalThis, "nanodinoLabs")))
  .catch((error) => console.error(error))
  .finally(() => {
    // The settings follow: what is hydrated has to be what was rendered.
    followAddress();
    document.documentElement.dataset.ready = "";
  });
if ("serviceWorker" in navigator && location.protocol !== "file:") {
  navigator.serviceWorker.register("sw.js").catch(() => {
    // Only the offline copy is missing then.
  });
}
