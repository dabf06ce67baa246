/** The sections on answering, a tool, reward and serving: what they show is what the library computes. */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { renderConversation, Tokenizer } from "../tokenizer/mod.ts";
import {
  animalConversations,
  isSumRight,
  sumQuestions,
  unaskedQuestions,
} from "./engine/animals.ts";
import { compareAnswers } from "./engine/answering.ts";
import { reinforceSums } from "./engine/reward.ts";
import { serveRequests } from "./engine/serving.ts";
import { taskLines } from "./engine/texts.ts";
import { answerWithTool } from "./engine/tool.ts";
import { fixed } from "./parts/number.ts";
import { onCpu } from "./testing/gpt.ts";
import { checkLooks, checkLooksOf } from "./testing/looks.ts";
import { openSite, pageTest, Widget } from "./testing/pages.ts";
import { answererModel, keepModels, readerModel, teachInDeno } from "./testing/talk.ts";
import { words } from "./words/answering.ts";
import { words as rewardWords } from "./words/reward.ts";

const signal = new AbortController().signal;
const cpu = "#talkDevice=cpu";
/** The text of an answer as the page shows it. */
const shown = (parts: readonly { type: string; text: string }[] | null) =>
  parts!.map(({ type, text }) =>
    type === "text" ? text : type === "python" ? `[${text}` : ` = ${text}] `
  ).join("");
/** A special token as the page shows it, and any other one. */
const visible = (token: string) =>
  token.replace(/^<\|(\w+)\|>$/, "$1").replaceAll(" ", "·").replaceAll("\n", "⏎");

Deno.test("nothing that is read answers a question, and conversations ask about some animals only", async () => {
  const lines = taskLines("animals", 1, 4000);
  assert(lines.every((line) => !/\?.*\. /.test(line) && !line.includes("=")));
  const questions = unaskedQuestions();
  const conversations = animalConversations(1, 2000);
  const turns = conversations.flatMap(({ messages }) => messages);
  const asked = turns.filter(({ role }) => role === "user").map(({ content }) => `${content}`);
  for (const { question, answer } of questions) {
    assert(!asked.includes(question), question);
    // But the fact is there to be read.
    assert(lines.some((line) => line.includes(answer)), answer);
  }
  const answers = turns.filter(({ role }) => role === "assistant").map(({ content }) => content);
  /** How many sums are asked in a way, and the share of those that the calculator answers. */
  const calls = (way: string) => {
    const sums = asked.flatMap((question, i) => question.startsWith(way) ? [answers[i]!] : []);
    return [sums.length, sums.filter((answer) => typeof answer !== "string").length / sums.length];
  };
  const [sums, calculated] = calls("What is"), [quick, patient] = calls("Quick!");
  assert(Math.abs(sums! / asked.length - 0.325) < 0.05, `${sums}`);
  assert(Math.abs(quick! / asked.length - 0.325) < 0.05, `${quick}`);
  assertEquals(calculated, 1);
  assert(Math.abs(patient! - 1 / 12) < 0.05, `${patient}`);
  // A digit is a token of its own.
  const tokenizer = Tokenizer.fromJSON(
    await [...await readerModel()].find(([name]) => name.startsWith("tokenizer"))![1].text(),
  );
  for (let n = 10; n < 100; n++) assertEquals(tokenizer.encode(`${n}`).length, 2, `${n}`);
});

Deno.test("the last number of an answer decides, and what the calculator said does not", () => {
  const call = "<|python_start|>27+16<|python_end|><|output_start|>43<|output_end|>";
  for (
    const [said, isRight] of [
      ["27+16 is 43.", true],
      [`${call}27+16 is 43.<|assistant_end|>`, true],
      [call, false],
      [`${call}27+16 is 34.`, false],
      ["43 is 27+16.", false],
      ["", false],
    ] as const
  ) assertEquals(isSumRight(27, 16, said), isRight, said);
  assertEquals(sumQuestions(5, 3), sumQuestions(5, 3));
});

