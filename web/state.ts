/// <reference lib="dom" />
/**
 * Settings of a page: signals by name, kept in the address, so that a link reproduces the page.
 *
 * @module
 */

import { effect, type Signal, signal } from "./deps.ts";

/** A number or a text that the reader sets. */
export interface Setting<T extends number | string> extends Signal<T> {
  /** The name in the address, and the `id` of its control. */
  readonly id: string;
  /** The default. */
  readonly fallback: T;
}

/** A number on a slider. */
export interface SliderSetting extends Setting<number> {
  readonly label: string;
  readonly range: readonly [least: number, most: number, step: number];
}

/** One of several words. */
export interface ChoiceSetting<T extends string> extends Setting<T> {
  readonly label: string;
  /** The label of each value. */
  readonly options: Readonly<Record<T, string>>;
}

type AnySetting =
  & Setting<number | string>
  & Partial<Pick<SliderSetting, "range"> & Pick<ChoiceSetting<string>, "options">>;
const settings = new Map<string, AnySetting>();
/** Values in the address of settings that do not exist yet: those of a script that loads later. */
const waiting = new Map<string, string>();
/** Whether no more are made. */
const areAllMade = signal(false);

function add<T extends number | string, More>(id: string, fallback: T, more: More) {
  const made = Object.assign(signal(fallback), { id, fallback }, more);
  settings.set(id, made);
  return made;
}

/**
 * Makes a setting whose control is its widget's own.
 *
 * @example
 * ```ts
 * import { hashOf, readHash, setting } from "./state.ts";
 *
 * const weight = setting<number>("example", 0.5);
 * readHash("#example=2");
 * if (weight.value !== 2 || hashOf() !== "example=2") throw new Error(hashOf());
 * ```
 */
export function setting<T extends number | string>(id: string, fallback: T): Setting<T> {
  return add(id, fallback, {});
}

/** Makes a number on a slider. */
export function slider(
  id: string,
  label: string,
  fallback: number,
  range: SliderSetting["range"],
): SliderSetting {
  return add(id, fallback, { label, range });
}

/** Makes a choice of one word. */
export function choice<T extends string>(
  id: string,
  label: string,
  fallback: NoInfer<T>,
  options: Readonly<Record<T, string>>,
): ChoiceSetting<T> {
  return add<T, Pick<ChoiceSetting<T>, "label" | "options">>(id, fallback, { label, options });
}

/** Sets settings to what they were at first. */
export function reset(...given: readonly Setting<number | string>[]): void {
  for (const one of given) one.value = one.fallback;
}

/** The values of settings, by the same names. */
export function valuesOf<Given extends Readonly<Record<string, Signal>>>(
  given: Given,
): { readonly [Name in keyof Given]: Given[Name]["value"] } {
  const entries = Object.entries(given).map(([name, { value }]) => [name, value] as const);
  return Object.fromEntries(entries) as { [Name in keyof Given]: Given[Name]["value"] };
}

/** Longer texts are left out of the address: browsers cut addresses off. */
const MAX_TEXT = 20_000;

/** The settings that differ from what they were at first, as the hash of an address. */
export function hashOf(): string {
  // Subscribers are also told of settings that are created later.
  void areAllMade.value;
  const changed = [...settings.values()].filter(({ value, fallback }) =>
    value !== fallback && `${value}`.length <= MAX_TEXT
  );
  return [
    ...changed.map(({ id, value }) => `${id}=${encodeURIComponent(value)}`),
    ...Array.from(waiting, (parts) => parts.join("=")),
  ].join("&");
}

/** Takes settings from the hash of an address; what the reader could not set is left out. */
export function readHash(hash: string): void {
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [id = "", text = ""] = part.split("=");
    const found = settings.get(id);
    if (text === "") continue;
    if (found === undefined) {
      if (!areAllMade.value) waiting.set(id, text);
      continue;
    }
    const { fallback, options, range: [least, most] = [-Number.MAX_VALUE, Number.MAX_VALUE] } =
      found;
    const word = decodeURIComponent(text);
    const value = typeof fallback === "string" ? word : Number(word);
    const isFine = typeof value === "number"
      ? value >= least && value <= most
      : options === undefined || Object.hasOwn(options, value);
    if (isFine) found.value = value;
  }
}

/** Whether the address says something of settings that nobody has made yet. */
export function isWaiting(): boolean {
  return waiting.size > 0;
}

/** Gives settings what waits for them, when all are made; what nobody made is left out from then on. */
export function readWaiting(): void {
  const hash = Array.from(waiting, (parts) => parts.join("=")).join("&");
  waiting.clear();
  areAllMade.value = true;
  readHash(hash);
}

/** Takes the settings from the address, and keeps the address up to date. */
export function followAddress(): void {
  readHash(location.hash);
  addEventListener("hashchange", () => readHash(location.hash));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = hashOf();
  effect(() => {
    const hash = hashOf();
    // An address that names a section keeps it, until the reader sets something.
    if (hash === last) return;
    last = hash;
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(null, "", hash === "" ? "#" : `#${hash}`), 200);
  });
}
