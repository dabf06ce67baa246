import { assert, assertEquals, assertLessOrEqual, assertRejects, assertThrows } from "@std/assert";
import type { Source } from "../data/source.ts";
import { events } from "./events/mod.ts";
import { checkStory } from "./checker.ts";
import { isHeldOutName, isHeldOutPair, pronounOfName } from "./names.ts";
import { plots } from "./plots.ts";
import { seededRandom } from "./random.ts";
import { examinationStories, storySource } from "./source.ts";
import { documentOf, type Story, tellByPlot, tellStory, UNUSUAL } from "./story.ts";
import { type Part, pickCast } from "./teller.ts";
import { wordsIn } from "./testing/words_in.ts";
import { femaleNames, kinds, maleNames, places, things } from "./words.ts";
import type { Person } from "./world.ts";

function tell(count: number, seed: number, part: Part): Story[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => tellStory(random, part));
}

/** Documents of the corpus that a speedrun has, and so many that all of the world is told. */
const [CORPUS, MANY] = [16_500, 60_000];

for (const part of ["train", "validation"] as const) {
  Deno.test(`stories of the ${part} part contradict nothing, and their questions are answered`, () => {
    for (const story of tell(10_000, 7, part)) {
      const document = documentOf(story);
      const { sentences, questions, isConsistent } = checkStory(document);
      const faults = sentences.filter(({ faults }) => faults.length > 0);
      assert(isConsistent, `${document}\n${JSON.stringify(faults)}`);
      assertEquals(questions.length, 2, document);
      for (const { answer, wanted } of questions) assertEquals(answer, wanted, document);
    }
  });
}

Deno.test("questions ask what happened, and who somebody is only for want of others", () => {
  for (const { text, questions } of tell(10_000, 9, "train")) {
    const others = [...checkStory(text).answers].filter(([, answer]) =>
      !/^An? [a-z]+\.$/.test(answer)
    );
    if (others.length < 2) continue;
    for (const [question] of questions) assert(!/^Who was [A-Z][a-z]+\?$/.test(question), text);
  }
});

Deno.test("every plot tells a document of some 60 to 250 tokens", () => {
  for (const plot of new Set(plots)) {
    const random = seededRandom(3);
    for (let i = 0; i < 40; i++) {
      const document = documentOf(tellByPlot(random, "train", () => plot));
      assert(checkStory(document).isConsistent, document);
      // Some 3.8 bytes a token with a vocabulary of 2,048.
      assert(document.length >= 240 && document.length <= 950, `${document.length}: ${document}`);
    }
  }
});

Deno.test("the world has a hundred events, hundreds of sentences and thousands of words", () => {
  const sentences = Object.values(events).flatMap(({ sentences }) => sentences);
  assertLessOrEqual(100, Object.keys(events).length);
  assertLessOrEqual(600, new Set(sentences).size);
  assertEquals(new Set(sentences).size, sentences.length, "a sentence stands in two events");
  const text = tell(MANY, 5, "train").map(documentOf).join("\n");
  assertLessOrEqual(3000, new Set(text.match(/[\p{L}-]+/gu)).size);
});

Deno.test("two adventures of the same two people repeat no sentence", () => {
  const random = seededRandom(99);
  const twoAdventures = plots.at(-1)!;
  for (let i = 0; i < 2000; i++) {
    const { text } = tellByPlot(random, "train", () => twoAdventures);
    assert(checkStory(text).isConsistent, text);
  }
});

Deno.test("every event is told by some story of the corpus", async () => {
  const untold = new Set(Object.keys(events));
  const split = await storySource({ documents: CORPUS }).open("train");
  for (let chunk = 0; chunk < split.chunks; chunk++) {
    for (const document of await split.read(chunk)) {
      for (const { event } of checkStory(document).sentences) untold.delete(event!);
    }
  }
  assertEquals([...untold], []);
});

Deno.test("names and pairs that are held out never occur in text to train on", () => {
  const kindNames = Object.keys(kinds);
  const placeNames = Object.keys(places);
  for (const { text } of tell(4000, 13, "train")) {
    const names = text.match(/\p{Lu}\p{L}+/gu)!.filter((word) => pronounOfName(word) !== undefined);
    for (const name of names) assert(!isHeldOutName(name), `${name}: ${text}`);
    const found = [kindNames, things, placeNames].map((list) => wordsIn(text, list));
    found.forEach((firsts, i) => {
      for (const second of found.slice(i + 1).flat()) {
        for (const first of firsts) assert(!isHeldOutPair(first, second), `${first}, ${second}`);
      }
    });
  }
});

