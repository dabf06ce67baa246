/** The state of a module or an optimizer as the bytes of a safetensors file. @module */

import { checkMap, type TensorValues } from "./assign.ts";
import { describeValue } from "./checks.ts";
import { SyntaxError, wrongType } from "./errors.ts";
import { storedArray } from "./layout.ts";
import {
  readSafetensors,
  readSafetensorsMetadata,
  type SafetensorsInput,
  type SafetensorsTensor,
  writeSafetensors,
} from "./safetensors.ts";
import { Tensor } from "./tensor.ts";

/** The entry of the metadata that has what arrays cannot express. */
const METADATA = "nanodino.state";

interface Rest {
  /** Step counts of an optimizer. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Names of arrays that are of 16 bits when they are read. */
  readonly float16?: readonly string[];
  readonly bfloat16?: readonly string[];
}

/**
 * Encodes the state of a module or an optimizer as a safetensors file, which PyTorch reads with
 * `safetensors.torch.load_file`. The step counts of an optimizer are in the file's metadata.
 *
 * @throws {TypeError} If an entry is neither a tensor, nor an array, nor a finite number.
 *
 * @example
 * ```ts
 * import { decodeState, encodeState, openDevice, Tensor } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const bytes = await encodeState(
 *   new Map<string, Tensor | number>([["bias", Tensor.from(device, [1, 2])], ["step", 7]]),
 * );
 * const state = decodeState(bytes);
 * if (state.get("step") !== 7 || !state.has("bias")) throw new Error("expected both");
 * await device.close();
 * ```
 */
export async function encodeState(
  state: ReadonlyMap<string, TensorValues | number>,
): Promise<Uint8Array<ArrayBuffer>> {
  checkMap("encode the state", state);
  const counts: Record<string, number> = {};
  const halves = { float16: [] as string[], bfloat16: [] as string[] };
  const arrays = await Promise.all(
    Array.from(state, async ([name, value]): Promise<[string, SafetensorsInput][]> => {
      if (typeof value === "number") {
        if (!Number.isFinite(value)) {
          throw wrongType("encode the state", `${name} to be a finite number`, `${value}`);
        }
        counts[name] = value;
        return [];
      }
      if (typeof value?.dtype !== "string") {
        throw wrongType("encode the state", `${name} to be a tensor`, describeValue(value));
      }
      const { dtype, shape } = value;
      if (dtype === "float16" || dtype === "bfloat16") halves[dtype].push(name);
      const data = value instanceof Tensor ? await value.data() : value.data;
      return [[name, { dtype, shape, data: data as SafetensorsInput["data"] }]];
    }),
  );
  const rest: Rest = { counts, ...halves };
  const isPlain = Object.values(rest).every((entries) => Object.keys(entries).length === 0);
  const metadata = isPlain ? undefined : { [METADATA]: JSON.stringify(rest) };
  return writeSafetensors(new Map(arrays.flat()), metadata);
}

/**
 * Decodes what {@linkcode encodeState} wrote, or another safetensors file: arrays, and the step counts
 * of an optimizer, for `loadStateDict`. 64-bit integers, such as PyTorch's counts of batches, become
 * `int32` where they fit.
 *
 * @throws {SyntaxError} If the file is damaged.
 * @throws {TypeError} If it is no `Uint8Array`.
 */
export function decodeState(bytes: Uint8Array): Map<string, TensorValues | number> {
  const state = new Map<string, Exclude<TensorValues, Tensor> | number>();
  const text = readSafetensorsMetadata(bytes)[METADATA];
  const { counts = {}, ...halves }: Rest = text === undefined ? {} : JSON.parse(text);
  for (const [name, array] of readSafetensors(bytes)) state.set(name, narrowed(array));
  for (const dtype of ["float16", "bfloat16"] as const) {
    for (const name of halves[dtype] ?? []) {
      const array = state.get(name);
      if (typeof array !== "object") {
        throw new SyntaxError(`Cannot decode the state: ${name} is missing`);
      }
      const data = storedArray(dtype, array.data as Float32Array);
      state.set(name, { dtype, shape: array.shape, data });
    }
  }
  for (const [name, count] of Object.entries(counts)) state.set(name, count);
  return state;
}

function narrowed(array: SafetensorsTensor): Exclude<TensorValues, Tensor> {
  if (array.dtype !== "int64") return array;
  const data = Int32Array.from(array.data, Number);
  const fits = array.data.every((value, i) => BigInt(data[i]!) === value);
  return fits ? { dtype: "int32", shape: array.shape, data } : array;
}
