/** The pages as such: code, access, offline use, sizes. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { renderToString, ts } from "./build_deps.ts";
import { CONTENT_SECURITY_POLICY } from "./build.tsx";
import { readProse } from "./lesson/prose.tsx";
import { builtSite } from "./testing/built_site.ts";
import { readingFaults } from "./testing/looks.ts";
import { openSite, pageTest, unreached, violations } from "./testing/pages.ts";

const root = new URL("../", import.meta.url);
const lesson = readProse(await Deno.readTextFile(new URL("web/words/lesson.md", root)));
const shownCode = [...lesson.values()].flatMap(({ code }) => code);

/** The text of a symbol, found in another way than the builder does. */
async function textOf(reference: string): Promise<string> {
  const [path, symbol] = reference.split("#") as [string, string];
  const source = await Deno.readTextFile(new URL(path, root));
  const name = symbol.split(".").at(-1)!;
  const isMember = symbol.includes(".");
  const start = isMember
    ? source.indexOf(`\n  ${name}(`, source.indexOf(`\nexport class ${symbol.split(".")[0]} `)) + 1
    : source.search(new RegExp(`^(export )?(async )?function\\*? ${name}\\b`, "m"));
  assert(start > 0, reference);
  const end = source.indexOf(isMember ? "\n  }\n" : "\n}\n", start);
  const text = source.slice(start, end + (isMember ? 4 : 2));
  // Code that only throws an error under a condition is left out.
  const block = /^( *)if \((?:(?!\n\1\S)[^])*?\) \{\n\1 {2}throw (?:(?!\n\1\S)[^])*;\n\1\}\n/gm;
  return text.replace(block, "").replace(/^ *if \(.*\) throw .*\n/gm, "");
}

pageTest("the code that is shown is the text of the file", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page();
  for (const reference of shownCode) {
    assertEquals(await page.textContent(`[data-code="${reference}"]`), await textOf(reference));
  }
  // The link beside it leads to the line.
  await page.locator(".codes summary").first().click();
  const link = page.locator(".code figcaption a").first();
  const text = await page.locator("[data-code]").first().textContent();
  await link.click();
  await page.waitForSelector(".source");
  const line = await page.textContent(new URL(page.url()).hash);
  assertEquals(line, text!.split("\n")[0]);
  assertEquals(opened.problems, []);
});

