/** The chat page in a browser, against the server. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import { openContext } from "../testing/browser/shared.ts";
import { buildChat } from "../web/page.ts";
import { pageTest, svgFaults, violations } from "../web/testing/pages.ts";
import { withServer } from "./testing/tiny_server.ts";

/** The page, built once for all tests. */
let built: ReturnType<typeof buildChat> | undefined;

/** Runs a test on the page; errors of the page, and requests to other hosts, fail it. */
async function withPage(
  options: Parameters<typeof withServer>[0],
  body: (page: Page, server: { readonly url: string; stop(): Promise<void> }) => Promise<void>,
  browserOptions: BrowserContextOptions = {},
): Promise<void> {
  const chat = await (built ??= buildChat());
  await withServer({ stage: "sft", page: chat, ...options }, async (server) => {
    const context = await openContext({ colorScheme: "dark", ...browserOptions });
    try {
      const page = await context.newPage();
      const problems: string[] = [];
      page.on("pageerror", (error) => problems.push(`${error}`));
      page.on("request", (request) => {
        if (!request.url().startsWith(server.url) && !request.url().startsWith("data:")) {
          problems.push(request.url());
        }
      });
      // Chromium passes a request now and then that comes right after it was told to hold requests: so it is told
      // before there are any, for the tests that answer some themselves.
      await page.route("**/v1/**", (route) => route.fallback());
      await page.goto(server.url);
      await isReady(page);
      await body(page, server);
      assertEquals(problems, []);
    } finally {
      await context.close();
    }
  });
}

/** Waits until the page has asked which model there is. */
const isReady = (page: Page) => page.waitForSelector("html[data-ready]");

/** Opens the page again. */
async function reload(page: Page): Promise<void> {
  await page.reload();
  await isReady(page);
}

/**
 * Opens the page again such that answers come as far as their first words, and no further until they are
 * stopped: however fast the machine is, no answer ends before that.
 */
async function holdAnswers(page: Page): Promise<void> {
  await page.addInitScript((most) => {
    const { fetch } = globalThis;
    globalThis.fetch = async (...request) => {
      const response = await fetch(...request);
      if (!response.url.endsWith("/completions")) return response;
      const reader = response.body!.getReader();
      let bytes = 0;
      const first = new ReadableStream({
        pull: async (controller) => {
          if (bytes > most) await reader.closed;
          const { value } = await reader.read();
          bytes += value!.length;
          controller.enqueue(value);
        },
      });
      return new Response(first, response);
    };
  }, 4000);
  await reload(page);
  // The model's certain answers have no end.
  await makeCertain(page);
}

/** Asks, and waits for the first words of the answer, which is held. */
async function ask(page: Page, text: string): Promise<void> {
  await page.fill("#message", text);
  await page.press("#message", "Enter");
  await page.locator("[data-turn=assistant]:last-child .said span:not(.cursor)").first().waitFor();
}

/** Answers that are held are long, and the server waits for whoever reads them. */
const held = { context: 16_000, clientTimeout: 600_000 };

/** Waits until no answer comes. */
const settled = (page: Page) =>
  page.waitForFunction(() =>
    document.querySelector("[aria-busy=true]") === null &&
    document.querySelector("button.send[type=submit]") !== null
  );

/** Sends what is written, with the Enter key, and waits for the end of the answer. */
async function send(page: Page, text: string): Promise<void> {
  const before = (await turns(page)).length;
  await page.focus("#message");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
  await page.waitForFunction(
    (before) => document.querySelectorAll("[data-turn]").length === before + 2,
    before,
  );
  await settled(page);
}

const turns = (page: Page) =>
  page.$$eval("[data-turn]", (all) => all.map((each) => each.dataset.turn));
const answers = (page: Page) =>
  page.$$eval("[data-turn=assistant] .said", (all) => all.map(({ textContent }) => textContent));
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id);
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
/** Pixels of the chat below what is in view, after the frame in which the page scrolls. */
const below = (page: Page) =>
  page.$eval(".scroller", async (scroller) => {
    for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  });

