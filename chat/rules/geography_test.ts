import { assert, assertEquals } from "@std/assert";
import { PythonRandom } from "../random/python_random.ts";
import { capital, countryOfCapital, currency, twoOfCountries } from "./geography.ts";
import { writeCarefully } from "./wording.ts";

const countries = [
  {
    name: "the United States",
    capital: "Washington D.C.",
    currency: "US dollar",
    aliases: ["USA"],
    capitalAliases: ["Washington"],
  },
  { name: "Japan", capital: "Tokyo", currency: "Japanese yen" },
];
const subject = {
  name: "Dino",
  countries,
  word: () => "river",
  unknownPlaces: [],
  allowsNumbers: () => true,
};

Deno.test("a country is asked about by any of its names, and answered by one", () => {
  const random = new PythonRandom(1);
  const asked = Array.from({ length: 300 }, () => [
    ...[capital, countryOfCapital, currency].map((make) => make(random, subject)),
  ]).flat().map(({ question, answer }) => [writeCarefully(question), `${answer}`]);
  const answers = new Set(asked.map(([, answer]) => answer));
  assertEquals([...answers].sort(), [
    "The capital of Japan is Tokyo.",
    "The capital of the United States is Washington D.C.",
    "The currency of Japan is the Japanese yen.",
    "The currency of the United States is the US dollar.",
    "Tokyo is the capital of Japan.",
    "Washington D.C. is the capital of the United States.",
  ]);
  for (const name of ["USA", "the United States", "Washington", "Washington D.C."]) {
    assert(asked.some(([question]) => question!.includes(name)), name);
  }
});

Deno.test("a second question follows up on the first: another country, or its currency", () => {
  const random = new PythonRandom(2);
  const kinds = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const [first, second] = twoOfCountries(random, subject);
    const { text, slots } = second!.question;
    const about = /^The (\w+) of (.+?) is/;
    const [, was, of] = `${first!.answer}`.match(about)!;
    const [, is, next] = `${second!.answer}`.match(about)!;
    // It is about the same country, or asks the same of another.
    if (slots["country"] === undefined) assertEquals([is !== was, next], [true, of], text);
    else assertEquals(is, was, text);
    kinds.add(slots["country"] === undefined ? `the ${is}` : "another country");
  }
  assertEquals([...kinds].sort(), ["another country", "the capital", "the currency"]);
});
