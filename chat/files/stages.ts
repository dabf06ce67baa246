/**
 * Where the runs of each stage lie: base models, fine-tuned ones, reinforced ones.
 *
 * @module
 */

import { basePath, findLatestRun } from "../../gpt/mod.ts";

/** The stages of a model, in their order. */
export const stages = ["base", "sft", "rl"] as const;

/** A stage of a model. */
export type Stage = typeof stages[number];

const folders: Readonly<Record<Stage, string>> = {
  base: "base_checkpoints",
  sft: "chatsft_checkpoints",
  rl: "chatrl_checkpoints",
};

/** The folder that holds the runs of a stage, or one of them. */
export function stagePath(stage: Stage, ...tag: string[]): string {
  return basePath(folders[stage], ...tag);
}

/**
 * The run that saved last, of the latest of some stages that has one.
 *
 * @param from The stages to look at; all by default.
 * @throws {Error} If none of them has a checkpoint.
 */
export async function latestRun(
  from: readonly Stage[] = stages,
): Promise<{ readonly stage: Stage; readonly folder: string }> {
  let problem: unknown;
  for (const stage of from.toReversed()) {
    try {
      return { stage, folder: await findLatestRun(stagePath(stage)) };
    } catch (error) {
      problem ??= error;
    }
  }
  throw problem;
}
