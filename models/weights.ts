/** Building a model from the tensors of a file: everything is checked before memory is taken. @module */

import type { Architecture, ModelConfig, TrainableModel } from "../gpt/browser.ts";
import {
  bytesOfParameters,
  checkRoom,
  freeBytes,
  type ParameterShapes,
} from "../gpt/browser_internals.ts";
import { elementTypes, type StoredTensor, type TensorToWrite } from "../interchange/mod.ts";
import { malformed } from "../interchange/source.ts";
import { buildPacked } from "../nn/mod.ts";
import { type Device, type Packing, quantize, QuantizedMatrix, Tensor } from "../tensor/mod.ts";
import { GGML_TYPES } from "../tensor/ops/quantized/mod.ts";

/** An error that names the file, in one line: `Cannot read FILE: wanted …, got …`. */
export function unreadable(file: string, wanted: string, got: unknown): SyntaxError {
  const shown = typeof got === "string" ? got : JSON.stringify(got) ?? "none";
  return malformed(file, wanted, shown.slice(0, 200));
}

/** How the tensors of a kind of file correspond to the parameters of a model. */
export interface Layout {
  /** The name in the file of a parameter. */
  nameOf(parameter: string): string;
  /** Whether the file has the matrix of a parameter transposed, `[inputs, outputs]`. */
  isTransposed?(parameter: string): boolean;
  /** The number of heads whose rows interleave the halves that rotary embeddings pair; 0 for none. */
  interleavedHeads?(parameter: string): number;
  /** Whether a tensor of the file is no parameter. */
  isIgnored?(name: string): boolean;
}

/** Options for opening a model of another program. */
export interface OpenPretrainedOptions {
  /**
   * How to pack the weights while they are read. By default they are in float32, unless that does not
   * fit and the file has them in `Q8_0` or `Q4_0`, which are then kept.
   */
  readonly packing?: Packing | undefined;
}

/** A model to build, and the source of its weights. */
export interface ModelSource<Config extends ModelConfig, Model extends TrainableModel> {
  /** The file, for messages. */
  readonly file: string;
  /** The tensors of the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** How they are laid out. */
  readonly layout: Layout;
  /** The architecture. */
  readonly architecture: Architecture<Config, Model>;
  /** The shape, as the file describes it. */
  readonly config: Config;
}

/**
 * Builds a model and reads its parameters, one by one.
 *
 * @throws {SyntaxError} If a tensor is missing, unknown or of another shape; nothing is allocated then.
 * @throws {RangeError} If no model of this shape can be built, or the device has no room.
 */
export async function buildFrom<Config extends ModelConfig, Model extends TrainableModel>(
  { file, tensors, layout, architecture, config }: ModelSource<Config, Model>,
  device: Device,
  { packing }: OpenPretrainedOptions = {},
): Promise<Model> {
  let shapes: ParameterShapes;
  try {
    shapes = architecture.parameterShapes(architecture.checkConfig(config));
  } catch (error) {
    throw unreadable(file, "a config that a model can have", (error as Error).message);
  }
  const used = new Set<string>();
  for (const [parameter, shape] of shapes) {
    const name = layout.nameOf(parameter);
    const tensor = tensors.get(name);
    const isTransposed = layout.isTransposed?.(parameter) ?? false;
    const wanted = isTransposed ? shape.toReversed() : shape;
    if (tensor === undefined) throw unreadable(file, `a tensor ${name} [${wanted}]`, "none");
    if (tensor.shape.join() !== wanted.join()) {
      throw unreadable(file, `${name} of shape [${wanted}]`, `[${tensor.shape}]`);
    }
    used.add(name);
  }
  const unknown = [...tensors.keys()].find((name) =>
    !used.has(name) && !(layout.isIgnored?.(name) ?? false)
  );
  if (unknown !== undefined) throw unreadable(file, "only tensors of the model", unknown);
  const tensorOf = (parameter: string) => tensors.get(layout.nameOf(parameter))!;
  const packingOf = choosePacking(shapes, tensorOf, device, packing);
  checkRoom(file, shapes, device, packingOf ?? (() => null));
  const build = () => architecture.build(config, device, { seed: null });
  const model = packingOf === null ? build() : buildPacked(build, packingOf);
  const parameters = model.parameters();
  try {
    for (const name of shapes.keys()) {
      await readParameter(parameters.get(name)!, name, tensorOf(name), layout);
    }
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    throw error;
  }
  return model;
}

