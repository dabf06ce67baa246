/**
 * Tensors of safetensors files, one or several with an index, read one by one.
 *
 * @module
 */

import { checkLayout, parseHeader, prefixBytes } from "../tensor/safetensors_header.ts";
import { elementTypes } from "./element_types.ts";
import { checkSource, type Folder, malformed, type Source } from "./source.ts";
import { StoredTensor } from "./stored_tensor.ts";
import type { TensorToWrite } from "./torch_file.ts";

const INDEX = "model.safetensors.index.json";
const SINGLE = "model.safetensors";

const elementBytes = new Map(
  [...elementTypes.values()].filter(({ block, unpack }) => block === 1 && unpack !== undefined)
    .map(({ name, bytes }) => [name, bytes]),
);

/** Tensors of a file by name, and the metadata in its header. */
export interface StoredTensors {
  /** By name, in file order. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Metadata of the file. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Opens a safetensors file: reads its header only.
 *
 * @throws {SyntaxError} If it is malformed.
 * @throws {TypeError} If `source` is no source, such as a path.
 */
export async function openSafetensors(source: Source): Promise<StoredTensors> {
  checkSource(source);
  try {
    const prefix = await source.read(0, Math.min(prefixBytes, source.size));
    const announced = prefix.length < prefixBytes
      ? 0
      : Number(new DataView(prefix.buffer).getBigUint64(0, true));
    // A header longer than the file is reported by the parser.
    const head = await source.read(0, Math.min(source.size, prefixBytes + announced));
    const { entries, metadata, dataStart } = parseHeader(head, elementBytes);
    const tensors = checkLayout(entries, source.size - dataStart).map((entry) =>
      new StoredTensor({
        source,
        name: entry.name,
        type: elementTypes.get(entry.code)!,
        shape: entry.shape,
        offset: dataStart + entry.begin,
        length: entry.end - entry.begin,
      })
    );
    return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
  } catch (error) {
    if (!(error instanceof globalThis.SyntaxError)) throw error;
    const message = error.message.replace(
      /^Cannot read safetensors: /,
      `Cannot read ${source.name}: `,
    );
    throw Object.assign(error, { message });
  }
}

/**
 * Opens the weights of a folder: `model.safetensors`, or the shards that its index names.
 *
 * @returns The tensors by name; `null` if the folder has neither.
 * @throws {SyntaxError} If a file is malformed, missing or outside of the folder, or a tensor is not
 * where the index says.
 */
export async function openSafetensorsFolder(folder: Folder): Promise<StoredTensors | null> {
  const index = await folder.open(INDEX);
  if (index === null) {
    const single = await folder.open(SINGLE);
    return single === null ? null : await openSafetensors(single);
  }
  const shardOf = await readIndex(index);
  const shards = new Map<string, StoredTensors>();
  for (const shard of new Set(shardOf.values())) {
    const source = await folder.open(shard);
    if (source === null) {
      throw malformed(`${folder.name}/${INDEX}`, "shards that are in the folder", `no ${shard}`);
    }
    shards.set(shard, await openSafetensors(source));
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, shard] of shardOf) {
    const tensor = shards.get(shard)!.tensors.get(name);
    if (tensor === undefined) {
      throw malformed(`${folder.name}/${shard}`, `a tensor ${JSON.stringify(name)}`, "none");
    }
    tensors.set(name, tensor);
  }
  return { tensors, metadata: [...shards.values()][0]?.metadata ?? {} };
}

/** The shard of each tensor. */
async function readIndex(index: Source): Promise<Map<string, string>> {
  const refuse = (got: string, cause?: unknown) =>
    malformed(index.name, "a weight_map of tensors to file names", got, cause);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(await index.read(0, index.size)));
  } catch (cause) {
    throw refuse("no JSON", cause);
  }
  const map = typeof parsed === "object" && parsed !== null
    ? Reflect.get(parsed, "weight_map")
    : undefined;
  if (typeof map !== "object" || map === null) throw refuse("none");
  const entries = Object.entries(map);
  const wrong = entries.find(([, file]) => typeof file !== "string");
  if (wrong !== undefined) throw refuse(JSON.stringify(wrong[1]));
  return new Map(entries as [string, string][]);
}

/**
 * Writes tensors as the files of a folder: one, or several with an index where one would be too large.
 *
 * @param maxBytes Maximum bytes of a file, unless it has one tensor only.
 * @throws {RangeError} If the format has no such type.
 */
export function* writeSafetensorsFolder(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>>,
  maxBytes: number,
): Generator<{ readonly name: string; readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>> }> {
  const shards = [new Map<string, TensorToWrite>()];
  let [total, inShard] = [0, 0];
  for (const [name, tensor] of tensors) {
    const bytes = tensorBytes(name, tensor);
    if (inShard > 0 && inShard + bytes > maxBytes) {
      shards.push(new Map());
      inShard = 0;
    }
    shards.at(-1)!.set(name, tensor);
    inShard += bytes;
    total += bytes;
  }
  if (shards.length === 1) {
    yield { name: SINGLE, chunks: writeSafetensorsFile(tensors, metadata) };
    return;
  }
  const shardOf: Record<string, string> = {};
  const numbered = (number: number) => `${number}`.padStart(5, "0");
  for (const [i, shard] of shards.entries()) {
    const name = `model-${numbered(i + 1)}-of-${numbered(shards.length)}.safetensors`;
    for (const tensor of shard.keys()) shardOf[tensor] = name;
    yield { name, chunks: writeSafetensorsFile(shard, metadata) };
  }
  const index = { metadata: { total_size: total }, weight_map: shardOf };
  const text = new TextEncoder().encode(JSON.stringify(index, null, 2));
  yield { name: INDEX, chunks: ReadableStream.from([text]) };
}

/** The bytes of a tensor in a file. @throws {RangeError} If the format has no such type. */
function tensorBytes(name: string, { type, shape }: TensorToWrite): number {
  const width = elementBytes.get(type);
  if (width !== undefined) return width * shape.reduce((product, length) => product * length, 1);
  const wanted = [...elementBytes.keys()].join(", ");
  throw new RangeError(`Cannot write ${name}: wanted one of ${wanted}, got ${type}`);
}

/**
 * Writes a safetensors file, tensor by tensor.
 *
 * @throws {RangeError} If the format has no such type, or a tensor does not have as many bytes as
 * its shape needs.
 */
export async function* writeSafetensorsFile(
  tensors: ReadonlyMap<string, TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let end = 0;
  const entries = Array.from(tensors, ([name, tensor]) => {
    const { type, shape } = tensor;
    const begin = end;
    end += tensorBytes(name, tensor);
    return { name, dtype: type, shape, data_offsets: [begin, end] as const };
  });
  const described = entries.map(({ name, ...entry }) => [name, entry] as const);
  const json = JSON.stringify(Object.fromEntries([["__metadata__", metadata], ...described]));
  const header = new TextEncoder().encode(json);
  // Spaces, so that tensors begin at a multiple of 8 bytes.
  const head = new Uint8Array(prefixBytes + Math.ceil(header.length / 8) * 8).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - prefixBytes), true);
  head.set(header, prefixBytes);
  yield head;
  for (const { name, data_offsets: [begin, end] } of entries) {
    const content = await tensors.get(name)!.bytes();
    if (content.length !== end - begin) {
      throw new RangeError(
        `Cannot write ${name}: wanted ${end - begin} bytes, got ${content.length}`,
      );
    }
    yield content;
  }
}
