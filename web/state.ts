/// <reference lib="dom" />
/**
 * What the reader sets: signals by name, kept in the address, so that a link reproduces a page.
 *
 * @module
 */

import { effect, type Signal, signal } from "./deps.ts";

/** A number or a text that the reader sets. */
export interface Setting<T extends number | string> extends Signal<T> {
  /** Its name in the address. */
  readonly id: string;
  /** What it is without the reader. */
  readonly fallback: T;
}

const settings = new Map<string, Setting<number> | Setting<string>>();

/**
 * Makes a setting.
 *
 * @param id Its name in the address, and the `id` of its control.
 * @param fallback What it is at first.
 *
 * @example
 * ```ts
 * import { hashOf, readHash, setting } from "./state.ts";
 *
 * const weight = setting("example", 0.5);
 * readHash("#example=2");
 * if (weight.value !== 2 || hashOf() !== "example=2") throw new Error(hashOf());
 * ```
 */
export function setting(id: string, fallback: number): Setting<number>;
export function setting<T extends string>(id: string, fallback: T): Setting<T>;
export function setting(id: string, fallback: number | string): Setting<number> | Setting<string> {
  const made = Object.assign(signal<number | string>(fallback), { id, fallback });
  settings.set(id, made as Setting<number>);
  return made as Setting<number>;
}

/** Sets settings to what they were at first. */
export function reset(...given: readonly (Setting<number> | Setting<string>)[]): void {
  for (const one of given) one.value = one.fallback;
}

/** Longer texts are left out of the address: browsers cut addresses off. */
const MAX_TEXT = 20_000;

/** The settings that differ from what they were at first, as the hash of an address. */
export function hashOf(): string {
  const changed = [...settings.values()].filter(({ value, fallback }) =>
    value !== fallback && `${value}`.length <= MAX_TEXT
  );
  return changed.map(({ id, value }) => `${id}=${encodeURIComponent(value)}`).join("&");
}

/** Takes settings from the hash of an address; what is not a number where one is wanted is left out. */
export function readHash(hash: string): void {
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [id = "", text = ""] = part.split("=");
    const found = settings.get(id);
    if (found === undefined || text === "") continue;
    const value = decodeURIComponent(text);
    if (typeof found.fallback === "string") found.value = value;
    else if (Number.isFinite(Number(value))) found.value = Number(value);
  }
}

/** Takes the settings from the address, and keeps the address up to date. */
export function followAddress(): void {
  readHash(location.hash);
  addEventListener("hashchange", () => readHash(location.hash));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFirst = true;
  effect(() => {
    const hash = hashOf();
    if (isFirst) return void (isFirst = false);
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, "", hash === "" ? "#" : `#${hash}`), 200);
  });
}