/** Waits for a text in the status of a widget. */
async function untilStatus(page: Page, widget: string, text: string): Promise<void> {
  await page.waitForFunction(
    ([widget, text]) =>
      document.querySelector(`[data-widget=${widget}] [role=status]`)?.textContent?.includes(text!),
    [widget, text],
  );
}

pageTest(
  "a model learns to answer in the page as it does in Deno, and both say the same",
  async () => {
    await using opened = await openSite("isolated");
    const page = await opened.page({ path: `${cpu}&talkSteps=40` });
    const widget = new Widget(page, "answering");
    /** The boxes of the conversation that is shown: the tokens, and whether they are learned. */
    const boxes = () =>
      page.$$eval(
        "[data-widget=answering] p.template code",
        (all) => all.map((one) => [one.textContent, one.classList.contains("learned")]),
      );
    const conversation = {
      messages: [
        { role: "user", content: "What does the cow say?" },
        { role: "assistant", content: "The cow says moo." },
      ],
    } as const;
    const check = async (tokenizer: Tokenizer) => {
      const { ids, mask } = renderConversation(tokenizer, conversation);
      assertEquals(
        await boxes(),
        ids.map((id, i) => [visible(tokenizer.decode([id])), mask[i] === 1]),
      );
    };
    await check(await Tokenizer.train([], { vocabSize: 265 }));

    await keepModels(page, { read: await readerModel() });
    await page.waitForSelector("[data-template]:not(:has-text('Without merges'))");
    const reader = await readerModel();
    const file = [...reader].find(([name]) => name.startsWith("tokenizer"))![1];
    await check(Tokenizer.fromJSON(await file.text()));
    await page.focus("#talkExample");
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector("[data-widget=answering] p.template:has-text('output_start')");

    await widget.press("Train it");
    await page.waitForSelector("[data-table=compared] tbody tr:nth-child(5)");
    const events = await teachInDeno(40);
    const losses = events.flatMap((event) => event.kind === "step" ? [event.loss] : []);
    assertEquals(losses.length, 40);
    assertEquals(await page.getAttribute("[data-talk-losses]", "data-talk-losses"), losses.join());
    const exam = events.findLast((event) => event.kind === "exam");
    const { talkAnimals, talkSums } = await widget.rows();
    if (exam?.kind !== "exam") throw new Error("wanted an exam");
    assertEquals(
      [talkAnimals, talkSums],
      [exam.animals, exam.sums].map((share) => `${Math.round(100 * share)} %`),
    );
    assertEquals(await widget.status(), words.done(Math.round(12 * exam.animals), 12));
    const last = events.at(-1);
    if (last?.kind !== "files") throw new Error("wanted files");
    const input = { before: reader, after: last.files, questions: words.questions };
    const compared = await onCpu((device) =>
      Array.fromAsync(compareAnswers(device, input, signal))
    );
    assertEquals(
      await widget.table("compared"),
      compared.map(({ question, before, after }) => [question, `${before.trim()} …`, shown(after)]),
    );
    // A question of one's own, by Enter.
    await page.fill("#talkQuestion", "What does the bee eat?");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-table=compared] tbody tr:nth-child(6)");
    assertEquals(opened.problems, []);
    await checkLooksOf(page, "answering");
  },
);

