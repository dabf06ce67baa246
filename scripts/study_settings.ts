/** Studies as commands read them: from a file, or by name, with the flags of training as settings. */

import {
  fileError,
  parseStudy,
  type Study,
  type StudyRun,
  type StudySettings,
} from "../gpt/internals.ts";
import { deviceFlags } from "./device.ts";
import { type Flags, parseFlags, UsageError, type Values } from "./flags.ts";
import { trainingFlags, type TrainingValues } from "./training_flags.ts";
import { kebabCase } from "./words.ts";

/** The studies that come with this project. */
const shipped: Readonly<Record<string, () => Promise<{ default: unknown }>>> = {
  miniseries: () => import("./studies/miniseries.json", { with: { type: "json" } }),
  scaling_laws: () => import("./studies/scaling_laws.json", { with: { type: "json" } }),
  two_minutes: () => import("./studies/two_minutes.json", { with: { type: "json" } }),
};

/** The names of the studies that come with this project. */
export const shippedStudies: readonly string[] = Object.keys(shipped);

const { verbose: _, ...shared } = deviceFlags;

/** The flags of a device, which the command line chooses for all runs. */
export const deviceSettings = shared;

/** Training flags that a study sets itself, or that make no sense for its runs. */
const OWN_SETTINGS = ["seed", "model-tag", "verbose"];

/** The settings that runs may have, by the names that a file has for them. */
const settingFlags: Flags = Object.fromEntries(
  Object.entries(trainingFlags)
    .map(([name, flag]) => [kebabCase(name), flag] as const)
    .filter(([name]) => !OWN_SETTINGS.includes(name)),
);

/**
 * Reads a study from a file, or one of {@linkcode shippedStudies} by its name.
 *
 * @throws {UsageError} If there is no such file, or it is not a study.
 */
export async function openStudy(file: string): Promise<Study> {
  const [, name = file] = /([^/\\]*?)(?:\.json)?$/.exec(file) ?? [];
  const known = Object.hasOwn(shipped, file) ? shipped[file] : undefined;
  try {
    return parseStudy(name, known === undefined ? await readJson(file) : (await known()).default);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new UsageError(cause.message, { cause });
    if (!(cause instanceof Deno.errors.NotFound)) throw fileError("read", file, cause);
    const names = shippedStudies.join(", ");
    throw new UsageError(
      `Cannot read the study ${file}: wanted a file, or one of ${names}, got no such file`,
      { cause },
    );
  }
}

/** Reads a JSON file. @throws {SyntaxError} If it is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  const text = await Deno.readTextFile(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${path}: wanted JSON, got other text`, { cause });
  }
}

/** A study whose runs are all on the device that the command line chooses. */
export function withDevice(
  study: Study,
  values: Values<typeof deviceSettings>,
  given: ReadonlySet<string>,
): Study {
  const names = Object.keys(deviceSettings).filter((name): name is keyof typeof deviceSettings =>
    given.has(name)
  );
  const varied = names.find((name) => kebabCase(name) in study.rows[0]!);
  if (varied !== undefined) {
    throw new UsageError(
      `Cannot use --${kebabCase(varied)}: wanted a flag that does not vary in the study, got one`,
    );
  }
  const chosen = Object.fromEntries(names.map((name) => [kebabCase(name), values[name]]));
  return { ...study, fixed: { ...study.fixed, ...chosen as StudySettings } };
}

/** The command line of a run. */
export function argumentsOf({ settings, seed, tag }: StudyRun): string[] {
  const given = Object.entries(settings).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : value === false ? [] : [`--${name}=${value}`]
  );
  return [...given, `--seed=${seed}`, `--model-tag=${tag}`];
}

/**
 * The values of all flags of a run.
 *
 * @throws {UsageError} If a setting is not a flag, has a wrong value, or leaves nothing to compare.
 */
export function settingsOfRun(study: Study, run: StudyRun): TrainingValues {
  const refuse = (message: string) => {
    throw new UsageError(`Cannot run the study ${study.name}: ${message}`);
  };
  for (const [name, value] of Object.entries(run.settings)) {
    if (OWN_SETTINGS.includes(name)) {
      refuse(
        `wanted settings without "${name}": seeds are a list of their own, and runs get names`,
      );
    }
    const flag = Object.hasOwn(settingFlags, name) ? settingFlags[name] : undefined;
    if (flag === undefined) refuse(`wanted flags of deno task train as settings, got "${name}"`);
    const isSwitch = flag!.placeholder === null;
    if (isSwitch !== (typeof value === "boolean")) {
      refuse(`wanted ${isSwitch ? "true or false" : "a value"} for "${name}", got ${value}`);
    }
  }
  const values = parseFlags(argumentsOf(run), trainingFlags);
  if (values.architecture !== "nanochat") refuse("wanted nanochat's architecture, got another one");
  if (values.evalEvery === -1) refuse('wanted "eval-every", as runs are compared by bits per byte');
  return values;
}
