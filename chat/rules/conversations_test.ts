import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { renderConversation, Tokenizer } from "../../tokenizer/mod.ts";
import { checkStory } from "../../stories/mod.ts";
import { pronounOfName } from "../../stories/names.ts";
import { femaleNames, kinds, maleNames } from "../../stories/words.ts";
import { PythonRandom } from "../random/python_random.ts";
import { ruleConversations, ruleExams, rulePractice } from "./conversations.ts";
import { unknown } from "./declined.ts";
import { readCountries, readUnknownPlaces, readWords } from "./facts.ts";
import { companion, story, twoStories } from "./stories.ts";

const tokenizer = await Tokenizer.train([], { vocabSize: 265 });

Deno.test("synthetic conversations can be rendered, and are the same for the same seed", async () => {
  const task = await ruleConversations(500, { name: "Rex" });
  const other = await ruleConversations(500, { name: "Rex", seed: 2 });
  const lengths = new Map<number, number>();
  for (let i = 0; i < task.length; i++) {
    const conversation = task.get(i);
    assertEquals(task.get(i), conversation);
    const { mask } = renderConversation(tokenizer, conversation);
    assert(mask.includes(1));
    const turns = conversation.messages.length / 2;
    lengths.set(turns, (lengths.get(turns) ?? 0) + 1);
  }
  assert(JSON.stringify(task.get(0)) !== JSON.stringify(other.get(0)));
  assert(lengths.has(1) && lengths.has(8), `${[...lengths]}`);
  const text = JSON.stringify(Array.from({ length: 500 }, (_, i) => task.get(i)));
  for (const part of ["Rex", "count(", "Your name is", "Sorry, I can only", "And ", "capital of"]) {
    assert(text.includes(part), part);
  }
});

Deno.test("exams ask about words and numbers that no conversation has", async () => {
  const { common, many, heldOut } = await readWords();
  const learned = new Set([...common, ...many]);
  assertEquals(heldOut.filter((word) => learned.has(word)), []);
  assert(heldOut.length > 100 && common.length > 1000 && many.length > 20_000);
  const exams = await ruleExams(40);
  assertEquals(exams.map(({ name }) => name), [
    ...["identity", "capitals", "opposites", "calendar", "arithmetic", "spelling", "counting"],
    "names",
    "stories",
  ]);
  const task = await ruleConversations(3000);
  const questions = new Set<string>();
  for (let i = 0; i < task.length; i++) {
    for (const { role, content } of task.get(i).messages) {
      if (role === "assistant" && typeof content === "object") {
        for (const { type, text } of content) if (type === "python") questions.add(text);
      }
    }
  }
  for (const name of ["arithmetic", "counting"]) {
    const exam = exams.find((exam) => exam.name === name)!;
    for (let i = 0; i < exam.length; i++) {
      const { content } = exam.get(i).messages.at(-1)!;
      const call = typeof content === "object" && content.find(({ type }) => type === "python");
      assert(call && !questions.has(call.text), `${name} ${i}`);
    }
  }
});

Deno.test("an exam takes the expected answer and no other", async () => {
  for (const exam of await ruleExams(5)) {
    const problem = exam.get(3);
    const { content } = problem.messages.at(-1)!;
    const { ids, mask } = renderConversation(tokenizer, problem);
    // The expected answer as the model would write it, without the token that ends it.
    const start = ids.lastIndexOf(tokenizer.special("<|assistant_start|>")) + 1;
    const answer = tokenizer.decode(ids.slice(start, -1));
    assert(mask.at(-1) === 1 && await exam.isRight(problem, answer), `${exam.name}: ${content}`);
    assert(!await exam.isRight(problem, `${answer} `));
    assert(!await exam.isRight(problem, ""));
  }
});

