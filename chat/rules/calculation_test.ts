import { assert, assertEquals } from "@std/assert";
import { PythonRandom } from "../random/python_random.ts";
import { arithmetic, longerSum } from "./calculation.ts";
import { writeHastily } from "./wording.ts";

const subject = { name: "Dino", countries: [], word: () => "river", allowsNumbers: () => true };

Deno.test("a calculation is typed in many ways, and its answer is the calculator's", () => {
  const random = new PythonRandom(1);
  const asked = new Set<string>();
  for (let i = 0; i < 10_000; i++) {
    const make = i % 10 === 0 ? longerSum : arithmetic;
    const { question, answer } = make(random, subject);
    if (typeof answer === "string") throw new Error(`expected a call, got ${answer}`);
    const [expression, output, text] = answer.map(({ text }) => text);
    const [, told] = text!.match(/ is (-?[\d.]+?)\.*$/)!;
    assert(output!.startsWith(told!), `${expression} = ${output}: ${text}`);
    // Only a number with more digits than are told ends with points.
    assertEquals(text!.endsWith("..."), /\.\d{3,}/.test(output!), `${expression}: ${text}`);
    asked.add(writeHastily(question, random, false).replace(/\d+/g, "1"));
  }
  const wordings = [
    ...[/^1\+1$/, /^1\*1\?/, /^1 \+ 1 =/, /^1 ?x ?1/, /^1\/1=/, /^what'?s 1 plus 1/i],
    ...[/^add 1 and 1/i, /^subtract 1 from 1/i, /^1\+1\+1/, /^how much is 1 times 1/i],
  ];
  for (const wording of wordings) {
    assert([...asked].some((text) => wording.test(text)), `${wording}`);
  }
});