Deno.test("stories of the validation part have names that are held out", () => {
  const seen = new Set<string>();
  for (const { text } of tell(1200, 17, "validation")) {
    for (const name of text.match(/\p{Lu}\p{L}+/gu)!) if (isHeldOutName(name)) seen.add(name);
  }
  // Some 11 of the lists, and made-up ones.
  assertLessOrEqual(15, seen.size);
});

Deno.test("no name is both hers and his", () => {
  assertEquals(femaleNames.filter((name) => maleNames.includes(name)), []);
  assertEquals(
    [...femaleNames, ...maleNames].filter((name) => pronounOfName(name) === undefined),
    [],
  );
  assertEquals([pronounOfName("Momivina"), pronounOfName("Finodolf")], ["she", "he"]);
  assertEquals([pronounOfName("Zolia"), pronounOfName("Zodolf")], ["she", "he"]);
  assertEquals(pronounOfName("Zorbit"), undefined);
});

Deno.test("a seed gives the same stories, another seed others, and none twice", () => {
  const texts = tell(2000, 1, "train").map(({ text }) => text);
  assertEquals(tell(20, 1, "train").map(({ text }) => text), texts.slice(0, 20));
  assert(tell(1, 2, "train")[0]!.text !== texts[0]);
  assertEquals(new Set(texts).size, texts.length);
});

Deno.test("the corpus is a source of documents, in chunks that are the same each time", async () => {
  const source: Source = storySource({ documents: 1300, seed: 4 });
  const [train, validation] = [await source.open("train"), await source.open("validation")];
  assertEquals([train.chunks, validation.chunks], [3, 1]);
  const chunks = [await train.read(0), await train.read(1), await train.read(2)];
  assertEquals(chunks.map(({ length }) => length), [500, 500, 235]);
  assertEquals(await train.read(1), chunks[1]);
  assertEquals((await validation.read(0)).length, 65);
  const bytes = chunks.flat().join("").length;
  assert(Math.abs(train.bytes / bytes - 1) < 0.05, `wanted ${train.bytes} bytes, got ${bytes}`);
  const others = await Promise.all(
    [{ seed: 5 }, { documents: 1400 }].map(async (options) =>
      (await storySource({ documents: 1300, seed: 4, ...options }).open("train")).fingerprint
    ),
  );
  assertEquals(new Set([train.fingerprint, validation.fingerprint, ...others]).size, 4);
  assertThrows(
    () => storySource({ documents: 3 }),
    RangeError,
    "wanted at least 20 documents, got 3",
  );
  await assertRejects(
    () => source.open("val" as Part),
    RangeError,
    "wanted the split train or validation, got val",
  );
});

Deno.test("no story of an examination is in the corpus", async () => {
  const split = await storySource({ documents: 2000 }).open("validation");
  const known = new Set(await split.read(0));
  assertEquals(examinationStories(100).map(documentOf).filter((story) => known.has(story)), []);
});

Deno.test("one story in 48 is unusual: of rare names, the others are of common ones", () => {
  const common = new Set([...femaleNames.slice(0, 60), ...maleNames.slice(0, 60)]);
  const unusual = tell(4000, 19, "train").filter(({ text }) =>
    text.match(/(?<=[a-z,] )\p{Lu}\p{L}+/gu)!
      .some((name) => pronounOfName(name) !== undefined && !common.has(name))
  );
  const wanted = 4000 / UNUSUAL;
  assert(Math.abs(unusual.length - wanted) < 40, `wanted some ${wanted}, got ${unusual.length}`);
});

Deno.test("a companion in a common story is of a kind that no main character is", () => {
  const random = seededRandom(23);
  const casts = Array.from({ length: 4000 }, () => pickCast(random, "train", false).people);
  for (const { A, B, C } of casts) {
    assertEquals(new Set([A.kind, B.kind, C.kind]).size, 3);
    assertEquals(new Set([A.name, B.name, C.name]).size, 3);
  }
  const mains = casts.map(({ A }) => A);
  const companions = casts.flatMap(({ B, C }) => [B, C]);
  const kindsOf = (people: readonly Person[]) => new Set(people.map(({ kind }) => kind));
  assertEquals([kindsOf(mains).size, kindsOf(companions).size], [12, 12]);
  assert(kindsOf(mains).isDisjointFrom(kindsOf(companions)));
  for (const people of [mains, companions]) {
    const share = people.filter(({ pronoun }) => pronoun === "she").length / people.length;
    assert(Math.abs(share - 0.5) < 0.03, `${share}`);
  }
});
