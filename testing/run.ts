/**
 * Runs the tests: `deno task test`, `deno task test nn/ gpt/model/golden_test.ts`.
 *
 * Processes of `deno test`, two more than there are processors, take folders from a list, those with many
 * short tests first, so that a mistake shows within minutes. What a process printed is printed as a whole. At the
 * end come the time of each module, where it went, and the slowest tests.
 *
 * Not `deno test --parallel`: there, all files share one process, and so its memory, its environment
 * and its devices. Files of a process share an isolate (`together.ts`). Flags, such as `--filter=NAME`, are
 * passed on to each `deno test`; `--ignore=PATH` leaves out files.
 *
 * @module
 */

import { sourceFiles } from "./source_files.ts";

/** The order of the modules: most tests a minute first. Others follow, before the last ones. */
const FIRST = [
  "autograd",
  "lessons",
  "data",
  "interchange",
  "optim",
  "nn",
  "tokenizer",
  "models",
  "stories",
  "testing",
  "tensor",
];
const LAST = ["bench", "scripts", "web"];

/**
 * Files that take a minute or so. They come before the last modules, so that none runs alone at the end, those
 * that wait for processes and disks between those that keep the processors busy.
 */
export const LONG: readonly string[] = [
  "testing/browser_test.ts",
  "scripts/parallel_test.ts",
  "tensor/ops/ops_test.ts",
  "scripts/chat_parallel_test.ts",
  "tensor/fast/webgpu/matmul_test.ts",
  "scripts/chat_resume_test.ts",
  "tensor/ops/attention/attention_test.ts",
  "web/answering_test.ts",
  "scripts/permissions_test.ts",
  "web/gpt_test.ts",
  "scripts/scripts_test.ts",
  "web/pages_test.ts",
  "web/inside_test.ts",
  "scripts/dashboard_test.ts",
  "web/widgets_test.ts",
  "scripts/resume_test.ts",
  "web/network_test.ts",
  "web/road_test.ts",
  "scripts/study_test.ts",
  "web/overfitting_test.ts",
];

/**
 * Settings of lavapipe, with which it compiles shaders in half of the time: no optimization, and vectors of 4
 * numbers instead of 8, as each of them is loaded and stored by code of its own. Most tests run a shader a few
 * times, and a fresh machine has none compiled: `pytorch_golden_test.ts` takes 18 seconds of processor
 * instead of 35, the tests of attention on WebGPU 21 instead of 39.
 */
const QUICK_TO_COMPILE = { GALLIVM_PERF: "nopt", LP_NATIVE_VECTOR_WIDTH: "128" };

/** Files that compute for so long on WebGPU that their shaders are optimized. */
export const OPTIMIZED: readonly string[] = [
  "gpt/model/long_context_test.ts",
  "gpt/train/half_precision_test.ts",
  "gpt/train/leak_test.ts",
  "gpt/train/webgpu_counts_test.ts",
];

const SLOWEST = 30;
const BUSIEST = 10;

/** Files that one process runs. */
interface Unit {
  readonly name: string;
  readonly files: readonly string[];
}

/** A test that has run; its steps are part of it. */
export interface TestRun {
  readonly name: string;
  readonly outcome: "ok" | "FAILED" | "ignored";
  readonly milliseconds: number;
}

/** A process that has ended. Times are in milliseconds. */
export interface ProcessRun {
  readonly files: readonly string[];
  /** The module of its files, or "types". */
  readonly module: string;
  readonly tests: readonly TestRun[];
  /** From its start to its end. */
  readonly elapsed: number;
  /**
   * Time of all processors, with the processes that it started and waited for, but not those of
   * browsers, for which nobody waits; 0 if unknown.
   */
  readonly processor: number;
  /** From the start of the first process to the end of this one. */
  readonly end: number;
}

const moduleOf = (path: string) => path.slice(0, Math.max(0, path.indexOf("/")));
const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
/** Where the tests of a process are: in one file, or in files of one folder. */
const placeOf = ([first = "", ...others]: readonly string[]) =>
  others.length === 0 ? first : folderOf(first);

/** Files of a unit: starting a process, and loading what most files need, takes as long as a small test. */
const MAX_FILES = 12;
/** The same for the last modules, whose files take long: a long unit would run alone at the end. */
const MAX_LAST_FILES = 4;