/** Makes samples certain. */
async function makeCertain(page: Page): Promise<void> {
  await page.getByText("Settings").click();
  await page.focus("#temperature");
  await page.keyboard.press("Home");
  assertEquals(await page.textContent("output[for=temperature]"), "0.0");
}

pageTest(
  "a chat is written, kept, edited, answered again and removed, by keyboard",
  () =>
    withPage({ context: 200 }, async (page) => {
      await send(page, "How many roses?");
      assertEquals(await turns(page), ["user", "assistant"]);
      const [first] = await answers(page);
      assert(first!.length > 0);
      await send(page, "And now?");
      assertEquals((await turns(page)).length, 4);
      // With a mouse, what can be done with a question is beside it: its answer is right below.
      const gap = await page.$$eval("[data-turn] .said", ([question, answer]) =>
        answer!.getBoundingClientRect().top - question!.getBoundingClientRect().bottom);
      assert(gap < 32, `${gap} pixels`);

      await makeCertain(page);
      await button(page, "Answer again").focus();
      await page.keyboard.press("Enter");
      await settled(page);
      const [, certain] = await answers(page);
      assertEquals(await focused(page), "message");
      await button(page, "Answer again").click();
      await settled(page);
      assertEquals((await answers(page))[1], certain);

      await reload(page);
      assertEquals((await answers(page))[1], certain);
      await button(page, "Edit").first().click();
      await page.keyboard.press("Control+A");
      await page.keyboard.type("I have two.");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() =>
        document.querySelectorAll("[data-turn]").length === 2
      );
      await settled(page);
      assertEquals(await page.textContent("[data-turn=user] .said"), "I have two.");

      await button(page, "New chat").first().click();
      assertEquals(await turns(page), []);
      assertEquals(await focused(page), "message");
      await send(page, "Another one");
      await button(page, "I have two.").click();
      assertEquals(await page.textContent("[data-turn=user] .said"), "I have two.");
      await button(page, "Remove I have two.").click();
      assertEquals(await page.textContent("[data-turn=user] .said"), "Another one");
      await button(page, "Undo").click();
      assertEquals(await page.textContent("[data-turn=user] .said"), "I have two.");

      // The editor and the probabilities belong to one chat.
      await button(page, "Probabilities").click();
      await button(page, "Edit").click();
      assertEquals(await page.locator(".editor, .tokens").count(), 2);
      await button(page, "Another one").click();
      assertEquals(await page.locator(".editor, .tokens").count(), 0);
    }),
);

pageTest(
  "a page that is closed in the middle of an answer keeps the question, and what was said",
  () =>
    withPage(held, async (page) => {
      await holdAnswers(page);
      await ask(page, "Go on without an end");
      await reload(page);
      assertEquals(await turns(page), ["user", "assistant"]);
      assertMatch((await page.textContent(".ending"))!, /^Stopped\.Continue/);
      const kept = (await answers(page))[0]!;
      assert(kept.length > 0);
      await button(page, "Continue").click();
      await page.waitForFunction(
        (length) => document.querySelectorAll(".said")[1]!.textContent.length > length,
        kept.length,
      );
      await page.keyboard.press("Escape");
      await page.waitForSelector(".ending.stopped");
      assert((await answers(page))[0]!.startsWith(kept));

      // A browser that ends without the event pagehide leaves the question.
      await ask(page, "And now?");
      const store = await page.evaluate(() =>
        Object.entries(localStorage).find(([name]) => name.startsWith("nanodino chat/"))!
      );
      await page.keyboard.press("Escape");
      await page.waitForSelector(".assistant:last-child .ending.stopped");
      await page.addInitScript(([name, chat]) => localStorage.setItem(name, chat), store);
      await reload(page);
      assertEquals(await turns(page), ["user", "assistant", "user", "assistant"]);
      assertEquals((await answers(page))[1], "");
      assertMatch((await page.locator(".ending").last().textContent())!, /^Stopped\.Try again/);
    }),
);

