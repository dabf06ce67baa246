/**
 * The choices among matrix products on WebGPU, kept on the disk for each adapter, so that each is timed
 * once on a machine and not once in each run.
 *
 * @module
 */

import {
  matmulChoices,
  type MatmulTuning,
  tuneMatmuls,
  type WebGpuDevice,
} from "../../tensor/mod.ts";
import { basePath, ensureWritableFolder, fileError, writeFileAtomically } from "../files/files.ts";

/** What {@linkcode tuneAndKeepMatmuls} did. */
export interface KeptTuning extends MatmulTuning {
  /** The file in which the choices are kept now. */
  readonly path: string;
  /** Why they could not be kept; `null` if they are. */
  readonly problem: string | null;
}

/**
 * The file with the choices for a device, below `$NANODINO_HOME/tuning`: one for each adapter.
 *
 * @throws {Error} If there is no folder for nanodino's files.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { matmulChoicesPath } from "./matmul_tuning.ts";
 *
 * const device = await openDevice("webgpu").catch(() => null);
 * if (device?.kind === "webgpu") {
 *   console.log(matmulChoicesPath(device)); // …/tuning/llvmpipe_llvm_19.1.7_256_bits.json
 *   await device.close();
 * }
 * ```
 */
export function matmulChoicesPath(device: WebGpuDevice): string {
  const words = `${device.info.details.adapter}`.toLowerCase().match(/[a-z0-9.]+/g) ?? ["unnamed"];
  return basePath("tuning", `${words.join("_")}.json`);
}

/**
 * Takes the choices that were kept for the adapter of a device.
 *
 * @returns Why what was kept is not used, on one line; `null` if it is, or there is nothing.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { loadMatmulChoices } from "./matmul_tuning.ts";
 *
 * const device = await openDevice("webgpu").catch(() => null);
 * if (device?.kind === "webgpu") {
 *   const note = await loadMatmulChoices(device);
 *   if (note !== null) console.log(note);
 *   await device.close();
 * }
 * ```
 */
export async function loadMatmulChoices(device: WebGpuDevice): Promise<string | null> {
  const path = matmulChoicesPath(device);
  try {
    matmulChoices(device).load(JSON.parse(await Deno.readTextFile(path)));
    return null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    const reason = error instanceof SyntaxError ? error : fileError("read", path, error);
    return `Ignoring ${path}: ${reason.message.split("\n")[0]}`;
  }
}

/**
 * Keeps the choices of a device for the next run on its adapter.
 *
 * @returns The file.
 * @throws {Error} If it cannot be written; the message names the path and the cause.
 *
 * @example
 * ```ts
 * import { matmulChoices, openDevice } from "../../tensor/mod.ts";
 * import { saveMatmulChoices } from "./matmul_tuning.ts";
 *
 * Deno.env.set("NANODINO_HOME", await Deno.makeTempDir());
 * const device = await openDevice("webgpu").catch(() => null);
 * if (device?.kind === "webgpu") {
 *   matmulChoices(device).force("naive");
 *   console.log(await Deno.readTextFile(await saveMatmulChoices(device)));
 *   await device.close();
 * }
 * ```
 */
export async function saveMatmulChoices(device: WebGpuDevice): Promise<string> {
  const path = matmulChoicesPath(device);
  await ensureWritableFolder(basePath("tuning"));
  await writeFileAtomically(path, JSON.stringify(matmulChoices(device), null, 2) + "\n");
  return path;
}

/**
 * Times what a device has computed and never timed, and keeps the choices: see `tuneMatmuls`.
 *
 * @param seconds No class is begun after so long.
 * @returns What came of it; `null` if there was nothing new, or the device cannot time.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { tuneAndKeepMatmuls } from "./matmul_tuning.ts";
 *
 * const device = await openDevice("webgpu").catch(() => null);
 * if (device?.kind === "webgpu") {
 *   // Nothing was multiplied yet.
 *   if (await tuneAndKeepMatmuls(device) !== null) throw new Error("expected nothing new");
 *   await device.close();
 * }
 * ```
 */
export async function tuneAndKeepMatmuls(
  device: WebGpuDevice,
  seconds = 30,
): Promise<KeptTuning | null> {
  if (matmulChoices(device).newClasses.length === 0) return null;
  const tuning = await tuneMatmuls(device, { seconds });
  if (tuning.obstacle !== null || tuning.classes === 0) return null;
  const path = matmulChoicesPath(device);
  try {
    await saveMatmulChoices(device);
    return { ...tuning, path, problem: null };
  } catch (error) {
    // The choices hold for this run all the same.
    return { ...tuning, path, problem: error instanceof Error ? error.message : `${error}` };
  }
}
