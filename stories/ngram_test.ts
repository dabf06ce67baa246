import { assert, assertEquals } from "@std/assert";
import { judge, kindOfQuestion, KnownText, originalities } from "./judge.ts";
import { NGram } from "./ngram.ts";
import { seededRandom } from "./random.ts";
import { documentOf, tellStory } from "./story.ts";

const random = seededRandom(31);
const documents = Array.from({ length: 3000 }, () => documentOf(tellStory(random, "train")));

Deno.test("true stories are judged sound, and a count of four words is not", () => {
  const known = new KnownText(documents.slice(500));
  const truth = judge(documents.slice(0, 300), known);
  assertEquals(
    [truth.wellFormed, truth.consistent, truth.sentences, truth.copied, truth.firstFault],
    [1, 1, 1, 0, undefined],
  );
  const model = new NGram(4, documents);
  const counted = judge(Array.from({ length: 100 }, () => model.write(random)), known);
  assert(counted.consistent < 0.1, `${counted.consistent}`);
  assert(counted.sentences > 0.05 && counted.sentences < 0.95, `${counted.sentences}`);
  assert(counted.firstFault !== undefined && counted.faults.length > 3);
  assertEquals(judge(documents.slice(600, 610), known).copied, 10);
  assertEquals(judge(documents.slice(600, 610), known).novel, 0);
  // The commonest of seven plots is a quarter of the text.
  assert(truth.alike > 0.15 && truth.alike < 0.35, `${truth.alike}`);
  assertEquals(judge([documents[0]!, documents[0]!], known).alike, 1);
  assertEquals(judge([], known).alike, 0);
});

Deno.test("a story shares its sequences of three words with the others that have them", () => {
  const [first, second, third] = ["a b c d", "a b c e", "x y z"];
  assertEquals(originalities([first!, second!, third!]), [0.75, 0.75, 1]);
  assertEquals(originalities([first!, first!, first!, first!]), [0.25, 0.25, 0.25, 0.25]);
  assertEquals(originalities(["a b a b a b c"]), [1]);
  assertEquals(originalities([]), []);
  assertEquals(originalities(["", "a b"]), [0, 0]);
});

Deno.test("an n-gram model continues with words that followed, and ends where texts ended", () => {
  const model = new NGram(2, ["a rose is red", "a rose is\nred"]);
  assert(["a rose is red", "a rose is\nred"].includes(model.write(seededRandom(1))));
  assertEquals(model.write(seededRandom(1), "no such words"), "no such words");
  assertEquals(
    new NGram(3, ["Who is it? Tom.", "Who is it? Tom.", "Who is it? Mia."])
      .answer("Who is it?"),
    "Tom.",
  );
});

Deno.test("questions are counted by what they ask for", () => {
  assertEquals(
    [
      "Who has the kite now?",
      "What did Tom own?",
      "Whose kite was it?",
      "Who was Mia?",
      "Who was the friend of Mia?",
      "Where did Tom and Mia go together?",
      "Where was the yo-yo?",
    ].map(kindOfQuestion),
    [
      "Who has it now?",
      "What did N own?",
      "Whose was it?",
      "Who was N?",
      "Who was the friend of N?",
      "Where did N and N go together?",
      "Where was it?",
    ],
  );
});
