import { assertEquals } from "@std/assert";
import { calculate } from "./calculator.ts";

Deno.test("the calculator follows Python's precedence and kinds of number", () => {
  assertEquals(calculate("2 + 3 * 4"), "14");
  assertEquals(calculate("(2 + 3) * -4"), "-20");
  assertEquals(calculate("7 / 2"), "3.5");
  assertEquals(calculate("6 / 2"), "3.0");
  assertEquals(calculate("7 // 2"), "3");
  assertEquals(calculate("1,234 + 1"), "1235");
  assertEquals(calculate("0.5 + .5"), "1.0");
});

Deno.test("the calculator counts substrings", () => {
  assertEquals(calculate(`'strawberry'.count("r")`), "3");
  assertEquals(calculate(`"aaa".count("aa")`), "1");
  assertEquals(calculate(`"abc".count("")`), "4");
});

Deno.test("the calculator has no answer to anything else", () => {
  const inputs = [
    "",
    "1 +",
    "(1",
    "1)",
    "2 ** 3",
    "1 / 0",
    "import os",
    "__x__",
    "1 2",
    "a.b",
    "1.2.3",
  ];
  for (const input of [...inputs, "(".repeat(5000), "'a'.upper()"]) {
    assertEquals(calculate(input), null, input.slice(0, 20));
  }
});
