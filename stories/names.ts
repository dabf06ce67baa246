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
const HELD_OUT_NAMES = 12;
const HELD_OUT_PAIRS = 30;

/** How many names of a story are made up. */
const MADE_UP = 0.2;

const females = new Set(femaleNames);
const males = new Set(maleNames);
const madeUp = new RegExp(
  `^(?:${nameBeginnings.join("|")})(?:${nameMiddles.join("|")})(?:(${femaleEnds.join("|")})|(${
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

/** A name for someone with that pronoun. */
export function pickName(random: Random, pronoun: Pronoun): string {
  if (random() >= MADE_UP) return pick(random, pronoun === "she" ? femaleNames : maleNames);
  const end = pick(random, pronoun === "she" ? femaleEnds : maleEnds);
  return pick(random, nameBeginnings) + pick(random, nameMiddles) + end;
}

/** Whether a name never occurs in text to train on. */
export function isHeldOutName(name: string): boolean {
  return hashOf(`name ${name}`) % HELD_OUT_NAMES === 0;
}

/** Whether a kind, a thing or a place never occurs together with another in text to train on. */
export function isHeldOutPair(first: string, second: string): boolean {
  return hashOf(`pair ${first} ${second}`) % HELD_OUT_PAIRS === 0;
}