Deno.test("a symbol that was renamed fails the build with its name", async () => {
  const copy = await Deno.makeTempDir();
  try {
    // The repository, with another file in it.
    const path = "lessons/character_model.ts";
    await Deno.mkdir(`${copy}/lessons`);
    for (const folder of ["", "lessons/"]) {
      for await (const { name } of Deno.readDir(new URL(folder, root))) {
        if (name === "lessons" || folder + name === path) continue;
        await Deno.symlink(new URL(folder + name, root), `${copy}/${folder}${name}`);
      }
    }
    const source = await Deno.readTextFile(new URL(path, root));
    await Deno.writeTextFile(`${copy}/${path}`, source.replace("  loss(", "  cost("));
    const { buildSite }: typeof import("./build.tsx") = await import(`${copy}/web/build.tsx`);
    await assertRejects(
      () => buildSite(),
      Error,
      'Cannot show the code: wanted "CharacterModel.loss" in lessons/character_model.ts',
    );
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

Deno.test("widgets and parts have no words of their own, so that a translation is one folder", async () => {
  for (const folder of ["lesson", "parts", "inside", "dashboard", "chat", "model_page"]) {
    for await (const { name } of Deno.readDir(new URL(`./${folder}/`, import.meta.url))) {
      if (!name.endsWith(".tsx")) continue;
      const source = await Deno.readTextFile(new URL(`./${folder}/${name}`, import.meta.url));
      const file = ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true);
      const visit = (node: ts.Node): void => {
        const isClass = ts.isStringLiteral(node) && ts.isJsxAttribute(node.parent) &&
          node.parent.name.getText() === "class";
        const hasWords = ts.isJsxText(node)
          ? /[a-z]{2}/i.test(node.text)
          : ts.isStringLiteral(node) && !isClass && /[a-z] [a-z]{2,} [a-z]/i.test(node.text);
        assert(!hasWords, `${name}: ${node.getText()}`);
        ts.forEachChild(node, visit);
      };
      visit(file);
    }
  }
});

Deno.test("the lesson's text is headings, paragraphs, code, formulas and questions", () => {
  const source = "# Top\n\n## One {#one}\n\nRun `a < b`\nnow.\n\n$$ x\n\n> Why?\n>\n> So.\n\n" +
    "@widget w Its title\n\n@code a.ts#b\n";
  const { title, blocks, widgets, code } = readProse(source).get("one")!;
  const [text, formula, question] = blocks.map((block) => renderToString(block));
  assertEquals([title, ...widgets, ...code], ["One", ["w", "Its title"], "a.ts#b"]);
  assertEquals(text, "<p>Run <code>a &lt; b</code> now.</p>");
  assert(/<math.*<mi>x<\/mi>/.test(formula!), formula);
  const answer = "<summary>Why?</summary><p>So.</p>";
  assertEquals(question, `<details class="predict">${answer}</details>`);
});

pageTest("pages are accessible in light, dark and on a phone, and nothing overflows", async () => {
  await using opened = await openSite("isolated");
  const source = `source/${shownCode[0]!.split("#")[0]}.html`;
  const looks = {
    "": [
      { width: 1280, colorScheme: "light" },
      { width: 1280, colorScheme: "dark" },
      { width: 360, colorScheme: "light" },
    ],
    [source]: [{ width: 320, colorScheme: "dark" }],
  } as const;
  for (const [path, seen] of Object.entries(looks)) {
    const page = await opened.page({ path, reducedMotion: "reduce" });
    // Closed parts are not read; opened, they have to be right, too.
    await page.$$eval("details", (all) => all.forEach((one) => one.open = true));
    for (const { width, colorScheme } of seen) {
      const where = `${path} ${colorScheme} ${width}`;
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 740 });
      await page.evaluate(() => new Promise(requestAnimationFrame));
      assertEquals(await violations(page), [], where);
      // Colors move nothing.
      for (const section of colorScheme === "light" && path === "" ? lesson.keys() : []) {
        if (section === "") continue;
        assertEquals(await page.evaluate(readingFaults, section), [], `${section} ${where}`);
      }
    }
    // Besides, 1280 pixels at a zoom of 200 %, and the narrowest phone; drawings have a test of their own.
    for (const width of [1280, 640, 360, 320]) {
      await page.setViewportSize({ width, height: 740 });
      await page.evaluate(() => new Promise(requestAnimationFrame));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert(wide <= width, `${path}: ${wide} at ${width}`);
    }
    const motion = await page.evaluate(() =>
      getComputedStyle(document.querySelector(".node rect") ?? document.body).transitionDuration
    );
    assertEquals(motion, "0s");
    await page.close();
  }
  assertEquals(opened.problems, []);
});

