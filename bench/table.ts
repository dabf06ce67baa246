/**
 * Makes the tables of the README from what `bench:peers` wrote.
 *
 *     deno run -A bench/table.ts --write
 *
 * @module
 */

import { optional, runScript, type Script, text, toggle } from "../scripts/flags.ts";
import { asMarkdown, readResults, RESULTS_URL } from "./results.ts";

const flags = {
  results: optional(text("", "The file, by default bench/results.json", "PATH")),
  write: toggle("Put the tables into README.md instead of printing them"),
};

/** Between these two lines of the README the tables stand. */
const [BEGIN, END] = ["<!-- tables: begin -->", "<!-- tables: end -->"] as const;

const script: Script<typeof flags> = {
  summary: "Prints what was measured as tables in Markdown.",
  command: "deno run -A bench/table.ts",
  flags,
  run: async ({ results, write }) => {
    const { sessions } = await readResults(results ?? RESULTS_URL);
    const list = (facts: Readonly<Record<string, string | number>>) =>
      Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");
    const parts = sessions.flatMap(({ date, machine, versions, rows }) => {
      const tables = ["cpu", "webgpu"].flatMap((device) => {
        const its = rows.filter((row) => row.device === device);
        return its.length === 0 ? [] : [device === "cpu" ? "CPU:" : "WebGPU:", asMarkdown(its)];
      });
      return [`Measured on ${date.slice(0, 10)}: ${list(machine)}; ${list(versions)}.`, ...tables];
    });
    const tables = parts.join("\n\n");
    if (write) await writeTables(new URL("../README.md", import.meta.url), tables);
    else console.log(tables);
  },
};

/** Replaces what stands between the two lines of a file. */
async function writeTables(place: URL, tables: string): Promise<void> {
  const before = await Deno.readTextFile(place);
  const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot write the tables: wanted the lines ${BEGIN} and ${END} in ${place}`);
  }
  const after = before.slice(0, begin + BEGIN.length) + `\n\n${tables}\n\n` + before.slice(end);
  const path = decodeURIComponent(place.pathname);
  await Deno.writeTextFile(`${path}.part`, after);
  await Deno.rename(`${path}.part`, path);
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
