/** Runs scripts as users do: as processes, with the permissions of the tasks. */

import { fromFileUrl } from "@std/path";
import type { OwnSignals } from "./own_signals.ts";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** The error output, without the lines that name a model. */
  readonly stderr: string;
  /** The lines of the error output that name a model. */
  readonly models: string;
}

const MODEL_LINE = /^(Model: |Base model: |Fine-tuned model: |Resuming ).*\n/gm;

/** The output of a process. */
export function outcomeOf(
  { code, stdout, stderr }: Pick<Deno.CommandOutput, "code" | "stdout" | "stderr">,
): Outcome {
  const decoder = new TextDecoder();
  const errors = decoder.decode(stderr);
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: errors.replaceAll(MODEL_LINE, ""),
    models: (errors.match(MODEL_LINE) ?? []).join(""),
  };
}

/** The permissions of the tasks in `deno.json`. */
export const permissions: readonly string[] = [
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-ffi",
  "--allow-sys=systemMemoryInfo",
];

export { tinyFlags } from "./tiny_flags.ts";

export interface RunOptions {
  /** Permissions. @default {those of the tasks} */
  readonly permissions?: readonly string[];
  /** Working folder. @default {the current one} */
  readonly cwd?: string;
  /** Standard input. @default {"null"} */
  readonly stdin?: "null" | "piped";
}

export function command(
  script: string,
  args: readonly string[],
  home: string,
  options: RunOptions = {},
): Deno.Command {
  return denoCommand(scriptArguments(script, args, options), home, options);
}

/** A script that sends itself signals when it has printed certain lines. */
export function signalingCommand(
  signals: readonly OwnSignals[],
  script: string,
  args: readonly string[],
  home: string,
): Deno.Command {
  return command("testing/signal_itself.ts", [script, JSON.stringify(signals), ...args], home);
}

export function taskCommand(task: string, args: readonly string[], home: string): Deno.Command {
  return denoCommand(["task", "--config", configPath, task, ...args], home);
}

export function shellCommand(script: string, args: readonly string[]): string {
  return [Deno.execPath(), ...scriptArguments(script, args)].map((part) => `'${part}'`).join(" ");
}

const configPath = fromFileUrl(new URL("../../deno.json", import.meta.url));

function scriptArguments(
  script: string,
  args: readonly string[],
  { permissions: allowed = permissions }: RunOptions = {},
): string[] {
  const url = script.includes("://") ? script : new URL(`../${script}`, import.meta.url).href;
  return ["run", "--quiet", "--no-prompt", "--no-config", ...allowed, url, ...args];
}

function denoCommand(
  args: string[],
  home: string,
  { cwd, stdin = "null" }: RunOptions = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args,
    env: { NANODINO_HOME: home, NO_COLOR: "1" },
    ...(cwd === undefined ? {} : { cwd }),
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

export async function runScript(
  script: string,
  args: readonly string[],
  home: string,
  options: RunOptions = {},
): Promise<Outcome> {
  return outcomeOf(await command(script, args, home, options).output());
}

/**
 * Runs a script in this process, with its permissions: for what is refused or done in a moment, since to
 * start a process takes longer.
 */
export async function runScriptHere(
  script: string,
  args: readonly string[],
  home: string,
): Promise<Outcome> {
  const { main }: { main(args: readonly string[]): Promise<number> } = await import(`../${script}`);
  const bytes = { stdout: new Uint8Array(), stderr: new Uint8Array() };
  const add = (to: keyof typeof bytes, more: Uint8Array) => {
    bytes[to] = Uint8Array.of(...bytes[to], ...more);
    return more.length;
  };
  const addLine = (to: keyof typeof bytes) => (...data: unknown[]) =>
    void add(to, new TextEncoder().encode(`${data.join(" ")}\n`));
  using replaced = new DisposableStack();
  const replace = <Owner extends object, Name extends keyof Owner>(
    owner: Owner,
    name: Name,
    value: Owner[Name],
  ) => {
    const before = owner[name];
    owner[name] = value;
    replaced.defer(() => void (owner[name] = before));
  };
  replace(console, "log", addLine("stdout"));
  replace(console, "error", addLine("stderr"));
  replace(Deno.stdout, "writeSync", (more) => add("stdout", more));
  replace(Deno.stderr, "writeSync", (more) => add("stderr", more));
  // Every machine has as much memory, so that the same is said to fit.
  const memory = { ...Deno.systemMemoryInfo(), available: 2 ** 36 };
  replace(Deno, "systemMemoryInfo", () => memory);
  const formerHome = Deno.env.get("NANODINO_HOME");
  replaced.defer(() =>
    formerHome === undefined
      ? Deno.env.delete("NANODINO_HOME")
      : Deno.env.set("NANODINO_HOME", formerHome)
  );
  Deno.env.set("NANODINO_HOME", home);
  const code = await main(args);
  return outcomeOf({ code, ...bytes });
}

/** A folder with text files, a few kilobytes in all. */
export async function makeCorpus(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const sentences = [
    "My fellow citizens, the state of our union is strong, and it is growing stronger.",
    "We have come a long way, and we have a long way to go.",
    "The budget that I send you is balanced, and it asks for no new taxes.",
  ];
  for (let i = 0; i < 30; i++) {
    const text = `${sentences.slice(i % 3).join(" ").repeat(1 + i % 4)} ${i}\n`;
    await Deno.writeTextFile(`${folder}/${`${i}`.padStart(2, "0")}.txt`, text);
  }
  return folder;
}

const tokenizers = new Map<string, Promise<Uint8Array>>();

/** Trains a tokenizer on a corpus, once. Returns its file. */
function tokenizerOf(corpus: string): Promise<Uint8Array> {
  const train = async () => {
    const home = await Deno.makeTempDir();
    const flags = ["--data", corpus, "--vocab-size", "300"];
    const { code, stderr } = await runScript("tok_train.ts", flags, home);
    if (code !== 0) throw new Error(stderr);
    const file = await Deno.readFile(`${home}/tokenizer/tokenizer.json`);
    await Deno.remove(home, { recursive: true });
    return file;
  };
  const file = tokenizers.get(corpus) ?? train();
  tokenizers.set(corpus, file);
  return file;
}

/** A folder for nanodino's files, with a tokenizer of a corpus. */
export async function makeHome(corpus: string): Promise<string> {
  const home = await Deno.makeTempDir();
  await Deno.mkdir(`${home}/tokenizer`);
  await Deno.writeFile(`${home}/tokenizer/tokenizer.json`, await tokenizerOf(corpus));
  return home;
}
