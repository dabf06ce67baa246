import { assertEquals } from "@std/assert";
import { countLines, exceeded, measureBudgets } from "./budgets.ts";

Deno.test("the engine is within its budgets of lines", async () => {
  const budgets = await measureBudgets();
  // A walk that misses files would find every budget kept.
  assertEquals(budgets.filter(({ files }) => files === 0), []);
  assertEquals(exceeded(budgets), []);
});

Deno.test("comments and blank lines are no code", () => {
  const source = `/** One line. */
/**
 * Several.
 */

const a = 1; // Beside code.
// Alone.
/* Before. */
const b = \`
\`;
`;
  assertEquals(countLines(source), { files: 1, code: 3, all: 10 });
});

Deno.test("an exceeded budget is named", () => {
  const lines = { name: "engine", files: 2, code: 30, all: 50 };
  const limit = (of: "code" | "all", lines: number) => ({ limit: { of, lines } });
  assertEquals(
    exceeded([lines, { ...lines, ...limit("code", 30) }, { ...lines, ...limit("all", 49) }]),
    ["engine: wanted at most 49 lines (all), got 50"],
  );
});
