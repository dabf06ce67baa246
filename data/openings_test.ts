import { assertEquals } from "@std/assert";
import { openings } from "./openings.ts";
import { openSource } from "./open_source.ts";

const ofTexts = (texts: readonly string[], count = 5) =>
  openings({
    name: "list",
    fingerprint: "",
    bytes: 0,
    chunks: 1,
    read: () => Promise.resolve([...texts]),
  }, count);

Deno.test("prompts are the first words of documents, each once", async () => {
  assertEquals(
    await ofTexts([
      "\n\n# Rivers\nThe Nile is long.",
      "Mr. Speaker, Mr. Vice President, members of Congress",
      "Mr. Speaker, Mr. Vice President, again",
      "",
      "   ",
      "Yes!",
      "Thank you all. Mr. Speaker",
      "물은 불보다 강하고 바람보다 느리다.",
      "x".repeat(200),
    ], 9),
    ["# Rivers", "Mr. Speaker, Mr. Vice", "Yes", "Thank you all", "물은 불보다 강하고 바람보다"],
  );
});

Deno.test("prompts come from all of a split, and no more than are wanted", async () => {
  const texts = Array.from({ length: 40 }, (_, i) => `Number ${i} is a number.`);
  const found = await ofTexts(texts, 4);
  assertEquals(found.length, 4);
  assertEquals(found[0], "Number 0 is a");
});

Deno.test("the default corpus has prompts", async () => {
  const found = await openings(await (await openSource("sotu")).open("validation"), 5);
  assertEquals([found.length, found[0]], [5, "Thank you very much"]);
});
