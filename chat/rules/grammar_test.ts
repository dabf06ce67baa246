import { assert, assertEquals, assertThrows } from "@std/assert";
import { PythonRandom } from "../random/python_random.ts";
import { beginsWithSlot, expandTemplate, readTemplate } from "./grammar.ts";

Deno.test("a template makes all of its texts, and no others", () => {
  const template = readTemplate("a(b|c(d|)|)e {slot}|f");
  const random = new PythonRandom(1);
  const texts = new Set(Array.from({ length: 500 }, () => expandTemplate(template, random)));
  assertEquals([...texts].sort(), ["abe {slot}", "acde {slot}", "ace {slot}", "ae {slot}", "f"]);
});

Deno.test("a template with a parenthesis too many is refused", () => {
  for (const source of ["(a", "a)", "(a|(b)", "a|b)", ")("]) {
    assertThrows(() => readTemplate(source), SyntaxError, `got "${source}"`);
  }
});

Deno.test("a template begins with a slot if all of its texts do", () => {
  for (const source of ["{a}", "{a} b", "({a}|{b} c) d", "({a}|({b}|{c}))"]) {
    assert(beginsWithSlot(readTemplate(source)), source);
  }
  for (const source of ["", "a {b}", "({a}|b)", "(|a) {b}", "{a}|b"]) {
    assert(!beginsWithSlot(readTemplate(source)), source);
  }
});
