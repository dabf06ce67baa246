/** Studies: trains all models of a table of settings and seeds, and compares them. */

import { stagePath } from "../chat/files/stages.ts";
import {
  basePath,
  lockRun,
  parseStudy,
  readStudyFolder,
  readStudyResult,
  readTokenizer,
  resultsAsCsv,
  type Study,
  studyAsJson,
  type StudyFolder,
  type StudyResult,
  type StudyRun,
  studyRuns,
  summarizeRows,
  writeFileAtomically,
} from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { trainBase } from "./base_train.ts";
import {
  decimal,
  firstLine,
  givenFlags,
  integer,
  optional,
  runName,
  runScript,
  splitNames,
  text,
  UsageError,
  type Values,
} from "./flags.ts";
import { count } from "./format.ts";
import { TIME_IS_UP } from "./interrupt.ts";
import { openTokenizer, trainOnAll } from "./new_tokenizer.ts";
import { print } from "./output.ts";
import { main as startRanks } from "./ranks.ts";
import { writeStudyReport } from "./study_report.ts";
import {
  argumentsOf,
  deviceSettings,
  openStudy,
  readJson,
  settingsOfRun,
  shippedStudies,
  withDevice,
} from "./study_settings.ts";
import { planRun, settingsOf } from "./training_flags.ts";
import { kebabCase } from "./words.ts";

const flags = {
  hours: optional(
    decimal(1, "Stop after so long, and save; by default as the file says", { most: 500 }),
  ),
  ranks: integer(1, "Processes that train each model together, through MPI"),
  launcher: text("mpiexec", "The launcher of MPI, with its flags", "COMMAND"),
  against: runName("Compare with the first row of this study, instead of the first row here"),
  ...deviceSettings,
};

/** Runs or continues a study. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  const { names, rest } = splitNames(args, flags);
  return runScript({
    summary: "Trains a model for each row of a table of settings, with each seed, and compares " +
      `them. Takes a file, or one of ${
        shippedStudies.join(", ")
      }. A study that was stopped goes on ` +
      "by the same command.",
    command: "deno task study FILE.json",
    flags,
    run: (values, given) => runStudy(names, values, given),
  }, rest);
}

/** A running study. */
interface Session {
  readonly study: Study;
  readonly runs: readonly StudyRun[];
  readonly folder: string;
  /** Bits per byte that rows are compared with, instead of those of the first row. */
  readonly reference: readonly number[] | undefined;
  /** The command that continues it. */
  readonly command: string;
}

async function runStudy(
  names: readonly string[],
  values: Values<typeof flags>,
  args: readonly string[],
): Promise<number> {
  const start = performance.now();
  const [file, ...more] = names;
  if (file === undefined || more.length > 0) {
    throw new UsageError(
      `Cannot run a study: wanted one file, or one of ${shippedStudies.join(", ")}`,
    );
  }
  const study = withDevice(await openStudy(file), values, givenFlags(args, flags));
  const runs = studyRuns(study);
  for (const run of runs) settingsOfRun(study, run);
  const folder = studyPath(study.name);
  const reference = values.against === "" ? undefined : await openReference(values.against);
  const session = { study, runs, folder, reference, command: `deno task study ${file}` };

  await using _lock = await lockRun(folder);
  await writeFileAtomically(`${folder}/${STUDY_FILE}`, studyAsJson(study));
  const tokenizer = await openStudyTokenizer(session);
  for (const run of runs) planRun(settingsOfRun(study, run), tokenizer.vocabSize, values.ranks);
  const states: StudyFolder[] = [];
  for (const run of runs) states.push(await readRunState(session, run, tokenizer));
  const done = states.filter(({ bitsPerByte }) => bitsPerByte !== null).length;
  print(`${count(runs.length)} runs, ${count(done)} of them done.`);

  const hours = values.hours ?? study.hours ?? 0;
  let failures = 0;
  for (const [i, run] of runs.entries()) {
    const { bitsPerByte, meta } = states[i]!;
    if (bitsPerByte !== null) continue;
    const left = hours - (performance.now() - start) / 3_600_000;
    if (hours > 0 && left <= 0) return await stop(session, TIME_IS_UP);
    print(`\nRun ${i + 1} of ${runs.length}: ${run.tag}\n`);
    const more = [
      ...(meta === null ? [`--tokenizer=${folder}/${TOKENIZER_FILE}`] : ["--resume"]),
      ...(hours > 0 ? [`--hours=${left}`] : []),
    ];
    const code = await train([...argumentsOf(run), ...more], values);
    if (code > 1) return await stop(session, code);
    if (code === 0) await writeResults(session);
    else failures++;
  }
  await writeResults(session);
  print(`\nResults: ${folder}/results.csv\nReport: ${folder}/report.md and report.html`);
  if (failures === 0) return 0;
  throw new Error(
    `${failures} of ${runs.length} runs failed, see above. To retry: ${session.command}`,
  );
}

