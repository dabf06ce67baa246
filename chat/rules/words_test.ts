import { assert, assertEquals } from "@std/assert";
import type { MessagePart } from "../../tokenizer/mod.ts";
import { PythonRandom } from "../random/python_random.ts";
import { firstNames, moreNames, oneWayOpposites, opposites } from "./facts.ts";
import { counting, length, manyOpposites, spellings } from "./words.ts";
import { writeCarefully } from "./wording.ts";

const words = ["river", "stone", "cloud"];
const subject = {
  name: "Dino",
  countries: [],
  unknownPlaces: [],
  allowsNumbers: () => true,
  word: (random: PythonRandom) => random.choice(words),
};

Deno.test("several opposites are answered in the order of the question", () => {
  const known = new Set(
    [...opposites, ...opposites.map(([a, b]) => [b, a]), ...oneWayOpposites].map(String),
  );
  const random = new PythonRandom(1);
  for (let i = 0; i < 200; i++) {
    const { question, answer } = manyOpposites(random);
    const pairs = [...`${answer}`.matchAll(/of (\w+) is (\w+)/g)].map(([, a, b]) => [a!, b!]);
    assert(pairs.length >= 2 && pairs.length <= 5, `${answer}`);
    assertEquals(pairs.filter((pair) => !known.has(String(pair))), []);
    const asked = writeCarefully(question).match(/of (.+)[.?]$/)![1]!.split(/(?:, and| and|,) /);
    assertEquals(asked, pairs.map(([word]) => word!));
  }
});

Deno.test("two to eight words are spelled in one answer", () => {
  const random = new PythonRandom(1);
  const counts = new Set<number>();
  const names = new Set([...firstNames, ...moreNames]);
  for (let i = 0; i < 300; i++) {
    const spelled = `${spellings(random, subject).answer}`.split(", ");
    counts.add(spelled.length);
    for (const one of spelled) {
      const word = one.replaceAll(" ", "");
      assert(words.includes(word.toLowerCase()) || names.has(word), one);
    }
  }
  assertEquals([...counts].sort((a, b) => a - b), [2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("letters are counted in a word that is spelled, whatever stands around it in the question", () => {
  const random = new PythonRandom(1);
  for (let i = 0; i < 300; i++) {
    const { question, answer } = counting(random, subject);
    const asked = words.find((word) => writeCarefully(question).toLowerCase().includes(word))!;
    const [call, output, text] = (answer as readonly MessagePart[]).map(({ text }) => text);
    const [, spelled, letter] = /^' ([a-z ]+)'\.count\('([a-z])'\)$/.exec(call!)!;
    assertEquals(spelled, [...asked].join(" "));
    const count = asked.split(letter!).length - 1;
    assertEquals(output, `${count}`);
    assertEquals(text, `There ${count === 1 ? "is" : "are"} ${count} ${letter} in it.`);
  }
});

Deno.test("the letters of a word are counted, whatever stands around it in the question", () => {
  const random = new PythonRandom(1);
  for (let i = 0; i < 300; i++) {
    const { question, answer } = length(random, subject);
    const asked = words.find((word) => writeCarefully(question).toLowerCase().includes(word))!;
    const [call, output, text] = (answer as readonly MessagePart[]).map(({ text }) => text);
    assertEquals(call, `' ${[...asked].join(" ")}'.count(' ')`);
    assertEquals(output, `${asked.length}`);
    assertEquals(text, `There are ${asked.length} letters in it.`);
  }
});
