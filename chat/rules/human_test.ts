import { assert, assertEquals } from "@std/assert";
import { allWordings } from "../testing/all_wordings.ts";
import { multiples, operations } from "./calculation.ts";
import {
  days,
  months,
  numerals,
  otherCities,
  readCountries,
  spans,
  unknownPlaces,
} from "./facts.ts";
import type { Template } from "./grammar.ts";
import { familiarQuestions, humanExams, newQuestions } from "./human.ts";
import {
  additions,
  closings,
  droppable,
  fillers,
  misspellings,
  openings,
  reasons,
  shorthand,
} from "./wording.ts";

/** A text in lower case without marks. */
function plain(text: string): string {
  return text.toLowerCase().replace(/[.?!,:;'"’]+/g, "").replace(/\s+/g, " ");
}

const spelledOut = new Map(
  Object.entries(shorthand).flatMap(([long, shorts]) =>
    shorts.map((short) => [plain(short), plain(long)] as const)
  ),
);

const countries = await readCountries();
const places = countries.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
const cities = countries.flatMap((
  { capital, capitalAliases = [] },
) => [capital, ...capitalAliases]);
const multipleWords = multiples.flatMap(([said]) => said);
const signs = operations.flatMap(({ words, signs }) => [...words, ...signs]);

/** A pattern of one of several texts. */
function oneOf(texts: readonly string[]): string {
  return texts.map((text) => plain(text).replace(/[^\w ]/g, "\\$&")).join("|");
}

/** Patterns of what slots may be filled with, or of more than that. */
function slotPatterns(): Record<string, string> {
  const [word, number, sign] = ["[a-z]+", "\\d+", ` ?(?:${oneOf(signs)}) ?`];
  return {
    word,
    letter: "[a-z]",
    letters: "(?:letters )?[a-z]s?",
    words: `${word}(?: ${word})+`,
    a: number,
    b: number,
    n: number,
    year: number,
    sum: `${number}(?:${sign}${number})+|${number} squared|(?:${oneOf(multipleWords)}) ${number}|` +
      `(?:${oneOf(numerals)})(?:${sign}(?:${oneOf(numerals)}))+|the square of ${number}`,
    things: word,
    end: "first|last",
    kind: word,
    character: `an? ${word}(?: (?:named|called) \\S+)?`,
    count: word,
    language: word,
    model: "dino",
    other: "\\S+",
    name: "\\S+(?: \\S+)?",
    nice: word,
    awful: word,
    glad: `${word}(?: ${word}){0,3}`,
    sad: `${word}(?: ${word})?`,
    thing: `${word}(?: hole| market| change| york| war two| body| system| learning)?`,
    person: `${word}(?: ${word})?`,
    text: "\\S+(?: \\S+)*",
    noise: "[asdfghjklqwertyuiopzxcvbnm]|([a-z])\\1+|test|testing|bla|blah blah|la la la|\\d+",
    country: oneOf([...places, ...unknownPlaces]),
    city: oneOf([...cities, ...otherCities]),
    place: oneOf([...places, ...cities, ...unknownPlaces, ...otherCities]),
    unit: "day|weekday|month",
    day: oneOf([...days, ...months]),
    parts: oneOf(spans.map(([, parts]) => parts)),
    whole: `(?:an?|one) (?:${oneOf(spans.map(([, , whole]) => whole))})`,
  };
}

/** A text without the small words that a hasty writer leaves out. */
function withoutSmallWords(text: string): string {
  return text.split(" ").filter((word) => !droppable.includes(word)).join(" ");
}

/**
 * A pattern of all that a template makes, after a change of its texts. Next to a choice that is empty there
 * is no space.
 */
function patternOf(
  template: Template,
  slots: Record<string, string>,
  change = (text: string) => text,
): string {
  return template.map((part) => {
    if (typeof part !== "string") {
      return `(?:${part.options.map((option) => patternOf(option, slots, change)).join("|")})`;
    }
    const text = change(plain(part)).replace(/[^\w\s{}]/g, "\\$&").replaceAll(" ", " ?");
    return text.replace(/\{(\w+)\}/g, (_, name) => {
      assert(name in slots, `{${name}} has no pattern`);
      return `(?:${slots[name]})`;
    });
  }).join("");
}

const templates = Object.values(allWordings).flatMap(({ templates }) => templates);

/**
 * Whether the templates can make a message, with openings, closings, short forms, words that mean nothing,
 * without small words, and with a typing error.
 */
function templateMatcher(): (message: string) => boolean {
  const slots = slotPatterns();
  const patterns = templates.flatMap((template) =>
    [patternOf(template, slots), patternOf(template, slots, withoutSmallWords)].map((pattern) =>
      new RegExp(`^ ?${pattern} ?$`)
    )
  );
  const any = (templates: readonly Template[]) =>
    templates.map((template) => patternOf(template, {})).join("|");
  const opening = new RegExp(`^ ?(?:${any([...openings, ...reasons])}) `);
  const closing = new RegExp(` (?:${any([...closings, ...additions])}) ?$`);
  const words = new Set(JSON.stringify(templates).match(/[a-z]{4,}/g));
  const meant = new Map<string, string[]>();
  for (const word of words) {
    for (const typed of misspellings(word)) meant.set(typed, [...meant.get(typed) ?? [], word]);
  }
  return (message) => {
    const typed = plain(message).trim().split(" ").map((word) => spelledOut.get(word) ?? word);
    const readings = [typed].concat(
      typed.flatMap((word, i) => (meant.get(word) ?? []).map((meant) => typed.with(i, meant))),
    ).map((words) => words.join(" "));
    const withoutFillers = readings.flatMap((text) =>
      fillers.map((filler) => ` ${text} `.replace(` ${filler} `, " ").trim())
    );
    const cores = [...new Set([...readings, ...withoutFillers])].flatMap((text) => {
      const begun = text.replace(opening, "");
      return [text, begun, text.replace(closing, ""), begun.replace(closing, "")];
    });
    return [...new Set(cores)].some((core) => patterns.some((pattern) => pattern.test(core)));
  };
}

const questionOf = (turns: string | readonly string[]) =>
  typeof turns === "string" ? turns : turns.at(-1)!;

Deno.test("no template can make a question of the second half of the exam", () => {
  const canMake = templateMatcher();
  // Else the test would show nothing.
  for (
    const question of [
      "Hey, wats the captial of Perú?",
      "what's 7 plus 9?",
      "i'm Jinyoung!",
      "what um capital of peru",
    ]
  ) {
    assert(canMake(question.replace("ú", "u")), question);
  }
  const made = familiarQuestions.filter(([, turns]) => canMake(questionOf(turns)));
  assert(made.length >= 90, `only ${made.length} of the first half are like templates`);
  assertEquals(newQuestions.map(([, turns]) => questionOf(turns)).filter(canMake), []);
});

Deno.test("the exam has 100 questions in each half, each asked once", () => {
  assertEquals(humanExams().map(({ name, length }) => [name, length]), [
    ["human", 100],
    ["human-new", 100],
  ]);
  const all = [...familiarQuestions, ...newQuestions].map(([, turns]) => JSON.stringify(turns));
  assertEquals(new Set(all.map((text) => text.toLowerCase())).size, 200);
});
