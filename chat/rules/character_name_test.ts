import { assert, assertMatch } from "@std/assert";
import { isHeldOutName, seededRandom, tellStory } from "../../stories/mod.ts";
import { PythonRandom } from "../random/python_random.ts";
import { characterName } from "./character_name.ts";

Deno.test("names of characters have pieces of real names, made-up ones and syllables, and none is held out", () => {
  const random = new PythonRandom(1);
  const stories = Array.from({ length: 40 }, (_, i) => tellStory(seededRandom(i), "train"));
  const names = Array.from({ length: 4000 }, (_, i) => characterName(random, stories[i % 40]!));
  for (const name of names) {
    assertMatch(name, /^\p{Lu}\p{Ll}*$/u);
    assert(!isHeldOutName(name), name);
  }
  for (const piece of ["ella", "rik", "mund", "nessa", "El", "Jo", "ing", "tt", "ng", "ø"]) {
    const { length } = names.filter((name) => name.includes(piece));
    assert(length >= 10, `${piece}: ${length}`);
  }
});
