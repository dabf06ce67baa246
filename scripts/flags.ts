/** The command line of every script: typed flags, `--help`, exit codes, errors in one line. */

import { parseArgs } from "./deps.ts";
import { didYouMean, kebabCase, withFlagNames } from "./words.ts";

/** A flag, with a value or without (a switch). */
export interface Flag<Value> {
  readonly help: string;
  readonly fallback: Value;
  /** Placeholder of the value in `--help`; `null` for a switch. */
  readonly placeholder: string | null;
  /** Whether it may be repeated; `parse` then gets one line per value. */
  readonly isRepeatable?: boolean;
  /** Parses the value. @throws {UsageError} If it is invalid: "a whole number, got x". */
  readonly parse: (text: string) => Value;
}

/** Flags by name, in camel case: `maxSeqLen` is `--max-seq-len`. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

export type Values<Given extends Flags> = {
  readonly [Name in keyof Given]: Given[Name] extends Flag<infer Value> ? Value : never;
};

/** A wrong command line: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Flag values that are saved with a run. */
export type Settings = Readonly<Record<string, string | number | boolean | null>>;

/** An integer from `least` to `most`, or the exception `or`: −1 or 0 for "no". */
export function integer(
  fallback: number,
  help: string,
  { least = 1, most = Infinity, or }: {
    readonly least?: number;
    readonly most?: number;
    readonly or?: number;
  } = {},
): Flag<number> {
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  const wanted = `a whole number ${range}${or === undefined ? "" : ` or ${or}`}`;
  const isFine = (value: number) =>
    value === or || (Number.isSafeInteger(value) && value >= least && value <= most);
  return { help, fallback, placeholder: "N", parse: (text) => parseNumber(text, wanted, isFine) };
}

/** A number from `least` to `most`, or the exception `or`. */
export function decimal(
  fallback: number,
  help: string,
  { least = 0, most = Infinity, or }: {
    readonly least?: number;
    readonly most?: number;
    readonly or?: number;
  } = {},
): Flag<number> {
  const range = most === Infinity
    ? `a number of at least ${least}`
    : `a number from ${least} to ${most}`;
  const wanted = `${range}${or === undefined ? "" : ` or ${or}`}`;
  const isFine = (value: number) =>
    value === or || (Number.isFinite(value) && value >= least && value <= most);
  return { help, fallback, placeholder: "X", parse: (text) => parseNumber(text, wanted, isFine) };
}

export function text(fallback: string, help: string, placeholder = "TEXT"): Flag<string> {
  return { help, fallback, placeholder, parse: notEmpty };
}

/** The name of a run, which is the name of its folder. */
export function runName(help: string): Flag<string> {
  const parse = (text: string) => {
    if (/^\w[\w.-]*$/.test(text)) return text;
    throw new UsageError(`wanted letters, digits, . _ and -, got ${quote(text)}`);
  };
  return { help, fallback: "", placeholder: "NAME", parse };
}

/** A flag without a default: `null` if not given. */
export function optional<Value>(flag: Flag<Value>): Flag<Value | null> {
  return { ...flag, fallback: null };
}

/** One of several words. */
export function choice<Word extends string>(
  words: readonly Word[],
  fallback: NoInfer<Word>,
  help: string,
): Flag<Word> {
  return {
    help,
    fallback,
    placeholder: words.join("|"),
    parse: (text) => {
      const word = words.find((word) => word === text);
      if (word !== undefined) return word;
      throw new UsageError(`wanted ${words.join(", ")}, got ${quote(text)}`);
    },
  };
}

/** A repeatable flag: all its values in order. */
export function list(help: string, placeholder: string): Flag<readonly string[]> {
  const parse = (text: string) => text.split("\n").map(notEmpty);
  return { help, fallback: [], placeholder, isRepeatable: true, parse };
}

export function toggle(help: string): Flag<boolean> {
  return { help, fallback: false, placeholder: null, parse: (text) => text !== "false" };
}

export interface Script<Given extends Flags> {
  readonly summary: string;
  /** The command: `deno task train`. */
  readonly command: string;
  /** The flags, besides `--help` and `--debug`. */
  readonly flags: Given;
  /** Runs the script, and returns the exit code. @default {0} */
  readonly run: (values: Values<Given>, args: readonly string[]) => Promise<number | void>;
}

const commonFlags = {
  help: toggle("Show this help"),
  debug: toggle("Show where an error came from"),
};

/**
 * Parses flags, runs a script, and prints errors in one line.
 *
 * @returns The exit code: 0, 1 for an error, 2 for a wrong flag; or what `run` returns, such as 130
 * after SIGINT (Ctrl-C), 143 after SIGTERM and 129 after SIGHUP.
 */
export async function runScript<Given extends Flags>(
  script: Script<Given>,
  args: readonly string[],
): Promise<number> {
  try {
    const values = parseFlags(args, script.flags);
    if (givenFlags(args, script.flags).has("help")) {
      console.log(helpText(script.summary, script.command, { ...script.flags, ...commonFlags }));
      return 0;
    }
    return await script.run(values, args) ?? 0;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    if (args.includes("--debug")) console.error(error);
    else if (isUsage) {
      console.error(`${withFlagNames(firstLine(error), script.flags)} (see --help)`);
    } else console.error(firstLine(error));
    return isUsage ? 2 : 1;
  }
}

/** The main function of a script: see {@linkcode runScript}. */
export function mainOf<Given extends Flags>(
  script: Script<Given>,
): (args: readonly string[]) => Promise<number> {
  return (args) => runScript(script, args);
}

