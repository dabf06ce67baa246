/**
 * The state of the small world while a story is told: who is where, who has what, what was said.
 *
 * The teller and the checker of a story keep one of these each, and change it by the same rules.
 *
 * @module
 */

import { kinds, places, type Pronoun } from "./words.ts";

/** Why a sentence contradicts what was told before it, or nothing. */
export type Fault = string | undefined;

/** Someone in a story. */
export interface Person {
  readonly name: string;
  readonly kind: string;
  readonly trait: string;
  /** Unknown until the text says it, for a name that is on no list. */
  pronoun?: Pronoun | undefined;
  place?: string | undefined;
  mood?: "sad" | "happy" | "afraid" | "hungry" | undefined;
}

/** Something that a person can have. */
export interface Thing {
  readonly noun: string;
  /** The adjective that it was introduced with. */
  readonly look: string;
  owner?: string | undefined;
  /** The person who has it; nobody while it is lost. */
  holder?: string | undefined;
}

/** The persons of an event by their roles, as far as a sentence names them. */
export type Parts = Readonly<Partial<Record<"A" | "B", string | undefined>>>;

/** The first of several faults. */
export function all(...faults: readonly Fault[]): Fault {
  return faults.find((fault) => fault !== undefined);
}

function isSame(before: string | undefined, now: string | undefined): Fault {
  return before === undefined || now === undefined || before === now
    ? undefined
    : `it was ${before}, not ${now}`;
}

/** A noun phrase with its article: "an old kite". */
export function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}

/** A place with its preposition: "in the forest"; "here" without a place. */
export function atPlace(place: string | undefined): string {
  return place === undefined ? "here" : `${places[place]?.preposition ?? "at"} the ${place}`;
}

/** The text with its first letter as a capital. */
export function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/**
 * The world of one story.
 *
 * Methods that return a {@linkcode Fault} check something; the others change the world.
 */
export class World {
  readonly people = new Map<string, Person>();
  readonly things = new Map<string, Thing>();
  /** Past events, as the rules of later events refer to them, with the persons in them. */
  readonly facts = new Map<string, Parts>();
  /** The questions that the story answers, with their answers. */
  readonly answers = new Map<string, string>();
  /** How often each event was told. */
  readonly told = new Map<string, number>();
  /** Where the story is. */
  place: string | undefined;
  /** The subject of the last sentence, which "he" or "she" refers to first. */
  subject: string | undefined;
  /** Words that were said once and hold for the whole story, by their roles: `L`, salt. */
  readonly kept = new Map<string, string>();
  /** Whether the last sentence was an end. */
  hasEnded = false;
  /** The thing that "it" refers to. */
  it: string | undefined;
  /** Where somebody said that a thing is. */
  hint: { readonly place: string; readonly spot?: string | undefined } | undefined;

  /**
   * The person that a pronoun refers to: the subject if it fits, otherwise the only person that it
   * fits.
   */
  resolve(pronoun: Pronoun): string | undefined {
    const subject = this.subject === undefined ? undefined : this.people.get(this.subject);
    if (subject !== undefined && (subject.pronoun ?? pronoun) === pronoun) return subject.name;
    let found: string | undefined;
    for (const person of this.people.values()) {
      if (person.pronoun !== undefined && person.pronoun !== pronoun) continue;
      if (found !== undefined) return undefined;
      found = person.name;
    }
    return found;
  }

  /** The person of a kind: "the fox". */
  ofKind(kind: string): string | undefined {
    for (const person of this.people.values()) if (person.kind === kind) return person.name;
    return undefined;
  }

  person(name: string): Person {
    return this.people.get(name) ?? { name, kind: "", trait: "" };
  }

  thing(noun: string): Thing {
    return this.things.get(noun) ?? { noun, look: "" };
  }

  kindOf(name: string): string {
    return this.person(name).kind;
  }

