/**
 * Names: common ones, made-up ones whose end tells he or she, and which are held out.
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

/** One name, kind–thing pair or other pair in so many is held out of training. */
const HELD_OUT_NAMES = 24;
const HELD_OUT_PAIRS = 30;

/** So many names at the beginning of a list are common. */
const COMMON = 60;

/** How many names of unusual stories are made up, and how many of these have a middle. */
const MADE_UP = 0.8;
const MIDDLE = 0.25;

const females = new Set(femaleNames);
const males = new Set(maleNames);
const madeUp = new RegExp(
  `^(?:${nameBeginnings.join("|")})(?:${nameMiddles.join("|")})?(?:(${femaleEnds.join("|")})|(${
    maleEnds.join("|")
  }))$`,
);

/** The pronoun that a name implies: of a list, or by its end if it is made up; else unknown. */
export function pronounOfName(name: string): Pronoun | undefined {
  if (females.has(name)) return "she";
  if (males.has(name)) return "he";
  const [, female, male] = madeUp.exec(name) ?? [];
  return female !== undefined ? "she" : male !== undefined ? "he" : undefined;
}

/** The pronoun of a person of a kind with a name, or unknown. */
export function pronounOf(name: string, kind: string): Pronoun | undefined {
  return kinds[kind]?.pronoun ?? pronounOfName(name);
}

/** A name for someone with that pronoun: a common one, or for unusual stories any. */
export function pickName(random: Random, pronoun: Pronoun, isUnusual: boolean): string {
  const names = pronoun === "she" ? femaleNames : maleNames;
  if (!isUnusual) return names[Math.floor(random() * COMMON)]!;
  if (random() >= MADE_UP) return pick(random, names);
  const end = pick(random, pronoun === "she" ? femaleEnds : maleEnds);
  const middle = random() < MIDDLE ? pick(random, nameMiddles) : "";
  return pick(random, nameBeginnings) + middle + end;
}

/** Whether a name never occurs in text to train on. */
export function isHeldOutName(name: string): boolean {
  return hashOf(`name ${name}`) % HELD_OUT_NAMES === 0;
}

/** Known results for pairs, since each is asked for often. */
const heldOutPairs = new Map<string, Map<string, boolean>>();

/** Whether a kind, a thing or a place never occurs together with another in text to train on. */
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