/** The packing of each parameter, by name; `null` if weights are to be in float32. */
function choosePacking(
  shapes: ParameterShapes,
  tensorOf: (parameter: string) => StoredTensor,
  device: Device,
  wanted: Packing | undefined,
): ((parameter: string) => Packing) | null {
  if (wanted !== undefined) return () => wanted;
  const storedAs = (parameter: string) => packingOfType(tensorOf(parameter).type.name);
  const isPacked = [...shapes.keys()].some((name) => storedAs(name) !== null);
  const fits = bytesOfParameters(shapes, () => null) <= freeBytes(device);
  // Numbers that the file has in another type are rounded least by 8 bits.
  return fits || !isPacked ? null : (parameter) => storedAs(parameter) ?? "q8";
}

/** The packing that keeps the blocks of a type of ggml as they are. */
function packingOfType(type: string): Packing | null {
  const found = Object.entries(GGML_TYPES).find(([, name]) => name === type);
  return found === undefined ? null : found[0] as Packing;
}

/** Numbers that are read at once: 16 MiB in float32. */
const NUMBERS_AT_ONCE = 2 ** 22;

/**
 * Reads a parameter. A large one is read in parts, so that little of it is ever in the host's memory, unless
 * its rows are in another order in the file.
 */
async function readParameter(
  parameter: Tensor,
  name: string,
  tensor: StoredTensor,
  layout: Layout,
): Promise<void> {
  const { shape } = parameter;
  const isTransposed = layout.isTransposed?.(name) ?? false;
  const heads = layout.interleavedHeads?.(name) ?? 0;
  const [rows = 1] = shape;
  const isWhole = isTransposed || heads > 0 || parameter.size <= NUMBERS_AT_ONCE;
  const height = isWhole ? rows : Math.max(1, Math.floor(NUMBERS_AT_ONCE * rows / parameter.size));
  for (let first = 0; first < rows; first += height) {
    using _views = parameter.device.scope();
    const count = Math.min(height, rows - first);
    const part = isWhole ? tensor : tensor.rows(first, count);
    const to = isWhole ? parameter : parameter.slice(0, first, first + count);
    const isKept = to instanceof QuantizedMatrix && GGML_TYPES[to.packing] === tensor.type.name;
    if (isKept && !isTransposed) {
      const blocks = await part.bytes();
      to.assignBlocks(heads > 0 ? byHalves(blocks, shape, heads) : blocks);
      continue;
    }
    let values = await part.float32();
    if (isTransposed) values = transposed(values, shape);
    if (heads > 0) values = byHalves(values, shape, heads);
    to.assign(values);
  }
}

/**
 * The parameters of a model as tensors of a kind of file, each read from the device when it is written.
 *
 * @param typeOf The type of a parameter in the file.
 */
export function tensorsToWrite(
  model: TrainableModel,
  layout: Layout,
  typeOf: (parameter: string, shape: readonly number[]) => string,
): Map<string, TensorToWrite> {
  return new Map([...model.parameters()].map(([name, parameter]) => {
    const isTransposed = layout.isTransposed?.(name) ?? false;
    const shape = isTransposed ? parameter.shape.toReversed() : parameter.shape;
    const type = typeOf(name, shape);
    const bytes = async () => {
      let values = Float32Array.from(await parameter.data());
      if (isTransposed) values = transposed(values, shape);
      const heads = layout.interleavedHeads?.(name) ?? 0;
      if (heads > 0) values = byNeighbors(values, shape, heads);
      const packing = packingOfType(type);
      if (packing === null) return elementTypes.get(type)!.pack!(values);
      using _scope = parameter.device.scope();
      const matrix = quantize(Tensor.from(parameter.device, values, { shape }), packing);
      return await matrix.blocks();
    };
    return [layout.nameOf(name), { type, shape, bytes }];
  }));
}

