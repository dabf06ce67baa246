import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { fillFigures, fillTables, resultPages, resultTables, ROOT } from "./pages.ts";
import { COMPARISONS } from "./peers/comparisons.ts";
import { keyOf, readResults, RESULTS_URL, type Row } from "./results.ts";

const read = (path: string): Promise<string> => Deno.readTextFile(new URL(path, ROOT));

Deno.test("README, chart and RESULTS.md show the stored results: bench/table.ts --write makes them", async () => {
  const pages = await resultPages(await readResults(RESULTS_URL), read);
  assertEquals([...pages.keys()], ["README.md", "bench/RESULTS.md", "assets/speed.svg"]);
  for (const [path, content] of pages) assertEquals(content, await read(path), path);
});

Deno.test("every stored row belongs to a comparison and stands in one table", async () => {
  const rows = (await readResults(RESULTS_URL)).sessions.flatMap(({ rows }) => rows);
  const known = new Set(
    COMPARISONS.flatMap((comparison) =>
      comparison.quantities.map(({ name }) => keyOf({ ...comparison, name }))
    ),
  );
  assertEquals(rows.map(keyOf).filter((key) => !known.has(key)), []);
  assertEquals(new Set(rows.map(keyOf)).size, rows.length);
});

Deno.test("tables stand under the headings of their sections", async () => {
  const results = await readResults(RESULTS_URL);
  const tables = resultTables(results);
  assertStringIncludes(tables, "### Startup\n\n| What | nanodino |");
  const lines = tables.split("\n").filter((line) => line.startsWith("| "));
  const heads = lines.filter((line) => line.startsWith("| What |")).length;
  const rows = results.sessions.reduce((sum, { rows }) => sum + rows.length, 0);
  assertEquals(lines.length, rows + 2 * heads);
});

const row: Row = {
  name: "sums",
  device: "cpu",
  unit: "GB/s",
  ratio: 2.5,
  spread: null,
  wanted: null,
  ours: { library: "nanodino", value: 5 },
  others: [{ library: "a", value: 2 }],
};
const rows = new Map([[keyOf(row), row]]);

Deno.test("a figure in a page is replaced by the stored ratio, and may be replaced again", () => {
  const page = "is <!--=cpu: sums-->old<!--/--> as fast";
  const filled = "is <!--=cpu: sums-->2.50 ×<!--/--> as fast";
  assertEquals(fillFigures(page, rows), filled);
  assertEquals(fillFigures(filled, rows), filled);
});

Deno.test("an unknown figure, and a page without a place for tables, are named", async () => {
  assertThrows(() => fillFigures("<!--=cpu: no-->1<!--/-->", rows), Error, 'got "cpu: no"');
  assertThrows(() => fillTables("<!-- tables: end -->", ""), Error, "tables: begin");
  await assertRejects(() => resultPages({ sessions: [] }, read), Error, "bench/results.json");
});
