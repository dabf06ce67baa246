/**
 * Split patterns: regular expressions that cut text into the pieces within which tokens lie.
 *
 * Patterns are kept as they stand in the files of other tokenizers, which are written for the
 * engines of Python and Rust. {@linkcode toRegExp} puts them into JavaScript's dialect.
 *
 * @module
 */

/**
 * nanochat's split pattern: GPT-4's, except that a run of digits is cut after two and not three,
 * so that a small vocabulary does not spend its tokens on numbers.
 */
export const SPLIT_PATTERN: string = String
  .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`;

/** GPT-2's split pattern, which Hugging Face's files mean by `"use_regex": true`. */
export const GPT2_PATTERN: string = String
  .raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** Shorthands that mean other characters in JavaScript than in Python and Rust. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  "\\s": String.raw`\p{White_Space}`,
  "\\S": String.raw`\P{White_Space}`,
  "\\d": String.raw`\p{Nd}`,
  "\\D": String.raw`\P{Nd}`,
};

/** The parts of a pattern that must not be looked into, one by one. */
const PART =
  /\\[pPxuk]\{[^}]*\}|\\k<[^>]*>|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^]|\(\?(?:<?[=!]|<[^>]*>|[a-z-]*:)|\{\d+(?:,\d*)?\}|[^]/gu;

/**
 * Compiles a split pattern in the dialect of Python and Rust.
 *
 * Three things are put in other words: `\s` and `\d`, which leave out characters or take others in
 * JavaScript; escapes that are needless there; and possessive quantifiers (`?+`, `*+`, `++`,
 * `{1,3}+`), which JavaScript lacks. `X++` becomes `(?=(?<name>X+))\k<name>`: what a lookahead has
 * matched is not tried again.
 *
 * @returns The expression with the flags `g` and `u`.
 * @throws {SyntaxError} If the pattern is malformed, or uses what JavaScript has no words for.
 *
 * @example Digits in threes that are never given back
 * ```ts
 * import { toRegExp } from "./pattern.ts";
 *
 * console.log("1234567".match(toRegExp("\\d{1,3}+|\\D+"))); // [ "123", "456", "7" ]
 * ```
 */
export function toRegExp(pattern: string): RegExp {
  const output: string[] = [];
  const groups: number[] = [];
  let inClass = false;
  let atom = 0; // where in `output` the thing begins that a quantifier would repeat
  let quantified = false;
  let atomics = 0;
  for (const [part] of pattern.matchAll(PART)) {
    if (inClass) {
      output.push(translateEscape(part));
      inClass = part !== "]";
    } else if (part === "+" && quantified) {
      const name = `atomic${atomics++}`;
      const repeated = output.splice(atom).join("");
      output.push(`(?:(?=(?<${name}>${repeated}))\\k<${name}>)`);
      quantified = false;
    } else if (part === "?" && quantified) {
      output.push(part);
      quantified = false;
    } else if (/^(?:[*+?]|\{\d.*)$/.test(part)) {
      output.push(part);
      quantified = true;
    } else {
      if (part === ")") atom = groups.pop() ?? output.length;
      else atom = output.length;
      if (part.startsWith("(")) groups.push(output.length);
      inClass = part === "[";
      quantified = false;
      output.push(translateEscape(part));
    }
  }
  try {
    return new RegExp(output.join(""), "gu");
  } catch (error) {
    throw new SyntaxError(
      `Cannot use the split pattern: wanted a regular expression, got ${JSON.stringify(pattern)}: ${
        error instanceof Error ? error.message : error
      }`,
    );
  }
}

function translateEscape(part: string): string {
  const shorthand = SHORTHANDS[part];
  if (shorthand !== undefined) return shorthand;
  return /^\\[^a-zA-Z0-9^$\\.*+?()[\]{}|/-]$/u.test(part) ? part.slice(1) : part;
}
