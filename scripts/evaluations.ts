/** Results of evaluations, stored for the report. */

import { basePath, type Compression } from "../gpt/internals.ts";

/** The last result of `tok_eval`. */
export interface TokenizerEvaluation {
  /** The digest of the tokenizer, as checkpoints name it. */
  readonly sha256: string;
  readonly vocabSize: number;
  readonly texts: readonly Compression[];
}

/** The result of `base_eval` for a checkpoint. */
export interface BaseEvaluation {
  readonly step: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** The result of `chat_eval` for a checkpoint. */
export interface ChatEvaluation {
  readonly step: number;
  readonly accuracies: Readonly<Record<string, number>>;
  readonly chatCore: number | null;
}

/** The path of the tokenizer's evaluation. */
export function tokenizerEvaluationPath(): string {
  return basePath("tokenizer", "tok_eval.json");
}

/** The path of an evaluation of a run's model. */
export function evaluationPath(folder: string, kind: "base" | "chat"): string {
  return `${folder}/${kind}_eval.json`;
}

/**
 * Reads an evaluation; `null` if there is none.
 *
 * @throws {Error} If it is damaged; the message names the path.
 */
export async function readEvaluation<Evaluation>(path: string): Promise<Evaluation | null> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new Error(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
