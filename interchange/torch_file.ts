/**
 * Files of `torch.save`: a zip archive of a pickle and of the numbers of each storage.
 *
 * @module
 */

import { bytesOf, type ElementType, elementTypes } from "./element_types.ts";
import { type Buildable, type PickleGlobal, PickleWriter, unpickle } from "./pickle.ts";
import { checkSource, malformed, type Source } from "./source.ts";
import { StoredTensor } from "./stored_tensor.ts";
import { openZip, writeZip, type ZipEntry } from "./zip.ts";

/** Names of PyTorch's storages and of our types. */
const storageTypes: Readonly<Record<string, string>> = {
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  DoubleStorage: "F64",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** A pickle is small compared to the numbers; this is enough for about a million tensors. */
const MAX_PICKLE = 2 ** 28;

/** Numbers that tensors share. */
interface Storage {
  readonly type: ElementType;
  readonly entry: ZipEntry;
}

/** A dict; its extra state, PyTorch's `_metadata`, is ignored. */
class OrderedDict extends Map<unknown, unknown> implements Buildable {
  build(): void {}
}

/** A storage class as a value; only its name is used. */
class StorageClass {
  constructor(readonly type: ElementType) {}
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(isCount);

/**
 * Opens a file of `torch.save`: reads its pickle.
 *
 * @returns The saved object: dicts are maps, lists and tuples arrays, tensors {@linkcode
 * StoredTensor}s that are named after their storage.
 * @throws {SyntaxError} If it is malformed, older than PyTorch 1.6, big-endian, or holds anything
 * but tensors and plain values.
 * @throws {TypeError} If `source` is no source, such as a path.
 */
export async function openTorchFile(source: Source): Promise<unknown> {
  checkSource(source);
  const entries = await openZip(source);
  const refuse = (wanted: string, got: string) => malformed(source.name, wanted, got);
  const main = [...entries.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));
  if (main === undefined) throw refuse("an archive with a data.pkl", "one without");
  const folder = main.slice(0, -"data.pkl".length);
  const order = entries.get(`${folder}byteorder`);
  if (order !== undefined) {
    const text = new TextDecoder().decode(await order.read(0, Math.min(order.size, 16))).trim();
    if (text !== "little") throw refuse("numbers in little-endian order", text);
  }
  const { size } = entries.get(main)!;
  if (size > MAX_PICKLE) throw refuse(`a pickle of at most ${MAX_PICKLE} bytes`, `${size}`);

  const persistent = (id: unknown): Storage => {
    const [kind, storage, key, , count] = Array.isArray(id) ? id : [];
    if (kind !== "storage" || !(storage instanceof StorageClass) || !isCount(count)) {
      throw refuse("storages as persistent ids", "another");
    }
    const name = `${folder}data/${key}`;
    const entry = entries.get(name);
    if (entry === undefined) throw refuse(`an entry ${name}`, "none");
    const wanted = bytesOf(storage.type, count);
    if (entry.size !== wanted) throw refuse(`${wanted} bytes in ${name}`, `${entry.size}`);
    return { type: storage.type, entry };
  };
  const rebuildTensor: PickleGlobal = ([storage, offset, shape, strides]) => {
    if (!isStorage(storage) || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
      throw refuse("a tensor of a storage, an offset, a size and strides", "something else");
    }
    return makeTensor(storage, offset, shape, strides, refuse);
  };
  const globals = new Map<string, PickleGlobal>([
    ["collections.OrderedDict", () => new OrderedDict()],
    ["torch._utils._rebuild_tensor_v2", rebuildTensor],
    ["torch._utils._rebuild_parameter", ([data]) => data],
  ]);
  const storages = new Map<string, StorageClass>();
  for (const [name, type] of Object.entries(storageTypes)) {
    storages.set(`torch.${name}`, new StorageClass(elementTypes.get(type)!));
  }
  const pickle = await entries.get(main)!.read(0, size);
  return unpickle(pickle, { name: source.name, globals, values: storages, persistent });
}

function isStorage(value: unknown): value is Storage {
  return typeof value === "object" && value !== null && "entry" in value && "type" in value;
}

/** A tensor that views a part of a storage. */
function makeTensor(
  { type, entry }: Storage,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  refuse: (wanted: string, got: string) => Error,
): StoredTensor {
  const count = shape.reduce((product, length) => product * length, 1);
  const last = offset + shape.reduce((sum, length, i) => sum + (length - 1) * strides[i]!, 0);
  const held = entry.size / type.bytes;
  if (shape.length !== strides.length) throw refuse("a stride for each axis", `${strides.length}`);
  if (count > 0 && last >= held) {
    throw refuse(`a tensor inside of the ${held} numbers of ${entry.name}`, `number ${last}`);
  }
  if (count > held) throw refuse(`at most the ${held} numbers of ${entry.name}`, `${count}`);
  let step = 1;
  const isDense = shape.toReversed().every((length, i) => {
    const isNext = length === 1 || strides.at(-1 - i) === step;
    step *= length;
    return isNext;
  });
  const bytes = count * type.bytes;
  const start = offset * type.bytes;
  const source: Source = {
    name: entry.name,
    size: bytes,
    read: async (from, length) =>
      count === 0
        ? new Uint8Array()
        : isDense
        ? await entry.read(start + from, length)
        : (await gathered(entry, type.bytes, offset, shape, strides)).slice(from, from + length),
  };
  return new StoredTensor({ source, name: entry.name, type, shape, offset: 0, length: bytes });
}

/** The numbers of a strided tensor, row-major. */
async function gathered(
  entry: ZipEntry,
  width: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Promise<Uint8Array<ArrayBuffer>> {
  const all = await entry.read(0, entry.size);
  const count = shape.reduce((product, length) => product * length, 1);
  const bytes = new Uint8Array(count * width);
  const index = shape.map(() => 0);
  let from = offset;
  for (let i = 0; i < count; i++) {
    bytes.set(all.subarray(from * width, (from + 1) * width), i * width);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return bytes;
}

/** A tensor to write. */
export interface TensorToWrite {
  /** The type, one with single numbers as blocks. */
  readonly type: string;
  /** Length of each axis. */
  readonly shape: readonly number[];
  /** Returns the numbers, row-major; called when they are written. */
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Writes tensors by name, as `torch.save` of a dict does.
 *
 * @throws {RangeError} If PyTorch has no such type.
 */
export async function* writeTorchFile(
  tensors: ReadonlyMap<string, TensorToWrite>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const pickle = new PickleWriter().op("}").op("(");
  let key = 0;
  for (const [name, { type, shape }] of tensors) {
    const storage = Object.entries(storageTypes).find(([, known]) => known === type)?.[0];
    if (storage === undefined) {
      const known = Object.values(storageTypes).join(", ");
      throw new RangeError(`Cannot write ${name}: wanted one of ${known}, got ${type}`);
    }
    const count = shape.reduce((product, length) => product * length, 1);
    const strides = shape.map((_, i) =>
      shape.slice(i + 1).reduce((product, length) => product * length, 1)
    );
    pickle.text(name).global("torch._utils", "_rebuild_tensor_v2").op("(").op("(")
      .text("storage").global("torch", storage).text(`${key++}`).text("cpu").integer(count)
      .op("t").op("Q").integer(0).integers(shape).integers(strides).op("\x89")
      .global("collections", "OrderedDict").op(")").op("R").op("t").op("R");
  }
  const content = pickle.op("u").finish();
  const text = (value: string) => () => Promise.resolve(new TextEncoder().encode(value));
  yield* writeZip([
    ["archive/data.pkl", () => Promise.resolve(content)],
    ["archive/byteorder", text("little")],
    ...[...tensors.values()].map(({ bytes }, i) => [`archive/data/${i}`, bytes] as const),
    ["archive/version", text("3\n")],
  ]);
}
