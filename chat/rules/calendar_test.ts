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

Deno.test("what a day comes before is the day after it, and the reverse", () => {
  const random = new PythonRandom(3);
  const counts = { Before: 0, After: 0 };
  const begin = /^(\w+) (?:comes|is|is right) (before|after|followed by) (?:what|which)/;
  for (let i = 0; i < 20_000; i++) {
    const { question, answer } = calendar(random);
    const [, day = "", order] = begin.exec(writeCarefully(question)) ?? [];
    const names = [days, months].find((names) => names.includes(day));
    if (names === undefined) continue;
    const [side, step] = order === "after" ? ["Before", -1] as const : ["After", 1] as const;
    counts[side]++;
    assertEquals(
      answer,
      `${side} ${day} comes ${names.at((names.indexOf(day) + step) % names.length)}.`,
    );
  }
  for (const count of Object.values(counts)) assert(count > 50, JSON.stringify(counts));
});
