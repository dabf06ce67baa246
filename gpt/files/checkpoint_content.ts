/** Encoding and decoding models and optimizers. @module */

import type { MuonAdamW } from "../../optim/mod.ts";
import { type Device, readSafetensors, Tensor, writeSafetensors } from "../../tensor/mod.ts";
import type { SafetensorsInput, SafetensorsTensor } from "../../tensor/safetensors.ts";
import type { GPTConfig } from "../model/config.ts";
import { GPT, type GPTOptions } from "../model/model.ts";
import { parameterShapes } from "../model/parameters.ts";

/** Encodes a model's parameters as safetensors. @throws {RangeError} If one is not finite. */
export async function encodeModel(model: Pick<GPT, "stateDict">): Promise<Uint8Array> {
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
  const tensors = new Map<string, Tensor>();
  const counts = new Map<string, number>();
  for (const [name, value] of optimizer.stateDict()) {
    if (typeof value !== "number") tensors.set(name, value);
    else counts.set(name, value);
  }
  const arrays: Map<string, SafetensorsInput> = await readAll(tensors);
  for (const [name, count] of counts) {
    arrays.set(name, { dtype: "float64", shape: [], data: Float64Array.of(count) });
  }
  return writeSafetensors(arrays);
}

/**
 * Creates a model with the parameters of a file.
 *
 * @param bytes The file; half precision is widened.
 * @throws {SyntaxError} If it is not a safetensors file.
 * @throws {RangeError} If a parameter is missing, unknown, or of the wrong shape or dtype; then
 * nothing has been allocated.
 */
export function decodeModel(
  bytes: Uint8Array,
  config: GPTConfig,
  device: Device,
  options: Pick<GPTOptions, "computeDtype"> = {},
): GPT {
  const arrays = readSafetensors(bytes);
  checkParameters(arrays, config);
  const model = new GPT(config, device, { ...options, seed: null });
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
  tensors: ReadonlyMap<string, Tensor>,
): Promise<Map<string, Awaited<ReturnType<typeof readOne>>>> {
  const entries = [...tensors].map(async ([name, tensor]) =>
    [name, await readOne(tensor)] as const
  );
  return new Map(await Promise.all(entries));
}

async function readOne(tensor: Tensor) {
  const { dtype, shape } = tensor;
  return { dtype, shape: [...shape], data: await tensor.data() };
}

function checkParameters(
  arrays: ReadonlyMap<string, SafetensorsTensor>,
  config: GPTConfig,
): void {
  // An invented shape may ask for more layers than the file has bytes.
  if (config.nLayer > arrays.size) {
    throw new RangeError(`wanted ${config.nLayer} layers, got ${arrays.size} arrays`);
  }
  const shapes = parameterShapes(config);
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
