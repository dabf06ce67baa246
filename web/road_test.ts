/** The whole road in a browser: from an empty page to a chat with a model that was trained in it. */

import { assert, assertEquals } from "@std/assert";
import { openSite, pageTest, violations, Widget } from "./testing/pages.ts";
import { words } from "./words/answering.ts";
import { words as rewardWords } from "./words/reward.ts";

/** Milliseconds for which each part is waited for; the whole road takes a minute of two quiet cores. */
const timeout = 360_000;

pageTest(
  "a tab reads, learns to answer, is rewarded and answers in the chat",
  async (t) => {
    await using opened = await openSite("isolated");
    const context = await opened.context();
    // Without a model the chat leads to where one is made.
    const early = await opened.page({ context, path: "chat.html" });
    await early.locator(".missing a").click();
    await early.waitForURL(/index\.html#answering$/);
    await early.close();
    const page = await opened.page({ context, path: "#talkDevice=cpu" });
    const start = performance.now();
    const answering = new Widget(page, "answering");
    await answering.press(words.train);
    await page.waitForSelector("[data-table=compared] tbody tr:nth-child(5)", { timeout });
    const { talkAnimals, talkSums } = await answering.rows();
    // The animals that no conversation mentions: a model that only learned its conversations knows none.
    // 9 to 12 of 12, and all sums, after 390 to 410 steps of reading.
    assert(parseInt(talkAnimals!) >= 40, talkAnimals);
    assert(parseInt(talkSums!) >= 80, talkSums);

    const reward = new Widget(page, "reward");
    await reward.press(rewardWords.start);
    await page.waitForFunction(
      () =>
        document.querySelector("[data-widget=reward] [role=status]")?.textContent?.startsWith(
          "From",
        ),
      null,
      { timeout },
    );
    const said = await reward.status();
    const [before, after] = [...said!.matchAll(/(\d+) %/g)].map(([, share]) => Number(share));
    // It guesses at first, and then hardly ever: from 14 % to 94 %.
    assert(before! < 50 && after! >= 80, said!);

    const serving = new Widget(page, "serving");
    await serving.press("Serve them");
    await page.waitForSelector("[data-table=served]", { timeout });
    await page.locator("a[href='chat.html']").focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector(".greeting", { timeout });
    await page.locator("aside summary").click();
    await page.focus("#temperature");
    await page.keyboard.press("Home");
    /** Asks in a chat of its own. */
    const ask = async (question: string) => {
      await page.getByRole("button", { name: "New chat" }).first().click();
      await page.fill("#message", question);
      await page.keyboard.press("Enter");
      await page.waitForSelector(".assistant .actions", { timeout });
      return (await page.locator(".assistant .said").last().innerText()).replaceAll(/\s+/g, " ")
        .trim();
    };
    assertEquals(await ask("What does the cow say?"), "The cow says moo.");
    for (const question of ["What is 48+75?", "Quick! 48+75?"]) {
      const sum = await ask(question);
      assert(sum.endsWith("48+75 is 123."), sum);
    }
    assertEquals(await ask("Who are you?"), "I am your GPT. You trained me yourself.");
    const seconds = (performance.now() - start) / 1000;
    console.log(`${t.name}: ${seconds.toFixed(0)} s`);
    assertEquals(await violations(page), []);
    assertEquals(opened.problems, []);
  },
);
