/**
 * Replays a story: recognizes each sentence, and says which contradict what was told before.
 *
 * @module
 */

import type { EventName } from "./events/mod.ts";
import { pronounOf } from "./names.ts";
import { apply, type Reading, refusal, templates } from "./sentence.ts";
import { kept, type Slot, type Template } from "./template.ts";
import {
  choices,
  foods,
  kinds,
  links,
  looks,
  places,
  plants,
  type Pronoun,
  tastes,
  things,
  toolLooks,
  tools,
  traits,
} from "./words.ts";
import { atPlace, capitalized, type Person, type Thing, withArticle, World } from "./world.ts";

/** A sentence of a story, with its faults. */
export interface CheckedSentence {
  /** The text; some events are told in two sentences. */
  readonly text: string;
  /** The name of the event that it tells, or undefined if the world has no such sentence. */
  readonly event: string | undefined;
  /** Why it contradicts what was told before, each in a few words. */
  readonly faults: readonly string[];
}

/** An answered question under a story. */
export interface CheckedQuestion {
  /** The question, as it was asked. */
  readonly question: string;
  /** The answer under the story. */
  readonly answer: string;
  /** The answer that the story gives, or undefined if it does not say. */
  readonly wanted: string | undefined;
}

/** The result of a replay. */
export interface CheckedStory {
  /** All of the text, sentence by sentence. */
  readonly sentences: readonly CheckedSentence[];
  /** The questions and answers below the story. */
  readonly questions: readonly CheckedQuestion[];
  /** Whether each sentence is one of the world's, from a beginning to an end. */
  readonly isWellFormed: boolean;
  /** Whether it is well-formed, and nothing in it contradicts anything before it. */
  readonly isConsistent: boolean;
  /** Whom it introduces first, or undefined if it introduces nobody. */
  readonly mainCharacter: { readonly name: string; readonly kind: string } | undefined;
  /** All questions that the text answers, with their answers. */
  readonly answers: ReadonlyMap<string, string>;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const anyOf = (words: readonly string[]) =>
  words.toSorted((a, b) => b.length - a.length).map(escaped).join("|");

/** A name: a capital and letters, or letters of a script without capitals. */
const NAME = String
  .raw`\p{Lu}[\p{L}\p{M}'’-]*|[\p{Lo}\p{Script=Georgian}][\p{L}\p{M}\u200c\u200d]*`;
const KINDS = anyOf(Object.keys(kinds));
const LOOKS = anyOf([...looks, ...tastes, ...toolLooks]);
const nounsOf: Readonly<Record<string, string>> = {
  X: anyOf(things),
  Y: anyOf(things),
  F: anyOf(foods),
  G: anyOf(plants),
  T: anyOf(Object.keys(tools)),
};
const PLACES = anyOf(Object.keys(places));
const SPOTS = anyOf(Object.values(places).flatMap(({ spots }) => spots));

/** The pattern of what a slot can be filled with; a possessive is left to the literal text. */
function patternOf({ form, role, isPossessive }: Slot): string {
  switch (form) {
    case "person": {
      const named = isPossessive ? `(?:${NAME})(?='s)` : `[Hh]e|[Ss]he|(?:${NAME})`;
      return `[Tt]he (?:${KINDS})|${named}`;
    }
    case "name":
      return NAME;
    case "a kind":
      return `[Aa]n? (?:${anyOf(traits)}) (?:${KINDS})`;
    case "he":
      return "he|she";
    case "him":
      return "him|her";
    case "his":
      return "his|her";
    case "thing":
      return `(?:(?:${LOOKS}) )?(?:${nounsOf[role]})`;
    case "a":
      return `an? (?:${LOOKS}) (?:${nounsOf[role]})`;
    case "it":
      return "it";
    case "look":
      return LOOKS;
    case "to":
      return `to the (?:${PLACES})`;
    case "in":
      return `(?:[Ii]n|[Aa]t|[Oo]n|[Bb]y) the (?:${PLACES})`;
    case "spot":
      return SPOTS;
    case "did":
      return anyOf(Object.values(tools));
    case "kept":
      return anyOf(choices[kept[role]!]!);
    case "choice":
      return anyOf(choices[role]!);
  }
}

/** A template as a pattern that finds it at a position of a text. */
interface Pattern {
  readonly event: EventName;
  readonly template: Template;
  readonly slots: readonly Slot[];
  readonly regex: RegExp;
}

function compile(event: EventName, template: Template): Pattern {
  const { parts } = template;
  const slots = parts.filter((part) => typeof part !== "string");
  let regex: RegExp | undefined;
  return {
    event,
    template,
    slots,
    // Most patterns are tried by no story, and each takes as long to compile as to read a sentence.
    get regex() {
      if (regex !== undefined) return regex;
      const source = parts.map((part) =>
        typeof part === "string" ? escaped(part) : `(${patternOf(part)})`
      );
      return regex = new RegExp(`${source.join("")}(?= |$)`, "uy");
    },
  };
}

const wordsOf = (text: string) => text.match(/[\p{L}\p{M}-]+/gu) ?? [];

/** Whole words of the literal text of a template. */
function literalWords({ parts }: Template): readonly string[] {
  return parts.flatMap((part, i) => {
    if (typeof part !== "string") return [];
    const inner = part
      .replace(i > 0 ? /^[\p{L}\p{M}'-]+/u : /^$/, "")
      .replace(i < parts.length - 1 ? /[\p{L}\p{M}'-]+$/u : /^$/, "");
    return wordsOf(inner);
  });
}

/** Patterns by the rarest word of their literal text, so that few are tried at each position. */
function compilePatterns(): ReadonlyMap<string, readonly Pattern[]> {
  const all = [...templates].flatMap(([event, list]) =>
    list.map((template) => compile(event, template))
  );
  const counts = new Map<string, number>();
  const words = all.map(({ template }) => literalWords(template));
  for (const word of words.flatMap((list) => [...new Set(list)])) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const byWord = new Map<string, Pattern[]>();
  all.forEach((pattern, i) => {
    const [rarest = ""] = words[i]!.toSorted((a, b) => counts.get(a)! - counts.get(b)!);
    byWord.set(rarest, [...byWord.get(rarest) ?? [], pattern]);
  });
  return byWord;
}

/** Compiled at the first check, because that takes longer than everything else at startup. */
let patterns: ReturnType<typeof compilePatterns> | undefined;

/** No sentence of the world is longer, in characters. */
const MAX_SENTENCE = 260;

interface Candidate {
  readonly reading: Reading;
  readonly length: number;
  readonly faults: readonly string[];
}

/** Reads the slots of a matched pattern against the state of the world. */
class Reader {
  readonly roles: Partial<Record<string, string>> = {};
  readonly faults: string[] = [];
  readonly newPeople: Person[] = [];
  readonly newThings: Thing[] = [];
  readonly pronouns = new Map<string, Pronoun>();
  private readonly introduced = new Map<string, { kind: string; trait: string }>();
  private readonly late: (readonly [role: string, pronoun: Pronoun])[] = [];
  subject: string | undefined;
  it: string | undefined;

  constructor(private readonly world: World, private readonly isLinked: boolean) {}

  read(slots: readonly Slot[], texts: readonly string[], pattern: Pattern): Reading {
    slots.forEach((slot, i) =>
      this.slot(slot, texts[i]!, slots.indexOf(slot) === 0 && pattern.template.parts[0] === slot)
    );
    for (const [role, pronoun] of this.late) this.byPronoun(role, pronoun);
    const { roles, newPeople, newThings, subject, it } = this;
    const { event, template } = pattern;
    const pronouns = [...this.pronouns];
    return { event, template, roles, newPeople, newThings, pronouns, subject, it };
  }

  private slot(slot: Slot, text: string, isFirst: boolean): void {
    const { form, role } = slot;
    switch (form) {
      case "person":
        return this.person(slot, text, isFirst);
      case "name":
        return this.introduce(role, text);
      case "a kind": {
        const [article, trait = "", kind = ""] = text.split(" ");
        this.article(text, article!, trait);
        this.introduced.set(role, { kind, trait });
        return this.finishIntroduction(role);
      }
      case "he":
      case "him":
      case "his":
        this.late.push([role, /^(she|her)$/.test(text) ? "she" : "he"]);
        return;
      case "thing":
      case "a":
        return this.thing(slot, text);
      case "it":
        return this.bind(role, this.world.it);
      case "look":
        return this.look(role, text);
      case "to":
      case "in": {
        const place = text.slice(text.lastIndexOf(" ") + 1);
        const wanted = isFirst ? capitalized(atPlace(place)) : atPlace(place);
        if (form === "in" && text !== wanted) this.faults.push(`one says "${wanted}"`);
        return this.bind("P", place);
      }
      case "spot":
      case "kept":
        return this.bind(role, text);
      case "did": {
        const tool = this.roles.T;
        if (tool !== undefined && tools[tool] !== text) this.faults.push(`${tool}: ${text}`);
        return;
      }
      case "choice":
        return;
    }
  }

  /** Binds a role to a value, which must be the same throughout a sentence. */
  private bind(role: string, value: string | undefined): void {
    if (value === undefined) this.faults.push("nobody knows what it is");
    const before = this.roles[role];
    if (before !== undefined && before !== value) this.faults.push(`${before} becomes ${value}`);
    this.roles[role] = value ?? "?";
  }

  private article(text: string, article: string, next: string): void {
    if (withArticle(next).split(" ")[0] !== article.toLowerCase()) {
      this.faults.push(`wrong article: ${text}`);
    }
  }

  private person({ role, isQuoted }: Slot, text: string, isFirst: boolean): void {
    const { world } = this;
    const isPronoun = /^s?he$/i.test(text);
    const isKind = /^the /i.test(text);
    if ((isPronoun || isKind) && isFirst !== /^[A-Z]/.test(text) && !(isFirst && this.isLinked)) {
      this.faults.push(`capital letter: ${text}`);
    }
    if (isPronoun) {
      if (isQuoted) this.faults.push(`who is ${text}?`);
      this.byPronoun(role, text.toLowerCase() as Pronoun);
    } else {
      const kind = text.slice(4);
      const name = isKind ? world.ofKind(kind) : text;
      if (name === undefined) this.faults.push(`there is no ${kind}`);
      else if (!world.people.has(name) && !this.newPeople.some((person) => person.name === name)) {
        this.faults.push(`nobody is called ${name}`);
      }
      this.bind(role, name ?? "?");
    }
    if (!isQuoted) this.subject ??= this.roles[role];
  }

  /**
   * Resolves a pronoun: it refers to a person that the sentence names, or to the subject of the
   * last one.
   */
  private byPronoun(role: string, pronoun: Pronoun): void {
    const name = this.roles[role] ?? this.world.resolve(pronoun);
    if (name === undefined) {
      this.faults.push(`nobody in particular is ${pronoun}`);
      return this.bind(role, "?");
    }
    const person = this.newPeople.find((one) => one.name === name) ?? this.world.person(name);
    const known = person.pronoun ?? this.pronouns.get(name);
    if (known !== undefined && known !== pronoun) {
      this.faults.push(`${name} is ${known}, not ${pronoun}`);
    } else this.pronouns.set(name, pronoun);
    this.bind(role, name);
  }

  private introduce(role: string, name: string): void {
    if (this.roles[role] === name) return;
    if (this.world.people.has(name)) this.faults.push(`${name} is in the story already`);
    if (/^(He|She|It|The|They)$/.test(name)) this.faults.push(`${name} is no name`);
    this.bind(role, name);
    this.subject ??= name;
    this.finishIntroduction(role);
  }

  /** Once both the name and the kind of a person are read. */
  private finishIntroduction(role: string): void {
    const name = this.roles[role];
    const introduced = this.introduced.get(role);
    if (name === undefined || introduced === undefined) return;
    const { kind, trait } = introduced;
    if (this.world.ofKind(kind) !== undefined) this.faults.push(`a second ${kind}`);
    const [byKind, byName] = [kinds[kind]?.pronoun, pronounOf(name, "")];
    if (byKind !== undefined && byName !== undefined && byKind !== byName) {
      this.faults.push(`${name} is ${byName}, but a ${kind} is ${byKind}`);
    }
    this.newPeople.push({ name, kind, trait, pronoun: byKind ?? byName });
  }

  private thing({ form, role }: Slot, text: string): void {
    const words = text.split(" ");
    const noun = words.at(-1)!;
    const look = words.length > 1 ? words.at(-2)! : undefined;
    if (form === "a") this.article(text, words[0]!, look!);
    const known = this.world.things.get(noun) ?? this.newThings.find((one) => one.noun === noun);
    if (known === undefined) {
      if (form === "a") this.newThings.push({ noun, look: look! });
      else this.faults.push(`there is no ${noun}`);
    } else {
      if (look !== undefined && known.look !== look) {
        this.faults.push(`the ${noun} is ${known.look}, not ${look}`);
      }
      // A lost thing can be described again, when someone asks for it or finds it.
      if (form === "a" && known.holder !== undefined) this.faults.push(`a second ${noun}`);
    }
    this.bind(role, noun);
    this.it = noun;
  }

  /** "Something red": what is lost, by its look. */
  private look(role: string, look: string): void {
    const lost = [...this.world.things.values()].find(({ holder }) => holder === undefined);
    if (lost === undefined) this.faults.push("nothing is lost");
    else if (lost.look !== look) this.faults.push(`the ${lost.noun} is ${lost.look}, not ${look}`);
    this.roles[role] = lost?.noun ?? "?";
  }
}

/** The best reading of the text at a position: fewest faults, then longest. */
function readAt(
  world: World,
  text: string,
  start: number,
  isLinked: boolean,
): Candidate | undefined {
  patterns ??= compilePatterns();
  let best: Candidate | undefined;
  for (const word of new Set(wordsOf(text.slice(start, start + MAX_SENTENCE)))) {
    for (const pattern of patterns.get(word) ?? []) {
      if (
        isLinked &&
        (pattern.slots[0]?.form !== "person" || pattern.template.parts[0] !== pattern.slots[0])
      ) continue;
      pattern.regex.lastIndex = start;
      const match = pattern.regex.exec(text);
      if (match === null) continue;
      const reader = new Reader(world, isLinked);
      const reading = reader.read(pattern.slots, match.slice(1), pattern);
      const fault = refusal(world, reading);
      const faults = fault === undefined ? reader.faults : [...reader.faults, fault];
      const length = match[0].length;
      if (
        best === undefined || faults.length < best.faults.length ||
        (faults.length === best.faults.length && length > best.length)
      ) best = { reading, length, faults };
    }
  }
  return best;
}

/** Reads a sentence at a position, with a link before it or without. */
function readSentence(world: World, text: string, start: number): Candidate | undefined {
  const plain = readAt(world, text, start, false);
  const link = links.find((link) => text.startsWith(`${link} `, start));
  if (link === undefined || plain !== undefined) return plain;
  const linked = readAt(world, text, start + link.length + 1, true);
  return linked && { ...linked, length: linked.length + link.length + 1 };
}

/**
 * Replays a story and its questions.
 *
 * A story is its first line; each further line is a question with its answer. Any text is accepted:
 * a passage that is no sentence of the world counts as a fault up to the next period.
 *
 * @example
 * ```ts
 * import { checkStory } from "./checker.ts";
 *
 * const { sentences } = checkStory("Once there lived a shy fox, and everyone called him Mia.");
 * console.log(sentences[0]?.faults); // [ "Mia is she, not he" ]
 * ```
 */
export function checkStory(text: string): CheckedStory {
  const [body = "", ...lines] = text.trim().split("\n");
  const story = body.trim();
  const world = new World();
  const sentences: CheckedSentence[] = [];
  const told = new Set<string>();
  for (let at = 0; at < story.length;) {
    const found = readSentence(world, story, at);
    if (found === undefined) {
      const rest = story.slice(at);
      const length = /[.!?]"?(?= |$)/.exec(rest)?.index ?? rest.length - 1;
      const unknown = rest.slice(0, length + (rest[length + 1] === '"' ? 2 : 1));
      sentences.push({ text: unknown, event: undefined, faults: ["no such sentence"] });
      told.add(unknown);
      at += unknown.length + 1;
      world.hasEnded = false;
      continue;
    }
    apply(world, found.reading);
    const { length, reading: { event } } = found;
    const said = story.slice(at, at + length);
    const faults = told.has(said)
      ? [...found.faults, "this was told already, word for word"]
      : found.faults;
    sentences.push({ text: said, event, faults });
    told.add(said);
    at += length + 1;
  }
  const questions = lines.flatMap((line): CheckedQuestion[] => {
    const [, question, answer] = /^(.*?\?) (.*)$/.exec(line.trim()) ?? [];
    return question === undefined || answer === undefined
      ? []
      : [{ question, answer, wanted: world.answers.get(question) }];
  });
  const isWellFormed = sentences[0]?.event === "begin" && world.hasEnded &&
    sentences.every(({ event }) => event !== undefined);
  return {
    sentences,
    questions,
    isWellFormed,
    isConsistent: isWellFormed && sentences.every(({ faults }) => faults.length === 0),
    mainCharacter: world.people.values().next().value,
    answers: world.answers,
  };
}
