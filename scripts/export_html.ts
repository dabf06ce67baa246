/** A model as one page: weights, tokenizer, engine, chat and the view inside. */

import { describeProgress, writeFileAtomically } from "../gpt/internals.ts";
import { UsageError } from "./flags.ts";
import { bytes } from "./format.ts";
import { assistantNameOf, type ChosenModel, suggestionsFor } from "./models.ts";
import { readModelFiles } from "./model_files.ts";
import { print } from "./output.ts";

/**
 * Constants, not literal imports, so that the code that builds pages is only loaded if it is used.
 */
const BUILD = "../web/model_page/mod.ts";

/** The text of every page about the rights to its model. */
const LICENSE = "The engine is nanodino's (MIT). The weights are whose who trained them.";

/**
 * Writes the page.
 *
 * @param path The file, which is replaced if there is one.
 * @throws {UsageError} If the model is of another architecture than nanochat's.
 */
export async function exportHtml(path: string, chosen: ChosenModel): Promise<void> {
  const { meta, folder, progress, stage, tag } = chosen;
  if (meta.architecture !== undefined) {
    throw new UsageError(
      `Cannot use --html: wanted a model of nanochat's architecture, got ${meta.architecture}`,
    );
  }
  const { packCheckpoint, modelPageTemplate, fillTemplate }:
    typeof import("../web/model_page/mod.ts") = await import(BUILD);
  const packed = await packCheckpoint(await readModelFiles(folder, meta.state.step));
  const page = await fillTemplate(
    await modelPageTemplate(),
    {
      id: tag,
      stage,
      origin: describeProgress(progress),
      assistant_name: assistantNameOf(chosen),
      examples: suggestionsFor(chosen),
      facts: factsOf(chosen),
    },
    new Map([...packed].map(([name, content]) => [name, new Blob([content])])),
  );
  await writeFileAtomically(path, new TextEncoder().encode(page));
  print(`Written to ${path}: ${bytes((await Deno.stat(path)).size)}, which any browser opens`);
}

/** Rows of the page's card besides the shape of the model. */
function factsOf({ meta: { settings, state, savedAt } }: ChosenModel): [string, string][] {
  const { data, task, conversations } = settings;
  const trainedOn = conversations ?? task ?? data;
  const bits = state.bitsPerByte;
  return [
    ...(trainedOn == null ? [] : [["Trained on", `${trainedOn}`] as [string, string]]),
    ...(bits === null ? [] : [["Bits per byte", bits.toFixed(4)] as [string, string]]),
    ["Saved", savedAt.slice(0, 10)],
    ["License", LICENSE],
  ];
}
