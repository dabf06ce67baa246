import { assert, assertEquals } from "@std/assert";
import type { MessagePart } from "../../tokenizer/mod.ts";
import { PythonRandom } from "../random/python_random.ts";
import { arithmetic, longerSum, spokenArithmetic } from "./calculation.ts";
import { numerals } from "./facts.ts";
import { writeCarefully, writeHastily } from "./wording.ts";

const subject = {
  name: "Dino",
  countries: [],
  word: () => "river",
  unknownPlaces: [],
  allowsNumbers: () => true,
};

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

Deno.test("calculations in words have the numbers of the question", () => {
  const random = new PythonRandom(1);
  const fixed: readonly [RegExp, string][] = [
    [/half/, "/2"],
    [/third/, "/3"],
    [/quarter/, "/4"],
    [/double|twice/, "*2"],
    [/triple|three times \d/, "*3"],
  ];
  let [inWords, multiples, squares, problems] = [0, 0, 0, 0];
  for (let i = 0; i < 4000; i++) {
    const { question, answer } = spokenArithmetic(random, subject);
    const asked = writeCarefully(question).toLowerCase();
    const expression = (answer as readonly MessagePart[])[0]!.text;
    const [, a, b] = /^(\d+)[-+*/](\d+)$/.exec(expression)!;
    const numbers = asked.match(/\d+/g) ?? [];
    const multiple = fixed.find(([words]) => words.test(asked));
    if (numbers.length === 0) {
      inWords++;
      const said = asked.match(/[a-z]+/g)!.filter((word) => numerals.includes(word));
      assertEquals(said.slice(-2).map((word) => `${numerals.indexOf(word)}`), [a, b], asked);
    } else if (/square/.test(asked)) {
      squares++;
      assertEquals([numbers[0], expression], [a, `${a}*${a}`], asked);
    } else if (multiple !== undefined) {
      multiples++;
      assertEquals(expression, `${numbers[0]}${multiple[1]}`, asked);
    } else {
      problems++;
      assertEquals(numbers, [a, b], asked);
      const isFewer = /lose|eat|sell|give|gives|lost|sold|go away/.test(asked);
      assertEquals(expression, `${a}${isFewer ? "-" : "+"}${b}`, asked);
      assert(!isFewer || Number(a) >= Number(b), asked);
    }
  }
  for (const count of [inWords, multiples, problems]) assert(count > 700, `${count}`);
  assert(squares > 100, `${squares}`);
});