Deno.test("every country has a capital and a currency with a name", async () => {
  const countries = await readCountries();
  assertEquals(countries.length, 58);
  const france = countries.find(({ name }) => name === "France");
  assertEquals(france, { name: "France", capital: "Paris", currency: "euro" });
  const currencies = new Map(countries.map(({ name, currency }) => [name, currency]));
  for (
    const [country, currency] of [
      ["the United States", "US dollar"],
      ["Japan", "Japanese yen"],
      ["New Zealand", "New Zealand dollar"],
      ["Israel", "Israeli new shekel"],
      ["Senegal", "West African CFA franc"],
    ] as const
  ) {
    assertEquals(currencies.get(country), currency);
  }
});

/** The exchanges of many conversations, one conversation after the other. */
async function exchanges(count: number): Promise<[question: string, answer: string][][]> {
  const task = await ruleConversations(count);
  return Array.from({ length: count }, (_, i) => {
    const texts = task.get(i).messages.map(({ content }) =>
      typeof content === "string" ? content : content.map(({ text }) => text).join("|")
    );
    return texts.flatMap((text, at) =>
      at % 2 === 0 ? [[text, texts[at + 1]!] as [string, string]] : []
    );
  });
}

Deno.test("a name is asked for in vain until it was said, and then repeated as it was typed", async () => {
  const names = new Set<string>();
  let corrected = 0;
  for (const conversation of await exchanges(2000)) {
    let name: string | null = null;
    for (const [question, answer] of conversation) {
      const [, met] = answer.match(/^Nice to meet you, (.+)!$/) ?? [];
      if (met !== undefined) {
        assert(question.includes(met), `${question}: ${answer}`);
        if (name !== null) corrected++;
        names.add(name = met);
      }
      const isKnown = answer.startsWith("Your name is ");
      if (isKnown) assertEquals(answer, `Your name is ${name}.`);
      if (answer === "I do not know your name yet.") assertEquals(name, null, question);
    }
  }
  assert(names.size > 300, `${names.size} names`);
  assert(corrected > 30, `${corrected} of another name after the first`);
});

Deno.test("unanswerable questions are declined in one way, which says what can be asked", async () => {
  const said = (await exchanges(1000)).flat().map(([, answer]) => answer);
  const declined = said.filter((answer) => /^Sorry/.test(answer));
  assert(declined.length > 100, `${declined.length}`);
  assertEquals([...new Set(declined)], [
    "Sorry, I can only calculate, spell, and tell stories, capitals, currencies and opposites.",
  ]);
});

Deno.test("the capital of a country that is not taught is declined, whichever it is", async () => {
  const taught = new Set((await readCountries()).map(({ name }) => name));
  const places = (await readUnknownPlaces()).filter((place) => /^[A-Z]\p{L}+$/u.test(place));
  assert(places.length > 120 && places.includes("Croatia") && places.includes("Scotland"));
  assertEquals(places.filter((place) => taught.has(place)), []);
  const subject = {
    name: "Rex",
    countries: await readCountries(),
    unknownPlaces: places,
    word: () => "river",
    allowsNumbers: () => true,
  };
  const random = new PythonRandom(1);
  const declined = Array.from({ length: 20_000 }, () => unknown(random, subject));
  assertEquals(new Set(declined.map(({ answer }) => answer)).size, 1);
  const asked = new Set(declined.map(({ question }) => question.slots["country"]));
  assertEquals(places.filter((place) => !asked.has(place)), []);
});

Deno.test("practice is on other words and numbers than an exam", async () => {
  const [exam] = (await ruleExams(30)).filter(({ name }) => name === "counting");
  const practice = await rulePractice("counting", 200);
  const questions = new Set(
    Array.from({ length: 200 }, (_, i) => practice.get(i).messages[0]!.content),
  );
  for (let i = 0; i < 30; i++) assert(!questions.has(exam!.get(i).messages[0]!.content));
  await assertRejects(() => rulePractice("names", 1), RangeError, 'got "names"');
});

