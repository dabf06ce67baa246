/** Checks that a run fits into the memory of device and machine. */

import type { Device, TrainableModel, TrainingPlan } from "../gpt/mod.ts";
import {
  estimateMemory,
  fitsMemory,
  type FloatType,
  type MemoryRoom,
  nearestFits,
  weightsOf,
} from "../gpt/internals.ts";
import { UsageError, type Values } from "./flags.ts";
import { bytes } from "./format.ts";
import { kebabCase } from "./words.ts";
import type { corpusFlags, TrainingValues } from "./training_flags.ts";

/**
 * @throws {UsageError} If a run does not fit into memory, and names flags of the nearest runs that
 * do.
 */
export async function checkMemory(
  plan: TrainingPlan,
  { flags, device, vocabSize, isFixed }: {
    readonly flags: TrainingValues;
    readonly device: Device;
    readonly vocabSize: number;
    /** Whether the model must stay as it is, since the run is resumed. */
    readonly isFixed: boolean;
  },
  computeDtype: FloatType,
): Promise<void> {
  const { deviceBatchSize } = flags;
  const estimate = estimateMemory({ ...plan, deviceBatchSize, computeDtype });
  const room = await memoryRoom(device);
  if (fitsMemory(estimate, room)) return;
  const smaller = nearestFits({ ...flags, vocabSize }, room, { computeDtype, isFixed }).map((run) =>
    Object.entries(run).map(([name, value]) => `--${kebabCase(name)} ${value}`).join(" ")
  );
  const limit = device.kind === "cpu" ? ", which has 32-bit addresses" : "";
  const [wanted, got] = estimate.peak > room.device
    ? [`${bytes(room.device)} of memory on the ${device.kind} device${limit}`, estimate.peak]
    : [`the ${bytes(room.process)} of memory that this machine has free`, estimate.process];
  const small = isFixed ? "" : `. A small model in minutes: ${speedrunCommand(flags)}`;
  throw new UsageError(
    `Cannot train: wanted a run for at most ${wanted}, got one that takes about ${bytes(got)}. ` +
      (smaller.length === 0 ? "No smaller run fits" : `What fits: ${smaller.join(", or ")}`) +
      small,
  );
}

/**
 * Checks that there is memory for training a given model: besides its parameters, at least a
 * gradient and a momentum for each. Activations, which depend on the architecture, come on top.
 *
 * @param advice What to do if it does not fit.
 * @throws {UsageError} If they do not fit into memory.
 */
export async function checkTrainable(
  model: Pick<TrainableModel, "device" | "parameters">,
  advice: string,
): Promise<void> {
  const room = await memoryRoom(model.device);
  const [free, least] = [Math.min(room.device, room.process), 2 * weightsOf(model).bytes];
  if (least <= free) return;
  throw new UsageError(
    `Cannot train: wanted a model whose gradients and optimizer state take at most ${
      bytes(free)
    }, ` +
      `got one where they take at least ${bytes(least)}. ${advice}`,
  );
}

/** The command that trains a model small enough for any machine. */
function speedrunCommand({ data, textColumn }: Values<typeof corpusFlags>): string {
  const column = textColumn === "text" ? "" : ` --text-column ${textColumn}`;
  return `deno task speedrun${data === "sotu" ? "" : ` --data '${data}'`}${column}`;
}

/** Available memory, as far as it is known. */
async function memoryRoom(device: Device): Promise<MemoryRoom> {
  const isMachine = device.kind === "cpu" || device.info.details.software === true;
  const permission = { name: "sys", kind: "systemMemoryInfo" } as const;
  const isAllowed = (await Deno.permissions.query(permission)).state === "granted";
  return {
    device: device.memory.limitBytes - device.memory.liveBytes,
    process: isMachine && isAllowed ? Deno.systemMemoryInfo().available : Infinity,
  };
}
