/** The runs of all stages: lists, compares and removes them. */

import {
  compareRuns,
  findRun,
  listRuns,
  removeWholeRun,
  type RunFolder,
  type RunSummary,
} from "../chat/files/runs.ts";
import { describeProgress } from "../gpt/internals.ts";
import { list, mainOf, toggle, UsageError, type Values, withUsageErrors } from "./flags.ts";
import { alignColumns, count, duration } from "./format.ts";
import { print, printError } from "./output.ts";
import { figureTitle, settingTitle } from "./words.ts";

const flags = {
  compare: list("A run, such as sft/d4; give it twice or more to show how runs differ", "RUN"),
  remove: list("A run to remove, with --yes; may be repeated", "RUN"),
  yes: toggle("Remove what --remove names"),
};

/** Lists the runs, or compares or removes some. Returns the exit code. */
export const main = mainOf({
  summary: "Lists the runs of all stages, compares them, and removes them.",
  command: "deno task runs",
  flags,
  run: runRuns,
});

async function runRuns({ compare, remove, yes }: Values<typeof flags>): Promise<void> {
  const { runs, others, problems } = await listRuns();
  for (const problem of problems) printError(problem);
  const find = <Run extends RunFolder>(among: readonly Run[], names: readonly string[]): Run[] =>
    names.map((name) => withUsageErrors(() => findRun(among, name)));
  if (compare.length > 0 && remove.length > 0) {
    throw new UsageError("Cannot use --compare with --remove: wanted one of the two");
  }
  if (compare.length === 1) {
    throw new UsageError("Cannot use --compare: wanted it twice or more, got it once");
  }
  if (remove.length > 0) return await removeRuns(find([...runs, ...others], remove), yes);
  if (compare.length > 0) return printComparison(find(runs, compare));
  if (runs.length === 0 && problems.length > 0) return;
  if (runs.length === 0) return print("There are no runs yet. Train a model: deno task speedrun");
  const rows = runs.map((run) => [run.name, ...describeRun(run)]);
  const head = [
    "run",
    "saved",
    "parameters",
    "progress",
    "time",
    "loss",
    "bits per byte",
    "reward",
  ];
  print(alignColumns([head, ...rows]));
}

function describeRun({ meta, progress, parameters, figures }: RunSummary): string[] {
  const { savedAt, state } = meta;
  const figure = (value: number | undefined) => value?.toFixed(4) ?? "";
  return [
    savedAt.slice(0, 16).replace("T", " "),
    count(parameters),
    describeProgress(progress),
    duration(state.seconds),
    figure(figures["smoothLoss"] ?? figures["loss"]),
    figure(figures["bitsPerByte"]),
    figure(figures["reward"]),
  ];
}

function printComparison(runs: readonly RunSummary[]): void {
  const { settings, figures } = compareRuns(runs);
  const show = (value: unknown) =>
    value === undefined || value === null
      ? "–"
      : typeof value === "number" && !Number.isInteger(value)
      ? value.toPrecision(5)
      : `${value}`;
  const head = ["", ...runs.map(({ name }) => name)];
  const titled = [
    ...settings.map((row) => ({ ...row, name: settingTitle(row.name) })),
    ...figures.map((row) => ({ ...row, name: figureTitle(row.name) })),
  ];
  const rows = titled.map(({ name, values }) => [name, ...values.map(show)]);
  print(alignColumns([head, ...rows]));
}

async function removeRuns(runs: readonly RunFolder[], isSure: boolean): Promise<void> {
  if (!isSure) {
    const names = runs.map(({ folder }) => folder).join(", ");
    throw new UsageError(`Cannot remove ${names}: wanted --yes, as it cannot be undone`);
  }
  for (const run of runs) {
    await removeWholeRun(run);
    print(`Removed ${run.folder}`);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