Deno.test("long arithmetic has more digits than any conversation, and other numbers in exams", async () => {
  const calls = async (heldOut: boolean) => {
    const task = await rulePractice("long-arithmetic", 300, { heldOut });
    return Array.from({ length: 300 }, (_, i) => {
      const { content } = task.get(i).messages[1]!;
      if (typeof content === "string") throw new Error("expected a call of the calculator");
      return content[0]!.text;
    });
  };
  const practice = new Set(await calls(false));
  for (const call of practice) assert(/^\d{4}[+-]\d{3}$|^\d{3}\*\d{2}$/.test(call), call);
  assertEquals((await calls(true)).filter((call) => practice.has(call)), []);
});

Deno.test("a story is right if it is about whom it was asked for and contradicts nothing", async () => {
  const practice = await rulePractice("stories", 60);
  const heldOut = await rulePractice("stories", 60, { heldOut: true });
  const asked = { nothing: 0, kind: 0, name: 0 };
  for (const task of [practice, heldOut]) {
    for (let i = 0; i < task.length; i++) {
      const problem = task.get(i);
      assertEquals(task.get(i), problem);
      assertEquals(task.isShown!(problem), i % 2 === 1);
      if (i % 2 === 1) continue;
      const [question, answer] = problem.messages.map(({ content }) => content as string);
      const [, kind, name] =
        /about an? (\w+)(?: (?:named|called) (\p{L}+))?[.?]$/u.exec(question!) ?? [];
      asked[name !== undefined ? "name" : kind !== undefined ? "kind" : "nothing"]++;
      const told = checkStory(answer!).mainCharacter!;
      assertEquals(told, { ...told, name: name ?? told.name, kind: kind ?? told.kind }, question);
      assert(await task.isRight(problem, answer!), answer);
      const renamed = answer!.replaceAll(told.name, `${told.name}o`);
      const isRightRenamed = checkStory(renamed).isConsistent && name === undefined;
      assertEquals(await task.isRight(problem, renamed), isRightRenamed, renamed);
      for (
        const wrong of [
          "",
          answer!.slice(0, -20),
          `${answer} ${answer}`,
          `${answer}\n${answer}`,
          ...(kind === undefined ? [] : [answer!.replace(kind, kind === "fox" ? "bear" : "fox")]),
        ]
      ) assert(!await task.isRight(problem, wrong), wrong);
    }
  }
  for (const count of Object.values(asked)) assert(count > 4, JSON.stringify(asked));
  assert(practice.get(0).messages[1]!.content !== heldOut.get(0).messages[1]!.content);
});

/** Answers to the questions that a story answers; a name is said in a sentence. */
function answersAbout(story: string): readonly string[] {
  const { answers } = checkStory(story);
  return [...answers.values()].flatMap((one) => [one, `It was ${one}`, `It is ${one}`]);
}

/** Answers to questions that any story answers. */
function answersAboutAny(story: string): readonly string[] {
  const { kind, name } = checkStory(story).mainCharacter!;
  const main = `${/^[aeiou]/.test(kind) ? "An" : "A"} ${kind}`;
  return [
    `It was ${name}.`,
    `${main}.`,
    `${main} named ${name}.`,
    "That is the end of the story.",
    "Thank you!",
  ];
}

Deno.test("every fourth problem of stories asks about a story, and has one right answer", async () => {
  const task = await rulePractice("stories", 200, { heldOut: true });
  let [own, any] = [0, 0];
  for (let i = 3; i < task.length; i += 4) {
    const problem = task.get(i);
    const [, story = "", ...rest] = problem.messages.map(({ content }) => content as string);
    const answer = rest.at(-1)!;
    if (answersAbout(story).includes(answer)) own++;
    else if (answersAboutAny(story).includes(answer)) any++;
    else throw new Error(`${story} ${answer}`);
    assert(await task.isRight(problem, answer));
    for (const wrong of ["", story, `${answer} `, "Nobody."]) {
      assert(!await task.isRight(problem, wrong), wrong);
    }
  }
  assert(own > 15 && any > 5, `${own}, ${any}`);
});

