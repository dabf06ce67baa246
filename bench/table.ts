/**
 * Writes the pages that show what `bench:peers` measured: bench/RESULTS.md, the figures of the README,
 * and its chart.
 *
 *     deno run -A bench/table.ts --write
 */

import { writeFileAtomically } from "../gpt/internals.ts";
import { optional, runScript, type Script, text, toggle } from "../scripts/flags.ts";
import { resultPages, resultTables, ROOT } from "./pages.ts";
import { readResults, RESULTS_URL } from "./results.ts";

const flags = {
  results: optional(text("", "The file, by default bench/results.json", "PATH")),
  write: toggle("Write the pages instead of printing the tables"),
};

const script: Script<typeof flags> = {
  summary: "Shows what was measured as tables, or writes the pages that show it.",
  command: "deno run -A bench/table.ts",
  flags,
  run: async ({ results: place, write }) => {
    const results = await readResults(place ?? RESULTS_URL);
    if (!write) return console.log(resultTables(results));
    const pages = await resultPages(results, (path) => Deno.readTextFile(new URL(path, ROOT)));
    for (const [path, content] of pages) {
      await writeFileAtomically(decodeURIComponent(new URL(path, ROOT).pathname), content);
      console.log(`Wrote ${path}`);
    }
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
