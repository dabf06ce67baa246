import { assertEquals } from "@std/assert";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
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

Deno.test("integers are exact, and quotients of large ones are rounded once", () => {
  assertEquals(calculate("99999999999*99999999999"), "9999999999800000000001");
  assertEquals(calculate("9007199254740993/3"), "3002399751580331.0");
  assertEquals(calculate("12345678901234567890/10"), "1.2345678901234568e+18");
  assertEquals(calculate(`${"9".repeat(400)}/${"3".repeat(400)}`), "3.0");
  assertEquals(calculate(`1/${"9".repeat(300)}`), "1e-300");
  assertEquals(calculate(`${"9".repeat(400)}/1`), null);
  assertEquals(calculate("-7//2"), "-4");
  assertEquals(calculate("-7.5//2"), "-4.0");
  assertEquals(calculate("1/100000"), "1e-05");
  assertEquals(calculate("-0.0"), "-0.0");
});

Deno.test("expressions that Python refuses have no answer", () => {
  for (const input of ["007", "09", "\t7", "1\n+2", "5\n", "'don't'.count('t')", "7 % 2"]) {
    assertEquals(calculate(input), null, JSON.stringify(input));
  }
});

goldenTest("the calculator gives the original's answer to every plain expression", () => {
  const { calculator } = readGoldenJson<{
    calculator: { expression: string; answer: string | null; kind: string }[];
  }>("chat/golden-engine");
  for (const { expression, answer, kind } of calculator) {
    if (kind === "plain") assertEquals(calculate(expression), answer, expression);
  }
});
