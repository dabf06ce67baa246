/** The ideas of the lesson, on the page and in the tour. */

import { assert, assertEquals } from "@std/assert";
import { stops } from "../lessons/mod.ts";
import { noteIdeas, roadIdeas, talkIdeas } from "./lesson/ideas.ts";
import { words } from "./words/page.ts";
import { builtSite } from "./testing/built_site.ts";

/** Both files of the lesson, one after the other. */
async function lessonHtml(): Promise<string> {
  const site = await builtSite();
  return ["index.html", "rest.html"].map((file) => new TextDecoder().decode(site.get(file))).join(
    "",
  );
}

/** The text of a section of the page, without its tags. */
function sectionText(html: string, id: string): string {
  const start = html.indexOf(`<section id="${id}"`);
  assert(start >= 0, `no section ${id}`);
  const end = html.indexOf("</section>", start);
  return html.slice(start, end).replaceAll(/<wbr\/?>/g, "").replaceAll(/<[^>]*>/g, " ").replaceAll(
    /\s+/g,
    " ",
  )
    .replaceAll("&#36;", "$");
}

Deno.test("every idea of the lesson is told on the page and in the tour", async () => {
  const html = await lessonHtml();
  const missing: string[] = [];
  for (const { idea, section, stop, says } of [...noteIdeas, ...roadIdeas, ...talkIdeas]) {
    const told = stops.find(({ title }) => title === stop);
    if (told === undefined) throw new Error(`no stop "${stop}"`);
    const texts = {
      [`page, ${section}`]: sectionText(html, section),
      [`tour, ${stop}`]: told.lines().join(" ").replaceAll(/\s+/g, " "),
    };
    for (const [place, text] of Object.entries(texts)) {
      for (const said of says) if (!said.test(text)) missing.push(`${place}: ${idea}: ${said}`);
    }
  }
  assertEquals(missing, []);
});

Deno.test("each section tells its time, and leads to the next", async () => {
  const html = await lessonHtml();
  const ids = [...html.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id!);
  const prose = await Deno.readTextFile(new URL("./words/lesson.md", import.meta.url));
  assertEquals(ids, [...prose.matchAll(/^## .* \{#(\w+)\}$/gm)].map(([, id]) => id!));
  const index = html.slice(html.indexOf("<nav"), html.indexOf("</nav>"));
  const entries = [
    ...index.matchAll(/href="(?:rest\.html)?#(\w+)">[^<]+<\/a><small>(\d+) min<\/small>/g),
  ];
  assertEquals(entries.map(([, id]) => id), ids);
  const minutes = entries.map(([, , text]) => Number(text));
  assert(minutes.every((one) => one >= 1 && one <= 10), minutes.join());
  const nexts = [...html.matchAll(/class="next" href="(?:rest\.html)?#(\w+)"/g)].map(([, id]) =>
    id
  );
  assertEquals(nexts, ids.slice(1));
  // Where to read on, in every section but the last, which is about nothing else.
  const without = ids.filter((id) => !sectionText(html, id).includes(words.read));
  assertEquals(without, ["ideas"]);
});