/** A matrix `[outputs, inputs]` from `[inputs, outputs]`. */
function transposed(
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
): Float32Array<ArrayBuffer> {
  const [outputs, inputs] = shape as [number, number];
  const result = new Float32Array(values.length);
  for (let input = 0; input < inputs; input++) {
    for (let output = 0; output < outputs; output++) {
      result[output * inputs + input] = values[input * outputs + output]!;
    }
  }
  return result;
}

/** The rows of each head in halves, from rows that interleave them: 0, 2, 4, … then 1, 3, 5, … */
function byHalves<Values extends Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  values: Values,
  shape: readonly number[],
  heads: number,
): Values {
  return reordered(values, shape, heads, (to, from) => [to, from]);
}

/** The rows of each head interleaved, from halves: the reverse of `byHalves`. */
function byNeighbors(
  values: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  heads: number,
): Float32Array<ArrayBuffer> {
  return reordered(values, shape, heads, (to, from) => [from, to]);
}

/** @param places The row written and the row read, from one by halves and one by neighbors. */
function reordered<Values extends Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  values: Values,
  shape: readonly number[],
  heads: number,
  places: (byHalves: number, byNeighbors: number) => [to: number, from: number],
): Values {
  const rows = shape[0]!;
  const length = values.length / rows;
  const headSize = rows / heads;
  const result = values.slice() as Values;
  for (let row = 0; row < rows; row++) {
    const [head, at] = [Math.floor(row / headSize), row % headSize];
    const half = headSize / 2;
    const neighbor = head * headSize + (at < half ? 2 * at : 2 * (at - half) + 1);
    const [to, from] = places(row, neighbor);
    result.set(values.subarray(from * length, (from + 1) * length), to * length);
  }
  return result;
}

/** A config's fields under the names of another program. */
export class Fields {
  readonly #file: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /** @param file Its name, for messages. */
  constructor(file: string, values: unknown) {
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw unreadable(file, "an object", values);
    }
    this.#file = file;
    this.#values = values as Readonly<Record<string, unknown>>;
  }

  /** Whether there is something of that name. */
  has(name: string): boolean {
    return (this.#values[name] ?? null) !== null;
  }

  /** A number; `fallback` if it is missing or null. @throws {SyntaxError} If it is not a number. */
  number(name: string, fallback?: number): number {
    const value = this.#values[name] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw unreadable(this.#file, `${name} as a number`, value);
  }

  /** A text. @throws {SyntaxError} If it is not a text. */
  text(name: string): string {
    const value = this.#values[name];
    if (typeof value === "string") return value;
    throw unreadable(this.#file, `${name} as a text`, value);
  }

  /** The fields of an object; of an empty one if it is missing or null. */
  object(name: string): Fields {
    return new Fields(`${this.#file}, ${name}`, this.#values[name] ?? {});
  }

  /**
   * One of the values that are supported; the first of them if it is missing or null.
   *
   * @throws {SyntaxError} If it is another, which would change what the model computes.
   */
  oneOf<Value>(name: string, ...supported: [Value, ...Value[]]): Value {
    const value = this.#values[name] ?? supported[0];
    const found = supported.find((each) => each === value);
    if (found !== undefined) return found;
    const wanted = supported.map((each) => JSON.stringify(each)).join(" or ");
    throw unreadable(this.#file, `${name} to be ${wanted}`, value);
  }

  /**
   * Checks that a list, if there is one, has nothing but the value that is supported.
   *
   * @throws {SyntaxError} If it is no list, or has another, which would change what the model computes.
   */
  eachIs(name: string, supported: string): void {
    const list = this.#values[name] ?? [];
    const isList = Array.isArray(list);
    const other = isList ? list.find((each) => each !== supported) : list;
    if (isList && other === undefined) return;
    throw unreadable(this.#file, `${name} to be a list of ${JSON.stringify(supported)}`, other);
  }
}
