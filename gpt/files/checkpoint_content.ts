/** Encoding and decoding checkpoints: models, optimizers, tokenizers. @module */

import { buildPacked } from "../../nn/mod.ts";
import type { MuonAdamW } from "../../optim/mod.ts";
import { type Device, readSafetensors, Tensor, writeSafetensors } from "../../tensor/mod.ts";
import type { SafetensorsInput, SafetensorsTensor } from "../../tensor/safetensors.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import type { ModelConfig, TrainableModel } from "../generate/language_model.ts";
import type { GPTConfig } from "../model/config.ts";
import type { GPT } from "../model/model.ts";
import { type Architecture, type LoadOptions, nanochat } from "./architecture.ts";
import {
  checkpointFileName,
  type CheckpointMeta,
  digestOf,
  formatMeta,
} from "./checkpoint_meta.ts";
import { checkRoom } from "./room.ts";

/** The part of a model that a checkpoint contains. */
export type SavedModel = Pick<TrainableModel, "architecture" | "config" | "stateDict">;

/** Content of a checkpoint. */
export interface CheckpointContent extends Pick<CheckpointMeta, "settings" | "state"> {
  /** The model: its architecture, its shape and its parameters. */
  readonly model: SavedModel;
  /** The optimizer, or the bytes of its file; without it the run cannot be resumed. */
  readonly optimizer?: Pick<MuonAdamW, "stateDict"> | Uint8Array;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The template of the model's conversations, if it has one. */
  readonly chatTemplate?: string | undefined;
  /** The length of the run in steps, so that readers know how far it got. */
  readonly steps?: number;
}

/**
 * Encodes a checkpoint.
 *
 * @returns Its files by name, the metadata last: they are what `saveCheckpoint` writes.
 * @throws {RangeError} If a parameter is not finite.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { encodeCheckpoint } from "./checkpoint_content.ts";
 * import { GPT } from "../model/model.ts";
 * import { untrained } from "../train/run.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose"], { vocabSize: 270 });
 * const { vocabSize } = tokenizer;
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * const files = await encodeCheckpoint({ model, tokenizer, state: untrained, settings: {} });
 * if (!files.has("model_000000.safetensors")) throw new Error("expected a model");
 * await device.close();
 * ```
 */
export async function encodeCheckpoint(
  { model, optimizer, tokenizer, chatTemplate, settings, state, steps }: CheckpointContent,
): Promise<Map<string, Uint8Array>> {
  const parts = {
    model: await encodeModel(model),
    ...optimizer !== undefined && {
      optim: optimizer instanceof Uint8Array ? optimizer : await encodeOptimizer(optimizer),
    },
    tokenizer: new TextEncoder().encode(JSON.stringify(tokenizer)),
  };
  const meta = await formatMeta({
    format: "nanodino-checkpoint-1",
    savedAt: new Date().toISOString(),
    ...describeModel(model),
    ...chatTemplate !== undefined && { chatTemplate },
    settings,
    state,
    steps: steps ?? null,
    files: {
      model: await digestOf(parts.model),
      tokenizer: await digestOf(parts.tokenizer),
      ...parts.optim !== undefined && { optim: await digestOf(parts.optim) },
    },
  });
  const files = { ...parts, meta: new TextEncoder().encode(meta) };
  return new Map(
    (Object.keys(files) as (keyof typeof files)[]).map((part) =>
      [checkpointFileName(part, state.step), files[part]!] as const
    ),
  );
}

/** The fields of a checkpoint's metadata that describe the model. */
export function describeModel(
  model: SavedModel,
): Pick<CheckpointMeta, "architecture" | "modelConfig" | "parameters"> {
  const { architecture, config: modelConfig } = model;
  const parameters = [...model.stateDict().values()].reduce((sum, { size }) => sum + size, 0);
  return { ...architecture !== undefined && { architecture }, modelConfig, parameters };
}

/**
 * Decodes the tokenizer of a model.
 *
 * @param architecture The name of the model's architecture, if it is not nanochat's: others may have
 * more logits than their tokenizer has tokens.
 * @throws {SyntaxError} If it is not one.
 * @throws {RangeError} If its vocabulary is not the model's.
 */
export function decodeTokenizer(
  bytes: Uint8Array,
  { vocabSize }: ModelConfig,
  architecture?: string,
): Tokenizer {
  const tokenizer = Tokenizer.fromJSON(new TextDecoder().decode(bytes));
  const isPadded = architecture !== undefined && tokenizer.vocabSize < vocabSize;
  if (tokenizer.vocabSize === vocabSize || isPadded) return tokenizer;
  throw new RangeError(
    `wanted a vocabulary of ${vocabSize} as in the model, got ${tokenizer.vocabSize}`,
  );
}