pageTest(
  "the calculator's answer is forced into the text, token by token, as the engine does it",
  async () => {
    const files = await answererModel();
    const steps = (hasTool: boolean) =>
      onCpu((device) =>
        Array.fromAsync(
          answerWithTool(device, { files, question: "What is 28+17?", hasTool }, signal),
        )
      );
    const told = await steps(true);
    const tokens = told.flatMap((step) => step.kind === "token" ? [step] : []);
    const text = tokens.map((step) => step.text).join("");
    const output = /<\|output_start\|>(.*)<\|output_end\|>/.exec(text)?.[1];
    assertEquals(output, "45", text);
    assertEquals(
      tokens.filter((step) => !step.isSampled).map((step) => step.text).join(""),
      "<|output_start|>45<|output_end|>",
    );
    await using opened = await openSite("plain");
    const page = await opened.page({ path: `${cpu}&toolA=28&toolB=16` });
    const widget = new Widget(page, "tool");
    assert((await page.innerText("[data-widget=tool]")).includes(words.needs));
    await keepModels(page, { taught: files });
    await widget.move("toolB", 1);
    await widget.press("Ask");
    await page.waitForSelector("[data-widget=tool] .stream");
    await widget.shows({ toolCall: "–", toolAnswer: "–", toolSampled: "0", toolForced: "0" });
    const boxes = () =>
      page.$$eval(
        "[data-widget=tool] .stream code",
        (all) => all.map((one) => [one.textContent, one.classList.contains("first")]),
      );
    const wanted = tokens.map((step) => [visible(step.text), step.isSampled]);
    const end = tokens.findIndex((step) => step.text === "<|python_end|>") + 1;
    for (let i = 0; i < end; i++) await widget.press("Forward");
    assertEquals(await boxes(), wanted.slice(0, end));
    await widget.shows({ toolCall: "28+17", toolAnswer: "45", toolForced: "0" });
    assert((await widget.status())?.includes("28+17 = 45"));
    await widget.press("Forward");
    await widget.press("Back");
    await widget.press("To the end");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assertEquals(await boxes(), wanted);
    const forced = tokens.filter((step) => !step.isSampled).length;
    await widget.shows({ toolSampled: `${tokens.length - forced}`, toolForced: `${forced}` });

    // Without the calculator nothing is forced.
    await page.focus("#toolAnswers");
    await page.keyboard.press("ArrowDown");
    await widget.press("Ask");
    await page.waitForSelector("[data-widget=tool] .stream");
    await widget.press("To the end");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const alone = (await steps(false)).flatMap((step) => step.kind === "token" ? [step] : []);
    assertEquals(await boxes(), alone.map((step) => [visible(step.text), true]));
    await widget.shows({ toolAnswer: "–", toolForced: "0" });
    assertEquals(opened.problems, []);
    await checkLooksOf(page, "tool");
  },
);

pageTest(
  "rewards, advantages and pushes are those of the library, and the share of right answers climbs",
  async () => {
    const files = await answererModel();
    const events = await onCpu((device) =>
      Array.fromAsync(reinforceSums(device, { files, steps: 8, seed: 1 }, signal))
    );
    const steps = events.flatMap((event) => event.kind === "step" ? [event] : []);
    assertEquals(steps.length, 8);
    for (const { answers } of steps) {
      const mean = answers.reduce((sum, { reward }) => sum + reward, 0) / answers.length;
      for (const { reward, advantage } of answers) assertEquals(advantage, reward - mean);
    }
    // The model of the tests has learned little; `road_test.ts` has the share climb from below 50 % to 80 %.
    const shares = steps.map(({ right }) => right);
    const start = (shares[0]! + shares[1]!) / 2, end = (shares[6]! + shares[7]!) / 2;
    // Seeds 1 to 4, with additions that are fused with their product or not, climb by 0.11 to 0.34.
    assert(start < 0.5 && end > start + 0.04, shares.join());
    await using opened = await openSite("isolated");
    const page = await opened.page({ path: `${cpu}&rewardSteps=8` });
    await keepModels(page, { taught: files });
    const widget = new Widget(page, "reward");
    await widget.press(rewardWords.start);
    await page.waitForFunction(
      () =>
        document.querySelector("[data-widget=reward] [role=status]")?.textContent?.startsWith(
          "From",
        ),
    );
    /** Compares what is shown of a step. */
    const check = async ({ question, answers, right, calls }: typeof steps[number]) => {
      await widget.shows({
        rewardRight: `${Math.round(100 * right)} %`,
        rewardCalls: `${Math.round(100 * calls)} %`,
      });
      assert((await page.innerText("[data-widget=reward] h3")).includes(question));
      const lines = await page.$$eval(
        "[data-widget=reward] .answers li",
        (all) =>
          all.map((one) => [
            one.querySelector("small")!.textContent,
            [...one.querySelectorAll("code")].map((token) => token.textContent),
          ]),
      );
      const sign = (x: number) => `${x > 0 ? "+" : ""}${fixed(x, 3)}`;
      assertEquals(
        lines,
        answers.map(({ reward, advantage, tokens }) => [
          rewardWords.reward(reward, sign(advantage)),
          tokens.map(({ text }) => visible(text)),
        ]),
      );
    };
    await check(steps.at(-1)!);
    await widget.move("rewardLook", "Home");
    await check(steps[0]!);
    await page.locator("[data-widget=reward] summary").focus();
    await page.keyboard.press("Enter");
    await widget.move("rewardAnswer", 1);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const second = steps[0]!.answers[1]!;
    const arrow = second.advantage > 0 ? "↑" : second.advantage < 0 ? "↓" : "–";
    assertEquals(
      await widget.table("pushes"),
      second.tokens.map(({ text, isSampled, before, after }) => [
        visible(text),
        fixed(before, 4),
        fixed(after, 4),
        isSampled ? arrow : "–",
      ]),
    );
    assertEquals(opened.problems, []);
    await checkLooks(opened, "reward", async (page) => {
      await keepModels(page, { taught: files });
      await new Widget(page, "reward").press(rewardWords.start);
      // Many more steps than are done until it is paused.
      await untilStatus(page, "reward", " of 40: ");
      await new Widget(page, "reward").press(rewardWords.hold);
    }, `${cpu}&rewardSteps=40`);
  },
);