pageTest(
  "two tabs share their chats, and each shows its own",
  () =>
    withPage({ context: 120 }, async (page, { url }) => {
      const other = await page.context().newPage();
      await other.goto(url);
      await isReady(other);
      await send(page, "In the first");
      await button(other, "In the first").waitFor();
      await send(other, "In the second");
      await button(page, "In the second").waitFor();
      const shown = (page: Page) => page.textContent("[data-turn=user] .said");
      assertEquals([await shown(page), await shown(other)], ["In the first", "In the second"]);
      await send(page, "And again");
      await button(other, "In the first").click();
      await other.getByText("And again").waitFor();
      await button(page, "Remove In the second").click();
      await button(other, "In the second").waitFor({ state: "detached" });
      for (const one of [page, other]) {
        await reload(one);
        assertEquals(await one.locator(".chats li").count(), 1);
      }
      await other.close();
    }),
);

pageTest(
  "two tabs that answer at once keep both answers, however late they hear of each other",
  () =>
    withPage(held, async (page, { url }) => {
      await page.context().addInitScript(() =>
        addEventListener("storage", (event) => event.stopImmediatePropagation())
      );
      const other = await page.context().newPage();
      await other.goto(url);
      for (const tab of [page, other]) await holdAnswers(tab);
      await ask(page, "In the first");
      await ask(other, "In the second");
      for (const tab of [page, other]) {
        await tab.keyboard.press("Escape");
        await tab.waitForSelector(".ending.stopped");
      }
      const said = [await answers(page), await answers(other)];
      for (const [i, tab] of [page, other].entries()) {
        await reload(tab);
        assertEquals(await tab.locator(".chats li").count(), 2);
        assertEquals(await answers(tab), said[i]);
      }
      await other.close();
    }),
);

pageTest(
  "chats that were kept all under one name are taken over",
  () =>
    withPage({ context: 120 }, async (page) => {
      await page.evaluate(() => {
        const turns = [{ role: "user", pieces: [{ text: "An old question" }] }];
        const earlier = {
          chats: [{ id: "1", turns }, { id: "2", turns }],
          temperature: 1,
          topK: 5,
        };
        localStorage.setItem("nanodino chats", JSON.stringify(earlier));
      });
      await reload(page);
      assertEquals(await page.locator(".chats li").count(), 2);
      const names = await page.evaluate(() => Object.keys(localStorage));
      assert(names.includes("nanodino chat/1") && !names.includes("nanodino chats"), `${names}`);
      await button(page, "An old question").first().click();
      assertEquals(await turns(page), ["user", "assistant"]);
    }),
);

pageTest(
  "a browser that has no room is told of and keeps nothing, and what is no chat is left out",
  () =>
    withPage({ context: 120 }, async (page) => {
      const odd = ["null", "{", '{"turns":5}', '{"id":"3","turns":[null]}'];
      await page.evaluate((odd) => {
        for (const [i, text] of odd.entries()) localStorage.setItem(`nanodino chat/${i}`, text);
        localStorage.setItem("nanodino settings", '"x"');
        localStorage.setItem("nanodino chats", '{"chats":5}');
      }, odd);
      await reload(page);
      assertEquals(await page.locator(".chats li").count(), 0);
      await send(page, "How many roses?");
      assertEquals(await page.locator(".no-room").count(), 0);
      await page.addInitScript(() =>
        Object.defineProperty(globalThis, "localStorage", {
          get: () => {
            throw new DOMException("wanted permission", "SecurityError");
          },
        })
      );
      await reload(page);
      await send(page, "How many roses?");
      assertMatch((await page.textContent(".no-room"))!, /no room/);
      assert((await answers(page))[0]!.length > 0);
    }),
);

/** Answers every question with a text, in pieces. */
const answerWith = (page: Page, text: string) =>
  page.route("**/completions", (route) => {
    const event = (delta: object, finish_reason: string | null) =>
      `data: ${JSON.stringify({ choices: [{ delta, logprobs: null, finish_reason }] })}\n\n`;
    const pieces = text.match(/.{1,7}/gs)!
      .map((text) => event({ parts: [{ type: "text", text }] }, null));
    const body = [...pieces, event({}, "stop"), "data: [DONE]\n\n"].join("");
    return route.fulfill({ contentType: "text/event-stream", body });
  });

