import { assert, assertEquals } from "@std/assert";
import { showValue } from "./show.ts";

Deno.test("a small value is shown whole, on one line", () => {
  const cases: [unknown, string][] = [
    ["a\nb", '"a\\nb"'],
    [NaN, "NaN"],
    [-0.5, "-0.5"],
    [null, "null"],
    [undefined, "undefined"],
    [{ a: [1, "x"] }, '{"a":[1,"x"]}'],
    [Object.create(null), "{}"],
    [new ArrayBuffer(2), "an ArrayBuffer"],
    [new Map(), "a Map"],
    [{ constructor: { name: "x" } }, '{"constructor":{"name":"x"}}'],
    [() => 1, "a function"],
    ["x".repeat(78), `"${"x".repeat(78)}"`],
  ];
  for (const [value, shown] of cases) assertEquals(showValue(value), shown);
});

Deno.test("80 characters of a large value are shown, and every value can be shown", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  for (
    const value of ["x".repeat(1e6), "\n".repeat(1e6), Array(1000).fill(7), cyclic, deep, [1n]]
  ) {
    const shown = showValue(value);
    assert(shown.length <= 81 && !shown.includes("\n"), shown);
  }
});
