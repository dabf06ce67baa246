/**
 * What is known of a run before its first checkpoint: the content of `run.json` in its folder.
 *
 * @module
 */

import type { GPTConfig } from "../model/config.ts";
import type { GPT } from "../model/model.ts";
import type { CheckpointMeta } from "./checkpoint_meta.ts";
import { readTextFile, writeFileAtomically } from "./files.ts";

/** A run, as it was last started or resumed. */
export interface RunInfo {
  /** When, in ISO 8601. */
  readonly startedAt: string;
  /** The device, in words. */
  readonly device: string;
  /** The length of the run in steps. */
  readonly steps: number;
  /** Tokens of a step; `null` where steps differ, as in reinforcement. */
  readonly tokensPerStep: number | null;
  /** The model's shape. */
  readonly modelConfig: GPTConfig;
  /** The user's settings, by flag. */
  readonly settings: CheckpointMeta["settings"];
}

/** Name of the file in a run's folder. */
export const RUN_FILE = "run.json";

/**
 * Writes the file of a run that starts now.
 *
 * @param model The model that is trained.
 * @throws {Error} If that fails.
 */
export async function writeRunInfo(
  folder: string,
  { config, device }: Pick<GPT, "config" | "device">,
  rest: Pick<RunInfo, "steps" | "tokensPerStep" | "settings">,
): Promise<void> {
  const info: RunInfo = {
    startedAt: new Date().toISOString(),
    device: device.info.description,
    modelConfig: config,
    ...rest,
  };
  await writeFileAtomically(`${folder}/${RUN_FILE}`, `${JSON.stringify(info)}\n`);
}

/**
 * Reads the file.
 *
 * @returns Its content; `null` if it is missing, as in runs of older versions.
 * @throws {Error} If it cannot be read, or is not what this version writes.
 *
 * @example
 * ```ts
 * import { readRunInfo } from "./run_info.ts";
 *
 * if (await readRunInfo(await Deno.makeTempDir()) !== null) throw new Error("expected no file");
 * ```
 */
export async function readRunInfo(folder: string): Promise<RunInfo | null> {
  const path = `${folder}/${RUN_FILE}`;
  const text = await readTextFile(path);
  if (text === null) return null;
  try {
    const info: RunInfo = JSON.parse(text);
    const isWhole = typeof info.steps === "number" &&
      (info.tokensPerStep === null || typeof info.tokensPerStep === "number") &&
      typeof info.modelConfig?.nLayer === "number" && typeof info.settings === "object";
    if (isWhole) return info;
  } catch {
    // Reported below.
  }
  throw new SyntaxError(
    `Cannot read ${path}: wanted the description of a run, got ${text.slice(0, 40)}`,
  );
}