pageTest(
  "an answer in Markdown is laid out, its code is copied, and nothing in it is markup",
  () =>
    withPage({ context: 120 }, async (page) => {
      const code = `if (1 < 2) {\n  go("${"far ".repeat(30)}");\n}`;
      await answerWith(
        page,
        [
          "# A **list**",
          "1. one\n2. two `code`\n\n- [ ] *three*",
          "| a | b |\n| - | -: |\n| 1 | 2 |",
          `\`\`\`ts\n${code}\n\`\`\``,
          "[web](https://example.org/), [bad](javascript:alert(1)), ![x](https://example.org/x.png)",
          "<img src=x onerror=alert(1)> <b>5 < 6</b> &amp;",
          "<script>alert(1)</script>",
        ].join("\n\n"),
      );
      await send(page, "Write a list");
      const said = page.locator("[data-turn=assistant] .said");
      const textOf = async (selector: string) => await said.locator(selector).allTextContents();
      assertEquals(await textOf("h3, ol li, ul li, th, td, pre, strong, em"), [
        "A list",
        "list",
        "one",
        "two code",
        "☐ three",
        "three",
        "a",
        "b",
        "1",
        "2",
        code,
      ]);
      assertEquals(await said.locator("img, script, b").count(), 0);
      assertEquals(
        await said.locator("a").evaluateAll((all) =>
          all.map((link) => [link.getAttribute("href"), link.getAttribute("rel")])
        ),
        [["https://example.org/", "noopener noreferrer"]],
      );
      const all = (await said.textContent())!;
      for (
        const text of [
          "[bad](javascript:alert(1))",
          "![x](https://example.org/x.png)",
          "<img src=x onerror=alert(1)>",
          "<script>alert(1)</script>",
        ]
      ) assert(all.includes(text), all);
      for (const width of [360, 1200]) {
        await page.setViewportSize({ width, height: 700 });
        assertEquals(
          await page.$eval(".scroller", (one) => one.scrollWidth - one.clientWidth),
          0,
          `${width}`,
        );
        assertEquals(await violations(page), [], `${width}`);
      }
      // Quotes that are nested without end are text; a language is read in its own direction.
      await page.unroute("**/completions");
      await answerWith(page, "> ".repeat(2000));
      await send(page, "שלום");
      assertEquals((await turns(page)).length, 4);
      const direction = await page.locator("[data-turn=user] .said").last()
        .evaluate((one) => getComputedStyle(one).direction);
      assertEquals(direction, "rtl");
      // Copied where a page has no clipboard, as one that comes from another machine without TLS.
      await page.evaluate(() =>
        Object.defineProperty(navigator, "clipboard", { value: undefined })
      );
      await said.first().getByRole("button", { name: "Copy" }).click();
      await page.focus("#message");
      await page.keyboard.press("Control+V");
      assertEquals(await page.inputValue("#message"), code);
    }),
);

pageTest(
  "a message that is too long is told as such, and can be edited",
  () =>
    withPage({ context: 120 }, async (page) => {
      await page.fill("#message", "a rose ".repeat(1500));
      await page.press("#message", "Enter");
      const failure = page.locator(".ending.failed");
      await failure.waitFor();
      assertMatch((await failure.textContent())!, /too long for this model: it can see 120 tokens/);
      // A message of more than two megabytes is not even read.
      const tooLarge = { error: { message: "too large", code: "request_too_large" } };
      await page.route("**/completions", (route) => route.fulfill({ status: 413, json: tooLarge }));
      // The failure before stays until the request is sent.
      const refused = page.waitForResponse("**/completions");
      await button(page, "Try again").click();
      await refused;
      await settled(page);
      await failure.waitFor();
      assertMatch((await failure.textContent())!, /too long for this model: it can see 120 tokens/);
      await page.unroute("**/completions");
      // Before it is sent again, the page asks which model there is: a server may be back with another.
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url().split("/").at(-1)!));
      const again = page.waitForResponse("**/completions");
      await button(page, "Try again").click();
      await again;
      await settled(page);
      await failure.waitFor();
      assertEquals(asked, ["models", "completions"]);
      await failure.getByRole("button", { name: "Edit" }).click();
      await page.fill(".editor textarea", "a rose");
      await page.keyboard.press("Enter");
      await failure.waitFor({ state: "detached" });
      await settled(page);
      assert((await answers(page))[0]!.length > 0);
    }),
);

