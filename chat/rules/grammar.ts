/**
 * Templates of messages: a small notation for many wordings of the same thing.
 *
 * | Notation | What it stands for |
 * | --- | --- |
 * | `(what is\|what's)` | one of the alternatives, which may be empty, and may have choices in them |
 * | `{country}` | a slot, which is filled in later |
 *
 * @module
 */

import type { PythonRandom } from "../random/python_random.ts";

/** A parsed template: text with slots, and choices, in order. */
export type Template = readonly (string | TemplateChoice)[];

/** A choice among templates. */
export interface TemplateChoice {
  /** The alternatives to choose from. */
  readonly options: readonly Template[];
}

/**
 * Reads a template.
 *
 * @throws {SyntaxError} If a parenthesis is unbalanced.
 *
 * @example
 * ```ts
 * import { PythonRandom } from "../random/python_random.ts";
 * import { expandTemplate, readTemplate } from "./grammar.ts";
 *
 * const template = readTemplate("(what is|tell me) the capital of {country}");
 * const text = expandTemplate(template, new PythonRandom(1));
 * if (!text.endsWith("the capital of {country}")) throw new Error(text);
 * ```
 */
export function readTemplate(source: string): Template {
  const tokens = source.split(/([(|)])/).filter((token) => token !== "");
  const fail = () =>
    new SyntaxError(`Cannot read a template: wanted pairs of parentheses, got "${source}"`);
  let at = 0;
  const readOptions = (): Template[] => {
    const options: (string | TemplateChoice)[][] = [[]];
    for (; at < tokens.length && tokens[at] !== ")"; at++) {
      const token = tokens[at]!;
      if (token === "|") options.push([]);
      else if (token !== "(") options.at(-1)!.push(token);
      else {
        at++;
        options.at(-1)!.push({ options: readOptions() });
        if (at === tokens.length) throw fail();
      }
    }
    return options;
  };
  const options = readOptions();
  if (at < tokens.length) throw fail();
  return [{ options }];
}

/** Whether every text of a template begins with a slot. */
export function beginsWithSlot([first]: Template): boolean {
  if (typeof first === "string") return first.startsWith("{");
  return first !== undefined && first.options.every(beginsWithSlot);
}

/**
 * Chooses one text of a template, with its slots; every alternative of a choice is as likely as the
 * others.
 */
export function expandTemplate(template: Template, random: PythonRandom): string {
  return template.map((part) =>
    typeof part === "string" ? part : expandTemplate(random.choice(part.options), random)
  ).join("");
}
