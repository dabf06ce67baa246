/**
 * Sentences as teller and checker see them, and how they change the world.
 *
 * @module
 */

import { type EventName, events } from "./events/mod.ts";
import type { Roles } from "./events/event.ts";
import { parseTemplate, type Template } from "./template.ts";
import { kinds, places, type Pronoun } from "./words.ts";
import { type Fault, type Person, type Thing, withArticle, type World } from "./world.ts";

/** A sentence with the values of its slots. */
export interface Reading {
  readonly event: EventName;
  readonly template: Template;
  readonly roles: Partial<Record<string, string>>;
  readonly newPeople: readonly Person[];
  readonly newThings: readonly Thing[];
  /** Persons called by a pronoun. */
  readonly pronouns: readonly (readonly [name: string, pronoun: Pronoun])[];
  /** The first person that it mentions outside of quotes. */
  readonly subject: string | undefined;
  /** The last thing that it mentions. */
  readonly it: string | undefined;
}

/** The templates of each event. */
export const templates: ReadonlyMap<EventName, readonly Template[]> = new Map(
  Object.entries(events).map(([name, { sentences }]) => [
    name as EventName,
    sentences.map(parseTemplate),
  ]),
);

/**
 * The templates for one kind or one place: a part of those of `nature` and `see`.
 */
export const templatesOf: ReadonlyMap<string, readonly Template[]> = new Map(
  [
    ...Object.entries(kinds).map(([kind, { nature }]) => [kind, nature] as const),
    ...Object.entries(places).map(([place, { sights }]) => [place, sights] as const),
  ].map(([name, sentences]) => [name, sentences.map(parseTemplate)]),
);

/** Why an event cannot be told now, or nothing. */
export function refusal(world: World, { event, roles, template }: Reading): Fault {
  const { needs, times = 1, isEnd = false, isNext = false, isAnywhere = false } = events[event];
  const { A, B } = roles;
  if (A !== undefined && A === B) return `${A} does this with ${B}`;
  if (world.hasEnded !== isNext) {
    return isNext ? "the adventure is not over" : "the story has ended";
  }
  const fault = (isAnywhere ? undefined : isAway(world, A) ?? isAway(world, B)) ??
    (isEnd ? world.hasNothingPending() : undefined) ??
    needs?.(world, roles as Roles, template.text);
  if (fault !== undefined) return fault;
  return (world.told.get(event) ?? 0) < times ? undefined : `this was told already (${event})`;
}

/** Whether somebody who is in the story already is elsewhere. */
function isAway(world: World, name: string | undefined): Fault {
  return name !== undefined && world.people.has(name) ? world.isHere(name) : undefined;
}

/** Changes the world by a sentence. */
export function apply(world: World, reading: Reading): void {
  const { event, newPeople, newThings, pronouns, roles, subject, it } = reading;
  for (const person of newPeople) world.people.set(person.name, { ...person });
  for (const thing of newThings) world.things.set(thing.noun, { ...thing });
  for (const [name, pronoun] of pronouns) world.person(name).pronoun ??= pronoun;
  events[event].does?.(world, roles as Roles);
  world.told.set(event, (world.told.get(event) ?? 0) + 1);
  world.hasEnded = events[event].isEnd ?? false;
  world.subject = subject ?? world.subject;
  world.it = it ?? world.it;
}

/** A person as introduced: "a shy fox". */
export function introduction({ trait, kind }: Person): string {
  return withArticle(`${trait} ${kind}`);
}
