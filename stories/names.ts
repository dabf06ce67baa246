/**
 * Names: common ones, and made-up ones whose ending implies a pronoun; and which of them are held
 * out.
 *
 * @module
 */

import { hashOf, pick, type Random } from "./random.ts";
import {
  femaleEnds,
  femaleNames,
  kinds,
  maleEnds,
  maleNames,
  nameBeginnings,
  nameMiddles,
  type Pronoun,
} from "./words.ts";

/** One in this many names, kind–thing pairs and other pairs is held out of training. */
const HELD_OUT_NAMES = 24;
const HELD_OUT_PAIRS = 30;

/** The number of names at the beginning of a list that are common. */
const COMMON = 60;

/** The share of names in unusual stories that are made up, and the share of these with a middle. */
const MADE_UP = 0.8;
const MIDDLE = 0.25;

const females = new Set(femaleNames);
const males = new Set(maleNames);
const madeUp = new RegExp(
  `^(?:${nameBeginnings.join("|")})(?:${nameMiddles.join("|")})?(?:(${femaleEnds.join("|")})|(${
    maleEnds.join("|")
  }))$`,
);

/**
 * The pronoun that a name implies, by its list, or by its ending if it is made up; `undefined` if
 * unknown.
 */
export function pronounOfName(name: string): Pronoun | undefined {
  if (females.has(name)) return "she";
  if (males.has(name)) return "he";
  const [, female, male] = madeUp.exec(name) ?? [];
  return female !== undefined ? "she" : male !== undefined ? "he" : undefined;
}

/** The pronoun that a name and a kind imply; `undefined` if unknown. */
export function pronounOf(name: string, kind: string): Pronoun | undefined {
  return kinds[kind]?.pronoun ?? pronounOfName(name);
}

/** A name for someone with that pronoun: a common one, or any for unusual stories. */
export function pickName(random: Random, pronoun: Pronoun, isUnusual: boolean): string {
  const names = pronoun === "she" ? femaleNames : maleNames;
  if (!isUnusual) return names[Math.floor(random() * COMMON)]!;
  if (random() >= MADE_UP) return pick(random, names);
  const end = pick(random, pronoun === "she" ? femaleEnds : maleEnds);
  const middle = random() < MIDDLE ? pick(random, nameMiddles) : "";
  return pick(random, nameBeginnings) + middle + end;
}

/**
 * A name that may be in unusual stories, most of them made up, for somebody of that name and kind.
 *
 * @example
 * ```ts
 * import { rareName, seededRandom } from "./mod.ts";
 *
 * console.log(rareName(seededRandom(1), { name: "Ada", kind: "fox" })); // "Tanessa", or the like
 * ```
 */
export function rareName(
  random: Random,
  { name, kind }: { readonly name: string; readonly kind: string },
): string {
  return pickName(random, pronounOf(name, kind) ?? (random() < 0.5 ? "she" : "he"), true);
}

/** Whether a name never occurs in training text. */
export function isHeldOutName(name: string): boolean {
  return hashOf(`name ${name}`) % HELD_OUT_NAMES === 0;
}

/** Known results for pairs, since each is asked for often. */
const heldOutPairs = new Map<string, Map<string, boolean>>();

/** Whether two of a kind, a thing and a place never occur together in training text. */
export function isHeldOutPair(first: string, second: string): boolean {
  let known = heldOutPairs.get(first);
  if (known === undefined) heldOutPairs.set(first, known = new Map());
  let isHeldOut = known.get(second);
  if (isHeldOut === undefined) {
    isHeldOut = hashOf(`pair ${first} ${second}`) % HELD_OUT_PAIRS === 0;
    known.set(second, isHeldOut);
  }
  return isHeldOut;
}
