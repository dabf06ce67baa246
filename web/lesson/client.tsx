/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The entry point of the page's script. @module */

import { hydrate, type JSX, render } from "../deps.ts";
import { loadScript, loadStyle } from "../engine/client.ts";
import { Button } from "../parts/controls.tsx";
import { followAddress, isWaiting, readWaiting } from "../state.ts";
import { words } from "../words/lesson.ts";
import { shared } from "./shared.ts";
import { widgets } from "./widgets.ts";

/** Follows what is read; what it returns looks for the sections of the page. */
function followReading(): () => void {
  const line = document.querySelector<HTMLElement>(".progress");
  const showProgress = () => {
    const rest = document.documentElement.scrollHeight - innerHeight;
    if (line !== null) line.style.scale = `${Math.min(1, scrollY / rest)} 1`;
  };
  document.addEventListener("scroll", showProgress, { passive: true });
  const links = new Map(
    [...document.querySelectorAll<HTMLAnchorElement>(".index a")].map((link) => [link.hash, link]),
  );
  const here = document.querySelector(".index .here");
  // A section is read when it crosses the upper third of the window.
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(`#${target.id}`);
      if (link === undefined) continue;
      link.setAttribute("aria-current", "true");
      if (here !== null) here.textContent = link.textContent;
      // In the middle of the contents, and without moving the page.
      const contents = link.closest("nav")!;
      contents.scrollTop = link.offsetTop - contents.clientHeight / 2;
    }
  }, { rootMargin: "-33% 0px -66% 0px" });
  // A long text beside a widget stays where its end is in view, which takes its height.
  const heights = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const text = target as HTMLElement;
      text.style.setProperty("--height", `${text.offsetHeight}px`);
    }
  });
  return () => {
    for (const section of document.querySelectorAll("section")) {
      watcher.observe(section);
      heights.observe(section.querySelector(".text")!);
    }
  };
}

/** Closes the contents after a choice, where they lie over what was chosen. */
function closeContents(): void {
  const contents = document.querySelector<HTMLDetailsElement>(".index");
  contents?.addEventListener("click", ({ target }) => {
    if ((target as Element).closest("a") !== null) contents.open = false;
  });
}

/** Leads links to the second file to this page, which takes it in. */
function linkToHere(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[href^="rest.html#"]')) {
    link.setAttribute("href", link.hash);
  }
}

/** Whether the address names a section that is not here yet. */
function isElsewhere(): boolean {
  return /^#\w+$/.test(location.hash) && document.getElementById(location.hash.slice(1)) === null;
}

/**
 * Lights up the parts of a figure that a word in its text names, while the reader points at the word or
 * comes to it; a click leads to the first of them.
 */
function lightParts(): void {
  const findNamed = (target: EventTarget | null): Element[] => {
    const word = (target as Element).closest<HTMLElement>(".light");
    const section = word?.closest("section") ?? null;
    if (word === null || section === null) return [];
    return word.dataset.light!.split(",").flatMap((name) => [
      ...section.querySelectorAll(`#${name}, [data-row=${name}], [data-part~=${name}]`),
    ]);
  };
  const light = (isLit: boolean) => ({ target }: Event) => {
    for (const part of findNamed(target)) {
      (part.closest(".slider, tr") ?? part).classList.toggle("lit", isLit);
    }
  };
  for (const type of ["pointerover", "focusin"]) document.addEventListener(type, light(true));
  for (const type of ["pointerout", "focusout"]) document.addEventListener(type, light(false));
  document.addEventListener("click", ({ target }) => {
    const shown = findNamed(target).find((part) => part.checkVisibility());
    shown?.scrollIntoView({ block: "center" });
    if (shown instanceof HTMLInputElement) shown.focus();
  });
}

/** Milliseconds that a note stays after the pointer has left its word. */
const NOTE_STAYS = 300;

/**
 * Shows the note of a word while the reader points at the word or at the note, or has come to the word.
 * Clicks, touches and Escape are the browser's.
 */
