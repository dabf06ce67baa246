/**
 * Tells stories: picks who and what, and lets events happen whose rules allow it.
 *
 * @module
 */

import type { EventName } from "./events/mod.ts";
import { isHeldOutName, isHeldOutPair, pickName, pronounOf } from "./names.ts";
import { byRank, pick, type Random } from "./random.ts";
import { apply, introduction, type Reading, refusal, templates, templatesOf } from "./sentence.ts";
import { kept, type Slot, type Template } from "./template.ts";
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

/** Probability that the subject is called by pronoun if nobody else is meant by it. */
const PRONOUN = 0.35;
/** Probability that a thing is called with its adjective. */
const LOOK = 0.25;
/** In unusual stories, probability that a sentence begins with a link, and that a person is called by kind. */
const LINK = 0.1;
const KIND = 0.05;

/** Events that are told at least as often belong to common stories, too. */
const OFTEN = 0.4;

/** Some topics are frequent, most are rare. */
const pickTopic = byRank(2, 40);
/** The first of two sentences is told more often. */
const pickSentence = byRank(1);

const plantLooks = looks.filter((look) =>
  ["blue", "golden", "pink", "purple", "red", "white", "yellow"].includes(look)
);

/** The words of unusual stories: all. */
const everything = {
  kinds: Object.keys(kinds),
  companionKinds: Object.keys(kinds),
  traits,
  things,
  looks,
  foods,
  tastes,
  plants,
  plantLooks,
  tools: Object.keys(tools),
  toolLooks,
  places: Object.keys(places),
};

/** Words to choose from, by list. */
type Vocabulary = typeof everything;

/**
 * The words of the other stories: the beginnings of the lists. Companions have other kinds than main
 * characters, and so never their main character's own: that two are of different kinds says too little
 * about a story for a small model to learn it.
 */
const common: Vocabulary = {
  ...everything,
  kinds: everything.kinds.slice(0, 12),
  companionKinds: everything.kinds.slice(12, 24),
  traits: traits.slice(0, 50),
  things: things.slice(0, 40),
  looks: looks.slice(0, 32),
  foods: foods.slice(0, 24),
  plants: plants.slice(0, 12),
  places: everything.places.slice(0, 10),
};

/** How many sentences common stories have for an event, for a kind or a sight, and spots of a place. */
const COMMON_SENTENCES = 3;
const COMMON_TRUTHS = 1;
const COMMON_SPOTS = 2;

const waters = ["lake", "harbor", "beach", "mill"];

/** The characters and things of a story. */
export interface Cast {
  readonly people: Readonly<Record<"A" | "B" | "C", Person>>;
  readonly things: Readonly<Record<"X" | "Y" | "F" | "G" | "T", Thing>>;
  /** Where it may lead: here, then there; and a place with water. */
  readonly places: readonly string[];
}

/** Where a cast may be used: on, or off, what is held out; or anywhere. */
export type Part = "train" | "validation";

/** Picks the main character if there are no others yet, else a companion. */
function castPerson(random: Random, others: readonly Person[], isUnusual: boolean): Person {
  const words = isUnusual ? everything : common;
  for (;;) {
    const kind = pick(random, others.length === 0 ? words.kinds : words.companionKinds);
    const pronoun = kinds[kind]?.pronoun ?? (random() < 0.5 ? "she" : "he");
    const name = pickName(random, pronoun, isUnusual);
    if (others.some((other) => other.kind === kind || other.name === name)) continue;
    return { name, kind, trait: pick(random, words.traits), pronoun: pronounOf(name, kind) };
  }
}

function castThing(random: Random, nouns: readonly string[], adjectives: readonly string[]): Thing {
  return { noun: pick(random, nouns), look: pick(random, adjectives) };
}

