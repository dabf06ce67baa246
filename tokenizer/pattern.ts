/**
 * Split patterns: regular expressions that split text into pieces; tokens never cross a piece
 * boundary.
 *
 * Patterns are stored as other tokenizers' files write them, in the dialect of Python and Rust.
 * {@linkcode toRegExp} translates them to JavaScript.
 *
 * @module
 */
import { showValue } from "./show.ts";

/**
 * nanochat's split pattern: GPT-4's, except that numbers are split into runs of two digits instead
 * of three, so that a small vocabulary spends fewer tokens on numbers.
 */
export const SPLIT_PATTERN: string = String
  .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`;

/** GPT-2's split pattern, which Hugging Face files denote by `"use_regex": true`. */
export const GPT2_PATTERN: string = String
  .raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** Splits each digit off, as SmolLM2's files do before they split by GPT-2's pattern. */
export const DIGIT_PATTERN: string = String.raw`\p{N}`;

/** Splits numbers off as a whole. */
export const NUMBER_PATTERN: string = String.raw`\p{N}+`;

/** Llama 3's split pattern, which is GPT-4's as Hugging Face files have it. */
export const LLAMA3_PATTERN: string = String
  .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** The split pattern of Qwen 2 and 3. */
export const QWEN2_PATTERN: string = String
  .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/**
 * Patterns of well-known models, which match every character, and take time linear in the length of any
 * text. All others come from files or users that are not trusted; see {@linkcode Matcher}.
 */
export const KNOWN_PATTERNS: ReadonlySet<string> = new Set([
  GPT2_PATTERN,
  // GPT-2 as in tiktoken
  String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s`,
  // GPT-4 (cl100k) as in tiktoken
  String
    .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`,
  LLAMA3_PATTERN,
  QWEN2_PATTERN,
  // GPT-4o (o200k)
  String
    .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
]);

/** Shorthands for properties, which match other characters in JavaScript than in Python and Rust. */
const PROPERTIES: Readonly<Record<string, string>> = {
  "\\s": String.raw`\p{White_Space}`,
  "\\S": String.raw`\P{White_Space}`,
  "\\d": String.raw`\p{Nd}`,
  "\\D": String.raw`\P{Nd}`,
};

/** Word characters, inside of a class, as Unicode's UTS #18 and Rust have them. */
const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;

/** Other shorthands, outside of classes. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  "\\w": `[${WORD}]`,
  "\\W": `[^${WORD}]`,
  "\\b": `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`,
  "\\B": `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`,
  // Without the flag `s`, JavaScript's dot excludes more than line feeds.
  ".": String.raw`(?:.|[\r\u2028\u2029])`,
};

/** The parts of a pattern: classes, characters, escapes, and what opens a group or repeats. */
export const PART =
  /\[(?:\\[^]|[^\]\\])*\]|\\[pPxuk]\{[^}]*\}|\\k<[^>]*>|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^]|\(\?(?:<?[=!]|<[^>]*>|[a-z-]*:)|\{\d+(?:,\d*)?\}|[^]/gu;

/**
 * Compiles a split pattern from the dialect of Python and Rust.
 *
 * Three things are translated: `\s`, `\d`, `\w`, `\b` and `.`, which match different characters in
 * JavaScript; needless escapes; and possessive quantifiers (`?+`, `*+`, `++`, `{1,3}+`), which
 * JavaScript lacks. `X++` becomes `(?=(?<name>X+))\k<name>`, because a lookahead never backtracks once
 * it has matched.
 *
 * @returns The expression with the flags `g` and `u`.
 * @throws {SyntaxError} If the pattern is malformed or has no JavaScript equivalent.
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
  let atom = 0; // where the atom that a quantifier would repeat starts in `output`
  let quantified = false;
  let atomics = 0;
  for (const [part] of pattern.matchAll(PART)) {
    if (part === "+" && quantified) {
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
      quantified = false;
      output.push(translatePart(part));
    }
  }
  try {
    return new RegExp(output.join(""), "gu");
  } catch (error) {
    // The engine's message quotes the translated pattern, which may have several lines.
    const reason = String(error).split(": ").at(-1);
    throw new SyntaxError(
      `Cannot use the split pattern: wanted a regular expression, got ${
        showValue(pattern)
      }: ${reason}`,
    );
  }
}

/** Translates a part of a pattern, such as a class, to JavaScript. */
export function translatePart(part: string): string {
  if (/^\[./su.test(part)) return translateClass(part);
  return SHORTHANDS[part] ?? translateEscape(part);
}

function translateClass(part: string): string {
  let hasOthers = false;
  const source = part.replace(/\\[^]/gu, (escape) => {
    if (escape === "\\w") return WORD;
    if (escape !== "\\W") return translateEscape(escape);
    hasOthers = true;
    return "";
  });
  if (!hasOthers) return source;
  // A class cannot contain the complement of several properties.
  const others = SHORTHANDS["\\W"];
  return source.startsWith("[^") ? `(?:(?!${others})${source})` : `(?:${source}|${others})`;
}

function translateEscape(part: string): string {
  const property = PROPERTIES[part];
  if (property !== undefined) return property;
  return /^\\[^a-zA-Z0-9^$\\.*+?()[\]{}|/-]$/u.test(part) ? part.slice(1) : part;
}