pageTest(
  "the newest answer is in view, unless the reader has scrolled up; then a button goes down",
  () =>
    withPage({ context: 120 }, async (page) => {
      assertEquals(await focused(page), "message");
      for (let i = 0; i < 8; i++) {
        await send(page, `Question ${i}`);
        assert(await below(page) < 8, `${await below(page)} pixels below after question ${i}`);
        assertEquals(await focused(page), "message");
      }
      const isShown = () =>
        page.locator("[data-turn]").last().evaluate((turn) => {
          const { top, bottom } = turn.getBoundingClientRect();
          const view = document.querySelector(".scroller")!.getBoundingClientRect();
          return bottom > view.top && top < view.bottom;
        });
      // The chat scrolls, and not the document.
      assertEquals(
        await page.evaluate(() => document.documentElement.scrollHeight - innerHeight),
        0,
      );
      assert(await isShown());
      assertEquals(await page.locator(".to-end").count(), 0);

      await page.mouse.move(640, 300);
      const end = await page.$eval(".scroller", ({ scrollTop }) => scrollTop);
      await page.mouse.wheel(0, -600);
      await page.waitForSelector(".to-end");
      // Browsers scroll in steps.
      await page.waitForFunction(
        (wanted) => Math.abs(document.querySelector(".scroller")!.scrollTop - wanted) < 1,
        Math.max(0, end - 600),
      );
      // Text that arrives meanwhile does not scroll the page.
      const at = await page.$eval(".scroller", ({ scrollTop }) => scrollTop);
      await page.locator("[data-turn=assistant]").last().evaluate((turn) => {
        turn.querySelector<HTMLElement>("button[aria-label='Answer again']")!.click();
      });
      await settled(page);
      assertEquals(await page.$eval(".scroller", ({ scrollTop }) => scrollTop), at);
      await button(page, "Go down to the newest answer").click();
      await page.waitForSelector(".to-end", { state: "detached" });
      assert(await below(page) < 8 && await isShown());
    }, { viewport: { width: 1280, height: 800 } }),
);

pageTest(
  "a long chat needs one request a message, and no answer is cut in silence",
  () =>
    withPage({ context: 120 }, async (page) => {
      const asked: number[] = [];
      page.on("response", (response) => {
        if (response.url().endsWith("/completions")) asked.push(response.status());
      });
      await makeCertain(page);
      for (let i = 0; i < 9; i++) await send(page, `How many roses are there in ${i}?`);
      assertEquals(asked, Array(9).fill(200));
      // There is always room for a quarter of the context, 30 tokens.
      const tokens = (await answers(page)).map((text) => text!.length);
      assert(tokens.every((length) => length >= 30), tokens.join());
      assertEquals(await page.getByText("It sees only what is below").count(), 1);

      assertEquals(await page.locator(".ending.length").count(), 9);
    }),
);

pageTest(
  "an answer that was cut says so, and goes on",
  () =>
    withPage({ context: 250 }, async (page) => {
      await makeCertain(page);
      await page.route("**/completions", async (route) => {
        const body = { ...route.request().postDataJSON(), max_tokens: 20 };
        await route.continue({ postData: JSON.stringify(body) });
      });
      await send(page, "How many roses?");
      const cut = (await answers(page))[0]!;
      assertMatch((await page.textContent(".ending"))!, /^The answer ended at the limit/);
      await button(page, "Continue").click();
      await page.waitForFunction(
        (length) => document.querySelectorAll(".said")[1]!.textContent.length > length,
        cut.length,
      );
      await settled(page);
      const longer = (await answers(page))[0]!;
      assert(longer.startsWith(cut) && longer.length > cut.length, `${cut} | ${longer}`);
      assertEquals(await turns(page), ["user", "assistant"]);
    }),
);