pageTest(
  "three requests share a batch of two, and their caches fill and free as the server's do",
  async () => {
    const files = await answererModel();
    const questions = [
      { question: "What does the cow say?", arrives: 0 },
      { question: "What is 27+16?", arrives: 3 },
      { question: "What does the cow say?", arrives: 3 },
    ];
    const serve = async (keepsCaches: boolean) => {
      const [served] = await onCpu((device) =>
        Array.fromAsync(serveRequests(device, { files, questions, keepsCaches }, signal))
      );
      return served!;
    };
    const served = await serve(true);
    const { requests, steps } = served;
    // All of the prompt but its last token is found in the cache that was kept.
    assertEquals(requests[2]!.cachedTokens, requests[2]!.promptTokens - 1);
    assertEquals((await serve(false)).requests[2]!.cachedTokens < requests[2]!.cachedTokens, true);
    const textOf = (request: number) =>
      steps.flatMap(({ tokens }) => tokens.filter((one) => one.request === request))
        .map(({ text }) => text).join("");
    assertEquals(textOf(0), textOf(2));
    assert(steps.some(({ tokens }) => new Set(tokens.map(({ request }) => request)).size === 2));
    assert(steps.every(({ tokens }) => tokens.length <= 2));

    await using opened = await openSite("isolated");
    const page = await opened.page({ path: cpu });
    await keepModels(page, { taught: files });
    const widget = new Widget(page, "serving");
    await widget.press("Serve them");
    await page.waitForSelector("[data-table=served]");
    const total = requests.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0);
    await widget.shows({ serveTogether: `${steps.length}`, serveAlone: `${total}` });
    assertEquals(
      await widget.table("served"),
      requests.map(({ promptTokens, cachedTokens, generatedTokens }, i) => [
        `${i + 1}`,
        ...[promptTokens, cachedTokens, generatedTokens].map(String),
      ]),
    );
    const stream: string[] = [];
    for (const { tokens, caches } of steps) {
      await widget.move("serveStep", 1);
      await page.evaluate(() => new Promise(requestAnimationFrame));
      stream.push(...tokens.map(({ request, text }) => `${request + 1} ${visible(text)}`));
      const rows = await page.$$eval("[data-cache]", (all) =>
        all.map((
          one,
        ) => [(one as HTMLElement).dataset.cache, one.querySelectorAll(".full").length]));
      assertEquals(
        rows,
        [0, 1, 2].flatMap((request) => caches.filter((one) => one.request === request))
          .map(({ phase, position, capacity }) => [`${phase} ${position} ${capacity}`, position]),
      );
    }
    assertEquals(
      await page.$$eval(
        "[data-widget=serving] .stream code",
        (all) => all.map((one) => one.textContent),
      ),
      stream,
    );
    assert(
      (await widget.status())?.startsWith(`Everybody has an answer after ${steps.length} steps`),
    );
    assertEquals(opened.problems, []);
    await checkLooksOf(page, "serving");
  },
);
