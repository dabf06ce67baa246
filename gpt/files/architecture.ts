/** Architectures: how the model of a checkpoint is built again from its config. @module */

import { RangeError, TypeError } from "../../tensor/errors.ts";
import type { Device, FloatType, Packing } from "../../tensor/mod.ts";
import type { ModelConfig, TrainableModel } from "../generate/language_model.ts";
import { checkConfig, type GPTConfig } from "../model/config.ts";
import { GPT } from "../model/model.ts";
import { parameterCounts, parameterShapes } from "../model/parameters.ts";
import type { CheckpointMeta } from "./checkpoint_meta.ts";

/** Options for {@linkcode Architecture.build}. */
export interface BuildOptions {
  /** Seed of the initial values; `null` for zeros, if values are loaded next. */
  readonly seed: number | null;
  /** The dtype of activations. @default {"float32"} */
  readonly computeDtype?: FloatType;
}

/** Options for loading a model. */
export interface LoadOptions extends Pick<BuildOptions, "computeDtype"> {
  /** How to pack the weights while they are read; by default they are in float32. */
  readonly packing?: Packing | undefined;
}

/**
 * A kind of model. Code that opens checkpoints passes a list of them; nanochat's is always known.
 *
 * Its methods are called with configs that `checkConfig` has accepted.
 */
export interface Architecture<
  Config extends ModelConfig = ModelConfig,
  Model extends TrainableModel = TrainableModel,
> {
  /** The name in checkpoints; `undefined` for nanochat's. */
  readonly name: string | undefined;
  /**
   * Checks the config of a model, as read from a file.
   *
   * @throws {RangeError | TypeError} If no model can be built of it; the message names what is wrong.
   */
  checkConfig(config: ModelConfig): Config;
  /** The shape of each parameter, by name. */
  parameterShapes(config: Config): ReadonlyMap<string, readonly number[]>;
  /** Builds a model. @throws {RangeError} If the device is out of memory. */
  build(config: Config, device: Device, options: BuildOptions): Model;
}

/** nanochat's architecture. */
export const nanochat: Architecture<GPTConfig, GPT> = {
  name: undefined,
  checkConfig(config) {
    checkConfig(config as GPTConfig);
    return config as GPTConfig;
  },
  parameterShapes,
  build: (config, device, options) => new GPT(config, device, options),
};

/**
 * Finds an architecture by its name in checkpoints.
 *
 * @throws {RangeError} If it is not in the list.
 */
export function findArchitecture(
  name: string | undefined,
  architectures: readonly Architecture[] = [],
): Architecture {
  const all: readonly Architecture[] = [nanochat, ...architectures];
  const found = all.find((architecture) => architecture.name === name);
  if (found !== undefined) return found;
  const known = all.map(({ name = "nanochat" }) => name).join(", ");
  throw new RangeError(`Cannot build the model: wanted an architecture of ${known}, got ${name}`);
}

/**
 * The config of a nanochat model, for what is about nanochat itself.
 *
 * @throws {TypeError} If the model has another architecture.
 */
export function nanochatConfig(
  { architecture, modelConfig }: Pick<CheckpointMeta, "architecture" | "modelConfig">,
): GPTConfig {
  if (architecture === undefined) return modelConfig as GPTConfig;
  throw new TypeError(
    `Cannot continue: wanted a model of nanochat's architecture, got ${architecture}`,
  );
}

/** Number of parameters of a model that a file describes. */
export function parameterCount(
  info: Pick<CheckpointMeta, "architecture" | "modelConfig" | "parameters">,
): number {
  // Files of nanochat models may be older than this number.
  return info.parameters ?? parameterCounts(nanochatConfig(info)).total;
}
