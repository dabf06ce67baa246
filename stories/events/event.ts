/**
 * Events: sentences that tell each, and one rule for teller and checker.
 *
 * @module
 */

import type { Role } from "../template.ts";
import type { Fault, World } from "../world.ts";

/**
 * The roles of a sentence, filled in: names of persons, nouns of things, places and spots.
 *
 * Each sentence of an event names all roles that its rule needs, except spots and words
 * that are kept, which may be missing.
 */
export type Roles =
  & Readonly<Record<Exclude<Role, "S" | "R" | "D" | "L">, string>>
  & Readonly<Partial<Record<"S" | "R" | "D" | "L", string>>>;

/** Something that happens in a story. */
export interface Event {
  /** Sentences that tell it; the teller picks one, the checker recognizes each. */
  readonly sentences: readonly string[];
  /** The precondition: returns why it cannot happen now, or nothing. */
  readonly needs?: (world: World, roles: Roles, sentence: string) => Fault;
  /** The effect on the world. */
  readonly does?: (world: World, roles: Roles) => void;
  /** Maximum number of times in a story. @default {1} */
  readonly times?: number;
  /** Whether a story may end with it: nothing is told after it but what begins another adventure. @default {false} */
  readonly isEnd?: boolean;
  /** Whether it begins another adventure, after the end of one. @default {false} */
  readonly isNext?: boolean;
  /** Whether it may be told of persons who are not where the story is. @default {false} */
  readonly isAnywhere?: boolean;
}

/** Defines events by name; the type keeps the names. */
export function events<Name extends string>(table: Record<Name, Event>): Record<Name, Event> {
  return table;
}