/** Whether anything about a cast is held out of training. */
export function isHeldOut({ people, things, places }: Cast): boolean {
  const { A, B, C } = people;
  const { X, Y } = things;
  for (const { name, kind } of [A, B, C]) {
    if (isHeldOutName(name) || isHeldOutPair(kind, X.noun) || isHeldOutPair(kind, Y.noun)) {
      return true;
    }
    for (const place of places) if (isHeldOutPair(kind, place)) return true;
  }
  for (const place of places) {
    if (isHeldOutPair(X.noun, place) || isHeldOutPair(Y.noun, place)) return true;
  }
  return false;
}

/** Picks a cast at random, of which nothing or something is held out of training. */
export function pickCast(random: Random, part: Part, isUnusual: boolean): Cast {
  const words = isUnusual ? everything : common;
  for (;;) {
    const first = castPerson(random, [], isUnusual);
    const second = castPerson(random, [first], isUnusual);
    const third = castPerson(random, [first, second], isUnusual);
    const X = castThing(random, words.things, words.looks);
    const Y = castThing(random, words.things, words.looks);
    const [near, far] = [pick(random, words.places), pick(random, words.places)];
    if (X.noun === Y.noun || near === far) continue;
    const cast: Cast = {
      people: { A: first, B: second, C: third },
      things: {
        X,
        Y,
        F: castThing(random, words.foods, words.tastes),
        G: castThing(random, words.plants, words.plantLooks),
        T: castThing(random, words.tools, words.toolLooks),
      },
      places: [near, far, pick(random, waters)],
    };
    if (isHeldOut(cast) === (part === "validation")) return cast;
  }
}

/** The place and spot of an event, where a plot says them. */
interface Given {
  readonly P?: string;
  readonly S?: string;
}

/** A sentence whose slots are being filled: whom and what its words mean. */
interface Sentence {
  readonly given: Given;
  /** Whether it begins with a link, such as "Then". */
  readonly isLinked: boolean;
  readonly roles: Partial<Record<string, string>>;
  readonly newPeople: Person[];
  readonly newThings: Thing[];
  subject: string | undefined;
  it: string | undefined;
}

/** Tells one story, sentence by sentence. */
export class Teller {
  readonly world: World = new World();
  readonly sentences: string[] = [];

  constructor(readonly random: Random, private cast: Cast, readonly isUnusual: boolean) {}

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

  /** Tells an event with some probability; what is told less often, in unusual stories only. */
  maybe(probability: number, event: EventName): void {
    if (probability < OFTEN && !this.isUnusual) return;
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
    const spots = (places[place ?? ""]?.spots ?? []).filter((spot) => spot !== except);
    return pick(this.random, this.isUnusual ? spots : spots.slice(0, COMMON_SPOTS));
  }

  /**
   * Tells an event by a sentence that fits the state of the world.
   *
   * @param given The place and spot; without them, what was said of them, or any.
   * @throws {Error} If the rule of the event forbids it now: the plot is wrong.
   */
  say(event: EventName, given: Given = {}): void {
    const fitting = this.templatesOf(event).filter((template) => this.fits(template));
    if (fitting.length === 0) throw this.cannot(event, "no sentence fits");
    const template = this.isUnusual
      ? pick(this.random, fitting)
      : fitting[pickSentence(this.random, Math.min(fitting.length, COMMON_SENTENCES))]!;
    const { text, reading } = this.render(event, template, given);
    const fault = refusal(this.world, reading);
    if (fault !== undefined) throw this.cannot(event, fault);
    apply(this.world, reading);
    this.sentences.push(text);
  }

