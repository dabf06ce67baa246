/** Writes the lesson as a folder of static files. */

import { stages } from "../chat/files/stages.ts";
import { ensureWritableFolder, writeFileAtomically } from "../gpt/internals.ts";
import { dirname, join } from "./deps.ts";
import { mainOf, optional, runName, text, toggle, UsageError, type Values } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { readModelFiles } from "./model_files.ts";
import { findModel } from "./models.ts";
import { write } from "./output.ts";
import { checkOutputFolder, overwriteFlag } from "./output_path.ts";
import { keptSiteModel, makeSiteModelShowing } from "./site_model.ts";

/**
 * A constant, not a literal import, so that packages for pages are only downloaded if they are
 * used.
 */
const BUILD = "../web/build.tsx";

/** The flag of a site's model. */
export const siteFlags = {
  model: optional(
    runName("The run whose latest model comes with the page, in place of a small one"),
  ),
  noModel: toggle("Leave out the model that comes with the page"),
};

const flags = {
  output: optional(text("", "The folder to write, which any static host can serve", "DIR")),
  ...siteFlags,
  url: optional(text("", "The address of the site, so that links to it show its picture", "URL")),
  ...overwriteFlag,
};

/** Writes the folder and prints its size. Returns the exit code. */
export const main = mainOf({
  summary: "Writes the lesson as static files: open index.html, or put them on any host.",
  command: "deno task site",
  flags,
  run: runSite,
});

/**
 * The files of the model that comes with the page, as far as they exist; `null` if the model has to
 * be trained.
 */
export async function readModel(
  { model, noModel }: Values<typeof siteFlags>,
): Promise<Map<string, Uint8Array<ArrayBuffer>> | null> {
  if (noModel && model !== null) {
    throw new UsageError("Cannot use --model with --no-model: wanted one of the two");
  }
  if (noModel) return new Map();
  if (model === null) return await keptSiteModel();
  return await readModelFiles(
    (await findModel({ source: "latest", modelTag: model }, stages, "--model")).folder,
  );
}

async function runSite(
  { output, model, noModel, url, overwrite }: Values<typeof flags>,
): Promise<number | void> {
  if (output === null) throw new UsageError("Cannot write the pages: wanted --output, got none");
  const { buildSite }: typeof import("../web/build.tsx") = await import(BUILD);
  if (url !== null && !URL.canParse(url)) {
    throw new UsageError(`Cannot use --url: wanted an address like https://…, got "${url}"`);
  }
  const plain = await buildSite();
  if (!overwrite) await checkOutputFolder(output, [...plain.keys(), "model"]);
  // Before a model is trained, which takes minutes.
  await ensureWritableFolder(output);
  using interrupt = onInterrupt("Stopping");
  const files = await readModel({ model, noModel }) ??
    await makeSiteModelShowing(interrupt.signal);
  if (files === null) return interrupt.signal.reason;
  const isPlain = files.size === 0 && url === null;
  const site = isPlain ? plain : await buildSite({ model: files, url });
  for (const [path, bytes] of site) {
    await ensureWritableFolder(join(output, dirname(path)));
    await writeFileAtomically(join(output, path), bytes);
  }
  const sizes = await Promise.all([...site].map(async ([path, bytes]) => ({
    path,
    bytes: bytes.length,
    gzip: await gzipSize(bytes),
  })));
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  const width = files.size === 0 ? 12 : 36;
  for (const { path, bytes, gzip } of sizes.filter(({ path }) => !path.startsWith("source/"))) {
    write(`${path.padEnd(width)} ${kilobytes(bytes)}, ${kilobytes(gzip)} gzip\n`);
  }
  write(`${site.size} files, ${kilobytes(total)}, in ${output}\n`);
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

async function gzipSize(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
