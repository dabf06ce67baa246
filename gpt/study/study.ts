/** Studies: runs that differ in some settings and in their seeds, described by a file. @module */

import { Error, SyntaxError } from "../../tensor/errors.ts";

/** Values of settings, by the names of flags: `{ "matrix-lr": 0.02, "no-blas": true }`. */
export type StudySettings = Readonly<Record<string, string | number | boolean>>;

/** A study, as its file describes it. */
export interface Study {
  /** The name of the file, which names of runs begin with. */
  readonly name: string;
  /** The question that it answers. */
  readonly about: string;
  /** Settings of all runs. */
  readonly fixed: StudySettings;
  /** Settings of each row of the table, all with the same names, in the order of the file. */
  readonly rows: readonly StudySettings[];
  /** The seeds that each row is run with. */
  readonly seeds: readonly number[];
  /**
   * The vocabulary of the study's own tokenizer; `null` for the tokenizer that was trained last.
   */
  readonly vocabSize: number | null;
  /** The time limit in hours; `null` for none. */
  readonly hours: number | null;
  /** Whether scaling laws are fitted to its results. */
  readonly hasScalingLaws: boolean;
}

/** A run of a study. */
export interface StudyRun {
  /** The name of its folder: `rates-matrix-lr0.02-s1`. */
  readonly tag: string;
  /** The index of its row. */
  readonly row: number;
  /** The seed. */
  readonly seed: number;
  /** All of its settings except the seed. */
  readonly settings: StudySettings;
}

const MEMBERS = ["about", "fixed", "vary", "seeds", "vocab-size", "hours", "scaling-laws"];

/**
 * Checks the description of a study, such as:
 *
 * ```json
 * {
 *   "about": "Which learning rate the matrices want",
 *   "fixed": { "depth": 2, "num-iterations": 200 },
 *   "vary": { "matrix-lr": [0.01, 0.02, 0.04] },
 *   "seeds": [1, 2, 3],
 *   "vocab-size": 2048,
 *   "hours": 0.5
 * }
 * ```
 *
 * `vary` has lists of values, all combinations of which are tried, or is a list of the rows themselves:
 * `[{ "depth": 2, "matrix-lr": 0.02 }, …]`. Only `vary` is required; the one seed is 42 by default.
 *
 * @param name The name of the study: letters, digits, `.`, `_` and `-`.
 * @throws {SyntaxError} If a member is missing, unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { parseStudy, studyRuns } from "./study.ts";
 *
 * const study = parseStudy("rates", { vary: { "matrix-lr": [0.01, 0.02] }, seeds: [1, 2] });
 * const tags = studyRuns(study).map(({ tag }) => tag);
 * if (tags[1] !== "rates-matrix-lr0.02-s1" || tags.length !== 4) throw new Error(tags.join());
 * ```
 */
export function parseStudy(name: string, file: unknown): Study {
  const refuse = (wanted: string, got: unknown): never => {
    throw new SyntaxError(`Cannot read the study ${name}: wanted ${wanted}, got ${showValue(got)}`);
  };
  if (!/^\w[\w.-]*$/.test(name)) refuse("a name of letters, digits, . _ and -", name);
  if (!isRecord(file)) return refuse("an object", file);
  const unknown = Object.keys(file).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined) refuse(MEMBERS.join(", "), unknown);
  const { about = "", fixed = {}, vary, seeds = [42], hours = null } = file;
  const { "vocab-size": vocabSize = null, "scaling-laws": hasScalingLaws = false } = file;
  if (typeof about !== "string") return refuse("about to be a text", about);
  if (!isSettings(fixed)) return refuse("fixed to be settings by flag", fixed);
  const isSeed = (seed: unknown): seed is number => Number.isSafeInteger(seed) && Number(seed) >= 0;
  if (!isListOf(seeds, isSeed) || new Set(seeds).size < seeds.length) {
    return refuse("seeds to be different whole numbers of at least 0", seeds);
  }
  if (vocabSize !== null && !isSeed(vocabSize)) {
    return refuse("vocab-size to be a whole number", vocabSize);
  }
  if (hours !== null && !(typeof hours === "number" && hours > 0)) {
    return refuse("hours to be a number above 0", hours);
  }
  if (typeof hasScalingLaws !== "boolean") {
    return refuse("scaling-laws to be true or false", hasScalingLaws);
  }
  const rows = parseRows(vary) ??
    refuse("vary to be lists of values by flag, or a list of rows", vary);
  const names = Object.keys(rows[0]!);
  const other = rows.find((row) => Object.keys(row).sort().join() !== names.toSorted().join());
  if (other !== undefined) refuse(`rows of ${names.join(", ")}`, other);
  const twice = names.find((name) => name in fixed);
  if (twice !== undefined) refuse("a setting to be in fixed or in vary", `"${twice}" in both`);
  return { name, about, fixed, rows, seeds, vocabSize, hours, hasScalingLaws };
}

/** A study as the content of a file, with its rows one by one; see {@linkcode parseStudy}. */
export function studyAsJson(study: Study): string {
  const { about, fixed, rows: vary, seeds, vocabSize, hours, hasScalingLaws } = study;
  const file = {
    about,
    fixed,
    vary,
    seeds,
    "scaling-laws": hasScalingLaws,
    ...(vocabSize === null ? {} : { "vocab-size": vocabSize }),
    ...(hours === null ? {} : { hours }),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * The runs of a study: all rows with the first seed, then all with the next, so that in a study
 * that ends early, rows differ by at most one run.
 *
 * @throws {Error} If two rows would have the same name.
 */
export function studyRuns({ name, fixed, rows, seeds }: Study): StudyRun[] {
  const runs = seeds.flatMap((seed) =>
    rows.map((varied, row): StudyRun => ({
      tag: `${name}-${settingsAsText(varied, "", "-")}-s${seed}`.replaceAll(/[^\w.-]/g, "_"),
      row,
      seed,
      settings: { ...fixed, ...varied },
    }))
  );
  const tags = runs.map(({ tag }) => tag);
  const twice = tags.find((tag, i) => tags.indexOf(tag) < i);
  if (twice === undefined) return runs;
  throw new Error(`Cannot run the study ${name}: wanted rows that differ, got ${twice} twice`);
}

/** The name of a row: `depth 2, matrix-lr 0.02`. */
export function rowName(varied: StudySettings): string {
  return settingsAsText(varied, " ", ", ");
}

function settingsAsText(settings: StudySettings, before: string, between: string): string {
  return Object.entries(settings).map(([name, value]) => name + before + shortValue(value))
    .join(between);
}

/** A value in few characters: `1e12`, and not `1000000000000`. */
function shortValue(value: string | number | boolean): string {
  if (typeof value !== "number") return `${value}`;
  const exponential = value.toExponential().replace("e+", "e");
  return exponential.length < `${value}`.length ? exponential : `${value}`;
}

function parseRows(vary: unknown): StudySettings[] | null {
  if (Array.isArray(vary)) return isListOf(vary, isSettings) ? vary : null;
  if (!isRecord(vary) || Object.keys(vary).length === 0) return null;
  let rows: StudySettings[] = [{}];
  for (const [name, values] of Object.entries(vary)) {
    if (!isListOf(values, isValue)) return null;
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
  }
  return rows;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSettings(value: unknown): value is StudySettings {
  return isRecord(value) && Object.values(value).every(isValue);
}

function isValue(value: unknown): value is string | number | boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isListOf<Item>(value: unknown, is: (item: unknown) => item is Item): value is Item[] {
  return Array.isArray(value) && value.length > 0 && value.every(is);
}

function showValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "none";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
