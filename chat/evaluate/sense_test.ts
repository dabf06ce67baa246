import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import {
  checkStory,
  documentOf,
  KnownText,
  NGram,
  seededRandom,
  tellStory,
} from "../../stories/mod.ts";
import { openDevice } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { GPT } from "../../gpt/mod.ts";
import { nanochatFormat } from "../format/format.ts";
import {
  askQuestions,
  chatTeller,
  evaluateSense,
  judgeTrueStories,
  type StoryTeller,
  textTeller,
} from "./sense.ts";

const random = seededRandom(3);
const documents = Array.from({ length: 1500 }, () => documentOf(tellStory(random, "train")));
const known = new KnownText(documents);

Deno.test("replaying a story answers every question, an n-gram model only few", async () => {
  const oracle = await askQuestions(
    200,
    ({ text }, question) => checkStory(text).answers.get(question) ?? "",
  );
  assertEquals([oracle.asked, oracle.right], [200, 200]);
  const { asked, right } = oracle.newNames;
  assert(asked === right && asked > 10 && asked < 100, `${asked}`);
  const tallies = [...oracle.byKind.values()];
  assertEquals(tallies.reduce((sum, { asked }) => sum + asked, 0), 200);
  assert(oracle.byKind.size > 20 && tallies[0]!.asked >= tallies.at(-1)!.asked);

  const ngram = new NGram(4, documents);
  const counted = await askQuestions(
    200,
    ({ text }, question) => ngram.answer(`${text}\n${question}`),
  );
  assert(counted.right < 40, `${counted.right} of 200`);
});

Deno.test("true stories of the examination are sound and new", () => {
  const truth = judgeTrueStories(100, known);
  assertEquals([truth.consistent, truth.copied, truth.faults], [1, 0, []]);
  assert(truth.novel > 0.5, `${truth.novel}`);
});

Deno.test("a model without training makes no sense, and its samples follow the seed", async () => {
  const tokenizer = await Tokenizer.train(documents.slice(0, 50), { vocabSize: 400 });
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const shape = { sequenceLen: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  const { vocabSize } = tokenizer;
  const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
  const progress: number[] = [];
  const options = { stories: 3, questions: 4, typedNames: 2, known };
  const teller = textTeller(model, tokenizer);
  const result = await evaluateSense(teller, {
    ...options,
    onProgress: (fraction) => progress.push(fraction),
  });
  assertEquals([result.stories.stories, result.texts.length], [3, 3]);
  assertEquals([result.stories.wellFormed, result.stories.copied], [0, 0]);
  assertEquals([result.asked, result.right, result.typedNames], [4, 0, 0]);
  assertAlmostEquals(progress.at(-1)!, 1);
  assertEquals((await evaluateSense(teller, options)).texts, result.texts);
  const other = await evaluateSense(teller, { ...options, seed: 7 });
  assert(other.texts[0] !== result.texts[0]);
  await device.close();
});

Deno.test("a story about a typed name counts if it is about the dragon that was asked for", async () => {
  const { mainCharacter, text } = tellStory(seededRandom(5), "train");
  const share = async (kind: string) => {
    const tell: StoryTeller["tell"] = (count, _, asked = mainCharacter) => {
      const told = text.replaceAll(mainCharacter.name, asked.name);
      return Promise.resolve(Array(count).fill(told.replace(mainCharacter.kind, kind)));
    };
    const options = { stories: 0, questions: 0, typedNames: 10, known };
    return (await evaluateSense({ tell, answer: () => "" }, options)).typedNames ?? NaN;
  };
  assert(await share("dragon") > 0.5);
  assertEquals(await share("goat"), 0);
});

Deno.test("a chat model is asked for stories by the seed, and about stories that it told", async () => {
  const tokenizer = await Tokenizer.train(documents.slice(0, 50), { vocabSize: 400 });
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const shape = { sequenceLen: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  const { vocabSize } = tokenizer;
  const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
  using format = nanochatFormat(tokenizer);
  const asked: string[][] = [];
  const teller = chatTeller(model, tokenizer, {
    ...format,
    renderPrompt: (messages) => {
      asked.push(messages.map(({ role, content }) => `${role}: ${content}`));
      return format.renderPrompt(messages);
    },
  });
  const sampling = { temperature: 0.8, topK: 50, seed: 3 };
  const stories = await teller.tell(2, sampling);
  assertEquals(await teller.tell(2, sampling), stories);
  assertEquals(asked.slice(2), asked.slice(0, 2));
  const requests = asked.flat();
  assert(requests[0] !== requests[1], requests[0]);
  for (const request of requests) {
    assertMatch(request, /^user: Tell me a story about an? \S+ named \S+\.$/);
  }

  await teller.tell(2, sampling, { kind: "owl", name: "Zorbit" });
  assertEquals(asked.at(-1), ["user: Tell me a story about an owl named Zorbit."]);

  const story = tellStory(seededRandom(5), "validation");
  const [[question] = [""]] = story.questions;
  await teller.answer(story, question);
  const turns = asked.at(-1)!;
  assertMatch(
    turns[0]!,
    new RegExp(`${story.mainCharacter.kind} named ${story.mainCharacter.name}`),
  );
  assertEquals(turns.slice(1), [`assistant: ${story.text}`, `user: ${question}`]);
  await device.close();
});