/**
 * Parses flags.
 *
 * @param saved Values that replace the defaults.
 * @throws {UsageError} If a flag is unknown or its value invalid.
 */
export function parseFlags<Given extends Flags>(
  args: readonly string[],
  flags: Given,
  saved: Settings = {},
): Values<Given> {
  const given = splitArguments(args, { ...flags, ...commonFlags });
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const kept = saved[name];
    const value = given.get(name) ?? (kept === null || kept === undefined ? undefined : `${kept}`);
    values[name] = value === undefined ? flag.fallback : parseValue(name, flag, value);
  }
  return values as Values<Given>;
}

/** Takes out what is neither a flag nor the value of one: names of tasks, files and the like, in any place. */
export function splitNames(
  args: readonly string[],
  flags: Flags,
): { readonly names: readonly string[]; readonly rest: readonly string[] } {
  const withValue = Object.keys(flags).filter((name) => flags[name]!.placeholder !== null)
    .map((name) => `--${kebabCase(name)}`);
  const isName = (argument: string, index: number) =>
    !argument.startsWith("-") && !withValue.includes(args[index - 1] ?? "");
  return {
    names: args.filter(isName),
    rest: args.filter((argument, index) => !isName(argument, index)),
  };
}

export function givenFlags(args: readonly string[], flags: Flags): ReadonlySet<string> {
  return new Set(splitArguments(args, { ...flags, ...commonFlags }).keys());
}

/** Calls a function, and turns its errors into usage errors. */
export function withUsageErrors<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    return rethrowAsUsage(error);
  }
}

/** Rethrows an error, as a usage error if wrong flags caused it. */
export function rethrowAsUsage(error: unknown): never {
  if (error instanceof RangeError) throw new UsageError(error.message, { cause: error });
  throw error;
}

/** An error's message, without the stack. */
export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : `${error}`).split("\n")[0]!;
}

function splitArguments(args: readonly string[], flags: Flags): Map<string, string> {
  if (args.includes("--")) {
    throw new UsageError("Cannot read --: wanted flags only, which need no -- before them");
  }
  const names = (isWanted: (flag: Flag<unknown>) => boolean) =>
    Object.keys(flags).filter((name) => isWanted(flags[name]!)).map(kebabCase);
  const switches = names(({ placeholder }) => placeholder === null);
  for (const argument of args) {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(argument) ?? [];
    if (name !== undefined && switches.includes(name) && !/^(true|false)$/.test(value!)) {
      throw new UsageError(`Cannot use --${name}: wanted no value, got ${quote(value!)}`);
    }
  }
  const parsed = parseArgs(prepare(args, switches), {
    boolean: switches,
    string: names(({ placeholder }) => placeholder !== null),
    collect: names(({ isRepeatable = false }) => isRepeatable),
    unknown: (argument) => {
      if (!argument.startsWith("-")) throw new UsageError(`There is no argument ${argument}`);
      const known = Object.keys(flags).map((name) => `--${kebabCase(name)}`);
      const [name = ""] = argument.split("=");
      throw new UsageError(`There is no flag ${argument}${didYouMean(name, known)}`);
    },
  });
  const given = new Set(args.map((argument) => /^--([^=]+)/.exec(argument)?.[1]));
  return new Map(
    Object.keys(flags).filter((name) => given.has(kebabCase(name))).map((name) => {
      const value = parsed[kebabCase(name)];
      return [name, Array.isArray(value) ? value.join("\n") : `${value}`];
    }),
  );
}

/**
 * Rewrites arguments that `parseArgs` takes for something else: the value in `--eval-every -1` and
 * `--prompt "- a list"` for flags of one letter, which there are none of; an empty text for an argument; and
 * `--no-blas=false` for `--blas`.
 */
function prepare(args: readonly string[], switches: readonly string[]): string[] {
  const prepared: string[] = [];
  for (const argument of args) {
    const last = prepared.at(-1) ?? "";
    const takesValue = /^--[a-z-]+$/.test(last) && !switches.includes(last.slice(2));
    const [, name = "", value = ""] = /^--(no-[^=]+)=(.*)$/s.exec(argument) ?? [];
    if (takesValue && /^(-[^-]|$)/.test(argument)) {
      prepared[prepared.length - 1] = `${last}=${argument}`;
    } else if (switches.includes(name)) prepared.push(`--${name}`, value);
    else prepared.push(argument);
  }
  return prepared;
}

function parseValue(name: string, flag: Flag<unknown>, value: string): unknown {
  try {
    return flag.parse(value);
  } catch (error) {
    throw new UsageError(`Cannot use --${kebabCase(name)}: ${firstLine(error)}`, { cause: error });
  }
}

function parseNumber(text: string, wanted: string, isFine: (value: number) => boolean): number {
  const digits = text.replaceAll("_", "").trim();
  const value = digits === "" ? NaN : Number(digits);
  if (isFine(value)) return value;
  throw new UsageError(`wanted ${wanted}, got ${quote(text)}`);
}

function notEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new UsageError(`wanted a text, got ${quote(text)}`);
}

function helpText(summary: string, command: string, flags: Flags): string {
  const rows = Object.entries(flags).map(([name, { help, fallback, placeholder }]) => ({
    left: `--${kebabCase(name)}${placeholder === null ? "" : ` ${placeholder}`}`,
    right: placeholder === null || fallback === null || `${fallback}` === ""
      ? help
      : `${help} (default: ${fallback})`,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return [
    summary,
    "",
    `Usage: ${command} [flags]`,
    "",
    ...rows.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}`),
  ].join("\n");
}

function quote(text: string): string {
  return text.length > 40 ? `"${text.slice(0, 40)}…"` : `"${text}"`;
}
