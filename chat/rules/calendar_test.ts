import { assert, assertEquals } from "@std/assert";
import { PythonRandom } from "../random/python_random.ts";
import { calendar } from "./calendar.ts";
import { days, months } from "./facts.ts";
import { writeCarefully } from "./wording.ts";

Deno.test("tomorrow, yesterday and today are counted from the day that is named", () => {
  const random = new PythonRandom(1);
  const counts = { tomorrow: 0, yesterday: 0, todayAfter: 0, todayBefore: 0 };
  for (let i = 0; i < 5000; i++) {
    const { question, answer } = calendar(random);
    const asked = writeCarefully(question).toLowerCase();
    if (!/tomorrow|yesterday/.test(asked)) continue;
    const named = days.findIndex((day) => asked.includes(day.toLowerCase()));
    assert(named >= 0, asked);
    const kind = /yesterday was/.test(asked)
      ? "todayAfter"
      : /tomorrow is/.test(asked)
      ? "todayBefore"
      : /tomorrow/.test(asked)
      ? "tomorrow"
      : "yesterday";
    counts[kind]++;
    const isAfter = kind === "tomorrow" || kind === "todayAfter";
    const wanted = days[(named + (isAfter ? 1 : 6)) % 7];
    const said = `${isAfter ? "After" : "Before"} ${days[named]} comes ${wanted}.`;
    assertEquals(answer, said, asked);
  }
  for (const count of Object.values(counts)) assert(count > 20, JSON.stringify(counts));
});

Deno.test("a year begins with January and ends with December", () => {
  const random = new PythonRandom(2);
  const said = new Set(
    Array.from({ length: 1000 }, () => `${calendar(random).answer}`)
      .filter((answer) => answer.includes(" month is ")),
  );
  assertEquals(
    said,
    new Set([`The first month is ${months[0]}.`, `The last month is ${months[11]}.`]),
  );
});

Deno.test("the neighbor of a day or month is the one that the question's words ask for", () => {
  const random = new PythonRandom(3);
  const counts = { Before: 0, After: 0 };
  const backward = /before|precede|previous|earlier|ahead of|\blast\b|\bcame\b|\bwas\b/;
  for (let i = 0; i < 5000; i++) {
    const { question, answer } = calendar(random);
    const asked = writeCarefully(question).toLowerCase();
    const [, said, day = "", neighbor] = /^(Before|After) (\w+) comes (\w+)\.$/.exec(`${answer}`) ??
      [];
    if (said === undefined || /tomorrow|yesterday/.test(asked)) continue;
    const [side, step] = backward.test(asked) ? ["Before", -1] as const : ["After", 1] as const;
    counts[side]++;
    assertEquals(said, side, asked);
    assert(asked.includes(day.toLowerCase()), asked);
    const names = days.includes(day) ? days : months;
    assertEquals(neighbor, names.at((names.indexOf(day) + step) % names.length), asked);
  }
  for (const count of Object.values(counts)) assert(count > 1000, JSON.stringify(counts));
});

Deno.test("the number of hours, days, weeks and months is that of the span asked about", () => {
  const random = new PythonRandom(4);
  const said = new Set<string>();
  for (let i = 0; i < 5000; i++) {
    const { question, answer } = calendar(random);
    const [, parts = "", whole = ""] = /^The number of (\w+) in an? (\w+) is/.exec(`${answer}`) ??
      [];
    if (parts === "") continue;
    said.add(`${answer}`);
    const asked = writeCarefully(question).toLowerCase();
    assert(asked.includes(parts) && asked.includes(whole), asked);
  }
  assertEquals(
    said,
    new Set([
      "The number of seconds in a minute is 60.",
      "The number of minutes in an hour is 60.",
      "The number of hours in a day is 24.",
      "The number of days in a week is 7.",
      "The number of days in a year is 365.",
      "The number of weeks in a year is 52.",
      "The number of months in a year is 12.",
    ]),
  );
});
