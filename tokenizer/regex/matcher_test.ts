import { assert, assertEquals, assertThrows } from "@std/assert";
import { KNOWN_PATTERNS, SPLIT_PATTERN, toRegExp } from "../pattern.ts";
import { processorTime } from "../../testing/clock.ts";
import { makeRandom, type Random, randomText } from "../testing/texts.ts";
import { Matcher } from "./matcher.ts";

function find(pattern: string, text: string): number[][] {
  return Array.from(new Matcher(pattern).matches(text), ({ start, end }) => [start, end]);
}

function findByRegExp(pattern: string, text: string): number[][] {
  const found = Array.from(
    text.matchAll(toRegExp(pattern)),
    ({ index, 0: match }) => [index, index + match.length],
  );
  // V8 also finds empty matches between the halves of a surrogate pair.
  return found.filter(([start]) => !(text.codePointAt(start! - 1)! > 0xffff));
}

const CLASSES = [".", "[ab]", "[^a]", "[a\\s]", "[^\\s\\p{L}]", "[^]", "\\s", "\\S", "\\d"];
const WORD_CLASSES = ["\\w", "\\W", "[^\\w1]", "[\\W1]", "[^\\W1]"];

/**
 * A random pattern of every construct; groups are nested at most `depth` deep.
 *
 * @param words Whether there may be word characters: V8 takes long to compile them.
 */