function showNotes(): void {
  const wordAt = (target: EventTarget | null) =>
    (target as Element | null)?.closest<HTMLButtonElement>(".noted") ?? null;
  const show = (word: HTMLButtonElement | null) => {
    if (word !== null) (word.popoverTargetElement as HTMLElement).showPopover({ source: word });
    else document.querySelector<HTMLElement>(".note:popover-open")?.hidePopover();
  };
  document.addEventListener("focusin", ({ target }) => show(wordAt(target)));
  let leaving: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType !== "mouse") return;
    clearTimeout(leaving);
    const word = wordAt(target);
    const isKept = wordAt(document.activeElement) !== null ||
      (target as Element).closest(".note") !== null;
    if (word !== null) show(word);
    // The way from a word to its note may lead over others.
    else if (!isKept) leaving = setTimeout(() => show(null), NOTE_STAYS);
  });
}

/** Brings widgets to life, each where the builder rendered it. */
function bringToLife(widgets: Readonly<Record<string, () => JSX.Element>>): void {
  for (const [name, Widget] of Object.entries(widgets)) {
    for (const place of document.querySelectorAll<HTMLElement>(`[data-widget=${name}]`)) {
      hydrate(<Widget />, place);
    }
  }
}

/** Takes in the other sections and their widgets, and loads the copy for visits without a network. */
async function loadRest(): Promise<void> {
  // The widgets ask for the modules that they share with the first ones.
  Reflect.set(globalThis, "require", (path: string) => shared[path.split("/").at(-1)!]);
  // Scripts that have come are not run again, where the network went in between.
  const once = (name: string, path: string) =>
    Reflect.has(globalThis, name) ? undefined : loadScript(path);
  await Promise.all([
    once("nanodinoLabs", "labs.js"),
    once("nanodinoRest", "rest.js"),
    loadStyle("labs.css"),
  ]);
  const isAwaited = isElsewhere();
  document.querySelector("main")!
    .insertAdjacentHTML("beforeend", Reflect.get(globalThis, "nanodinoRest"));
  watchSections();
  bringToLife(Reflect.get(globalThis, "nanodinoLabs"));
  // The settings follow: what is hydrated has to be what was rendered.
  readWaiting();
  // Widgets are as tall now as they will be.
  if (isAwaited) {
    document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: "instant" });
  }
  document.documentElement.dataset.ready = "";
  if ("serviceWorker" in navigator && location.protocol !== "file:") {
    navigator.serviceWorker.register("sw.js").catch(() => {
      // Only the offline copy is missing then.
    });
  }
}

/** Says that the lesson goes on, but has not come, and loads it when the reader asks for it. */
function offerRest(load: () => void): void {
  const place = document.createElement("div");
  document.querySelector("main")!.append(place);
  const again = () => {
    place.remove();
    load();
  };
  render(
    <p class="buttons" role="alert">
      {words.rest.missing}
      <Button onClick={again}>{words.rest.again}</Button>
    </p>,
    place,
  );
}

/** Loads the rest as soon as the reader moves, so that a first look costs little. */
function loadRestOnMove(): void {
  const moves = ["scroll", "pointerdown", "pointermove", "touchstart", "keydown"];
  const load = () => {
    for (const move of moves) removeEventListener(move, load);
    loadRest().catch((error) => {
      console.error(error);
      offerRest(load);
    });
  };
  for (const move of moves) addEventListener(move, load, { passive: true });
  if (isWaiting() || isElsewhere()) load();
}

const watchSections = followReading();
if (document.querySelector("[data-widget=opening]") === null) {
  // This is the second file, which is for who has no JavaScript.
  location.replace(`index.html${location.hash}`);
} else {
  bringToLife(widgets);
  linkToHere();
  watchSections();
  closeContents();
  lightParts();
  showNotes();
  followAddress();
  loadRestOnMove();
  document.documentElement.dataset.live = "";
}
