/** Models of the Hugging Face hub: `hf:ORG/NAME`, or `hf:ORG/NAME@REVISION`. */

import { Hub } from "../data/mod.ts";
import { basePath, writeFileAtomically } from "../gpt/internals.ts";
import { connectionOf } from "./connection.ts";
import { join } from "./deps.ts";
import { UsageError } from "./flags.ts";
import { bytes } from "./format.ts";
import { printError } from "./output.ts";
import { showTransfer } from "./transfer.ts";

/** The files of a model that are needed. */
const READ =
  /^(config|generation_config|tokenizer|tokenizer_config|model\.safetensors\.index)\.json$|^chat_template\.jinja$|^model(-\d{5}-of-\d{5})?\.safetensors$/;

/** The file that marks a download as complete, and names its commit. */
const DESCRIPTION = ".source.json";

/** The file that names the commit of a download that is not complete. */
const PIN = ".commit";

/** Whether a place is a model of the hub, and not one on this machine. */
export function isHubModel(place: string): boolean {
  return place.startsWith("hf:");
}

/**
 * The folder of a model of the hub. Missing files are downloaded, of the commit with which the
 * download began; a complete model stays at its commit, without any request.
 *
 * @throws {UsageError} If the address is malformed.
 * @throws {Error} If the model cannot be downloaded, or has no config.json or no safetensors files.
 */
export async function hubModel(address: string): Promise<string> {
  const match = /^hf:([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?$/.exec(address);
  if (match === null) {
    throw new UsageError(`Cannot use ${address}: wanted hf:ORG/NAME or hf:ORG/NAME@REVISION`);
  }
  const [, repository, revision] = match;
  const folder = basePath("models", encodeURIComponent(address));
  if (await exists(join(folder, DESCRIPTION))) return folder;
  const { endpoint, token, onWait, isOffline } = connectionOf();
  if (isOffline) {
    throw new Error(`Cannot read ${address}: wanted it on this machine, as HF_HUB_OFFLINE is set`);
  }
  const hub = new Hub({
    kind: "models",
    token,
    ...endpoint !== undefined && { endpoint },
    ...onWait !== undefined && { onWait },
  });
  const pin = await Deno.readTextFile(join(folder, PIN)).catch(() => null);
  const commit = pin ?? await hub.commit(repository!, revision);
  const files = (await hub.files(repository!, commit)).filter(({ path }) => READ.test(path));
  const paths = files.map(({ path }) => path);
  // Before anything is downloaded: what is complete is never asked for again.
  const missing = !paths.includes("config.json")
    ? "no config.json"
    : !paths.some((path) => path.endsWith(".safetensors"))
    ? "neither model.safetensors nor shards of it"
    : null;
  if (missing !== null) {
    const wanted = "wanted config.json and safetensors files";
    throw new Error(`Cannot read ${address}: ${wanted}, got ${missing}`);
  }
  await Deno.mkdir(folder, { recursive: true });
  if (pin === null) await writeFileAtomically(join(folder, PIN), commit);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  printError(`Getting ${address}: ${files.length} files, ${bytes(total)}`);
  const onProgress = showTransfer();
  let arrived = 0;
  for (const file of files) {
    const path = join(folder, file.path);
    // A complete file is not requested again, unless nothing says which commit it is of.
    if (pin === null || await fileSize(path) !== file.size) {
      const options = { onProgress: (done: number) => onProgress(arrived + done, total) };
      await hub.download(repository!, commit, file, path, options);
    }
    arrived += file.size;
  }
  const description = { address, commit, files: paths };
  await writeFileAtomically(join(folder, DESCRIPTION), JSON.stringify(description));
  // Another process that waited for the same files may have removed it.
  await Deno.remove(join(folder, PIN)).catch(() => {});
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await fileSize(path) !== null;
}

async function fileSize(path: string): Promise<number | null> {
  return await Deno.stat(path).then(({ size }) => size, () => null);
}
