import { assertEquals, assertThrows } from "@std/assert";
import { countLines, exceeded, filesOfStep, measureBudgets } from "./budgets.ts";

Deno.test("the engine is within its budgets of lines", async () => {
  const budgets = await measureBudgets();
  // A walk that misses files would find every budget kept.
  assertEquals(budgets.filter(({ files }) => files === 0), []);
  assertEquals(exceeded(budgets), []);
});

Deno.test("the README lists the files to read for a training step, of all areas", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const files = filesOfStep(readme);
  assertEquals(new Set(files).size, files.length);
  const areas = new Set(files.map((path) => path.split("/")[0]));
  assertEquals([...areas], ["scripts", "gpt", "nn", "tensor", "autograd", "optim"]);
  assertThrows(() => filesOfStep("# Another heading\n\n1. `gpt/mod.ts`\n"), Error, "got none");
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
  assertEquals(exceeded([lines, { ...lines, limit: 30 }, { ...lines, limit: 29 }]), [
    "engine: wanted at most 29 lines of code, got 30",
  ]);
});
