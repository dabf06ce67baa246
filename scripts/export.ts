/**
 * Exports a model to other programs: a folder for transformers, a GGUF file, a folder for nanochat.
 */

import { naming } from "../gpt/files/files.ts";
import { exitCodeOf, fileError } from "../gpt/internals.ts";
import { openDevice } from "../gpt/mod.ts";
import {
  type ExportedFile,
  exportFormats,
  type ExportOptions,
  exportPretrained,
  exportTypes,
  type ModelCard,
} from "../models/mod.ts";
import { dirname, join } from "./deps.ts";
import { choice, givenFlags, mainOf, optional, text, UsageError, type Values } from "./flags.ts";
import { exportHtml } from "./export_html.ts";
import { bytes } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { chooseModel, fromFlags, type ModelChoice, modelFlags, openModel } from "./models.ts";
import { print } from "./output.ts";
import { checkOutputFile } from "./output_path.ts";

/** How the names of folders begin in which files are not whole. */
const UNFINISHED = ".export-";

const flags = {
  to: optional(choice(exportFormats, "huggingface", "The program that the files are for")),
  type: choice(exportTypes, "f32", "The type of the weights; 8 and 4 bits only in gguf"),
  out: text("", "The folder to write, which is new or empty", "DIR"),
  html: text("", "Instead of --to: write one page with the model in it, for any browser", "FILE"),
  ...modelFlags,
  ...fromFlags,
};

/** Exports a model. Returns the exit code. */
export const main = mainOf({
  summary: "Writes the latest model, or another program's, as files of another program.",
  command: "deno task export",
  flags,
  run: runExport,
});

async function runExport(
  values: Values<typeof flags>,
  args: readonly string[],
): Promise<number | void> {
  const { to, type, out, html } = values;
  if (html !== "") return await runHtml(values, givenFlags(args, flags));
  if (to === null) {
    throw new UsageError(`Cannot use --to: wanted ${exportFormats.join(", ")}, got none`);
  }
  if (out === "") throw new UsageError("Cannot use --out: wanted a folder to write, got none");
  await checkUnused(out);
  const given = givenFlags(args, flags);
  const chosen = await chooseModel({ ...values, dtype: "f32" }, given, () => openModel(values));
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    const opened = await chosen.load(device, { computeDtype: "float32" });
    const options: ExportOptions = { to, type, card: cardOf(chosen, values.from) };
    using interrupt = onInterrupt("Stopping.");
    const { signal } = interrupt;
    try {
      const written = await writeTogether(out, exportPretrained(opened, options), signal);
      print(`Written to ${out}: ${written}`);
    } catch (error) {
      // The system's own errors tell no place: "No space left on device (os error 28)".
      const isSystem = error instanceof Error && /\bos error \d+/.test(error.message);
      if (!signal.aborted) throw isSystem ? fileError("write", out, error) : error;
    }
    return exitCodeOf(signal);
  } finally {
    await device.close();
  }
}

/** Writes a page instead of files for a program. */
async function runHtml(values: Values<typeof flags>, given: ReadonlySet<string>): Promise<void> {
  const other = ["to", "type", "out", "from"].find((name) => given.has(name));
  if (other !== undefined) {
    throw new UsageError(`Cannot use --html with --${other}: wanted one of the two`);
  }
  await checkOutputFile("--html", values.html);
  await exportHtml(values.html, await openModel(values));
}

/** The origin of the model of a run, or of another program. */
function cardOf({ name, checkpoint }: ModelChoice, from: string): ModelCard {
  if (checkpoint === null) return { name, base: from };
  const { settings, state } = checkpoint.meta;
  const told = (setting: string): string[] => {
    const value = settings[setting];
    return value === undefined || value === null || value === "" ? [] : `${value}`.split("\n");
  };
  return {
    name,
    base: told("from")[0],
    data: ["data", "task", "conversations", "documents"].flatMap(told),
    steps: state.step,
    bitsPerByte: state.bitsPerByte ?? undefined,
  };
}

/** Refuses a folder with files, before work begins. */
async function checkUnused(out: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(out)) {
      if (name.startsWith(UNFINISHED)) continue;
      throw new UsageError(
        `Cannot use --out: wanted a new or empty folder, got ${out} with ${name}`,
      );
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (!(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new UsageError(`Cannot use --out: wanted a folder, got the file ${out}`);
  }
}

/**
 * Writes all files, or none: they are moved into the folder when they are whole. The folder itself
 * is not replaced, as it may be a mounted volume or the current folder. Returns what the files are.
 */
async function writeTogether(
  out: string,
  files: AsyncIterable<ExportedFile>,
  signal: AbortSignal,
): Promise<string> {
  const isNew = await naming("write", out, async () => {
    await Deno.mkdir(dirname(out), { recursive: true });
    return await Deno.mkdir(out).then(() => true, (error) => {
      if (error instanceof Deno.errors.AlreadyExists) return false;
      throw error;
    });
  });
  for await (const { name } of Deno.readDir(out)) {
    // Left by a process that was killed.
    if (name.startsWith(UNFINISHED)) await Deno.remove(join(out, name), { recursive: true });
  }
  const unfinished = await Deno.makeTempDir({ dir: out, prefix: UNFINISHED });
  try {
    const [names, written]: [string[], string[]] = [[], []];
    for await (const { name, chunks } of files) {
      const path = join(unfinished, name);
      await Deno.writeFile(path, ReadableStream.from(chunks), { signal });
      names.push(name);
      written.push(`${name} (${bytes((await Deno.stat(path)).size)})`);
    }
    signal.throwIfAborted();
    for (const name of names) await Deno.rename(join(unfinished, name), join(out, name));
    return written.join(", ");
  } finally {
    await Deno.remove(unfinished, { recursive: true });
    // Only an empty folder can be removed so.
    if (isNew) await Deno.remove(out).catch(() => {});
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
