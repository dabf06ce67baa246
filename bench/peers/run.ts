/**
 * Compares nanodino with other libraries, and with the limits of the machine.
 *
 *     deno task bench:peers --device cpu --only matmul --quick
 *     deno task bench:peers --only 'cpu: decode 16' --python ~/torch/bin/python --quick
 *
 * The sides of a comparison are measured alternately in one run, after their results were found equal. A
 * library that is not available is reported with the reason. Results go to `bench/results.json`, from
 * which `bench/table.ts` makes `bench/RESULTS.md`; rows that were not measured stay, with the date and
 * the machine of their measurement. A quick run measures less often, skips what takes minutes, and
 * writes results only with `--output`.
 */

import {
  choice,
  optional,
  runScript,
  type Script,
  text,
  toggle,
  UsageError,
} from "../../scripts/flags.ts";
import { asMarkdown, format, RESULTS_URL, type Row, writeResults } from "../results.ts";
import { COMPARISONS } from "./comparisons.ts";
import type { Settings } from "./contestant.ts";
import { machineFacts, versionsUsed } from "./facts.ts";
import { type Comparison, measureComparison } from "./measure.ts";
import { PYTHON } from "./torch.ts";

/** The places of what libraries in Python need. */
export const pythonFlags = {
  nanochat: optional(
    text("", "A checkout of nanochat; by default its files are downloaded", "DIR"),
  ),
  python: text(PYTHON, "The Python that has PyTorch", "PATH"),
};

const flags = {
  device: choice(["all", "cpu", "webgpu"], "all", "Device whose comparisons to run"),
  only: optional(
    text("", "Run only comparisons whose name contains this, as --list prints it", "NAME"),
  ),
  quick: toggle("Measure less often, and skip what takes minutes"),
  ...pythonFlags,
  output: optional(text("", "Output file", "PATH")),
  list: toggle("List the comparisons without measuring"),
};

const script: Script<typeof flags> = {
  summary: "Compares nanodino with other libraries, side by side.",
  command: "deno task bench:peers",
  flags,
  run: async ({ device, only, quick, nanochat, python, output, list }) => {
    const chosen = choose({ device, only }).filter(({ isLong }) => !(quick && isLong));
    if (list) {
      console.log(chosen.map(labelOf).join("\n"));
      return 0;
    }
    const rows = await measureAll(chosen, { isQuick: quick, nanochat, python });
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

/** The name of a comparison, with its device. */
export const labelOf = ({ device, name }: Comparison): string => `${device}: ${name}`;

/**
 * Chooses comparisons by their device and a part of what `--list` prints.
 *
 * @throws {UsageError} If there are none.
 */
export function choose(
  { device, only }: { readonly device: "all" | "cpu" | "webgpu"; readonly only: string | null },
): readonly Comparison[] {
  const onDevice = COMPARISONS.filter((comparison) =>
    device === "all" || device === comparison.device
  );
  const chosen = onDevice.filter((comparison) => labelOf(comparison).includes(only ?? ""));
  if (chosen.length > 0) return chosen;
  const names = onDevice.map(labelOf).join(", ");
  throw new UsageError(`--only: wanted a part of one of ${names}, got "${only}"`);
}

/** Measures comparisons in order; one that fails is reported and skipped. */
export async function measureAll(
  comparisons: readonly Comparison[],
  options: { readonly isQuick: boolean } & Settings,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const comparison of comparisons) {
    const start = performance.now();
    try {
      const measured = await measureComparison(comparison, options);
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
