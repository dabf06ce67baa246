import { assert } from "@std/assert";
import { PythonRandom } from "../random/python_random.ts";
import { repetition } from "./repetition.ts";
import { writeCarefully, writeHastily } from "./wording.ts";

const subject = {
  name: "Dino",
  countries: [],
  unknownPlaces: [],
  allowsNumbers: () => true,
  word: (random: PythonRandom) => random.choice(["river", "stone", "cloud"]),
};

Deno.test("a text is repeated to the letter, behind a space as it stands in the question", () => {
  const random = new PythonRandom(1);
  const counts = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const { question, answer } = repetition(random, subject);
    const [, text] = /^You said:( .+)\.$/.exec(`${answer}`)!;
    counts.add(text!.split(" ").length - 1);
    for (const written of [writeCarefully(question), writeHastily(question, random, true)]) {
      // At the very beginning there is no space.
      assert(` ${written}`.includes(text!), `${written} / ${answer}`);
    }
  }
  for (let count = 1; count <= 8; count++) assert(counts.has(count), `${[...counts]}`);
});
