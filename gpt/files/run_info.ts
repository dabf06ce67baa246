/**
 * Information about a run that is available before its first checkpoint: `run.json` in its folder.
 *
 * @module
 */

import type { ModelConfig, TrainableModel } from "../generate/language_model.ts";
import { describeModel } from "./checkpoint_content.ts";
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
  /** Tokens of a step; `null` if steps differ, as in reinforcement. */
  readonly tokensPerStep: number | null;
  /** The name of the model's architecture; absent for nanochat's. */
  readonly architecture?: string;
  /** The model's shape, as its architecture describes it. */
  readonly modelConfig: ModelConfig;
  /** Number of parameters; absent from older files of nanochat models. */
  readonly parameters?: number;
  /** The user's settings, by flag. */
  readonly settings: CheckpointMeta["settings"];
  /** Beginnings of texts for the model to continue; absent if it learns to answer. */
  readonly prompts?: readonly string[];
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
  model: TrainableModel,
  rest: Pick<RunInfo, "steps" | "tokensPerStep" | "settings" | "prompts">,
): Promise<void> {
  const info: RunInfo = {
    startedAt: new Date().toISOString(),
    device: model.device.info.description,
    ...describeModel(model),
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
      typeof info.modelConfig?.vocabSize === "number" && typeof info.settings === "object";
    if (isWhole) return info;
  } catch {
    // Reported below.
  }
  throw new SyntaxError(
    `Cannot read ${path}: wanted the description of a run, got ${
      JSON.stringify(text.slice(0, 40))
    }`,
  );
}
