/**
 * Sentences with slots, and what the slots stand for.
 *
 * | Slot | Stands for | Example |
 * | --- | --- | --- |
 * | `{A}` | a person: name, kind or pronoun | Tom, the fox, He |
 * | `{name A}`, `{a kind A}` | a person who is introduced | Tom, a shy fox |
 * | `{he A}`, `{him A}`, `{his A}` | a person by pronoun | she, her, her |
 * | `{X}`, `{a X}`, `{it X}`, `{look X}` | a thing | red kite, a red kite, it, red |
 * | `{to P}`, `{in P}` | a place | to the lake, by the lake |
 * | `{S}` | a spot where a thing can lie | under a fern |
 * | `{did T}` | what one does with a tool | climbed up |
 * | `{D}`, `{L}` | the day of a birthday, what a baker lacks: said once, kept in the story | Friday |
 * | `{weather}` | a word of that list | windy |
 *
 * @module
 */

import { choices } from "./words.ts";

/**
 * Persons A, B, C; things X, Y; food F; plant G; tool T; place P; spots S and R; see
 * {@linkcode kept} for D and L.
 */
export type Role = "A" | "B" | "C" | "X" | "Y" | "F" | "G" | "T" | "P" | "S" | "R" | "D" | "L";

/** The lists of the roles whose words stay the same in a story once they were said. */
export const kept: Readonly<Record<string, string>> = { D: "day", L: "lack" };

/** The form in which a slot names its role. */
export type Form =
  | "person"
  | "name"
  | "a kind"
  | "he"
  | "him"
  | "his"
  | "thing"
  | "a"
  | "it"
  | "look"
  | "to"
  | "in"
  | "spot"
  | "did"
  | "kept"
  | "choice";

/** A place in a template that the world fills. */
export interface Slot {
  readonly form: Form;
  /** A role, or the name of a list for a choice. */
  readonly role: string;
  /** Whether it stands inside quotation marks, where a person is called by name. */
  readonly isQuoted: boolean;
  /** Whether a possessive follows: `{A}'s`. */
  readonly isPossessive: boolean;
}

/** A sentence or two with slots. */
export interface Template {
  readonly text: string;
  /** Literal text and slots, in order. */
  readonly parts: readonly (string | Slot)[];
  /** The roles that it names by more than a pronoun. */
  readonly named: ReadonlySet<string>;
  /** The persons that it calls by pronoun only. */
  readonly pronounOnly: readonly string[];
  /** The thing that it calls "it" without naming it, if any. */
  readonly onlyIt: string | undefined;
}

const persons = ["A", "B", "C"];

function formOf(word: string, role: string): Form {
  if (role in choices) return "choice";
  if (word === "") {
    if (persons.includes(role)) return "person";
    if (role in kept) return "kept";
    return role === "S" || role === "R" ? "spot" : "thing";
  }
  return word as Form;
}

/**
 * Parses a template.
 *
 * @throws {SyntaxError} If a slot names no role and no list.
 */
export function parseTemplate(text: string): Template {
  const parts: (string | Slot)[] = [];
  const named = new Set<string>();
  const pronouns = new Set<string>();
  let onlyIt: string | undefined;
  let last = 0;
  for (const match of text.matchAll(/\{(?:(a kind|\w+) )?(\w+)\}/g)) {
    const [whole, word = "", role = ""] = match;
    if (!(role in choices) && !/^[ABCXYFGTPSRDL]$/.test(role)) {
      throw new SyntaxError(
        `Cannot read the template "${text}": wanted a role or a list, got ${role}`,
      );
    }
    if (match.index > last) parts.push(text.slice(last, match.index));
    last = match.index + whole.length;
    const form = formOf(word, role);
    const quotes = text.slice(0, match.index).split('"').length - 1;
    parts.push({
      form,
      role,
      isQuoted: quotes % 2 === 1,
      isPossessive: text.startsWith("'s", last),
    });
    if (form === "he" || form === "him" || form === "his") pronouns.add(role);
    else if (form === "it") onlyIt = role;
    else named.add(role);
  }
  if (last < text.length) parts.push(text.slice(last));
  return {
    text,
    parts,
    named,
    pronounOnly: [...pronouns].filter((role) => !named.has(role)),
    onlyIt: onlyIt !== undefined && named.has(onlyIt) ? undefined : onlyIt,
  };
}
