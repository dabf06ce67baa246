/** The cost of a first look at the lesson, and the parts that load when the reader moves. */

import { assert, assertEquals } from "@std/assert";
import { shareTags } from "./share.ts";
import { builtSite } from "./testing/built_site.ts";
import { openSite, pageTest } from "./testing/pages.ts";

/** Maximum bytes, compressed, that are requested before the reader moves. */
const MAX_BYTES = 60_000;

async function compressedSize(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

pageTest(
  "all that is requested before the reader moves is 60 KB, and the opening writes with it",
  async () => {
    const site = await builtSite();
    await using opened = await openSite("isolated");
    const context = await opened.context({ reducedMotion: "no-preference" });
    const requested: string[] = [];
    context.on("request", (request) => {
      const url = request.url();
      if (url.startsWith(opened.address)) requested.push(url.slice(opened.address.length));
    });
    const page = await opened.page({ context, isFirstLook: true });
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLElement>("[data-opening]")?.dataset.opening) === 60,
    );
    assertEquals(requested.sort(), ["", "learn.js", "letters.js", "style.css"]);
    const sizes = await Promise.all(
      requested.map((path) => compressedSize(site.get(path || "index.html")!)),
    );
    const total = sizes.reduce((sum, bytes) => sum + bytes);
    assert(total <= MAX_BYTES, `${total}: ${requested.map((path, i) => `${path} ${sizes[i]}`)}`);
    assert(await page.locator(".opening li").count() === 3);
    // Those on the first screens live.
    await page.focus("#w2");
    assertEquals(requested.includes("labs.js"), false);
    // A key is a move: the others come, and live.
    await page.keyboard.press("Home");
    await page.waitForSelector("html[data-ready]");
    assert(requested.includes("labs.js"));
    await page.locator("[data-widget=slope] button").first().click();
    assertEquals(await page.textContent("output[for=w]"), "1.7");
    assertEquals(opened.problems, []);
  },
);

pageTest("a link that sets what comes later brings it at once", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page({ path: "#x1=2&backW=4.5", isFirstLook: true });
  await page.waitForSelector("html[data-ready]");
  assertEquals(await page.textContent("output[for=x1]"), "2.0");
  assertEquals(await page.textContent("output[for=backW]"), "4.50");
  // And it stays in the address, whatever else is set.
  await page.focus("#x1");
  await page.keyboard.press("Home");
  await page.waitForFunction(() => location.hash.includes("x1=0"));
  assert(page.url().includes("backW=4.5"), page.url());
  assertEquals(opened.problems, []);
});

pageTest(
  "a link to a section below the first screens brings it, and its widgets live",
  async () => {
    for (const way of ["isolated", "file"] as const) {
      await using opened = await openSite(way);
      const page = await opened.page({ path: "#loop", isFirstLook: true });
      await page.waitForSelector("html[data-ready]");
      const top = () => page.$eval("#loop", (one) => one.getBoundingClientRect().top);
      assert(Math.abs(await top()) < 300, `${await top()}`);
      assertEquals(
        await page.locator(".index a[href^='#']").count(),
        await page.locator("section").count(),
      );
      // The file for those without JavaScript sends all others here.
      await page.goto(opened.address.replace(/index\.html$/, "") + "rest.html#network");
      await page.waitForURL(/index\.html#network$/);
      await page.waitForSelector("html[data-ready]");
      assertEquals(await page.locator("#network .layers").count(), 1);
      assertEquals(opened.problems, []);
    }
  },
);

pageTest(
  "a page whose network goes before the rest has come says so, and goes on later",
  async () => {
    await using opened = await openSite("plain");
    const page = await opened.page({ isFirstLook: true });
    await page.route("**/rest.js", (route) => route.abort());
    await page.focus("#w2");
    await page.keyboard.press("Home");
    const missing = page.getByRole("alert").filter({ hasText: "The rest of the lesson" });
    await missing.waitFor();
    assertEquals(await page.locator("section").count(), 4);
    await missing.getByRole("button", { name: "Try again" }).click();
    await missing.waitFor();
    await page.unroute("**/rest.js");
    await missing.getByRole("button", { name: "Try again" }).click();
    await page.waitForSelector("html[data-ready]");
    assertEquals(await missing.count(), 0);
    await page.locator("[data-widget=slope] button").first().click();
    assertEquals(await page.textContent("output[for=w]"), "1.7");
  },
);

Deno.test("a link to the site shows its picture, wherever the site is", async () => {
  const tagOf = (url: string | null = null) =>
    /<meta property="og:image" content="([^"]*)">/.exec(shareTags("Title", url))?.[1];
  assertEquals(tagOf(), "share.png");
  for (const url of ["https://example.org/some/where", "https://example.org/some/where/"]) {
    assertEquals(tagOf(url), "https://example.org/some/where/share.png");
  }
  assertEquals(
    tagOf('https://example.org/"><script>'),
    "https://example.org/&#34;&#62;&#60;script&#62;/share.png",
  );
  const site = await builtSite();
  const html = new TextDecoder().decode(site.get("index.html"));
  assert(html.includes(shareTags("From one neuron to a GPT", null)));
  const picture = site.get("share.png")!;
  const size = new DataView(picture.buffer, picture.byteOffset + 16, 8);
  assertEquals([size.getUint32(0), size.getUint32(4)], [1200, 630]);
});
