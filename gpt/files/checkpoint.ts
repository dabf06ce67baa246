/**
 * Checkpoints: everything that a run consists of, in files from which it goes on as if it had never
 * stopped.
 *
 * A checkpoint after step 100 is four files in the folder of the run:
 *
 * | File | Content |
 * | --- | --- |
 * | `model_000100.safetensors` | the parameters, under the names of nanochat's `state_dict` |
 * | `optim_000100.safetensors` | what the optimiser remembers |
 * | `tokenizer_000100.json` | the tokenizer that the model was trained with |
 * | `meta_000100.json` | shape, settings, state of the run and the loader, digests of the others |
 *
 * None takes its name before all are on the disk, and `meta` comes last, so a checkpoint is there as a
 * whole or not at all. It has the digests of the other files and its own: one that was cut off,
 * changed, or belongs to another checkpoint is noticed before anything is made of it.
 *
 * @module
 */

import type { MuonAdamW } from "../../optim/mod.ts";
import type { Device } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import {
  decodeModel,
  decodeOptimizer,
  encodeModel,
  encodeOptimizer,
} from "./checkpoint_content.ts";
import { fileName, latestMeta, readFile, readMeta, readMetas } from "./checkpoint_list.ts";
import {
  changedMessage,
  type CheckpointMeta,
  type CheckpointPart,
  digestOf,
  formatMeta,
} from "./checkpoint_meta.ts";
import { ensureWritableFolder, fileError, type ReadOptions, writeFilesTogether } from "./files.ts";
import type { GPT, GPTOptions } from "../model/model.ts";

/** What {@linkcode saveCheckpoint} saves. */
export interface CheckpointContent extends Pick<CheckpointMeta, "settings" | "state"> {
  /** The model. */
  readonly model: GPT;
  /** Its optimizer, or what its file is to contain; without it the run cannot be resumed. */
  readonly optimizer?: MuonAdamW | Uint8Array;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
}

/** A checkpoint whose description and tokenizer have been read. */
export interface Checkpoint {
  /** The folder of the run. */
  readonly folder: string;
  /** What is known of it. */
  readonly meta: CheckpointMeta;
  /** The tokenizer that the model was trained with. */
  readonly tokenizer: Tokenizer;
}

/**
 * Saves a checkpoint. Whatever goes wrong, earlier ones stay as they are.
 *
 * @param folder The folder of the run; it is created.
 * @returns The path of the description, without which there is no checkpoint.
 * @throws {RangeError} If a parameter of the model is not finite.
 * @throws {Error} If a file cannot be written; the message names it.
 *
 * @example A model, saved and loaded
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
 * if (loaded.config.nEmbd !== 32) throw new Error("expected the same model");
 * await device.close();
 * ```
 */
export async function saveCheckpoint(folder: string, content: CheckpointContent): Promise<string> {
  const { model, optimizer, tokenizer, settings, state } = content;
  const modelBytes = await encodeModel(model);
  const tokenizerBytes = new TextEncoder().encode(JSON.stringify(tokenizer));
  const optimBytes = optimizer === undefined
    ? null
    : optimizer instanceof Uint8Array
    ? optimizer
    : await encodeOptimizer(optimizer);
  const meta: CheckpointMeta = {
    format: "nanodino-checkpoint-1",
    savedAt: new Date().toISOString(),
    modelConfig: model.config,
    settings,
    state,
    files: {
      model: await digestOf(modelBytes),
      tokenizer: await digestOf(tokenizerBytes),
      ...(optimBytes === null ? {} : { optim: await digestOf(optimBytes) }),
    },
  };
  await ensureWritableFolder(folder);
  const path = (part: CheckpointPart | "meta") => `${folder}/${fileName(part, state.step)}`;
  await writeFilesTogether([
    [path("model"), modelBytes],
    ...(optimBytes === null ? [] : [[path("optim"), optimBytes] as const]),
    [path("tokenizer"), tokenizerBytes],
    [path("meta"), await formatMeta(meta)],
  ]);
  return path("meta");
}

/**
 * Removes a checkpoint, the description first, so that none is ever there in part.
 *
 * @param folder The folder of the run.
 * @param step The step after which it was saved. What is missing or cannot be removed is passed over.
 *
 * @example
 * ```ts
 * import { removeCheckpoint } from "./checkpoint.ts";
 *
 * await removeCheckpoint(await Deno.makeTempDir(), 100); // there was none
 * ```
 */
