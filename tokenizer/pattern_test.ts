import { assertEquals, assertThrows } from "@std/assert";
import { GPT2_PATTERN, SPLIT_PATTERN, toRegExp } from "./pattern.ts";
import { Matcher } from "./regex/matcher.ts";

/** The matches of a pattern, which are the same by JavaScript's engine and by the matcher. */
function split(pattern: string, text: string): string[] {
  const found: string[] = text.match(toRegExp(pattern)) ?? [];
  const matches = new Matcher(pattern).matches(text);
  assertEquals(Array.from(matches, ({ start, end }) => text.slice(start, end)), found);
  return found;
}

Deno.test("a possessive quantifier does not backtrack", () => {
  assertEquals(split("a++ab|.", "aaab"), ["a", "a", "a", "b"]);
  assertEquals(split("a+ab|.", "aaab"), ["aaab"]);
  assertEquals(split("(?:ab){1,2}+abc|.", "ababc"), [..."ababc"]);
  assertEquals(split("[+]?+[+]x|[^]", "+x"), ["+", "x"]);
  assertEquals(split("x*+(?:y*+)z|.", "xxyz"), ["xxyz"]);
});

Deno.test("a lazy quantifier stays lazy", () => {
  assertEquals(split("a+?|b", "aab"), ["a", "a", "b"]);
});

Deno.test("white space is Unicode's", () => {
  assertEquals(split(String.raw`\s|[^\s]+`, "a\u0085b\ufeffc d"), [
    "a",
    "\u0085",
    "b\ufeffc",
    " ",
    "d",
  ]);
});

Deno.test("digits are Unicode's, and needless escapes are allowed", () => {
  assertEquals(split(String.raw`\d+|\'\D`, "12٣'x"), ["12٣", "'x"]);
});

Deno.test("word characters and their boundaries are Unicode's", () => {
  const text = "über naïve²٣\u200dx_ 世界!\u0301";
  assertEquals(split(String.raw`\w+|[^\w\s]+|\s+`, text), [
    "über",
    " ",
    "naïve",
    "²",
    "٣\u200dx_",
    " ",
    "世界",
    "!",
    "\u0301",
  ]);
  assertEquals(split(String.raw`\b.|\B[^\W_]`, "ünï_é, x"), [..."ünïé,x"]);
  assertEquals(split(String.raw`[^\W\d_]+|[\W\d]+`, "aé1-_世"), ["aé", "1-", "世"]);
  assertEquals(split(String.raw`[\]\w]+|\[|[\W.]`, "[é]."), ["[", "é]", "."]);
});

Deno.test("a dot matches all but line feeds, and inside (?s:) these, too", () => {
  const text = "a\rb\u2028c\u2029🌍\nd.";
  assertEquals(split(String.raw`.+|\n`, text), ["a\rb\u2028c\u2029🌍", "\n", "d."]);
  assertEquals(split("(?s:.+)", text), [text]);
  assertEquals(split("(?s:(?-s:.+))|[^.]", text), ["a\rb\u2028c\u2029🌍", "\n", "d."]);
  assertEquals(split(String.raw`[.]|\.`, text), ["."]);
});

Deno.test("characters beyond U+FFFF and named properties can be repeated", () => {
  assertEquals(split(String.raw`🌍++|\p{Lu}++|\x61++`, "🌍🌍ABaa"), ["🌍🌍", "AB", "aa"]);
});

Deno.test("the patterns of nanochat and GPT-2 differ as their sources say", () => {
  const text = "HE'S 12345 ok";
  assertEquals(split(SPLIT_PATTERN, text), ["HE", "'S", " ", "12", "34", "5", " ok"]);
  assertEquals(split(GPT2_PATTERN, text), ["HE", "'", "S", " 12345", " ok"]);
});

Deno.test("a malformed pattern is an error of one line", () => {
  for (const pattern of ["(", "[", "a{2", "*", "(?>a)", "\\"]) {
    const { message } = assertThrows(() => toRegExp(pattern), SyntaxError, "split pattern");
    assertEquals(message.split("\n").length, 1);
  }
});