pageTest(
  "a phone shows formulas and tables whole, and paper shows all that can be opened",
  async () => {
    await using opened = await openSite("plain");
    const page = await opened.page({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
    const cut = (selector: string) =>
      page.$$eval(
        selector,
        (all) =>
          all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent),
      );
    assertEquals(await cut(".formula, .scroll:has(table):not(details *)"), []);
    // No line begins with the sign that ends the one before.
    const lost = await page.$$eval(".glued", (all) =>
      all.filter((one) => {
        const sign = document.createRange();
        sign.selectNodeContents(one.lastChild!);
        const { bottom } = one.firstElementChild!.getBoundingClientRect();
        return sign.getBoundingClientRect().top > bottom;
      }).map((one) => one.textContent));
    assertEquals(lost, []);
    assert(await page.locator(".glued").count() > 10);
    const shown = (selector: string) => page.locator(`${selector}:visible`).count();
    const closed = "details:not([open]) td";
    assertEquals([await shown(".predict p"), await shown(closed)], [0, 0]);
    await page.emulateMedia({ media: "print" });
    assertEquals(await cut("pre"), []);
    assertEquals(await shown("[data-code]"), shownCode.length);
    assert(await shown(".predict p") > 0 && await shown(closed) > 0);
    // A widget that trains later says so in its frame.
    assert((await page.innerText("[data-widget=letters]")).includes("Not trained yet"));
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assertEquals(ground, "rgb(255, 255, 255)");
    assertEquals(opened.problems, []);
  },
);

pageTest("a widget stands beside its text, and covers nothing while the page scrolls", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page({ viewport: { width: 1440, height: 900 } });
  for (const width of [1440, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    const misplaced = await page.$$eval(
      "section:not(.wide):has(.widgets)",
      (all) =>
        all.flatMap((section) => {
          const box = (selector: string) =>
            section.querySelector(selector)?.getBoundingClientRect();
          const [text, widgets] = [box(".text")!, box(".widgets")!];
          const isBeside = widgets.left > text.right && Math.abs(widgets.top - text.top) < 60;
          // A plot fills its card, or its column of the card.
          const plots = [...section.querySelectorAll("svg.plot")];
          const isWide = plots.every((plot) => {
            const column = plot.closest(".pair > *") ?? plot.closest("figure")!;
            const width = (one: Element) => one.getBoundingClientRect().width;
            return width(plot) > 0.85 * width(column);
          });
          return isBeside && isWide ? [] : [section.id];
        }),
    );
    assertEquals(misplaced, [], `${width}`);
  }
  // Where things stick is known without drawing them.
  const covered = await page.evaluate(() => {
    const found = new Set<string>();
    for (let y = 0; y < document.documentElement.scrollHeight; y += 100) {
      scrollTo({ top: y, behavior: "instant" });
      for (const section of document.querySelectorAll("section")) {
        const bottom = section.querySelector(".widgets > div")?.getBoundingClientRect().bottom;
        const top = section.querySelector(":scope > footer")?.getBoundingClientRect().top;
        if (bottom !== undefined && top !== undefined && bottom > top) found.add(section.id);
      }
    }
    return [...found];
  });
  assertEquals(covered, []);
  assertEquals(opened.problems, []);
});

pageTest(
  "on a phone the contents name the section that is read, and close after a choice",
  async () => {
    await using opened = await openSite("plain");
    const page = await opened.page({ viewport: { width: 360, height: 740 } });
    const here = (name: string) =>
      page.waitForFunction(
        (name) => document.querySelector(".index .here")?.textContent === name,
        name,
      );
    await page.$eval("#mlp", (one) => one.scrollIntoView({ behavior: "instant" }));
    await here("Layers");
    await page.focus(".index summary");
    await page.keyboard.press("Enter");
    const link = page.locator(".index a", { hasText: "Backpropagation" });
    await link.focus();
    await page.keyboard.press("Enter");
    await here("Backpropagation");
    assertEquals(await link.isVisible(), false);
    assertEquals(opened.problems, []);
  },
);

pageTest("Tab reaches every control and leaves it", async () => {
  await using opened = await openSite("isolated");
  // The opening has a button, since nothing learns by itself.
  const page = await opened.page();
  assertEquals(await unreached(page), []);
});

pageTest(
  "the second visit is isolated and needs no server; a new build replaces the old one",
  async () => {
    const site = new Map(await builtSite());
    await using opened = await openSite("plain", site);
    const page = await opened.page({
      path: "#set=xor&steps=20&device=cpu",
      serviceWorkers: "allow",
    });
    const reload = async () => {
      await page.reload();
      await page.waitForSelector("html[data-ready]");
    };
    assertEquals(await page.evaluate(() => crossOriginIsolated), false);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);

    const replace = (path: string, from: string, to: string) => {
      const text = new TextDecoder().decode(site.get(path));
      site.set(path, new TextEncoder().encode(text.replace(from, to)));
    };
    replace("index.html", "<title>", "<title>New: ");
    replace("sw.js", 'VERSION="', 'VERSION="new');
    await reload();
    assertEquals(await page.title(), "From one neuron to a GPT");
    await page.evaluate(async () => {
      const isOld = (name: string) => !name.startsWith("nanodino new");
      while ((await caches.keys()).some(isOld)) await new Promise((go) => setTimeout(go, 20));
    });
    await reload();
    assertEquals(await page.title(), "New: From one neuron to a GPT");

    await opened.shutdown();
    await reload();
    assertEquals(await page.evaluate(() => crossOriginIsolated), true);
    await page.locator("[data-widget=network] button").first().click();
    await page.waitForFunction(() =>
      document.querySelector("[data-row=step]")?.textContent === "20"
    );
    const device = await page.textContent("[data-device]");
    // A page that is isolated computes with as many threads as there are processors.
    const processors = await page.evaluate(() => navigator.hardwareConcurrency);
    assertStringIncludes(device!, processors > 1 ? " threads" : "1 thread");
  },
);

Deno.test("pages are small, and allow nothing but their own files", async () => {
  const site = await builtSite();
  const sizeOf = async (path: string) => {
    const stream = new Blob([site.get(path)!]).stream().pipeThrough(new CompressionStream("gzip"));
    return (await new Response(stream).arrayBuffer()).byteLength;
  };
  // A first look is measured in `first_view_test.ts`.
  const engine = await sizeOf("engine.js");
  assert(engine <= 160_000, `${engine}`);
  const total = [...site.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  // The sections below the first screens are there twice: as a page, and for the page that takes them in.
  assert(total <= 3_000_000, `${total}`);
  const decoder = new TextDecoder();
  for (const [path, bytes] of site) {
    if (!path.endsWith(".html")) continue;
    const text = decoder.decode(bytes);
    assert(text.includes(`content="${CONTENT_SECURITY_POLICY}"`), path);
    assert(!/ style="| on\w+="|<script>/.test(text), `${path} has what its policy forbids`);
  }
});
