/**
 * Prints the tables of the README from what `bench:peers` wrote.
 *
 *     deno run -A bench/table.ts
 *
 * @module
 */

import { optional, runScript, type Script, text } from "../scripts/flags.ts";
import { asMarkdown, readResults, RESULTS_URL } from "./results.ts";

const flags = { results: optional(text("", "The file, by default bench/results.json", "PATH")) };

const script: Script<typeof flags> = {
  summary: "Prints what was measured as tables in Markdown.",
  command: "deno run -A bench/table.ts",
  flags,
  run: async ({ results }) => {
    const { date, machine, versions, rows } = await readResults(results ?? RESULTS_URL);
    const list = (facts: Readonly<Record<string, string | number>>) =>
      Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");
    console.log(`Measured on ${date.slice(0, 10)}: ${list(machine)}; ${list(versions)}.`);
    for (const device of ["cpu", "webgpu"]) {
      const its = rows.filter((row) => row.device === device);
      if (its.length > 0) {
        console.log(`\n${device === "cpu" ? "CPU" : "WebGPU"}\n\n${asMarkdown(its)}`);
      }
    }
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
