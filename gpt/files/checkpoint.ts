/**
 * Checkpoints: all state of a run in files, from which it resumes exactly where it was.
 *
 * A checkpoint after step 100 is four files in the folder of the run:
 *
 * | File | Content |
 * | --- | --- |
 * | `model_000100.safetensors` | the parameters, under the names of nanochat's `state_dict` |
 * | `optim_000100.safetensors` | the optimizer state |
 * | `tokenizer_000100.json` | the tokenizer |
 * | `meta_000100.json` | shape, settings, state of run and loader, digests of the other files |
 *
 * No file is renamed into place before all are on disk, and `meta` comes last, so a checkpoint
 * exists as a whole or not at all. It holds digests of the other files and of itself, so truncated,
 * changed or mixed-up files are detected before they are used.
 *
 * @module
 */

import type { MuonAdamW } from "../../optim/mod.ts";
import type { Device } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import {
  type CheckpointContent,
  decodeModelOf,
  decodeOptimizer,
  decodeTokenizer,
  encodeCheckpoint,
} from "./checkpoint_content.ts";
import { latestMeta, readMeta, readMetas } from "./checkpoint_list.ts";
import {
  checkFile,
  checkpointFileName,
  type CheckpointMeta,
  type CheckpointPart,
} from "./checkpoint_meta.ts";
import { ensureWritableFolder, naming, type ReadOptions, writeFilesTogether } from "./files.ts";
import type { TrainableModel } from "../generate/language_model.ts";
import {
  type Architecture,
  type BuildOptions,
  findArchitecture,
  type LoadOptions,
} from "./architecture.ts";

/** A checkpoint whose metadata and tokenizer have been read. */
export interface Checkpoint {
  /** The run's folder. */
  readonly folder: string;
  /** Metadata. */
  readonly meta: CheckpointMeta;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The architectures besides nanochat's that its model may have. */
  readonly architectures: readonly Architecture[];
}

/** Options for {@linkcode openCheckpoint}. */
export interface OpenOptions extends ReadOptions {
  /** The architectures besides nanochat's that its model may have. @default {[]} */
  readonly architectures?: readonly Architecture[];
}

/**
 * Saves a checkpoint. If that fails, earlier ones are unchanged.
 *
 * @returns The path of the metadata.
 * @throws {RangeError} If a parameter is not finite.
 * @throws {Error} If a file cannot be written; the message names it.
 *
 * @example Save and load a model
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { loadModel, openCheckpoint, saveCheckpoint } from "./checkpoint.ts";
 * import { GPT } from "../model/model.ts";
 * import { untrained } from "../train/run.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose"], { vocabSize: 270 });
 * const { vocabSize } = tokenizer;
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * const folder = await Deno.makeTempDir();
 * await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
 *
 * const checkpoint = await openCheckpoint(folder);
 * const loaded = await loadModel(checkpoint, device);
 * if (loaded.parameters().size !== model.parameters().size) throw new Error("expected the same model");
 * await device.close();
 * ```
 */
export async function saveCheckpoint(folder: string, content: CheckpointContent): Promise<string> {
  const files = [...await encodeCheckpoint(content)];
  await ensureWritableFolder(folder);
  await writeFilesTogether(files.map(([name, bytes]) => [`${folder}/${name}`, bytes]));
  return `${folder}/${checkpointFileName("meta", content.state.step)}`;
}

/**
 * Removes a checkpoint, the metadata first, so that it never exists in part. Missing files are
 * skipped.
 */
export async function removeCheckpoint(folder: string, step: number): Promise<void> {
  for (const part of ["meta", "model", "optim", "tokenizer"] as const) {
    await Deno.remove(`${folder}/${checkpointFileName(part, step)}`).catch(() => {});
  }
}

/**
 * Opens a checkpoint: reads metadata and tokenizer, but not the parameters.
 *
 * @param step The checkpoint's step; by default that of the latest one with readable metadata.
 * Others are skipped with a warning.
 * @throws {Error} If there is none, or a file cannot be read or is damaged; the message names it,
 * and the latest intact checkpoint.
 */