Deno.test("every fourth problem of stories is a chat without one, and has one right answer", async () => {
  const task = await rulePractice("stories", 80, { name: "Rex" });
  for (let i = 1; i < task.length; i += 4) {
    const problem = task.get(i);
    assertEquals(task.get(i), problem);
    const { messages } = problem;
    assert(messages.every(({ content }) => !checkStory(`${content}`).isConsistent));
    const { ids } = renderConversation(tokenizer, problem);
    const start = ids.lastIndexOf(tokenizer.special("<|assistant_start|>")) + 1;
    const answer = tokenizer.decode(ids.slice(start, -1));
    assert(await task.isRight(problem, answer), answer);
    assertEquals(task.rewardsOf!(problem, [answer, `${answer} `, ""]), [1, 0, 0]);
  }
});

Deno.test("some requests leave the name of the character, or the whole story, to the model", () => {
  const random = new PythonRandom(1);
  const asked = Array.from({ length: 400 }, () => story(random, "train")[0]!.question);
  const isNamed = ({ slots }: typeof asked[0]) => /named|called/.test(`${slots["character"]}`);
  const free = asked.filter(({ slots }) => slots["character"] === undefined);
  const unnamed = asked.filter((one) => !free.includes(one) && !isNamed(one));
  assert(free.length > 20 && free.length < 60, `${free.length}`);
  assert(unnamed.length > 35 && unnamed.length < 90, `${unnamed.length}`);
  for (const { slots } of unnamed) assert(/^an? [a-z]+$/.test(`${slots["character"]}`));
});

Deno.test("three of four stories are about somebody of an uncommon name, and all answer four questions, one of which any story answers", () => {
  const random = new PythonRandom(1);
  const common = new Set([...femaleNames.slice(0, 60), ...maleNames.slice(0, 60)]);
  let [named, uncommon] = [0, 0];
  for (let i = 0; i < 1000; i++) {
    const [request, ...questions] = story(random, "train");
    const { isConsistent, answers } = checkStory(request!.answer as string);
    assert(isConsistent, `${request!.answer}`);
    const [, name] =
      /(?:named|called) (\p{L}+)$/u.exec(`${request!.question.slots["character"]}`) ?? [];
    if (name !== undefined) {
      named++;
      if (!common.has(name)) uncommon++;
    }
    const asked = questions.filter(({ question }) => question.slots["question"] !== undefined);
    assertEquals([questions.length, asked.length], [4, 3]);
    for (const { question, answer } of asked) {
      const within = `${question.slots["question"]}`;
      const wanted = answers.get(`${within[0]!.toUpperCase()}${within.slice(1)}?`)!;
      assert(answer === wanted || `${answer}`.endsWith(` ${wanted}`), `${answer}, ${wanted}`);
    }
    const others = questions.filter((one) => !asked.includes(one));
    const possible = answersAboutAny(request!.answer as string);
    for (const { answer } of others) assert(possible.includes(`${answer}`), `${answer}`);
  }
  assert(named > 700, `${named}`);
  assert(uncommon > 0.7 * named && uncommon < 0.82 * named, `${uncommon} of ${named}`);
});

Deno.test("another story is told when one more is asked for, and both leave room for a question", () => {
  const random = new PythonRandom(1);
  for (let i = 0; i < 100; i++) {
    const exchanges = twoStories(random);
    assertEquals(exchanges.length, 4);
    const [first, second] = [exchanges[0]!, exchanges[2]!].map(({ answer }) => `${answer}`);
    assert(checkStory(first!).isConsistent && checkStory(second!).isConsistent);
    // The name that it is asked for may be longer.
    assert(first !== second && first!.length + second!.length < 800, `${first} ${second}`);
    assert(/\b(one|another|again)\b/.test(exchanges[2]!.question.text));
    const wanted = [...answersAbout(second!), ...answersAboutAny(second!)];
    assert(wanted.includes(`${exchanges[3]!.answer}`));
  }
});