pageTest(
  "an answer that broke off goes on where it ended, and one that never began has nothing to copy",
  () =>
    withPage({ context: 250 }, async (page) => {
      const failure = page.locator(".ending.failed");
      const answer = page.locator("[data-turn=assistant]");
      await page.route("**/completions", (route) => route.abort());
      await send(page, "How many roses?");
      assertMatch((await failure.textContent())!, /^The server does not answer\..*Try again/);
      for (const name of ["Copy", "Probabilities"]) {
        assertEquals(await answer.getByRole("button", { name }).count(), 0, name);
      }
      await page.unroute("**/completions");
      const delta = { parts: [{ type: "text", text: "Seven roses" }] };
      const begun = { choices: [{ delta, logprobs: null, finish_reason: null }] };
      // The stream ends without its last event, as one of a server that was killed.
      await page.route("**/completions", (route) =>
        route.fulfill({
          contentType: "text/event-stream",
          body: `data: ${JSON.stringify(begun)}\n\n`,
        }));
      await button(page, "Try again").click();
      await page.waitForFunction(() => document.body.innerText.includes("Seven roses"));
      await settled(page);
      assertMatch((await failure.textContent())!, /^The server does not answer\..*Continue/);
      // The text stays while the server is away.
      await page.unroute("**/completions");
      await page.route("**/completions", (route) => route.abort());
      const asked = page.waitForRequest("**/completions");
      await button(page, "Continue").click();
      await asked;
      await settled(page);
      assertEquals(await answers(page), ["Seven roses"]);
      await page.unroute("**/completions");
      await button(page, "Continue").click();
      await failure.waitFor({ state: "detached" });
      await settled(page);
      const [whole] = await answers(page);
      assert(whole!.startsWith("Seven roses") && whole!.length > 11, whole!);
    }),
);

pageTest(
  "a server that does not answer is told, and asked again; a draft survives a reload",
  () =>
    withPage({ context: 120 }, async (page) => {
      await page.focus("#message");
      await page.keyboard.type("one");
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.type("two");
      assertEquals(await turns(page), []);
      assertEquals(await page.inputValue("#message"), "one\ntwo");
      await reload(page);
      assertEquals(await page.inputValue("#message"), "one\ntwo");

      await page.route("**/completions", (route) => route.abort());
      await page.keyboard.press("Enter");
      const failure = page.locator(".ending.failed");
      await failure.waitFor();
      assertMatch((await failure.textContent())!, /^The server does not answer\./);
      assertEquals(await page.getByText("Failed to fetch").count(), 0);
      await page.unroute("**/completions");
      await button(page, "Try again").click();
      await failure.waitFor({ state: "detached" });
      await settled(page);
      assertEquals(await turns(page), ["user", "assistant"]);
      assert((await answers(page))[0]!.length > 0);

      // Whoever goes to another chat meanwhile finds it as it was.
      await button(page, "New chat").first().click();
      await send(page, "In another chat");
      const there = await answers(page);
      await button(page, "one\ntwo").click();
      await page.route("**/completions", (route) => route.abort());
      await page.focus("#message");
      await page.keyboard.type("three");
      await page.keyboard.press("Enter");
      await failure.waitFor();
      await page.unroute("**/completions");
      const asked = Promise.withResolvers<void>(), gone = Promise.withResolvers<void>();
      await page.route("**/v1/models", async (route) => {
        asked.resolve();
        await gone.promise;
        await route.fallback();
      });
      await button(page, "Try again").click();
      await asked.promise;
      await button(page, "In another chat").click();
      const found = page.waitForResponse("**/v1/models");
      gone.resolve();
      await found;
      await page.unroute("**/v1/models");
      await page.evaluate(() => new Promise(requestAnimationFrame));
      assertEquals(await turns(page), ["user", "assistant"]);
      assertEquals(await answers(page), there);

      // The same before the first question.
      await page.route("**/v1/models", (route) => route.abort());
      await page.reload();
      await failure.waitFor();
      await page.unroute("**/v1/models");
      await button(page, "Try again").click();
      await failure.waitFor({ state: "detached" });
      await send(page, "And now?");
    }),
);