  /** The templates of an event, without those of other kinds or places. */
  private templatesOf(event: EventName): readonly Template[] {
    const about = event === "nature"
      ? this.person("A").kind
      : event === "see"
      ? this.world.place
      : undefined;
    if (about === undefined) return templates.get(event)!;
    const truths = templatesOf.get(about)!;
    return this.isUnusual ? truths : truths.slice(0, COMMON_TRUTHS);
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
    given: Given,
  ): { readonly text: string; readonly reading: Reading } {
    const [opening] = template.parts;
    const isLinked = typeof opening === "object" && opening.form === "person" &&
      this.isUnusual && this.sentences.length > 2 && this.chance(LINK);
    const sentence: Sentence = {
      given,
      isLinked,
      roles: {},
      newPeople: [],
      newThings: [],
      subject: undefined,
      it: undefined,
    };
    let text = isLinked ? `${pick(this.random, links)} ` : "";
    template.parts.forEach((part, i) => {
      text += typeof part === "string" ? part : this.fill(sentence, part, i === 0);
    });
    const { roles, newPeople, newThings, subject, it } = sentence;
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

  /** The words for a slot of a sentence, in which it notes whom and what they mean. */
  private fill(sentence: Sentence, slot: Slot, isFirst: boolean): string {
    const { form, role } = slot;
    const { roles } = sentence;
    switch (form) {
      case "person":
        return this.fillPerson(sentence, slot, isFirst);
      case "name":
        return this.fillName(sentence, role);
      case "a kind": {
        const text = introduction(this.person(role));
        return isFirst ? capitalized(text) : text;
      }
      case "he":
      case "him":
      case "his":
        roles[role] ??= this.person(role).name;
        return pronouns[this.person(role).pronoun!][form];
      case "thing":
      case "a":
        return this.fillThing(sentence, form, role);
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
        const place = sentence.given.P ?? this.world.place ?? this.places[0]!;
        roles.P = place;
        return form === "to" ? `to the ${place}` : `${places[place]!.preposition} the ${place}`;
      }
      case "spot":
        return this.fillSpot(sentence, role);
      case "kept":
        return roles[role] = this.world.kept.get(role) ?? this.choose(kept[role]!);
      case "choice":
        return this.choose(role);
    }
  }

  private choose(list: string): string {
    const words = choices[list]!;
    return words[pickTopic(this.random, words.length)]!;
  }

  /** A person by name, by pronoun, or in unusual stories by kind. */
  private fillPerson(sentence: Sentence, slot: Slot, isFirst: boolean): string {
    const person = this.person(slot.role);
    sentence.roles[slot.role] = person.name;
    if (slot.isQuoted) return person.name;
    const isSubject = this.world.subject === person.name && isFirst;
    sentence.subject ??= person.name;
    if (isSubject && !slot.isPossessive && this.isOnly(person) && this.chance(PRONOUN)) {
      const pronoun = person.pronoun!;
      return sentence.isLinked ? pronoun : capitalized(pronoun);
    }
    if (!this.isUnusual || !this.chance(KIND)) return person.name;
    return `${isFirst && !sentence.isLinked ? "The" : "the"} ${person.kind}`;
  }

  /** A person by name, who may be new. */
  private fillName(sentence: Sentence, role: string): string {
    const person = this.person(role);
    const { name } = person;
    sentence.roles[role] = name;
    const isKnown = sentence.newPeople.includes(person) || this.world.people.has(name);
    if (!isKnown) sentence.newPeople.push(person);
    sentence.subject ??= name;
    return name;
  }

  /** A thing: "ball" or "red ball" if it is known, "a red ball" if it may be new. */
  private fillThing(sentence: Sentence, form: "thing" | "a", role: string): string {
    const thing = this.cast.things[role as "X"];
    const { noun, look } = thing;
    sentence.roles[role] = noun;
    sentence.it = noun;
    if (form === "a") {
      if (!this.world.things.has(noun)) sentence.newThings.push(thing);
      return withArticle(`${look} ${noun}`);
    }
    return this.chance(LOOK) && role !== "F" && role !== "T" ? `${look} ${noun}` : noun;
  }

  /** A spot of a place: that which was said, or any; the second of a sentence is another. */
  private fillSpot({ given, roles }: Sentence, role: string): string {
    const { hint } = this.world;
    const place = given.P ?? this.world.place;
    const hinted = hint?.place === place ? hint?.spot : undefined;
    const spot = role === "S" ? given.S ?? hinted ?? this.spot(place) : this.spot(place, roles.S);
    roles[role] = spot;
    return spot;
  }
}

/** Forms of the pronouns. */
const pronouns = {
  he: { he: "he", him: "him", his: "his" },
  she: { he: "she", him: "her", his: "her" },
} as const;
