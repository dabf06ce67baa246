/**
 * The evaluation bundle of the CORE metric, in the format of the original: `core.yaml` lists the
 * tasks, `eval_meta_data.csv` their baselines, `eval_data/` holds the examples as JSON Lines.
 *
 * @module
 */

import { openZip } from "../../data/mod.ts";
import { basePath, fileError } from "../../gpt/internals.ts";
import { importCsv, importYaml } from "../deps.ts";
import { parseJsonLines } from "../files/json_lines.ts";
import { shown } from "../files/records.ts";

/** A question with several continuations, exactly one of them right. */
export interface MultipleChoiceExample {
  /** The question. */
  readonly query: string;
  /** The continuations. */
  readonly choices: readonly string[];
  /** The index of the right one. */
  readonly gold: number;
}

/** Several contexts before one continuation, exactly one of them right. */
export interface SchemaExample {
  /** The contexts. */
  readonly context_options: readonly string[];
  /** The continuation of each of them. */
  readonly continuation: string;
  /** The index of the right context. */
  readonly gold: number;
}

/** A context and the continuation that the model has to predict token by token. */
export interface LanguageModelingExample {
  /** The context. */
  readonly context: string;
  /** The continuation. */
  readonly continuation: string;
}

/** The examples of a task, by its type. */
export type CoreExamples =
  | { readonly type: "multiple_choice"; readonly examples: readonly MultipleChoiceExample[] }
  | { readonly type: "schema"; readonly examples: readonly SchemaExample[] }
  | { readonly type: "language_modeling"; readonly examples: readonly LanguageModelingExample[] };

/** One task of a bundle, its examples in the order of the file. */
export type CoreTask = CoreExamples & {
  /** The name. */
  readonly label: string;
  /** Number of solved examples in the prompt before the question. */
  readonly fewShot: number;
  /** Separates a question from its continuation. */
  readonly delimiter: string;
  /** The accuracy of guessing, from 0 to 1. */
  readonly baseline: number;
};

/** All tasks of the metric. */
export interface CoreBundle {
  /** The tasks, in the order of `core.yaml`. */
  readonly tasks: readonly CoreTask[];
}

/** The place of the bundle that evaluations use by default: a folder, or with `.zip` a file. */
export function coreBundlePath(): string {
  return basePath("eval_bundle");
}

