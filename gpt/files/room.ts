/** Whether a device has room for a model, with weights in float32 or packed. @module */

import { type Module, packedBytes, parameterBytes } from "../../nn/mod.ts";
import { RangeError } from "../../tensor/errors.ts";
import { type Device, type Packing, QuantizedMatrix } from "../../tensor/mod.ts";

/** Shapes of parameters, by name. */
export type ParameterShapes = ReadonlyMap<string, readonly number[]>;

/** Bytes of parameters, packed as `packingOf` says by name. */
export function bytesOfParameters(
  shapes: ParameterShapes,
  packingOf: (name: string) => Packing | null,
): number {
  return [...shapes].reduce(
    (sum, [name, shape]) => sum + packedBytes(shape, packingOf(name)),
    0,
  );
}

/** The memory of a model's weights, and how they are packed. */
export interface WeightsInfo {
  /** Bytes of all parameters. */
  readonly bytes: number;
  /** How they are packed: `q8`, `q4` or both; if none of them is, their dtypes: `f32`. */
  readonly types: readonly string[];
}

/** Dtypes as commands name them. */
export const typeNames = { float32: "f32", bfloat16: "bf16", float16: "f16" } as const;

/** Measures the weights of a model. */
export function weightsOf(model: Pick<Module, "parameters">): WeightsInfo {
  const parameters = [...model.parameters().values()];
  const packed = parameters.filter((each) => each instanceof QuantizedMatrix);
  const names = packed.length > 0
    ? packed.map(({ packing }) => packing)
    : parameters.map(({ dtype }) => dtype === "int32" ? dtype : typeNames[dtype]);
  return { bytes: parameterBytes(model), types: [...new Set(names)].sort() };
}

/** Bytes that are free on a device. */
export function freeBytes({ memory: { limitBytes, liveBytes } }: Device): number {
  return limitBytes - liveBytes;
}

/**
 * Checks that a device has room for a model.
 *
 * @param packingOf How each parameter is packed, by name; `null` for float32.
 * @throws {RangeError} If there is not enough; the message says which packing would fit.
 */
export function checkRoom(
  file: string,
  shapes: ParameterShapes,
  device: Device,
  packingOf: (name: string) => Packing | null,
): void {
  const [bytes, free] = [bytesOfParameters(shapes, packingOf), freeBytes(device)];
  if (bytes <= free) return;
  const fitting = (["q8", "q4"] as const)
    .map((packing) => [packing, bytesOfParameters(shapes, () => packing)] as const)
    .find(([, bytes]) => bytes <= free);
  const way = fitting === undefined
    ? ""
    : `. With --quantize ${fitting[0]} it takes ${fitting[1]} bytes`;
  throw new RangeError(
    `Cannot open ${file}: wanted a model of at most ${free} bytes, the free memory of the ` +
      `${device.kind} device, got ${bytes}${way}`,
  );
}
