/** The chat page in a browser, against the server. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { findChromium, startChromium } from "../testing/browser/chromium.ts";
import { buildChat } from "../web/page.ts";
import { pageTest, violations } from "../web/testing/pages.ts";
import { withServer } from "./testing/tiny_server.ts";

/** Runs a test on the page; errors of the page, and requests to other hosts, fail it. */
async function withPage(
  options: Parameters<typeof withServer>[0],
  body: (page: Page, url: string) => Promise<void>,
): Promise<void> {
  await withServer({ stage: "sft", page: await buildChat(), ...options }, async ({ url }) => {
    const browser = await startChromium(findChromium()!);
    try {
      const page = await browser.newPage({ colorScheme: "dark" });
      const problems: string[] = [];
      page.on("pageerror", (error) => problems.push(`${error}`));
      page.on("request", (request) => {
        if (!request.url().startsWith(url) && !request.url().startsWith("data:")) {
          problems.push(request.url());
        }
      });
      await page.goto(url);
      await page.waitForSelector("html[data-ready]");
      await body(page, url);
      assertEquals(problems, []);
    } finally {
      await browser.close();
    }
  });
}

/** Sends what is written, with the Enter key, and waits for the end of the answer. */
async function send(page: Page, text: string): Promise<void> {
  await page.waitForSelector("button[type=submit]:not([disabled])");
  await page.focus("#message");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=The answer is complete.");
}

const turns = (page: Page) =>
  page.$$eval("[data-turn]", (all) => all.map((each) => each.dataset.turn));
const answers = (page: Page) =>
  page.$$eval("[data-turn=assistant] .said", (all) => all.map(({ textContent }) => textContent));

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

      await page.getByText("Settings").click();
      await page.focus("#temperature");
      await page.keyboard.press("Home");
      assertEquals(await page.textContent("output[for=temperature]"), "0.0");

      await page.getByRole("button", { name: "Regenerate" }).focus();
      await page.keyboard.press("Enter");
      await page.waitForSelector("text=The answer is complete.");
      const [, certain] = await answers(page);
      await page.getByRole("button", { name: "Regenerate" }).click();
      await page.waitForSelector("text=The answer is complete.");
      assertEquals((await answers(page))[1], certain);

      await page.reload();
      await page.waitForSelector("html[data-ready]");
      assertEquals((await answers(page))[1], certain);
      await page.waitForSelector("button[type=submit]:not([disabled])");
      await page.getByRole("button", { name: "Edit" }).first().click();
      await page.keyboard.press("Control+A");
      await page.keyboard.type("I have two.");
      await page.getByRole("button", { name: "Send" }).first().click();
      await page.waitForSelector("text=The answer is complete.");
      assertEquals(await turns(page), ["user", "assistant"]);
      assertEquals(await page.textContent("[data-turn=user] .said"), "I have two.");

      await page.getByRole("button", { name: "New chat" }).first().click();
      assertEquals(await turns(page), []);
      await send(page, "Another one");
      await page.getByRole("button", { name: "I have two.", exact: true }).click();
      assertEquals(await page.textContent("[data-turn=user] .said"), "I have two.");
      await page.getByRole("button", { name: "Remove I have two." }).click();
      assertEquals(await page.textContent("[data-turn=user] .said"), "Another one");
    }),
);

pageTest(
  "an answer is stopped, and its tokens show their probabilities",
  () =>
    withPage({ context: 2500 }, async (page, url) => {
      await page.waitForSelector("button[type=submit]:not([disabled])");
      // The model's certain answers have no end.
      await page.getByText("Settings").click();
      await page.focus("#temperature");
      await page.keyboard.press("Home");
      await page.fill("#message", "Go on without an end");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[data-turn=assistant] .said span:not(.cursor)");
      await page.keyboard.press("Escape");
      await page.waitForSelector("text=Stopped.");
      await page.waitForFunction(
        async (url) => (await (await fetch(`${url}/health`)).json()).running === 0,
        url,
      );
      await page.getByRole("button", { name: "Probabilities" }).click();
      await page.focus(".tokens button");
      await page.keyboard.press("ArrowRight");
      const focused = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
      assertMatch(focused!, /, \d+\.\d %$/);
      assertEquals(await page.locator("[data-table=likely] tbody tr").count(), 5);
      assertEquals(await violations(page), []);
    }),
);

pageTest(
  "the page is for all: light, dark, on a phone, and with a key",
  () =>
    withPage({ apiKey: "secret", stage: "base" }, async (page) => {
      await page.waitForSelector("#key");
      await page.fill("#key", "secret");
      await page.getByRole("button", { name: "Use it" }).click();
      await page.waitForSelector("text=A base model");
      await send(page, "a rose");
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of [360, 1200]) {
          await page.setViewportSize({ width, height: 700 });
          assertEquals(await violations(page), [], `${colorScheme}, ${width}`);
          const overflow = await page.evaluate(() =>
            document.documentElement.scrollWidth - innerWidth
          );
          assertEquals(overflow <= 0, true, `${width}`);
        }
      }
    }),
);