/** The files in the order in which they run, in units: some of a folder, or one file. */
export function unitsOf(files: readonly string[]): readonly Unit[] {
  const rank = ({ name }: Unit): number => {
    const place = LONG.indexOf(name);
    if (place >= 0) return FIRST.length + 1 + place / LONG.length;
    const module = moduleOf(name);
    const [first, last] = [FIRST.indexOf(module), LAST.indexOf(module)];
    return first >= 0 ? first : FIRST.length + (last < 0 ? 0 : last + 2);
  };
  const units = new Map<string, string[]>();
  for (const file of files.toSorted()) {
    const isAlone = LONG.includes(file) || OPTIMIZED.includes(file);
    const name = isAlone ? file : folderOf(file);
    units.set(name, [...units.get(name) ?? [], file]);
  }
  return [...units].flatMap(([name, files]): Unit[] => {
    const most = LAST.includes(moduleOf(name)) ? MAX_LAST_FILES : MAX_FILES;
    const count = Math.ceil(files.length / most);
    const size = Math.ceil(files.length / count);
    return Array.from(
      { length: count },
      (_, i) => ({ name, files: files.slice(i * size, (i + 1) * size) }),
    );
  }).sort((a, b) => rank(a) - rank(b));
}

/** The tests that the output of `deno test` names, without color. */
export function testsIn(output: string): readonly TestRun[] {
  const tests: TestRun[] = [];
  // A test of more than a minute says so in the middle of its line.
  const lines = output.replace(/'[^\n]*' has been running for over \([^\n]*\)\n/g, "").split("\n");
  for (const line of lines) {
    const found = /^(\S.*) \.\.\. (ok|FAILED|ignored)\b.*? \((?:(\d+)m)?(?:([\d.]+)(s|ms|µs))?\)$/
      .exec(line);
    if (found === null) continue;
    const [, name, outcome, minutes = "0", amount = "0", unit = "s"] = found;
    const factor = { s: 1000, ms: 1, µs: 0.001 }[unit]!;
    tests.push({
      name: name!,
      outcome: outcome as TestRun["outcome"],
      milliseconds: 60_000 * Number(minutes) + factor * Number(amount),
    });
  }
  return tests;
}

/** Milliseconds after which a share of all tests had run. */
function timeOf(share: number, processes: readonly ProcessRun[]): number {
  const sorted = processes.toSorted((a, b) => a.end - b.end);
  const counts = sorted.map(({ tests }) => tests.length);
  const wanted = share * counts.reduce((sum, count) => sum + count, 0);
  let done = 0;
  const last = counts.findIndex((count) => (done += count) >= wanted);
  return sorted[last]?.end ?? 0;
}