export async function removeCheckpoint(folder: string, step: number): Promise<void> {
  for (const part of ["meta", "model", "optim", "tokenizer"] as const) {
    await Deno.remove(`${folder}/${fileName(part, step)}`).catch(() => {});
  }
}

/**
 * Opens a checkpoint: reads its description and its tokenizer, and not yet the parameters.
 *
 * @param folder The folder of the run.
 * @param step The step after which it was saved; by default the one that was saved last of those
 * whose description can be read. The others are skipped, with a line for each.
 * @throws {Error} If there is none, or a file cannot be read or is damaged; the message names it, and
 * the last other checkpoint that is intact.
 */
export async function openCheckpoint(
  folder: string,
  step?: number,
  { warn = console.warn }: ReadOptions = {},
): Promise<Checkpoint> {
  const meta = step === undefined
    ? await latestMeta(folder, warn)
    : await orNameIntact(folder, step, "tokenizer", () => readMeta(folder, step));
  return await orNameIntact(folder, meta.state.step, "tokenizer", async () => {
    const bytes = await readPart(folder, meta, "tokenizer");
    const path = `${folder}/${fileName("tokenizer", meta.state.step)}`;
    const tokenizer = explain(path, () => Tokenizer.fromJSON(new TextDecoder().decode(bytes)));
    if (tokenizer.vocabSize !== meta.modelConfig.vocabSize) {
      throw new Error(
        `Cannot read ${path}: wanted a vocabulary of ${meta.modelConfig.vocabSize} as in the model, ` +
          `got ${tokenizer.vocabSize}`,
      );
    }
    return { folder, meta, tokenizer };
  });
}

/**
 * Builds the model of a checkpoint.
 *
 * @param options In which type it computes; the parameters are in single precision in any case.
 * @throws {Error} If the file is damaged or does not fit the description; the message names it, and
 * the last other checkpoint that is intact.
 * @throws {RangeError} If the device has no room for the model.
 */
export async function loadModel(
  checkpoint: Checkpoint,
  device: Device,
  options: Pick<GPTOptions, "computeDtype"> = {},
): Promise<GPT> {
  const { folder, meta } = checkpoint;
  const { step } = meta.state;
  const bytes = await orNameIntact(folder, step, "model", () => readPart(folder, meta, "model"));
  const path = `${folder}/${fileName("model", step)}`;
  return explain(path, () => decodeModel(bytes, meta.modelConfig, device, options));
}

/**
 * Loads the state of a checkpoint's optimizer into an optimizer.
 *
 * @param optimizer An optimizer for the same model.
 * @throws {Error} If there is none in the checkpoint, or the file is damaged; the message names it,
 * and the last other checkpoint that is intact.
 */
export async function loadOptimizer(
  checkpoint: Checkpoint,
  optimizer: MuonAdamW,
  device: Device,
): Promise<void> {
  const { folder, meta } = checkpoint;
  const bytes = await readOptimizer(checkpoint);
  const path = `${folder}/${fileName("optim", meta.state.step)}`;
  explain(path, () => decodeOptimizer(bytes, optimizer, device));
}

/** Reads the state of a checkpoint's optimizer as bytes; errors are those of {@linkcode loadOptimizer}. */
export async function readOptimizer(
  { folder, meta }: Checkpoint,
): Promise<Uint8Array<ArrayBuffer>> {
  const { step } = meta.state;
  return await orNameIntact(folder, step, "optim", () => readPart(folder, meta, "optim"));
}

/** Reads something of a checkpoint; if that fails, the error names another one that is intact. */
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

/** The step of the checkpoint that was saved last, but for one, of those of which every file is intact. */
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
      // This one is damaged, too.
    }
  }
  return null;
}

/** Reads one of the files of a checkpoint, and makes sure that it is the one that was saved. */
async function readPart(
  folder: string,
  meta: CheckpointMeta,
  part: CheckpointPart,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = `${folder}/${fileName(part, meta.state.step)}`;
  const wanted = meta.files[part];
  if (wanted === undefined) {
    throw new Error(`Cannot read ${path}: the checkpoint was saved without it`);
  }
  const bytes = await readFile(path);
  if (bytes.length !== wanted.bytes) {
    throw new Error(`Cannot read ${path}: wanted ${wanted.bytes} bytes, got ${bytes.length}`);
  }
  const { sha256 } = await digestOf(bytes);
  if (sha256 !== wanted.sha256) {
    throw new Error(`Cannot read ${path}: ${changedMessage(wanted.sha256, sha256)}`);
  }
  return bytes;
}

/** Runs a function on the content of a file, whose errors then name the file. */
function explain<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    throw fileError("read", path, cause);
  }
}