function randomPattern(random: Random, depth: number, words: boolean): string {
  const pick = (list: readonly string[]) => list[random(list.length)]!;
  const group = () => randomPattern(random, depth - 1, words);
  const term = (): string => {
    const kind = random(depth > 0 ? 11 : 7);
    if (kind === 0) return pick(words ? ["^", "$", "\\b", "\\B"] : ["^", "$"]);
    if (kind === 10) return `${pick(["(?=", "(?!"])}${group()})`;
    const atom = kind < 4
      ? pick([..."abA1🌍", "\\u0061", "\\x62", "\\.", "\\'"])
      : kind < 7
      ? pick(words ? CLASSES.concat(WORD_CLASSES) : CLASSES)
      : `${pick(["(?:", "(", "(?s:"])}${group()})`;
    const quantifier = pick(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"]);
    return atom + quantifier + (quantifier === "" ? "" : pick(["", "", "?", "+"]));
  };
  const sequence = () => Array.from({ length: random(4) }, term).join("");
  return Array.from({ length: 1 + random(3) }, sequence).join("|");
}

Deno.test("random patterns match what JavaScript's regular expressions match", () => {
  // With other seeds, some patterns take more steps than are allowed.
  const random = makeRandom(6);
  const characters = ["a", "b", "A", "1", " ", "\n", "\r", ".", "'", "é", "🌍", "\ud83c", "\udf0d"];
  let matches = 0;
  for (let i = 0; i < 4000; i++) {
    const pattern = randomPattern(random, 2, i % 8 === 0);
    for (let j = 0; j < 3; j++) {
      let text = "";
      for (let k = random(9); k > 0; k--) text += characters[random(characters.length)];
      const wanted = findByRegExp(pattern, text);
      assertEquals(find(pattern, text), wanted, `${pattern} on ${JSON.stringify(text)}`);
      matches += wanted.length;
    }
  }
  assert(matches > 10_000, `${matches}`);
});

Deno.test("letters match in either case inside (?i:), and outside do not", () => {
  for (const pattern of ["(?i:k'[s-t]+)", "(?i:a)a", "(?i:\\p{Lu}b)|\\p{Lu}", "(?i:[^a])"]) {
    for (const text of ["K'St", "aA Aa", "Ab aB", "ſ\u212a'S", "É"]) {
      assertEquals(find(pattern, text), findByRegExp(pattern, text), `${pattern} on ${text}`);
    }
  }
  // V8 15 gets this wrong: what follows (?-i:) is case-sensitive there.
  assertEquals(find("(?i:(?:x(?-i:y)|z)[a])", "zA xYA xyA"), [[0, 2], [7, 10]]);
});

Deno.test("the patterns of well-known models match the same as regular expressions", () => {
  const random = makeRandom(7);
  const texts = Array.from({ length: 100 }, () => randomText(random));
  for (const pattern of [SPLIT_PATTERN, ...KNOWN_PATTERNS]) {
    for (const text of texts) assertEquals(find(pattern, text), findByRegExp(pattern, text));
  }
});

Deno.test("the patterns of well-known models take linear time on long runs of anything", () => {
  const length = 200_000;
  const units = [
    "a",
    "A",
    "世",
    "1",
    "!",
    " ",
    "\n",
    "\u00a0",
    " \n",
    "\n ",
    "aA",
    "世A",
    "'",
    "a1",
  ];
  const start = processorTime();
  for (const pattern of [SPLIT_PATTERN, ...KNOWN_PATTERNS]) {
    const expression = toRegExp(pattern);
    for (const unit of units) {
      for (const end of ["", "a", "1", "!", "\n"]) {
        // Quadratic time would be hours.
        const text = unit.repeat(length / unit.length) + end;
        let matched = 0;
        for (const [match] of text.matchAll(expression)) matched += match.length;
        assertEquals(matched, text.length);
      }
    }
  }
  assert(processorTime() - start < 120_000);
});

Deno.test("a pattern that backtracks without end is given up quickly, and the message says so", () => {
  const hostile: [pattern: string, text: string][] = [
    [String.raw`(\w+\s?)+$`, `${"a".repeat(40)}!`],
    ["(a+)+b|[^]", "a".repeat(40)],
    ["(?:a|a)+b", "a".repeat(40)],
    ["(?:a?){30}b", "a".repeat(40)],
    ["(?:(?:a*)*)*b", "a".repeat(40)],
    ["(?=(?:a|aa)+$)a", `${"a".repeat(60)}b`],
    ["a*b|[^]", "a".repeat(100_000)],
    [String.raw`\s+$|[^]`, `${" ".repeat(100_000)}x`],
    ["(?:.*){3}x", "a".repeat(2000)],
  ];
  for (const [pattern, text] of hostile) {
    const start = processorTime();
    const { message } = assertThrows(() => find(pattern, text), RangeError, "200 steps per char");
    assert(message.includes(JSON.stringify(pattern)), message);
    const milliseconds = processorTime() - start;
    assert(milliseconds < 10_000, `${pattern}: ${milliseconds} ms`);
  }
});

Deno.test("a loop whose body can match nothing ends", () => {
  assertEquals(find("(?:a*)*", "aab"), [[0, 2], [2, 2], [3, 3]]);
  assertEquals(find("(?:|a)*b", "aab"), [[0, 3]]);
  assertEquals(find("(?:(?:)|(?:(?=a)))+?a", "a"), [[0, 1]]);
});

Deno.test("patterns that are malformed, too large or not supported are errors of one line", () => {
  const cases: [pattern: string, message: string][] = [
    ["(", "wanted a regular expression"],
    ["a**", "wanted a regular expression"],
    ["(?<=a)b", 'wanted no lookbehind, got "(?<="'],
    ["(?<!a)b", "wanted no lookbehind"],
    ["(a)\\1", 'wanted no backreference, got "\\\\1"'],
    ["(?<x>a)\\k<x>", "wanted no backreference"],
    ["a".repeat(10_001), "wanted at most 10000 characters, got 10001"],
    ["(".repeat(101) + ")".repeat(101), "wanted groups nested at most 100 deep"],
    ["(?:(?:ab){1000}){1000}", "wanted groups that repeat less often"],
    ["(?:){1000000000}", "wanted groups that repeat less often"],
    ["(?:ab){0,1000000000}", "wanted groups that repeat less often"],
  ];
  for (const [pattern, wanted] of cases) {
    const { message } = assertThrows(() => new Matcher(pattern), SyntaxError, wanted);
    assert(message.length < 300 && !message.includes("\n"), message);
  }
  // A character may repeat as often as it likes.
  assertEquals(find("a{1,1000000000}", "aaa"), [[0, 3]]);
  assertEquals(find("a{2}+{2}", "aaaaa"), [[0, 4]]);
});

Deno.test("a long run does not use the stack, and is given back character by character", () => {
  const text = "🌍a".repeat(300_000);
  assertEquals(find(".+🌍", text), [[0, text.length - 1]]);
  assertEquals(find("(?:🌍|a)+", text), [[0, text.length]]);
});
