/** The device that a command computes on. */

import { type Device, openDevice } from "../gpt/browser.ts";
import {
  type FloatType,
  MatmulPeak,
  measureMatmulPeak,
  typeNames,
} from "../gpt/browser_internals.ts";
import type { RunRanks } from "../gpt/parallel.ts";
import {
  choice,
  type Flag,
  integer,
  optional,
  type Settings,
  toggle,
  type Values,
} from "./flags.ts";
import { printError, printNote } from "./output.ts";

/** The flags that choose a device, and how it computes. */
export const deviceFlags = {
  device: choice(
    ["auto", "cpu", "webgpu"],
    "auto",
    "The device: auto takes a real GPU if there is one",
  ),
  threads: integer(0, "Threads of the CPU device, 0 for one per core", { least: 0, most: 256 }),
  noBlas: toggle("Compute matmuls without BLAS"),
  matmulPrecision: choice(
    ["f32", "bf16", "auto"],
    "f32",
    "Operands of matmuls on the CPU: bf16 is faster with AMX and oneDNN (Debian: libdnnl3.6); auto " +
      "uses it where it is faster",
  ),
  dtype: choice(
    ["f32", "bf16", "f16", "auto"],
    "f32",
    "The dtype of activations and weights in computations: bf16 and f16 halve their memory; auto takes " +
      "bf16 where that multiplies faster",
  ),
  verbose: toggle("Describe the device in full, on the error output"),
};

/** The flag of commands that run a model without training it. */
export const quantizeFlags = {
  quantize: optional(choice(
    ["q8", "q4"] as const,
    "q8",
    "Pack weights in 8 or 4 bits as they are read: 0.28 or 0.16 of the memory of f32",
  )),
};

/** Training takes the faster precision; evaluation and sampling are exact by default. */
export const trainingPrecision: { matmulPrecision: Flag<"f32" | "bf16" | "auto"> } = {
  matmulPrecision: { ...deviceFlags.matmulPrecision, fallback: "auto" },
};

/** The flag of fine-tuning and reinforcement, which have no loss scaler for float16. */
export const tuningType = {
  dtype: choice(
    ["f32", "bf16", "auto"],
    "f32",
    "The dtype of activations and weights in computations: bf16 halves their memory; auto takes it " +
      "where that multiplies faster",
  ),
};

/** The flags of {@linkcode openChosenDevice}. */
export type DeviceValues = Omit<Values<typeof deviceFlags>, "dtype" | "verbose"> & {
  readonly verbose?: boolean;
};

/** Opens the device that the flags choose; disposing of the result closes it. */
export async function openChosenDevice(
  { device: kind, threads, noBlas, matmulPrecision, verbose }: DeviceValues,
): Promise<Device & AsyncDisposable> {
  const options = { ...(threads === 0 ? {} : { threads }), blas: !noBlas, matmulPrecision };
  const device = await openDevice(kind, options);
  if (verbose) printError(`Device: ${device.info.description}`);
  return Object.assign(device, { [Symbol.asyncDispose]: () => device.close() });
}

/** Minimum speed of matmuls in bf16, relative to f32, for `auto`: the rest of a step gains less. */
const MIN_SPEED = 1.5;

/**
 * The dtype that the flags choose; if it is not the one that they name, a line on the error output
 * says so, as the output of a command may be a text that was sampled.
 *
 * @param trained The dtype that a model was trained in, if that is known: another one is reported, too.
 */
export function chosenType(
  device: Device,
  { dtype }: Pick<Values<typeof deviceFlags>, "dtype">,
  trained?: Settings[string],
): FloatType {
  const type = resolveType(device, dtype);
  if (trained !== undefined && trained !== typeNames[type]) {
    printNote(`Computing in ${typeNames[type]}: the model was trained in ${trained}.`);
  }
  return type;
}

function resolveType(device: Device, dtype: Values<typeof deviceFlags>["dtype"]): FloatType {
  if (dtype === "f32") return "float32";
  if (dtype === "bf16") return "bfloat16";
  if (dtype === "auto") {
    const speed = device.kind === "cpu" ? device.bfloat16Speed : 0;
    if (speed < MIN_SPEED) return "float32";
    printNote(`Computing in bf16: matmuls are ${speed.toFixed(1)} times as fast as in f32.`);
    return "bfloat16";
  }
  if (device.hasFloat16) return "float16";
  printNote(`Computing in f32: wanted a device with shader-f16, got ${device.info.title}.`);
  return "float32";
}

/** Measures the peak of a device, times the number of ranks. */
export function measurePeak(device: Device, ranks: RunRanks | null): Promise<MatmulPeak> {
  return MatmulPeak.measure(async () => (ranks?.ranks ?? 1) * await measureMatmulPeak(device));
}
