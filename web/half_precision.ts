/**
 * Checkpoints in half their size: their parameters as bfloat16, which readers of safetensors widen.
 *
 * @module
 */

import { checkpointFileName, parseMeta } from "../gpt/browser.ts";
import { digestOf, formatMeta } from "../gpt/browser_internals.ts";
import { readSafetensors } from "../tensor/mod.ts";

/** Files by name. */
type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/**
 * Halves the parameters of a checkpoint.
 *
 * @param files `meta`, `model` and `tokenizer` of one step; others are left out.
 * @returns The same three files; the digests in `meta` are those of the new ones.
 * @throws {Error} If a file is missing or damaged.
 */
export async function halveCheckpoint(files: Files): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const metaName = [...files.keys()].filter((name) => /^meta_\d+\.json$/.test(name)).sort().at(-1);
  if (metaName === undefined) throw missing("meta_000100.json", files);
  const meta = await parseMeta(files.get(metaName)!);
  const [modelName, tokenizerName] = (["model", "tokenizer"] as const)
    .map((part) => checkpointFileName(part, meta.state.step)) as [string, string];
  const [wide, tokenizer] = [files.get(modelName), files.get(tokenizerName)];
  if (wide === undefined) throw missing(modelName, files);
  if (tokenizer === undefined) throw missing(tokenizerName, files);
  const model = halve(wide);
  const { model: _model, tokenizer: digest } = meta.files;
  const formatted = await formatMeta({
    ...meta,
    files: { model: await digestOf(model), tokenizer: digest },
  });
  return new Map([
    [metaName, new TextEncoder().encode(formatted)],
    [modelName, model],
    [tokenizerName, tokenizer],
  ]);
}

function missing(wanted: string, files: Files): Error {
  return new Error(
    `Cannot shrink the model: wanted ${wanted}, got ${[...files.keys()].join(", ") || "no files"}`,
  );
}

/** A safetensors file whose numbers are bfloat16, rounded to the nearest, of one in single precision. */
export function halve(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const arrays = [...readSafetensors(file)].map(([name, { dtype, shape, data }]) => {
    if (dtype === "float32") return { name, shape, bits: toBfloat16(data) };
    throw new Error(`Cannot shrink the model: wanted ${name} as float32, got ${dtype}`);
  });
  let end = 0;
  const header = arrays.map(({ name, shape, bits }) => {
    const begin = end;
    end += bits.byteLength;
    return [name, { dtype: "BF16", shape, data_offsets: [begin, end] }] as const;
  });
  const json = JSON.stringify(Object.fromEntries(header));
  // Spaces fill it up, so that the data begin at a multiple of 8.
  const head = new TextEncoder().encode(
    json + " ".repeat(-new TextEncoder().encode(json).length & 7),
  );
  const length = new BigUint64Array([BigInt(head.length)]);
  return concatenate([length, head, ...arrays.map(({ bits }) => bits)]);
}

function concatenate(parts: readonly ArrayBufferView[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    whole.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return whole;
}

/** To the nearest, ties to even; parameters of a checkpoint are finite. */
function toBfloat16(values: Float32Array): Uint16Array {
  const wide = new Uint32Array(Float32Array.from(values).buffer);
  return Uint16Array.from(wide, (bits) => bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
}
