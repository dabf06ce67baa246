import { assert, assertEquals } from "@std/assert";
import { openSource } from "./open_source.ts";
import { texts } from "./source.ts";

/** The head word of a definition, with its part of speech left out. */
const wordOf = (text: string) => /^(.+?) \((?:noun|verb|adjective|adverb)\): /.exec(text)?.[1];

Deno.test({
  name:
    "WordNet is a corpus of definitions, whose words of validation are never defined in training",
  permissions: "none",
  fn: async () => {
    const source = await openSource("wordnet");
    const train = await Array.fromAsync(texts(await source.open("train")));
    const validation = await Array.fromAsync(texts(await source.open("validation")));
    assertEquals(train.length + validation.length, 117_791);
    const share = validation.length / train.length;
    assert(share > 0.045 && share < 0.06, `${share}`);
    const words = new Set(train.map(wordOf));
    assertEquals(validation.filter((text) => words.has(wordOf(text))), []);
    assertEquals([...train, ...validation].filter((text) => wordOf(text) === undefined), []);
    const entity = "entity (noun): that which is perceived or known or inferred to have its own " +
      "distinct existence (living or nonliving).";
    assert([...train, ...validation].includes(entity), train[0]);
  },
});