pageTest(
  "the page greets, offers examples, shows the model's card, and times answers",
  () =>
    withPage({
      // An answer of nearly as many tokens takes long enough for its speed to be measured, on any machine.
      context: 2000,
      origin: "step 880 of 880",
      parameters: 48_170,
      layers: 2,
      assistantName: "Rex",
      examples: ["What can you do?", "What is 17 times 23?"],
    }, async (page) => {
      // However fast the machine is, each piece of an answer takes 10 ms.
      await page.addInitScript(() => {
        let now = 0;
        performance.now = () => now += 10;
      });
      await page.reload();
      await page.getByRole("heading", { name: "Hello, I am Rex." }).waitFor();
      // The model's certain answers have no end but that of the context.
      await makeCertain(page);
      await page.locator(".card summary").click();
      const card = (await page.innerText(".card"))!.replaceAll(/\s+/g, " ");
      assertMatch(card, /Fine-tuned to answer Run step 880 of 880 Parameters [\d,]+ Layers 2/);
      await button(page, "What is 17 times 23?").click();
      await page.waitForFunction(() => document.querySelectorAll("[data-turn]").length === 2);
      await settled(page);
      assertEquals(await page.textContent("[data-turn=user] .said"), "What is 17 times 23?");
      assertMatch(
        (await page.textContent("[data-turn=assistant] .actions"))!,
        /^first token\s\d+\.\d\d\ss · \d+\stokens\/s$/,
      );
      // Actions are where the pointer or the focus is.
      const actions = page.locator("[data-turn=user] .actions");
      const untilOpacity = async (wanted: string) => {
        const element = await actions.elementHandle();
        await page.waitForFunction(
          ([element, wanted]) => getComputedStyle(element!).opacity === wanted,
          [element, wanted] as const,
        );
      };
      await page.mouse.move(5, 790);
      await untilOpacity("0");
      await actions.getByRole("button", { name: "Copy" }).focus();
      await untilOpacity("1");
    }, { viewport: { width: 1280, height: 800 } }),
);

pageTest(
  "an answer is stopped, and its tokens show their probabilities",
  () =>
    withPage(held, async (page, { url }) => {
      await holdAnswers(page);
      await ask(page, "Go on without an end");
      // A reader who is elsewhere is left there.
      await page.focus("#temperature");
      await page.keyboard.press("Escape");
      await page.waitForSelector(".ending.stopped");
      await page.waitForFunction(
        async (url) => (await (await fetch(`${url}/health`)).json()).running === 0,
        url,
      );
      assertEquals(await focused(page), "temperature");
      await button(page, "Probabilities").click();
      await page.focus(".tokens button");
      await page.keyboard.press("ArrowRight");
      const token = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
      assertMatch(token!, /, \d+\.\d\s%$/);
      assertEquals(await page.locator("[data-table=likely] tbody tr").count(), 5);
      assertEquals(await violations(page), []);
    }),
);