/** The bundle that evaluations use by default: the path of a folder or zip file; `null` if there is none. */
export async function findCoreBundle(): Promise<string | null> {
  for (const path of [coreBundlePath(), `${coreBundlePath()}.zip`]) {
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  return null;
}

/** Reads a file of the bundle by its path in it. */
type ReadFile = (path: string) => Promise<string>;

/**
 * Reads a bundle.
 *
 * @param source The folder of the bundle, or a zip file that contains it, at the top or in a folder
 * `eval_bundle`.
 * @throws {Error} If a file is missing or malformed, lies outside the bundle, or a zip file unpacks
 * to too much; the message names the file, and for examples the line.
 *
 * @example
 * ```ts
 * import { readCoreBundle } from "./bundle.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.mkdir(`${folder}/eval_data`);
 * await Deno.writeTextFile(
 *   `${folder}/core.yaml`,
 *   "icl_tasks:\n- label: days\n  dataset_uri: days.jsonl\n  num_fewshot: [0]\n" +
 *     "  icl_task_type: language_modeling\n",
 * );
 * await Deno.writeTextFile(`${folder}/eval_meta_data.csv`, "Eval Task,Random baseline\ndays,0\n");
 * await Deno.writeTextFile(
 *   `${folder}/eval_data/days.jsonl`,
 *   '{"context": "Monday, Tuesday,", "continuation": "Wednesday"}\n',
 * );
 * const { tasks } = await readCoreBundle(folder);
 * if (tasks[0]?.examples.length !== 1) throw new Error("expected one example");
 * ```
 */
export async function readCoreBundle(source: string | URL): Promise<CoreBundle> {
  if (/^https?:/.test(`${source}`)) {
    throw new Error(
      `Cannot read the bundle ${source}: wanted a folder or a zip file, got a URL. Download it: ` +
        `deno task core_bundle --from ${source}`,
    );
  }
  const place = source instanceof URL ? decodeURIComponent(source.pathname) : source;
  const read = (await isFile(place)) ? await zipReader(place) : folderReader(place);
  const { parse: parseYaml } = await importYaml();
  const { parse: parseCsv } = await importCsv();
  const settings: unknown = explain(
    `${place}/core.yaml`,
    // Warnings would be printed.
    (text) => parseYaml(text, { logLevel: "error" }),
    await read("core.yaml"),
  );
  const list = isRecord(settings) ? settings.icl_tasks : undefined;
  if (!Array.isArray(list)) {
    throw new Error(`Cannot read ${place}/core.yaml: wanted a list icl_tasks, got none`);
  }
  const rows = explain(
    `${place}/eval_meta_data.csv`,
    (text) => parseCsv(text, { columns: true, relax_column_count: true }) as unknown[],
    await read("eval_meta_data.csv"),
  );
  const baselines = new Map(
    rows.filter(isRecord).map((row) => [row["Eval Task"], Number(row["Random baseline"])]),
  );
  const tasks: CoreTask[] = [];
  for (const entry of list) {
    const task = parseTask(entry, `${place}/core.yaml`);
    const baseline = baselines.get(task.label);
    if (baseline === undefined || !Number.isFinite(baseline)) {
      throw new Error(
        `Cannot read ${place}/eval_meta_data.csv: wanted a Random baseline of ${task.label}, got none`,
      );
    }
    const path = `eval_data/${task.file}`;
    const examples = parseExamples(task.type, await read(path), `${place}/${path}`);
    const { label, fewShot, delimiter } = task;
    if (fewShot >= examples.examples.length) {
      throw new Error(
        `Cannot read ${place}/${path}: wanted more than ${fewShot} examples, as many as num_fewshot ` +
          `shows before another one, got ${examples.examples.length}`,
      );
    }
    tasks.push({ ...examples, label, fewShot, delimiter, baseline: baseline / 100 });
  }
  return { tasks };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (cause) {
    throw new Error(`Cannot read the bundle ${path}: wanted a folder or a zip file, got none`, {
      cause,
    });
  }
}

function folderReader(folder: string): ReadFile {
  return async (path) => {
    try {
      return await Deno.readTextFile(`${folder}/${path}`);
    } catch (cause) {
      throw new Error(`Cannot read ${folder}/${path}: the bundle lacks it`, { cause });
    }
  };
}

async function zipReader(path: string): Promise<ReadFile> {
  const zip = await openZip(path).catch((error) => {
    throw fileError("read", path, error.cause);
  });
  const prefix = zip.paths.find((name) => name.split("/").at(-1) === "core.yaml")
    ?.slice(0, -"core.yaml".length);
  return (name) => {
    if (prefix === undefined || !zip.paths.includes(prefix + name)) {
      return Promise.reject(new Error(`Cannot read ${name} in ${path}: the bundle lacks it`));
    }
    const content = explain(path, zip.read, prefix + name);
    return Promise.resolve(new TextDecoder().decode(content));
  };
}

/** Runs a parser, whose errors then name the file, in one line: some parsers draw the place below. */
function explain<Content, Result>(
  path: string,
  parse: (content: Content) => Result,
  content: Content,
): Result {
  try {
    return parse(content);
  } catch (cause) {
    // The parsers show the place in further lines.
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new Error(`Cannot read ${path}: ${reason!.replace(/:$/, "")}`, { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const taskTypes = ["multiple_choice", "schema", "language_modeling"] as const;

function parseTask(entry: unknown, path: string): {
  label: string;
  file: string;
  type: CoreTask["type"];
  fewShot: number;
  delimiter: string;
} {
  const task = isRecord(entry) ? entry : {};
  const type = taskTypes.find((name) => name === task.icl_task_type);
  const shots: unknown = Array.isArray(task.num_fewshot) ? task.num_fewshot[0] : undefined;
  const { label, dataset_uri: file, continuation_delimiter: delimiter = " " } = task;
  if (typeof label !== "string" || typeof file !== "string" || typeof delimiter !== "string") {
    throw new Error(
      `Cannot read ${path}: wanted a task with label and dataset_uri, got ${JSON.stringify(task)}`,
    );
  }
  if (/\p{Cc}/u.test(label)) {
    throw new Error(
      `Cannot read ${path}: wanted a label of one line, got ${JSON.stringify(label)}`,
    );
  }
  if (!isInside(file)) {
    throw new Error(
      `Cannot read ${path}: wanted dataset_uri as a path below eval_data, got ${
        JSON.stringify(file)
      }`,
    );
  }
  if (type === undefined) {
    throw new Error(
      `Cannot read ${path}: wanted icl_task_type ${taskTypes.join(", ")} in ${label}, got ` +
        `${task.icl_task_type}`,
    );
  }
  if (typeof shots !== "number" || !Number.isInteger(shots) || shots < 0) {
    throw new Error(`Cannot read ${path}: wanted num_fewshot as [0], [1], … in ${label}`);
  }
  return { label, file, type, fewShot: shots, delimiter };
}

/** Whether a relative path stays inside its folder, on every operating system. */
function isInside(path: string): boolean {
  return !/\p{Cc}|\\|:/u.test(path) &&
    path.split("/").every((name) => !["", ".", ".."].includes(name));
}

function parseExamples(type: CoreTask["type"], text: string, path: string): CoreExamples {
  const read = <Example>(parse: (fields: Fields) => Example): Example[] =>
    parseJsonLines(text, path, "examples", (value) => parse(new Fields(value)));
  if (type === "multiple_choice") {
    return {
      type,
      examples: read((fields) => ({
        query: fields.text("query"),
        choices: fields.texts("choices"),
        gold: fields.indexInto("choices"),
      })),
    };
  }
  if (type === "schema") {
    return {
      type,
      examples: read((fields) => ({
        context_options: fields.texts("context_options"),
        continuation: fields.text("continuation"),
        gold: fields.indexInto("context_options"),
      })),
    };
  }
  return {
    type,
    examples: read((fields) => ({
      context: fields.text("context"),
      continuation: fields.text("continuation"),
    })),
  };
}

/** The fields of one example, checked as they are read. */
class Fields {
  readonly #fields: Record<string, unknown>;

  constructor(fields: unknown) {
    if (!isRecord(fields)) throw new TypeError(`wanted an object, got ${shown(fields)}`);
    this.#fields = fields;
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value === "string") return value;
    throw new TypeError(`wanted ${name} as a string, got ${shown(value)}`);
  }

  texts(name: string): string[] {
    const values = this.#fields[name];
    if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
    throw new TypeError(`wanted ${name} as a list of strings, got ${shown(values)}`);
  }

  /** The index `gold` into a list of strings. */
  indexInto(name: string): number {
    const { length } = this.texts(name);
    const { gold } = this.#fields;
    if (typeof gold === "number" && Number.isInteger(gold) && gold >= 0 && gold < length) {
      return gold;
    }
    throw new RangeError(`wanted gold from 0 to ${length - 1}, got ${gold}`);
  }
}