/** The time of each module, the longest first, the processes with most work, and the slowest tests. */
export function summaryOf(processes: readonly ProcessRun[]): string {
  const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`.padStart(9);
  const row = (name: string, runs: readonly ProcessRun[]) => {
    const tests = runs.flatMap((run) => run.tests);
    const elapsed = runs.reduce((sum, run) => sum + run.elapsed, 0);
    const inTests = tests.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const processor = runs.reduce((sum, run) => sum + run.processor, 0);
    const times = [elapsed, elapsed - inTests, processor].map(seconds).join(" ");
    return { elapsed, text: `${times}  ${name}, ${tests.length} tests` };
  };
  const modules = Array.from(
    Map.groupBy(processes, ({ module }) => module),
    ([name, runs]) => row(name, runs),
  ).sort((a, b) => b.elapsed - a.elapsed);
  const busiest = processes.toSorted((a, b) => b.processor - a.processor).slice(0, BUSIEST);
  const slowest = processes.flatMap(({ files, tests }) =>
    tests.map((test) => ({ place: placeOf(files), ...test }))
  )
    .sort((a, b) => b.milliseconds - a.milliseconds).slice(0, SLOWEST);
  return [
    "Time by module, of it outside of tests, and of the processors:",
    ...[...modules, row("all", processes)].map(({ text }) => text),
    "The processes that kept the processors busiest:",
    ...busiest.map(({ processor, files }) => `${seconds(processor)}  ${files.join(" ")}`),
    `Half of the tests had run after ${seconds(timeOf(0.5, processes)).trim()}, ` +
    `80 % after ${seconds(timeOf(0.8, processes)).trim()}.`,
    "The slowest tests:",
    ...slowest.map(({ place, name, milliseconds }) =>
      `${seconds(milliseconds)}  ${place}: ${name}`
    ),
  ].join("\n");
}

/**
 * Milliseconds that the processors have worked for processes which this one started and waited for,
 * and for those that they waited for; 0 where there is no `/proc`.
 */
function childProcessorTime(): number {
  if (Deno.build.os !== "linux") return 0;
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // After the name in parentheses, the fields from the third on: the 16th and 17th are ticks of 10 ms.
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(13, 15);
  return 10 * (Number(user) + Number(system));
}

/** How a process ended, and what it printed. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Milliseconds after which a process hangs: the longest takes four minutes, and fifteen beside other work. */
const LONGEST = 45 * 60_000;

/** Runs `deno` with arguments, and collects what it prints. One that hangs is ended. */
export async function runDeno(
  args: readonly string[],
  isOptimized = false,
  longest = LONGEST,
): Promise<Outcome> {
  const hangs = AbortSignal.timeout(longest);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    signal: hangs,
    env: { NO_COLOR: "1", ...(isOptimized ? {} : QUICK_TO_COMPILE) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const note = hangs.aborted ? `\nEnded after ${longest / 60_000} minutes: it hung.` : "";
  return { code, output: text(stderr) + text(stdout) + note };
}

/** The test files at paths, or all. */
async function findTests(
  paths: readonly string[],
  ignored: readonly string[],
): Promise<readonly string[]> {
  const all = (await Array.fromAsync(sourceFiles())).filter((path) => /_test\.tsx?$/.test(path));
  const clean = (path: string) => path.replace(/^\.\//, "").replace(/\/$/, "");
  const isBelow = (file: string, path: string) =>
    path === "." || file === clean(path) || file.startsWith(`${clean(path)}/`);
  const wrong = paths.find((path) => !all.some((file) => isBelow(file, path)));
  if (wrong !== undefined) throw new Error(`wanted a test or a folder with tests, got ${wrong}`);
  return all.filter((file) =>
    (paths.length === 0 || paths.some((path) => isBelow(file, path))) &&
    !ignored.some((path) => isBelow(file, path))
  );
}

/** Flags whose value may be an argument of its own, each joined with its value. */
export function joinFlags(args: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (last !== undefined && ["--filter", "--ignore", "--import-map"].includes(last)) {
      joined[joined.length - 1] = `${last}=${arg}`;
    } else joined.push(arg);
  }
  return joined;
}

const HELP = `Runs the tests, and prints which took longest.

Usage: deno task test [FOLDER or FILE]… [flags of deno test, such as --filter NAME]`;

async function main(given: readonly string[]): Promise<number> {
  const beginning = performance.now();
  // Passed on, it would be printed by each process.
  if (given.includes("--help") || given.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const args = joinFlags(given);
  const IGNORE = "--ignore=";
  const paths = args.filter((arg) => !arg.startsWith("-"));
  const ignored = args.filter((arg) => arg.startsWith(IGNORE))
    .flatMap((arg) => arg.slice(IGNORE.length).split(","));
  const flags = args.filter((arg) => arg.startsWith("-") && !arg.startsWith(IGNORE));
  const files = await findTests(paths, ignored);
  const common = ["--lock=deno.lock", ...flags.filter((flag) => flag !== "--no-check")];
  const tasks = unitsOf(files).map(({ name, files }) => ({
    files,
    name,
    module: moduleOf(name),
    args: ["test", "-A", "--no-check", ...common, "testing/together.ts", "--", ...files],
  }));
  // Types are checked once for all files, while the first tests run.
  if (!flags.includes("--no-check")) {
    const config = flags.filter((flag) => flag.startsWith("--import-map"));
    tasks.unshift({
      files: [],
      name: "types",
      module: "types",
      args: ["check", "--lock=deno.lock", ...config, ...files],
    });
  }

  const processes: ProcessRun[] = [];
  const failed: string[] = [];
  const left = tasks.values();
  let processorTime = childProcessorTime();
  const runLeft = async () => {
    for (const { files, name, module, args } of left) {
      const start = performance.now();
      const { code, output } = await runDeno(args, OPTIMIZED.includes(name));
      const elapsed = performance.now() - start;
      // The time added since the last process ended is this one's.
      const processor = childProcessorTime() - processorTime;
      processorTime += processor;
      const end = performance.now() - beginning;
      processes.push({ files, module, tests: testsIn(output), elapsed, processor, end });
      if (code !== 0) failed.push(files.join(" ") || name);
      // Of the types, only what is wrong with them.
      if (args[0] === "test" || code !== 0) console.log(output.trim());
    }
  };
  // Tests wait for servers, disks and clocks a third of their time.
  const jobs = Math.min(4, navigator.hardwareConcurrency + 2);
  await Promise.all(Array.from({ length: jobs }, runLeft));

  const tests = processes.flatMap(({ tests }) => tests);
  console.log(summaryOf(processes));
  const count = (wanted: TestRun["outcome"]) =>
    tests.filter(({ outcome }) => outcome === wanted).length;
  const minutes = ((performance.now() - beginning) / 60_000).toFixed(1);
  console.log(
    `${count("ok")} tests passed, ${count("FAILED")} failed, ${count("ignored")} ignored, ` +
      `in ${minutes} minutes.`,
  );
  for (const { files, tests } of processes) {
    for (const { name, outcome } of tests) {
      if (outcome === "FAILED") console.log(`FAILED: ${placeOf(files)}: ${name}`);
    }
  }
  if (failed.length > 0) console.log(`Failed: ${failed.join(", ")}`);
  return failed.length > 0 ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`Cannot run the tests: ${error instanceof Error ? error.message : error}`);
    Deno.exit(2);
  }
}
