/**
 * Runs a command on several ranks, and restarts it if a rank dies.
 *
 * MPI ends all ranks when one dies, so the run resumes from its last checkpoint, on any number of
 * ranks.
 */

import { integer, runScript, text, toggle, UsageError, type Values } from "./flags.ts";
import { TIME_IS_UP } from "./interrupt.ts";
import { printError, write } from "./output.ts";
import { doneMessage } from "./parallel.ts";

const flags = {
  n: integer(2, "The number of ranks"),
  retries: integer(3, "Maximum restarts after a rank has died", { least: 0 }),
  shrink: toggle("Restart with half as many ranks"),
  launcher: text("mpiexec", "The launcher, with its flags", "COMMAND"),
};

/**
 * Where Open MPI's processes keep what they know of each other. By default it is memory that all share at one
 * address, and ranks do not start where one has something else there, as happens now and then in processes
 * as large as Deno's; `hash` is memory of each process.
 */
const OPEN_MPI_STORE = { PMIX_MCA_gds: "hash" };

/** Exit codes after which a retry is pointless: done, wrong flags, out of time, stopped. */
const FINAL_CODES = [0, 2, TIME_IS_UP, 129, 130, 143];

/**
 * Runs the arguments after `--` as a `deno` command on several ranks.
 *
 * @returns The exit code of the last try; 1 if the launcher returned 0 although ranks did not
 * finish.
 */
export function main(args: readonly string[]): Promise<number> {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  return runScript({
    summary: "Starts a command on several ranks, and again from its last checkpoint",
    command: "deno task ranks --n 4 -- task train",
    flags,
    run: (values) => runRanks(values, args.slice(end + 1)),
  }, args.slice(0, end));
}

async function runRanks(values: Values<typeof flags>, command: readonly string[]): Promise<number> {
  if (command.length === 0) {
    throw new UsageError("Cannot start ranks: wanted a command after --, such as task train");
  }
  let isStopped = false;
  let child: Deno.ChildProcess | null = null;
  // Ctrl-C also reaches the launcher, in the same process group.
  const listeners = (["SIGINT", "SIGTERM", "SIGUSR2"] as const).map((signal) => {
    const listener = () => {
      isStopped = true;
      if (signal !== "SIGINT" && child !== null) killIfAlive(child, signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  try {
    let ranks = values.n;
    let isSaved = false;
    for (let failures = 0;; failures++) {
      child = start(values.launcher, ranks, isSaved ? resuming(command) : command);
      const attempt = await watch(child, ranks);
      isSaved ||= attempt.isSaved;
      if (isStopped || FINAL_CODES.includes(attempt.code) || failures === values.retries) {
        return attempt.code;
      }
      if (values.shrink) ranks = Math.max(1, Math.floor(ranks / 2));
      printError(
        `The ranks ended with code ${attempt.code}. Restarting on ${ranks}` +
          (isSaved ? ", from the last checkpoint" : ""),
      );
    }
  } finally {
    for (const remove of listeners) remove();
  }
}

function killIfAlive(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // The process has ended, but its output has not if a child still holds it open.
  }
}

/** Starts ranks; a single one needs no launcher. */
function start(launcher: string, ranks: number, command: readonly string[]): Deno.ChildProcess {
  const deno = [Deno.execPath(), ...command];
  const [program, ...args] = ranks === 1
    ? deno
    : [...launcher.split(" "), "-n", `${ranks}`, ...deno];
  try {
    return new Deno.Command(program!, {
      args,
      env: OPEN_MPI_STORE,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "nothing of that name" : `${cause}`;
    throw new Error(`Cannot start ranks: wanted the launcher ${program}, got ${reason}`, { cause });
  }
}

/** Forwards the output of ranks, and notes the state of the run. */
async function watch(
  child: Deno.ChildProcess,
  ranks: number,
): Promise<{ code: number; isSaved: boolean }> {
  const decoder = new TextDecoder();
  let isSaved = false;
  // MPICH's launcher sometimes loses the code of a killed rank.
  let isDone = ranks === 1;
  let line = "";
  const look = () => {
    isSaved ||= /^Saved |Resuming after step/.test(line);
    isDone ||= line.includes(doneMessage(ranks));
  };
  for await (const chunk of child.stdout) {
    const text = decoder.decode(chunk, { stream: true });
    write(text);
    const [first = "", ...more] = text.split("\n");
    line += first;
    for (const next of more) {
      look();
      line = next;
    }
  }
  look();
  const { code } = await child.status;
  return { code: code === 0 && !isDone ? 1 : code, isSaved };
}

function resuming(command: readonly string[]): string[] {
  const others = command.filter((arg) => !/^--(overwrite|resume)(=|$)/.test(arg));
  return [...others, "--resume"];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
