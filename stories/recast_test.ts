import { assert, assertEquals } from "@std/assert";
import { checkStory } from "./checker.ts";
import { isAbout } from "./judge.ts";
import { isHeldOutPair } from "./names.ts";
import { pick, seededRandom } from "./random.ts";
import { recast } from "./recast.ts";
import { tellStory } from "./story.ts";
import { wordsIn } from "./testing/words_in.ts";
import { kinds, places, things } from "./words.ts";

Deno.test("a story about somebody else is right, and so are the answers to its questions", () => {
  const random = seededRandom(1);
  const [allKinds, nouns] = [Object.keys(kinds), [...things, ...Object.keys(places)]];
  const found = new Map<string, number>();
  for (let i = 0; i < 3000; i++) {
    const told = tellStory(random, "train", { questionCount: 4 });
    const mainCharacter = { kind: pick(random, allKinds), name: "Wim" };
    const other = recast(told, mainCharacter, "train");
    if (other === null) continue;
    const { text, questions } = other;
    assert(!new RegExp(`\\b${told.mainCharacter.name}\\b`).test(text), text);
    const checked = checkStory(text);
    assert(isAbout(checked, mainCharacter), text);
    assertEquals(questions.length, told.questions.length);
    for (const [question, answer] of questions) {
      assert(answer !== undefined, `${question} ${text}`);
      assertEquals(checked.answers.get(question), answer, text);
    }
    for (const noun of wordsIn(text, nouns)) {
      assert(!isHeldOutPair(mainCharacter.kind, noun), `${mainCharacter.kind}, ${noun}: ${text}`);
    }
    found.set(mainCharacter.kind, (found.get(mainCharacter.kind) ?? 0) + 1);
  }
  for (const kind of allKinds) assert((found.get(kind) ?? 0) >= 10, `${kind}: ${found.get(kind)}`);
});

Deno.test("a story about somebody else has its articles, and nobody contradicts it", () => {
  const told = {
    mainCharacter: { kind: "fox", name: "Ada" },
    hasNewName: false,
    text:
      "There once was a shy fox called Ada. Ada owned a red kite. One day, she went to the lake. " +
      "There Ada met a kind bear named Mia. Since then, Ada and Mia have been friends.",
    questions: [["Who was Ada?", "A fox."]] as const,
  };
  const asked = (kind: string, name = "Ada") => recast(told, { kind, name }, "validation");
  assertEquals(asked("owl")?.questions, [["Who was Ada?", "An owl."]]);
  assertEquals(asked("dog", "Zorbit")?.text.slice(0, 38), "There once was a shy dog called Zorbit");
  assertEquals(asked("king"), null, "Ada is she");
  assertEquals(asked("bear"), null, "a second bear");
  assertEquals(asked("fox", "Mia"), null, "a second Mia");
  assertEquals(asked("fox", "$&"), null, "no name");
});

Deno.test("a story is about whom it begins with, by name, by kind or by both", () => {
  const story = checkStory(
    "There once was a shy fox called Tom. Tom's best friend was a kind bear named Mia. " +
      "That night, Tom slept like a stone.",
  );
  for (const wanted of [{}, { name: "Tom" }, { kind: "fox" }, { name: "Tom", kind: "fox" }]) {
    assert(isAbout(story, wanted), JSON.stringify(wanted));
  }
  for (const other of [{ name: "Mia" }, { kind: "bear" }, { name: "Mia", kind: "bear" }]) {
    assert(!isAbout(story, other), JSON.stringify(other));
  }
  assert(!isAbout(checkStory("Once upon a time."), {}));
});
