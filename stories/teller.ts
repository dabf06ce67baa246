/**
 * Tells stories: picks who and what, and lets events happen whose rules allow it.
 *
 * @module
 */

import type { EventName } from "./events/mod.ts";
import { isHeldOutName, isHeldOutPair, pickName, pronounOf } from "./names.ts";
import { byRank, pick, type Random } from "./random.ts";
import { apply, introduction, type Reading, refusal, templates, templatesOf } from "./sentence.ts";
import type { Slot, Template } from "./template.ts";
import {
  choices,
  foods,
  kinds,
  links,
  looks,
  places,
  plants,
  tastes,
  things,
  toolLooks,
  tools,
  traits,
} from "./words.ts";
import { capitalized, type Person, type Thing, withArticle, World } from "./world.ts";

/** Probability that the subject is called by pronoun if nobody else is meant by it, and by kind. */
const PRONOUN = 0.6;
const KIND = 0.01;
/** Probability that a thing is called with its adjective. */
const LOOK = 0.25;
/** Probability that a sentence begins with a link. */
const LINK = 0.04;
/** An event is told by its first sentence rather than by its others. */
const pickSentence = byRank(1.5);
/** A third of all persons are of a kind that tells he or she. */
const pickKind = byRank(0.3);

const kindNames = Object.keys(kinds);
const placeNames = Object.keys(places);
const toolNames = Object.keys(tools);
const waters = ["lake", "harbor", "beach", "mill"];
const plantLooks = looks.filter((look) =>
  ["blue", "golden", "pink", "purple", "red", "white", "yellow"].includes(look)
);

/** The characters and things of a story. */
export interface Cast {
  readonly people: Readonly<Record<"A" | "B" | "C", Person>>;
  readonly things: Readonly<Record<"X" | "Y" | "F" | "G" | "T", Thing>>;
  /** Where it may lead: here, then there; and a place with water. */
  readonly places: readonly string[];
}

/** Where a cast may be used: on, or off, what is held out; or anywhere. */
export type Part = "train" | "validation";

function castPerson(random: Random, others: readonly Person[]): Person {
  for (;;) {
    const kind = kindNames[pickKind(random, kindNames.length)]!;
    const pronoun = kinds[kind]?.pronoun ?? (random() < 0.5 ? "she" : "he");
    const name = pickName(random, pronoun);
    if (others.some((other) => other.kind === kind || other.name === name)) continue;
    return { name, kind, trait: pick(random, traits), pronoun: pronounOf(name, kind) };
  }
}

function castThing(random: Random, nouns: readonly string[], adjectives: readonly string[]): Thing {
  return { noun: pick(random, nouns), look: pick(random, adjectives) };
}

/** Whether anything about a cast is held out of training. */
export function isHeldOut({ people, things, places }: Cast): boolean {
  const persons = Object.values(people);
  if (persons.some(({ name }) => isHeldOutName(name))) return true;
  const words = [persons.map(({ kind }) => kind), [things.X.noun, things.Y.noun], places];
  return words.some((first, i) =>
    words.slice(i + 1).some((second) =>
      first.some((one) => second.some((other) => isHeldOutPair(one, other)))
    )
  );
}

/** Picks a cast at random, of which nothing or something is held out of training. */
export function pickCast(random: Random, part: Part): Cast {
  for (;;) {
    const first = castPerson(random, []);
    const second = castPerson(random, [first]);
    const third = castPerson(random, [first, second]);
    const X = castThing(random, things, looks);
    const Y = castThing(random, things, looks);
    const [near, far] = [pick(random, placeNames), pick(random, placeNames)];
    if (X.noun === Y.noun || near === far) continue;
    const cast: Cast = {
      people: { A: first, B: second, C: third },
      things: {
        X,
        Y,
        F: castThing(random, foods, tastes),
        G: castThing(random, plants, plantLooks),
        T: castThing(random, toolNames, toolLooks),
      },
      places: [near, far, pick(random, waters)],
    };
    if (isHeldOut(cast) === (part === "validation")) return cast;
  }
}

/** Tells one story, sentence by sentence. */
export class Teller {
  readonly world: World = new World();
  readonly sentences: string[] = [];

  constructor(readonly random: Random, private cast: Cast) {}

  /** Number of characters told so far. */
  get length(): number {
    return this.sentences.reduce((sum, sentence) => sum + sentence.length + 1, 0);
  }