/** Files of a study's folder. */
const [STUDY_FILE, TOKENIZER_FILE] = ["study.json", "tokenizer.json"];

function studyPath(name: string): string {
  return basePath("studies", name);
}

/** The tokenizer of a study, the same for all of its runs. */
async function openStudyTokenizer({ study, runs, folder }: Session): Promise<Tokenizer> {
  const path = `${folder}/${TOKENIZER_FILE}`;
  const found = await readTokenizer(path);
  if (found !== null) return found;
  const settings = settingsOfRun(study, runs[0]!);
  const tokenizer = study.vocabSize === null
    ? await openTokenizer(settings)
    : await trainOnAll(settings, study.vocabSize);
  await writeFileAtomically(path, JSON.stringify(tokenizer));
  return tokenizer;
}

/**
 * How far a run has come.
 *
 * @throws {Error} If its folder has a run with other settings, or another tokenizer.
 */
async function readRunState(
  { study, folder: studyFolder }: Session,
  run: StudyRun,
  tokenizer: Tokenizer,
): Promise<StudyFolder> {
  const folder = stagePath("base", run.tag);
  const state = await readStudyFolder(folder);
  if (state.meta === null) return state;
  const saved = state.meta.settings;
  const wanted = settingsOf(settingsOfRun(study, run));
  // The device decides what `auto` stands for, and whether it has `f16`.
  const isUpToDevice = (name: string) =>
    wanted[name] === "auto" && ["matmulPrecision", "dtype"].includes(name) ||
    wanted[name] === "f16" && name === "dtype";
  const other = Object.keys(wanted).find((name) =>
    name in saved && saved[name] !== wanted[name] && !isUpToDevice(name)
  );
  const refuse = (wanted: string, got: string) => {
    throw new Error(
      `Cannot resume the study ${study.name}: wanted ${wanted}, got a run with ${got} in ` +
        `${folder}. Rename the study, or remove the run: deno task runs --remove base/${run.tag} --yes`,
    );
  };
  if (other !== undefined) {
    refuse(`--${kebabCase(other)} ${wanted[other]}`, `${saved[other]}`);
  }
  if (state.tokenizer !== JSON.stringify(tokenizer)) {
    refuse(`the tokenizer in ${studyFolder}`, "another one");
  }
  return state;
}

/** Trains a model, or continues its training. Returns the exit code. */
async function train(
  args: readonly string[],
  { ranks, launcher }: Values<typeof flags>,
): Promise<number> {
  if (ranks === 1) return await trainBase(args);
  const script = new URL("./base_train.ts", import.meta.url).href;
  const allowed = ["read", "write", "env", "ffi", "sys=systemMemoryInfo"];
  return await startRanks([
    "--n",
    `${ranks}`,
    "--launcher",
    launcher,
    "--retries",
    "0",
    "--",
    "run",
    "--no-prompt",
    ...allowed.map((name) => `--allow-${name}`),
    script,
    ...args,
  ]);
}

/** The results of the finished runs. */
async function readResults(runs: readonly StudyRun[]): Promise<StudyResult[]> {
  const results: StudyResult[] = [];
  for (const run of runs) {
    const result = await readStudyResult(run, stagePath("base", run.tag));
    if (result !== null) results.push(result);
  }
  return results;
}

/** Writes the results so far. Returns the number of finished runs. */
async function writeResults({ study, runs, folder, reference }: Session): Promise<number> {
  const results = await readResults(runs);
  await writeFileAtomically(`${folder}/results.csv`, resultsAsCsv(results, study.rows));
  const rows = summarizeRows(results, study.rows.length, reference);
  await writeStudyReport(folder, study, rows);
  return results.length;
}

/** Prints how to continue. Returns the exit code: 0 if the study's time limit was reached. */
async function stop(session: Session, code: number): Promise<number> {
  const done = await writeResults(session);
  const why = code === TIME_IS_UP ? "The time is up" : "Stopped";
  print(`\n${why}: ${done} of ${session.runs.length} runs are done. To resume: ${session.command}`);
  return code === TIME_IS_UP ? 0 : code;
}

/** The bits per byte of the first row of another study. */
async function openReference(name: string): Promise<number[]> {
  let study: Study;
  try {
    study = parseStudy(name, await readJson(`${studyPath(name)}/${STUDY_FILE}`));
  } catch (error) {
    throw new UsageError(
      `Cannot use --against ${name}: wanted a study that was run, got ${firstLine(error)}`,
    );
  }
  const runs = studyRuns(study).filter(({ row }) => row === 0);
  return (await readResults(runs)).map(({ bitsPerByte }) => bitsPerByte);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
