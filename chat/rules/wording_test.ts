import { assert, assertEquals, assertThrows } from "@std/assert";
import { PythonRandom } from "../random/python_random.ts";
import { allWordings, textsOf } from "../testing/all_wordings.ts";
import {
  type Draft,
  draft as chooseDraft,
  fillers,
  misspellings,
  slotFirst,
  wordings,
  writeCarefully,
  writeHastily,
} from "./wording.ts";

const draft: Draft = {
  text: "what is the  capital of {country}",
  slots: { country: "South Korea" },
  mark: "?",
};

Deno.test("a careful writer begins with a capital letter and ends with the mark that fits", () => {
  assertEquals(writeCarefully(draft), "What is the capital of South Korea?");
  assertEquals(
    writeCarefully({ ...draft, text: "tell me about {country}" }),
    "Tell me about South Korea.",
  );
  assertEquals(
    writeCarefully({ ...draft, text: "name {country} , then" }),
    "Name South Korea, then.",
  );
  assertEquals(
    writeCarefully({ ...draft, text: "hey there! i am from {country}" }),
    "Hey there! I am from South Korea?",
  );
  assertEquals(writeCarefully({ text: "2+2=", slots: {}, mark: "?" }), "2+2=");
  assertThrows(() => writeCarefully({ ...draft, slots: {} }), RangeError, "{country}");
});

Deno.test("a hasty writer drops capital letters and marks, errs and shortens, but not in slots", () => {
  const random = new PythonRandom(1);
  const written = Array.from({ length: 3000 }, () => writeHastily(draft, random, true));
  const count = (pattern: RegExp) => written.filter((text) => pattern.test(text)).length;
  assertEquals(count(/south korea/i), 3000);
  assert(count(/south korea/) > 800 && count(/South Korea/) > 1500);
  assert(count(/[^?.!]$/) > 600 && count(/\?$/) > 1000);
  assert(count(/^And what/i) > 5 && count(/please[.?]?$/) > 10);
  assert(count(/^(my|our|his|the) \w+ (asks|wonders)/i) > 2 && count(/, any idea\?$/) > 2);
  assert(count(/captial|capitla|captal|capitaal/) > 10);
  assert(count(/^What is the capital of South Korea\?$/) > 500);
});

Deno.test("a hasty writer shortens words, and says nothing before or after a greeting", () => {
  const random = new PythonRandom(3);
  const thanks: Draft = { text: "thanks, you are great", slots: {}, mark: "!", isWhole: true };
  const written = Array.from({ length: 500 }, () => writeHastily(thanks, random, true));
  assert(written.some((text) => /^thx, u r great/.test(text)));
  assert(written.every((text) => /^t\w+, \S+ \S+ \S+( \?)?$/i.test(text)));
});

Deno.test("a hasty writer leaves out small words, and puts in words that mean nothing", () => {
  const random = new PythonRandom(4);
  const written = Array.from({ length: 3000 }, () => writeHastily(draft, random, false));
  const count = (pattern: RegExp) => written.filter((text) => pattern.test(text)).length;
  assert(count(/^what capital of south korea/i) > 50);
  assert(count(new RegExp(` (${fillers.join("|")}) `)) > 150);
});

Deno.test("of ten templates, the first is chosen in 22 and the last in 7 of 100 cases", () => {
  const random = new PythonRandom(5);
  const ten = wordings("?", ...Array.from({ length: 10 }, (_, i) => `${i}`));
  const counts = Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[Number(chooseDraft(random, ten).text)]++;
  assert(Math.abs(counts[0] - 2154) < 150 && Math.abs(counts[9] - 678) < 100, `${counts}`);
});

Deno.test("three of ten messages begin with their slot, if this is wanted", () => {
  const random = new PythonRandom(6);
  const sources = ["capital of {country}", "name {country}", "({country}|{country},) capital"];
  const one = wordings("?", ...sources);
  const share = (from: typeof one) =>
    Array.from({ length: 4000 }, () => chooseDraft(random, from).text)
      .filter((text) => text.startsWith("{country}")).length / 4000;
  // The last of three is chosen in 24 of 100 cases.
  const usual = share(one);
  assert(Math.abs(usual - 0.24) < 0.03, `${usual}`);
  const wanted = share(slotFirst(one));
  assert(Math.abs(wanted - 0.3) < 0.03, `${wanted}`);
});

Deno.test("text that the answer repeats keeps its case", () => {
  const random = new PythonRandom(2);
  const name: Draft = { text: "i am {name}", slots: { name: "Zoë" }, mark: ".", isRepeated: true };
  for (let i = 0; i < 300; i++) assert(writeHastily(name, random, false).includes("Zoë"));
});

Deno.test("a word is mistyped by one letter, and its first one is right", () => {
  assertEquals(
    new Set(misspellings("what")),
    new Set(["waht", "wat", "whhat", "whta", "wht", "whaat"]),
  );
  assertEquals(misspellings("is"), []);
});

Deno.test("no text is among the wordings of two questions, but of those that go on from another", () => {
  const meanings = new Map<string, string>();
  for (const [name, { templates }] of Object.entries(allWordings)) {
    if (name.startsWith("next")) continue;
    for (const text of templates.flatMap(textsOf)) {
      const plain = text.replace(/[,:]/g, "").replace(/\s+/g, " ").trim();
      const other = meanings.get(plain) ?? name;
      assertEquals(other, name, plain);
      meanings.set(plain, name);
    }
  }
  assert(meanings.size > 16_000, `${meanings.size} wordings`);
});

Deno.test("every wording has the right article, whichever words are chosen after it", () => {
  for (const { templates } of Object.values(allWordings)) {
    for (const text of templates.flatMap(textsOf)) {
      for (const [, article, word] of text.matchAll(/\b(an?) ([a-z]+)/g)) {
        assertEquals(article, /^([aeiou]|llm)/.test(word!) ? "an" : "a", text);
      }
    }
  }
});