  /** The places that the story leads to. */
  get places(): readonly string[] {
    return this.cast.places;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** Tells an event with some probability. */
  maybe(probability: number, event: EventName): void {
    if (this.chance(probability)) this.say(event);
  }

  /** Lets the first two persons change their roles. */
  exchange(): void {
    const { A, B, C } = this.cast.people;
    this.cast = { ...this.cast, people: { A: B, B: A, C } };
  }

  /** Tells of the other of the two things from now on. */
  exchangeThings(): void {
    const { X, Y } = this.cast.things;
    this.cast = { ...this.cast, things: { ...this.cast.things, X: Y, Y: X } };
  }

  /** Tells something with the roles of the first two persons exchanged. */
  exchanged(tell: () => void): void {
    this.exchange();
    tell();
    this.exchange();
  }

  /** A spot where the story is, or at another place, but not a given one. */
  spot(place = this.world.place, except?: string): string {
    const spots = places[place ?? ""]?.spots ?? [];
    return pick(this.random, spots.filter((spot) => spot !== except));
  }

  /**
   * Tells an event by a sentence that fits the state of the world.
   *
   * @param given The place and spot; without them, what was said of them, or any.
   * @throws {Error} If the rule of the event forbids it now: the plot is wrong.
   */
  say(event: EventName, given: { readonly P?: string; readonly S?: string } = {}): void {
    const fitting = this.templatesOf(event).filter((template) => this.fits(template));
    if (fitting.length === 0) throw this.cannot(event, "no sentence fits");
    const template = fitting[pickSentence(this.random, fitting.length)]!;
    const { text, reading } = this.render(event, template, given);
    const fault = refusal(this.world, reading);
    if (fault !== undefined) throw this.cannot(event, fault);
    apply(this.world, reading);
    this.sentences.push(text);
  }

  /** The templates of an event, without those of other kinds or places. */
  private templatesOf(event: EventName): readonly Template[] {
    if (event === "nature") return templatesOf.get(this.person("A").kind)!;
    if (event === "see" && this.world.place !== undefined) {
      return templatesOf.get(this.world.place)!;
    }
    return templates.get(event)!;
  }

  private cannot(event: EventName, why: string): Error {
    return new Error(`Cannot tell "${event}": ${why}, after: ${this.sentences.join(" ")}`);
  }

  /** Whether the pronouns of a template would refer to what they should. */
  private fits({ pronounOnly, onlyIt }: Template): boolean {
    if (onlyIt !== undefined && this.world.it !== this.noun(onlyIt)) return false;
    return pronounOnly.every((role) => {
      const { name, pronoun } = this.person(role);
      return pronoun !== undefined && this.world.resolve(pronoun) === name;
    });
  }

  /** Whether a pronoun can mean nobody else. */
  private isOnly({ name, pronoun }: Person): boolean {
    for (const other of this.world.people.values()) {
      if (other.pronoun === pronoun && other.name !== name) return false;
    }
    return true;
  }

  private person(role: string): Person {
    return this.cast.people[role as "A" | "B" | "C"];
  }

  private noun(role: string): string {
    return this.cast.things[role as "X" | "Y" | "F" | "G" | "T"].noun;
  }

  private render(
    event: EventName,
    template: Template,
    given: { readonly P?: string; readonly S?: string },
  ): { readonly text: string; readonly reading: Reading } {
    const { world, random } = this;
    const roles: Partial<Record<string, string>> = {};
    const newPeople: Person[] = [];
    const newThings: Thing[] = [];
    let subject: string | undefined;
    let it: string | undefined;
    const [opening] = template.parts;
    const isLinked = typeof opening === "object" && opening.form === "person" &&
      this.sentences.length > 2 && this.chance(LINK);

    const fill = (slot: Slot, isFirst: boolean): string => {
      const { form, role } = slot;
      switch (form) {
        case "person": {
          const person = this.person(role);
          roles[role] = person.name;
          if (slot.isQuoted) return person.name;
          const isSubject = world.subject === person.name && isFirst;
          subject ??= person.name;
          if (isSubject && !slot.isPossessive && this.isOnly(person) && this.chance(PRONOUN)) {
            const pronoun = person.pronoun!;
            return isLinked ? pronoun : capitalized(pronoun);
          }
          if (!this.chance(KIND)) return person.name;
          return `${isFirst && !isLinked ? "The" : "the"} ${person.kind}`;
        }
        case "name": {
          const person = this.person(role);
          roles[role] = person.name;
          if (!newPeople.includes(person) && !world.people.has(person.name)) newPeople.push(person);
          subject ??= person.name;
          return person.name;
        }
        case "a kind": {
          const text = introduction(this.person(role));
          return isFirst ? capitalized(text) : text;
        }
        case "he":
        case "him":
        case "his":
          roles[role] ??= this.person(role).name;
          return pronouns[this.person(role).pronoun!][form];
        case "thing": {
          const { noun, look } = this.cast.things[role as "X"];
          roles[role] = noun;
          it = noun;
          return this.chance(LOOK) && role !== "F" && role !== "T" ? `${look} ${noun}` : noun;
        }
        case "a": {
          const thing = this.cast.things[role as "X"];
          roles[role] = thing.noun;
          it = thing.noun;
          if (!world.things.has(thing.noun)) newThings.push(thing);
          return withArticle(`${thing.look} ${thing.noun}`);
        }
        case "it":
          roles[role] = this.noun(role);
          return "it";
        case "look":
          roles[role] = this.noun(role);
          return this.cast.things[role as "X"].look;
        case "did":
          return tools[this.noun(role)]!;
        case "to":
        case "in": {
          const place = given.P ?? world.place ?? this.places[0]!;
          roles.P = place;
          return form === "to" ? `to the ${place}` : `${places[place]!.preposition} the ${place}`;
        }
        case "spot": {
          const place = given.P ?? world.place;
          const hinted = world.hint?.place === place ? world.hint?.spot : undefined;
          roles[role] = role === "S"
            ? given.S ?? hinted ?? this.spot(place)
            : this.spot(place, roles.S);
          return roles[role]!;
        }
        case "choice":
          return pick(random, choices[role]!);
      }
    };

    let text = isLinked ? `${pick(random, links)} ` : "";
    template.parts.forEach((part, i) => {
      text += typeof part === "string" ? part : fill(part, i === 0);
    });
    const used = template.pronounOnly.map((role) => this.person(role));
    return {
      text: capitalized(text),
      reading: {
        event,
        template,
        roles,
        newPeople,
        newThings,
        pronouns: used.map(({ name, pronoun }) => [name, pronoun!] as const),
        subject,
        it,
      },
    };
  }
}

/** Forms of the pronouns. */
const pronouns = {
  he: { he: "he", him: "him", his: "his" },
  she: { he: "she", him: "her", his: "her" },
} as const;
