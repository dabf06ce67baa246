/** The page of a report in a browser. */

import { assertEquals } from "@std/assert";
import { reportAsHtml } from "../chat/internals.ts";
import { openContext } from "../testing/browser/shared.ts";
import { pageTest } from "../web/testing/pages.ts";

pageTest("a report is as wide as a phone, and as dark as its curves", async () => {
  const run = `base/${"a-name-of-many-words-".repeat(4)}, /home/somebody/${"folder".repeat(12)}`;
  const html = reportAsHtml({
    title: "Report of a model",
    rows: [["commit", "0123456789".repeat(4)]],
    figures: { columns: ["base", "sft", "rl"], rows: [["loss, smoothed", "0.5937", "0.1823", ""]] },
    sections: [{ title: "Base model", rows: [["run", run]], samples: ["Once there was a fern."] }],
  });
  const context = await openContext({ viewport: { width: 320, height: 640 } });
  const page = await context.newPage();
  await page.setContent(html);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    assertEquals(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    // Its pictures follow the reader's choice: on white paper, those of the dark would be black boxes.
    await page.evaluate(() => document.documentElement.style.background = "Canvas");
    const ground = await page.evaluate(() =>
      getComputedStyle(document.documentElement).backgroundColor
    );
    assertEquals(ground === "rgb(255, 255, 255)", colorScheme === "light", ground);
  }
  await context.close();
});