/** Encodes a model's parameters as safetensors. @throws {RangeError} If one is not finite. */
export async function encodeModel(model: Pick<SavedModel, "stateDict">): Promise<Uint8Array> {
  const arrays = await readAll(model.stateDict());
  for (const [name, { data }] of arrays) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      throw new RangeError(
        `Cannot save the model: wanted finite parameters, got ${data[at]} in ${name}`,
      );
    }
  }
  return writeSafetensors(arrays, { format: "pt" });
}

/** Encodes optimizer state as safetensors; counts are double-precision scalars. */
export async function encodeOptimizer(
  optimizer: Pick<MuonAdamW, "stateDict">,
): Promise<Uint8Array> {
  return writeSafetensors(await readAll(optimizer.stateDict()));
}

/**
 * Creates a nanochat model with the parameters of a file: {@linkcode decodeModelOf} nanochat's
 * architecture.
 */
export function decodeModel(
  bytes: Uint8Array,
  config: GPTConfig,
  device: Device,
  options: LoadOptions = {},
): GPT {
  return decodeModelOf(nanochat, bytes, config, device, options);
}

/**
 * Creates a model with the parameters of a file.
 *
 * @param bytes The file; half precision is widened.
 * @param options.packing Packs each weight as it is taken from the file.
 * @throws {SyntaxError} If it is not a safetensors file.
 * @throws {RangeError} If a parameter is missing, unknown, or of the wrong shape or dtype, or the
 * device has no room; then nothing has been allocated.
 */
export function decodeModelOf<Config extends ModelConfig, Model extends TrainableModel>(
  architecture: Architecture<Config, Model>,
  bytes: Uint8Array,
  given: ModelConfig,
  device: Device,
  options: LoadOptions = {},
): Model {
  const config = architecture.checkConfig(given);
  const arrays = readSafetensors(bytes);
  checkParameters(arrays, architecture.parameterShapes(config));
  const { packing = null, ...others } = options;
  checkRoom("the model", architecture.parameterShapes(config), device, () => packing);
  const build = () => architecture.build(config, device, { ...others, seed: null });
  const model = packing === null ? build() : buildPacked(build, () => packing);
  for (const [name, parameter] of model.stateDict()) {
    parameter.assign(singles(arrays.get(name)!));
  }
  return model;
}

/**
 * Loads optimizer state.
 *
 * @param isWanted Whether an entry belongs to this optimizer, if it has only a part of the state.
 * @throws {SyntaxError} If it is not a safetensors file.
 * @throws {RangeError} If something is missing, unknown, or of the wrong shape; then nothing has
 * changed.
 */
export function decodeOptimizer(
  bytes: Uint8Array,
  optimizer: Pick<MuonAdamW, "loadStateDict">,
  device: Device,
  isWanted: (name: string) => boolean = () => true,
): void {
  using _scope = device.scope();
  const state = new Map<string, Tensor | number>();
  for (const [name, array] of readSafetensors(bytes)) {
    if (!isWanted(name)) continue;
    const { dtype, shape, data } = array;
    if (dtype === "float64" && shape.length === 0) state.set(name, data[0]!);
    else state.set(name, Tensor.from(device, singles(array), { shape }));
  }
  optimizer.loadStateDict(state);
}

/** An array in single precision, in memory that a device may take over. */
function singles({ dtype, data }: SafetensorsTensor): Float32Array<ArrayBuffer> {
  if (dtype === "float32") return new Float32Array(data);
  throw new RangeError(`wanted numbers as float32, got ${dtype}`);
}

async function readAll(
  values: ReadonlyMap<string, Tensor | number>,
): Promise<Map<string, SafetensorsInput>> {
  const entries = [...values].map(async ([name, value]) => [name, await readOne(value)] as const);
  return new Map(await Promise.all(entries));
}

async function readOne(value: Tensor | number): Promise<SafetensorsInput> {
  if (typeof value === "number") {
    return { dtype: "float64", shape: [], data: Float64Array.of(value) };
  }
  return { dtype: value.dtype, shape: [...value.shape], data: await value.data() };
}

function checkParameters(
  arrays: ReadonlyMap<string, SafetensorsTensor>,
  shapes: ReadonlyMap<string, readonly number[]>,
): void {
  for (const [name, shape] of shapes) {
    const array = arrays.get(name);
    const wanted = `float32 [${shape}]`;
    const got = array === undefined ? "none" : `${array.dtype} [${array.shape}]`;
    if (wanted !== got) throw new RangeError(`wanted ${name} as ${wanted}, got ${got}`);
  }
  for (const name of arrays.keys()) {
    if (!shapes.has(name)) throw new RangeError(`wanted only parameters of the model, got ${name}`);
  }
}
