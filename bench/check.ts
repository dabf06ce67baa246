/**
 * Finds regressions: repeats the stored comparisons in a quick run, and compares ratios, not times.
 *
 *     deno task bench:check
 *
 * The exit code is 1 if a ratio is more than 15 % below the stored one.
 */

import { choice, optional, runScript, type Script, text } from "../scripts/flags.ts";
import { choose, measureAll, pythonFlags } from "./peers/run.ts";
import { format, keyOf, readResults, RESULTS_URL } from "./results.ts";

const flags = {
  device: choice(["all", "cpu", "webgpu"], "all", "Device whose comparisons to run"),
  only: optional(text("", "Run only comparisons whose name contains this", "NAME")),
  ...pythonFlags,
  results: optional(text("", "Results to compare with, by default bench/results.json", "PATH")),
};

const TOLERATED = 0.85;

const script: Script<typeof flags> = {
  summary: "Lists comparisons that became more than 15 % slower than stored.",
  command: "deno task bench:check",
  flags,
  run: async ({ device, only, nanochat, python, results }) => {
    const kept = await readResults(results ?? RESULTS_URL);
    const rows = kept.sessions.flatMap(({ rows }) => rows);
    const before = new Map(rows.map((row) => [keyOf(row), row.ratio]));
    const comparisons = choose({ device, only }).filter((comparison) =>
      !comparison.isLong &&
      comparison.quantities.some(({ name }) => before.has(keyOf({ ...comparison, name })))
    );
    const slower: string[] = [];
    for (const row of await measureAll(comparisons, { isQuick: true, nanochat, python })) {
      const ratio = before.get(keyOf(row)) ?? null;
      if (ratio === null || row.ratio === null || row.ratio >= TOLERATED * ratio) continue;
      slower.push(`${keyOf(row)}: ${format(row.ratio)} × now, ${format(ratio)} × before`);
    }
    console.log(slower.length === 0 ? "\nNothing became slower." : `\n${slower.join("\n")}`);
    return slower.length === 0 ? 0 : 1;
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
