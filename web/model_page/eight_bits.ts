/**
 * Checkpoints whose parameters take 8 bits each: whole numbers from −127 to 127, with a scale of 16 bits
 * for each 64 of them.
 *
 * @module
 */

import { checkpointFileName, parseMeta } from "../../gpt/browser.ts";
import { digestOf, formatMeta } from "../../gpt/browser_internals.ts";
import { readSafetensors, writeSafetensors } from "../../tensor/mod.ts";
import type { SafetensorsInput } from "../../tensor/safetensors.ts";

/** Numbers that share a scale. */
const BLOCK = 64;
const LARGEST = 127;
/** The name of the scales of a parameter, after its own. */
const SCALES = "/scales";
/** The name of a packed file, after that of the file. */
const PACKED = ".q8";

/**
 * Packs a model: each parameter whose size is a multiple of 64 in 8 bits, others as they are.
 *
 * @param file A safetensors file of numbers in single precision.
 */
export function packModel(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Map<string, SafetensorsInput>();
  for (const [name, array] of readSafetensors(file)) {
    const { dtype, shape, data } = array;
    if (dtype !== "float32" || data.length % BLOCK !== 0) {
      packed.set(name, array);
      continue;
    }
    const scales = new Uint16Array(data.length / BLOCK);
    const numbers = new Int8Array(data.length);
    for (let block = 0; block < scales.length; block++) {
      const start = block * BLOCK;
      const values = data.subarray(start, start + BLOCK);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      scales[block] = roundUp(largest / LARGEST);
      const scale = widen(scales.subarray(block, block + 1))[0]!;
      if (scale > 0) values.forEach((value, i) => numbers[start + i] = Math.round(value / scale));
    }
    packed.set(name, { dtype: "int8", shape, data: numbers });
    packed.set(name + SCALES, { dtype: "uint16", shape: [scales.length], data: scales });
  }
  return writeSafetensors(packed);
}

/**
 * The model of a packed file, in single precision: the same bytes each time.
 *
 * @throws {SyntaxError} If it is not such a file.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from "../../tensor/mod.ts";
 * import { packModel, unpackModel } from "./eight_bits.ts";
 *
 * const data = Float32Array.from({ length: 64 }, (_, i) => i / 63);
 * const file = writeSafetensors(new Map([["w", { dtype: "float32", shape: [64], data }]]));
 * const { data: found } = readSafetensors(unpackModel(packModel(file))).get("w")!;
 * if (Math.abs(Number(found[10]) - data[10]!) > 0.5 / 127) throw new Error(`${found[10]}`);
 * ```
 */
export function unpackModel(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const arrays = readSafetensors(packed);
  const model = new Map<string, SafetensorsInput>();
  for (const [name, { dtype, shape, data }] of arrays) {
    if (name.endsWith(SCALES)) continue;
    const scales = arrays.get(name + SCALES);
    if (dtype !== "int8") {
      model.set(name, { dtype, shape, data });
    } else if (scales?.dtype === "uint16" && scales.data.length * BLOCK === data.length) {
      const wide = widen(scales.data);
      const values = new Float32Array(data.length);
      // A function for each of millions of numbers takes seconds.
      for (let i = 0; i < values.length; i++) values[i] = data[i]! * wide[i / BLOCK | 0]!;
      model.set(name, { dtype: "float32", shape, data: values });
    } else throw new SyntaxError(`Cannot unpack the model: wanted the scales of ${name}, got none`);
  }
  return writeSafetensors(model);
}

/** The first half of the bits of a number that is not smaller: bfloat16. */
function roundUp(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]! + 0xffff >>> 16;
}

/** The numbers of such halves. */
function widen(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/**
 * Packs a checkpoint.
 *
 * @param files `meta`, `model` and `tokenizer` of one step.
 * @returns The same, with a packed model; the digest in `meta` is that of what is unpacked from it.
 * @throws {Error} If a file is missing or damaged.
 */
export async function packCheckpoint(
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const metaName = [...files.keys()].find((name) => /^meta_\d+\.json$/.test(name)) ?? "";
  const meta = await parseMeta(files.get(metaName) ?? new Uint8Array());
  const modelName = checkpointFileName("model", meta.state.step);
  const tokenizerName = checkpointFileName("tokenizer", meta.state.step);
  const [model, tokenizer] = [files.get(modelName), files.get(tokenizerName)];
  if (model === undefined || tokenizer === undefined) {
    const found = [...files.keys()].join(", ");
    throw new Error(
      `Cannot pack the model: wanted ${modelName} and ${tokenizerName}, got ${found}`,
    );
  }
  const packed = packModel(model);
  const digests = { model: await digestOf(unpackModel(packed)), tokenizer: meta.files.tokenizer };
  const formatted = new TextEncoder().encode(await formatMeta({ ...meta, files: digests }));
  return new Map([
    [metaName, formatted],
    [modelName + PACKED, packed],
    [tokenizerName, tokenizer],
  ]);
}

/** The files of a checkpoint, with what is packed among them unpacked. */
export async function unpackFiles(
  files: ReadonlyMap<string, Blob>,
): Promise<ReadonlyMap<string, Blob>> {
  const unpacked = Array.from(files, async ([name, file]) => {
    if (!name.endsWith(PACKED)) return [name, file] as const;
    const model = unpackModel(await file.bytes());
    return [name.slice(0, -PACKED.length), new Blob([model])] as const;
  });
  return new Map(await Promise.all(unpacked));
}
