/**
 * Compares nanodino with other libraries, and with what the machine can do.
 *
 *     deno task bench:peers --device cpu --only matmul --quick
 *
 * Both sides of a comparison take turns in one run, after what comes out of them was found equal.
 * Libraries that are not to be had are left out, and the reason stands in their place. The results go
 * to `bench/results.json`, from which `bench/table.ts` makes bench/RESULTS.md; rows that were
 * not measured now are kept there, with the day and the machine that they come from. A quick run
 * measures less often, leaves out what takes minutes, and writes only where it is told to.
 *
 * @module
 */

import { choice, optional, runScript, type Script, text, toggle } from "../../scripts/flags.ts";
import { asMarkdown, format, RESULTS_URL, type Row, writeResults } from "../results.ts";
import { COMPARISONS } from "./comparisons.ts";
import { machineFacts, versionsUsed } from "./facts.ts";
import { type Comparison, measureComparison } from "./measure.ts";

const flags = {
  device: choice(["all", "cpu", "webgpu"], "all", "The comparisons of which device"),
  only: optional(text("", "Only comparisons whose names contain this", "NAME")),
  quick: toggle("Measure less often, and leave out what takes minutes"),
  output: optional(text("", "Where to write the results", "PATH")),
  list: toggle("Print the names of the comparisons, and measure nothing"),
};

const script: Script<typeof flags> = {
  summary: "Compares nanodino with other libraries, side by side.",
  command: "deno task bench:peers",
  flags,
  run: async ({ device, only, quick, output, list }) => {
    const chosen = COMPARISONS.filter((comparison) =>
      (device === "all" || device === comparison.device) &&
      (only === null || comparison.name.includes(only)) &&
      !(quick && comparison.isLong)
    );
    if (list) {
      console.log(chosen.map(({ device, name }) => `${device}: ${name}`).join("\n"));
      return 0;
    }
    const rows = await measureAll(chosen, quick);
    console.log(`\n${asMarkdown(rows)}`);
    const rowsWanted = chosen.reduce((sum, { quantities }) => sum + quantities.length, 0);
    const exitCode = rows.length === rowsWanted ? 0 : 1;
    if (quick && output === null) return exitCode;
    await writeResults(output ?? RESULTS_URL, {
      date: new Date().toISOString(),
      machine: machineFacts(),
      versions: versionsUsed,
      rows,
    });
    return exitCode;
  },
};

/** Measures one comparison after the other; one that fails is named and left out. */
export async function measureAll(
  comparisons: readonly Comparison[],
  isQuick: boolean,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const comparison of comparisons) {
    const start = performance.now();
    try {
      const measured = await measureComparison(comparison, { isQuick });
      rows.push(...measured);
      for (const { name, ratio } of measured) {
        const seconds = ((performance.now() - start) / 1000).toFixed(0);
        console.log(`${name}: ${ratio === null ? "alone" : `${format(ratio)} ×`} (${seconds} s)`);
      }
    } catch (error) {
      console.error(`${comparison.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return rows;
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