export async function openCheckpoint(
  folder: string,
  step?: number,
  { warn = console.warn, architectures = [] }: OpenOptions = {},
): Promise<Checkpoint> {
  const meta = step === undefined
    ? await latestMeta(folder, warn)
    : await orNameIntact(folder, step, "tokenizer", () => readMeta(folder, step));
  return await orNameIntact(folder, meta.state.step, "tokenizer", async () => {
    const bytes = await readPart(folder, meta, "tokenizer");
    const path = `${folder}/${checkpointFileName("tokenizer", meta.state.step)}`;
    const tokenizer = await naming(
      "read",
      path,
      () => decodeTokenizer(bytes, meta.modelConfig, meta.architecture),
    );
    return { folder, meta, tokenizer, architectures };
  });
}

/**
 * Loads the model of a checkpoint.
 *
 * @param options `computeDtype`, which is that of activations only, and `packing`.
 * @throws {Error} If the file is damaged or does not match the metadata; the message names it, and
 * the latest other intact checkpoint.
 * @throws {RangeError} If the device is out of memory.
 */
export async function loadModel(
  checkpoint: Checkpoint,
  device: Device,
  options: LoadOptions = {},
): Promise<TrainableModel> {
  const { folder, meta } = checkpoint;
  const { step } = meta.state;
  const architecture = findArchitecture(meta.architecture, checkpoint.architectures);
  const bytes = await orNameIntact(folder, step, "model", () => readPart(folder, meta, "model"));
  const path = `${folder}/${checkpointFileName("model", step)}`;
  return await naming(
    "read",
    path,
    () => decodeModelOf(architecture, bytes, meta.modelConfig, device, options),
  );
}

/** Builds a model as that of a checkpoint, with zeros as parameters. */
export function buildModel(
  { meta, architectures }: Checkpoint,
  device: Device,
  options: Pick<BuildOptions, "computeDtype"> = {},
): TrainableModel {
  const architecture = findArchitecture(meta.architecture, architectures);
  const config = architecture.checkConfig(meta.modelConfig);
  return architecture.build(config, device, { ...options, seed: null });
}

/**
 * Loads the optimizer state of a checkpoint.
 *
 * @throws {Error} If the checkpoint has none, or the file is damaged; the message names it, and the
 * latest other intact checkpoint.
 */
export async function loadOptimizer(
  checkpoint: Checkpoint,
  optimizer: MuonAdamW,
  device: Device,
): Promise<void> {
  const { folder, meta } = checkpoint;
  const bytes = await readOptimizer(checkpoint);
  const path = `${folder}/${checkpointFileName("optim", meta.state.step)}`;
  await naming("read", path, () => decodeOptimizer(bytes, optimizer, device));
}

/** Reads the optimizer state as bytes; errors are those of {@linkcode loadOptimizer}. */
export async function readOptimizer(
  { folder, meta }: Checkpoint,
): Promise<Uint8Array<ArrayBuffer>> {
  const { step } = meta.state;
  return await orNameIntact(folder, step, "optim", () => readPart(folder, meta, "optim"));
}

/** Reads from a checkpoint; on failure, the error names another one that is intact. */
async function orNameIntact<Result>(
  folder: string,
  step: number,
  part: CheckpointPart,
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    const intact = await findIntact(folder, step, part).catch(() => null);
    if (intact === null || !(cause instanceof Error)) throw cause;
    throw new Error(
      `${cause.message}. Step ${intact} is intact: --step ${intact}, or to train on ` +
        `--resume-from-step ${intact}`,
      { cause },
    );
  }
}

async function findIntact(
  folder: string,
  except: number,
  part: CheckpointPart,
): Promise<number | null> {
  for (const meta of (await readMetas(folder)).metas) {
    const { step } = meta.state;
    if (step === except || meta.files[part] === undefined) continue;
    try {
      for (const part of Object.keys(meta.files) as CheckpointPart[]) {
        await readPart(folder, meta, part);
      }
      return step;
    } catch {
      // Damaged, too.
    }
  }
  return null;
}

/** Reads a file of a checkpoint and verifies its digest. */
async function readPart(
  folder: string,
  meta: CheckpointMeta,
  part: CheckpointPart,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = `${folder}/${checkpointFileName(part, meta.state.step)}`;
  const wanted = meta.files[part];
  if (wanted === undefined) {
    throw new Error(`Cannot read ${path}: the checkpoint was saved without it`);
  }
  const bytes = await naming("read", path, () => Deno.readFile(path));
  await checkFile(path, bytes, wanted);
  return bytes;
}