pageTest(
  "the page is for all: light, dark, on a phone, and with a key",
  () =>
    withPage({ apiKey: "secret", stage: "base" }, async (page) => {
      await page.waitForSelector("#key");
      assertEquals(await focused(page), "key");
      await page.keyboard.type("Secret");
      await page.keyboard.press("Enter");
      await page.locator("#wrong-key", { hasText: "refuses this key" }).waitFor();
      await page.fill("#key", "secret");
      await page.getByRole("button", { name: "Use it" }).click();
      await page.waitForSelector("text=This is tiny.");
      assertEquals(await focused(page), "message");
      const look = async (name: string) => {
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          for (const width of [360, 1200]) {
            await page.setViewportSize({ width, height: 700 });
            await page.mouse.move(width / 2, 150);
            assertEquals(await violations(page), [], `${name}, ${colorScheme}, ${width}`);
            assertEquals(await page.evaluate(svgFaults), [], `${name}, ${width}`);
            const overflow = await page.evaluate(() =>
              document.documentElement.scrollWidth - innerWidth
            );
            assertEquals(overflow <= 0, true, `${name}, ${width}`);
          }
        }
      };
      await look("greeting");
      await send(page, "a rose");
      await look("chat");
      await page.setViewportSize({ width: 360, height: 700 });
      assertEquals(await page.getByText("Settings").isVisible(), false);
      await button(page, "Show chats and settings").click();
      await page.getByText("Settings").waitFor();
      await page.waitForTimeout(300);
      assertEquals(await violations(page), []);
      // The focus goes into the menu, and back to where it was opened.
      const name = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
      assertEquals(await name(), "Hide chats and settings");
      await page.keyboard.press("Escape");
      await page.getByText("Settings").waitFor({ state: "hidden" });
      assertEquals(await name(), "Show chats and settings");
    }),
);

/** Words and controls that reach out of the window, or of the box that holds them. */
function cutOff(): string[] {
  return [...document.querySelectorAll(".actions *, .card > div *, aside *")].flatMap((one) => {
    if (!one.checkVisibility({ visibilityProperty: true })) return [];
    const { left, right } = one.getBoundingClientRect();
    const box = one.closest("aside, .card > div, .turns")!.getBoundingClientRect();
    return left < 0 || right > box.right + 1 ? [one.outerHTML.slice(0, 120)] : [];
  });
}

pageTest(
  "letters twice as large fit on a phone, and an empty chat shows its greeting from the top",
  () =>
    withPage({ context: 250, parameters: 123_456_789, layers: 2 }, async (page) => {
      // Chromium on a phone has this zoom of text.
      await page.evaluate(() => document.documentElement.style.fontSize = "200%");
      assertEquals(await page.$eval(".scroller", ({ scrollTop }) => scrollTop), 0);
      const hello = (await page.locator(".greeting h2").boundingBox())!;
      const header = (await page.locator("main header").boundingBox())!;
      assert(hello.y >= header.y + header.height, `${hello.y}`);
      // There is no answer to go down to.
      await page.mouse.move(200, 300);
      await page.mouse.wheel(0, 2000);
      await page.waitForFunction(() => document.querySelector(".scroller")!.scrollTop > 0);
      await page.mouse.wheel(0, -50);
      await page.evaluate(() => new Promise(requestAnimationFrame));
      assertEquals(await button(page, "Go down to the newest answer").count(), 0);
      await send(page, "How many roses?");
      const card = page.locator(".card");
      await card.locator("summary").click();
      assertEquals(await page.evaluate(cutOff), []);
      // The card is over the chat, and goes when somebody goes on there.
      const isOpen = () => card.evaluate((one) => (one as HTMLDetailsElement).open);
      await page.keyboard.press("Escape");
      assertEquals(await isOpen(), false);
      await card.locator("summary").click();
      assertEquals(await isOpen(), true);
      await page.focus("#message");
      assertEquals(await isOpen(), false);
      await card.locator("summary").click();
      await page.mouse.click(380, 700);
      assertEquals(await isOpen(), false);
      await button(page, "Show chats and settings").click();
      await page.getByText("Settings").click();
      assertEquals(await page.evaluate(cutOff), []);
      // Both the chat and the last of the settings can be reached.
      await page.locator(".chats button").first().click({ trial: true });
      await page.getByText("Choose among so many").scrollIntoViewIfNeeded();
      const help = (await page.getByText("Choose among so many").boundingBox())!;
      assert(help.y + help.height < 845, `${help.y + help.height}`);
    }, { viewport: { width: 390, height: 844 }, reducedMotion: "reduce" }),
);