Deno.test("people ask about a story in lower case, and say something else after it", async () => {
  const task = await ruleConversations(3000);
  let [lower, upper, after] = [0, 0, 0];
  for (let i = 0; i < task.length; i++) {
    const { messages } = task.get(i);
    const told = messages.findIndex(({ content }) => checkStory(`${content}`).isConsistent);
    if (told === -1) continue;
    const rest = messages.slice(told + 1);
    for (const { role, content } of rest) {
      if (role !== "user" || !/^wh(o|at) (was|helped|made|did|has)\b/i.test(`${content}`)) continue;
      if (/\p{Lu}/u.test(`${content}`)) upper++;
      else lower++;
    }
    if (rest.length > 8) after++;
  }
  assert(lower > 20 && upper > 20 && after > 20, `${lower}, ${upper}, ${after}`);
});

Deno.test("a companion is of another kind and name than the character, and no king is called Molly", () => {
  const random = new PythonRandom(1);
  const kindsSeen = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const { question, answer } = companion(random);
    const [, kind, name] = /(\w+) (?:named|called) (\p{L}+)$/u.exec(
      `${question.slots!.character}`,
    )!;
    const [, otherKind, otherName] = /an? [\w-]+ (\w+) named (\p{L}+)/iu.exec(`${answer}`)!;
    assert(kind !== otherKind && name !== otherName, `${answer}`);
    const { pronoun } = kinds[otherKind!]!;
    if (pronoun !== undefined) assertEquals(pronounOfName(otherName!), pronoun, `${answer}`);
    assert(
      /^\p{Lu}.*\.$/u.test(`${answer}`) && !/\b([Hh]e|[Ss]he)\b/.test(`${answer}`),
      `${answer}`,
    );
    kindsSeen.add(otherKind!);
  }
  assert(kindsSeen.size >= 12, [...kindsSeen].join());
});

Deno.test("some chats tell a story, and answer a question about it", async () => {
  const task = await ruleConversations(1500);
  const stories = Array.from({ length: task.length }, (_, i) => task.get(i).messages)
    .flatMap((messages) =>
      messages.filter((_, i) => /story|tale/.test(`${messages[i - 1]?.content}`))
    );
  const told = stories.filter(({ content }) => checkStory(`${content}`).isConsistent);
  assert(told.length >= 20, `${told.length} of ${stories.length}`);
});

Deno.test("a right story is rewarded by what others of its group have not, an answer is not", async () => {
  const task = await rulePractice("stories", 20, { heldOut: true });
  // In so many sequences of eight words that others have not.
  const numbers =
    /(?<=(?:\S+ ){8})(two|three|four|five|seven|eight|nine|ten|eleven|twelve)(?=(?: \S+){8})/;
  const problem = Array.from({ length: 10 }, (_, i) => task.get(2 * i))
    .find(({ messages }) =>
      numbers.test(`${messages[1]!.content}`) && messages[1]!.content.length < 450
    )!;
  const right = problem.messages[1]!.content as string;
  const [first = "", ...rest] = right.split(/(?<=\.) /);
  const other = [first, ...rest.slice(0, -1)].join(" ");
  assert(!await task.isRight(problem, other));
  const rewardsOf = (...stories: readonly string[]) => task.rewardsOf!(problem, stories);
  assertEquals(rewardsOf(right, right, other), [1, 1, 0]);
  assertEquals(rewardsOf(right), [1]);
  assertEquals(rewardsOf(other, ""), [0, 0]);
  const variant = right.replace(numbers, "six");
  assert(variant !== right && await task.isRight(problem, variant), variant);
  const [one = 0, same = 0, own = 0] = rewardsOf(right, right, variant);
  assert(one === same && own > 1.025 * one, `${own} instead of ${one}`);
  assertAlmostEquals(one + same + own, 3, 1e-12);
  // Other names make no other story.
  const [friend] = /(?<=named )\p{Lu}\p{L}+(?!.*named)/u.exec(right)!;
  const renamed = right.replaceAll(friend, `${friend}a`);
  assert(renamed !== right && await task.isRight(problem, renamed), renamed);
  assertEquals(rewardsOf(right, renamed), [1, 1]);
  const answer = task.get(3).messages.at(-1)!.content as string;
  assertEquals(task.rewardsOf!(task.get(3), [answer, "Nobody.", answer]), [1, 0, 1]);
});