  /** Checks that something happened, to the same persons: who has knocked is let in. */
  hasFact(fact: string, otherwise: string, { A, B }: Parts = {}): Fault {
    const before = this.facts.get(fact);
    return before === undefined ? otherwise : all(isSame(before.A, A), isSame(before.B, B));
  }

  hasNoFact(fact: string, otherwise: string): Fault {
    return this.facts.has(fact) ? otherwise : undefined;
  }

  holds(name: string, noun: string): Fault {
    return this.thing(noun).holder === name ? undefined : `${name} does not have the ${noun}`;
  }

  owns(name: string, noun: string): Fault {
    return this.thing(noun).owner === name ? undefined : `the ${noun} is not ${name}'s`;
  }

  isLost(noun: string): Fault {
    const thing = this.things.get(noun);
    return thing !== undefined && thing.holder === undefined
      ? undefined
      : `the ${noun} is not lost`;
  }

  /** Checks that a word, if a sentence names it, is that which was said before. */
  isStill(role: string, word: string | undefined): Fault {
    return isSame(this.kept.get(role), word);
  }

  /** Keeps a word, if a sentence names it. */
  keep(role: string, word: string | undefined): void {
    if (word !== undefined) this.kept.set(role, word);
  }

  feels(name: string, mood: NonNullable<Person["mood"]>): Fault {
    return this.person(name).mood === mood ? undefined : `${name} is not ${mood}`;
  }

  /** Checks that the story is at some place. */
  isOut(): Fault {
    return this.place === undefined ? "nobody has gone anywhere" : undefined;
  }

  /** Checks that a person is where the story is. */
  isHere(name: string): Fault {
    return this.person(name).place === this.place ? undefined : `${name} is not here`;
  }

  /** Checks that nobody waits for something to go on. */
  hasNothingPending(): Fault {
    return all(
      this.hasNoFact("at the door", "somebody is at the door"),
      this.hasNoFact("hidden", "somebody is hidden"),
      this.hasNoFact("in the water", "somebody is in the water"),
      this.hasNoFact("running", "they are running"),
    );
  }

  hasKind(name: string, sentence: string): Fault {
    const kind = this.kindOf(name);
    return kinds[kind]?.nature.includes(sentence)
      ? undefined
      : `this is not what one says of ${kind === "" ? name : withArticle(kind)}`;
  }

  give(noun: string, name: string): void {
    this.thing(noun).holder = name;
  }

  own(noun: string, name: string): void {
    const thing = this.thing(noun);
    thing.owner = name;
    thing.holder = name;
  }

  lose(noun: string): void {
    this.thing(noun).holder = undefined;
  }

  mood(name: string, mood: Person["mood"]): void {
    this.person(name).mood = mood;
  }

  /** Moves people, and the story with them. Where one of them went has two answers now if it had one. */
  go(place: string, ...names: readonly string[]): void {
    this.place = place;
    for (const name of names) {
      this.person(name).place = place;
      this.answers.delete(`Where did ${name} go?`);
    }
  }

  /** The same for people who go together; where they went has two answers if they do so twice. */
  goTogether(place: string, names: readonly string[]): void {
    this.go(place, ...names);
    const questions = [names, names.toReversed()].map((names) =>
      `Where did ${names.join(" and ")} go together?`
    );
    if (this.facts.has("went together")) questions.forEach((asked) => this.answers.delete(asked));
    else this.answer(questions[0]!, `to the ${place}`);
    this.note("went together");
  }

  note(fact: string, parts: Parts = {}): void {
    this.facts.set(fact, parts);
  }

  /** Notes a question that the text answers from now on; the last answer counts. */
  answer(question: string, answer: string): void {
    this.answers.set(question, `${capitalized(answer)}.`);
  }

  /** A thing as it was introduced: "a red kite". */
  described(noun: string): string {
    return withArticle(`${this.thing(noun).look} ${noun}`);
  }
}
