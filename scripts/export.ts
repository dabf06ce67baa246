/**
 * Exports a model to other programs: a folder for transformers, a GGUF file, a folder for nanochat.
 */

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
import { chooseModel, fromFlags, type ModelChoice, modelFlags, openModel } from "./models.ts";
import { print } from "./output.ts";

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

async function runExport(values: Values<typeof flags>, args: readonly string[]): Promise<void> {
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
    print(`Written to ${out}: ${await writeTogether(out, exportPretrained(opened, options))}`);
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

/** Writes all files, or none: they are moved into place when they are whole. Returns what they are. */
async function writeTogether(out: string, files: AsyncIterable<ExportedFile>): Promise<string> {
  const parent = dirname(out);
  await Deno.mkdir(parent, { recursive: true });
  const unfinished = await Deno.makeTempDir({ dir: parent, prefix: ".export-" });
  try {
    const written: string[] = [];
    for await (const { name, chunks } of files) {
      const path = join(unfinished, name);
      await Deno.writeFile(path, ReadableStream.from(chunks));
      written.push(`${name} (${bytes((await Deno.stat(path)).size)})`);
    }
    // Temporary folders are their owner's alone.
    if (Deno.build.os !== "windows") await Deno.chmod(unfinished, 0o755);
    await Deno.remove(out).catch(() => {});
    await Deno.rename(unfinished, out);
    return written.join(", ");
  } catch (error) {
    await Deno.remove(unfinished, { recursive: true });
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
