/** Results of studies: a table of all runs, and one of the means. @module */

import { openCheckpoint } from "../files/checkpoint.ts";
import { savedSteps } from "../files/checkpoint_list.ts";
import type { CheckpointMeta } from "../files/checkpoint_meta.ts";
import { readMetrics } from "../files/metrics.ts";
import type { CurvePoint } from "../files/report.ts";
import { readRunInfo } from "../files/run_info.ts";
import { nanochatConfig } from "../files/architecture.ts";
import { type ParameterCounts, parameterCounts } from "../model/parameters.ts";
import { flopsPerToken } from "../model/costs.ts";
import { METRICS_FILE } from "../train/folder_run.ts";
import { mean, standardError, welchTest } from "./statistics.ts";
import type { StudyRun, StudySettings } from "./study.ts";

/** The folder of a run of a study, as its last checkpoint describes it. */
export interface StudyFolder {
  /** The last checkpoint; `null` without any. */
  readonly meta: CheckpointMeta | null;
  /** The tokenizer of the checkpoint, as JSON. */
  readonly tokenizer: string | null;
  /** Bits per byte after the last step; `null` before. */
  readonly bitsPerByte: number | null;
}

/** A finished run of a nanochat model. */
export interface StudyResult {
  /** The run. */
  readonly run: StudyRun;
  /** The FLOPs that it was allowed to spend or, without a budget, those that it spent. */
  readonly budget: number;
  /** Number of layers. */
  readonly depth: number;
  /** Width of the model. */
  readonly width: number;
  /** Parameters by part. */
  readonly parameters: ParameterCounts;
  /** Steps. */
  readonly steps: number;
  /** Tokens of all steps. */
  readonly tokens: number;
  /** Bits per byte on the validation split, after the last step. */
  readonly bitsPerByte: number;
  /** The last CORE; `null` if it was not measured. */
  readonly core: number | null;
  /** Duration of all steps, in seconds. */
  readonly seconds: number;
  /** The smoothed loss by step. */
  readonly losses: readonly CurvePoint[];
}

/** Results of the runs that differ in their seeds only. */
export interface StudyRow {
  /** The index of the row. */
  readonly row: number;
  /** The finished runs. */
  readonly results: readonly StudyResult[];
  /** The mean of their bits per byte; `null` if there are none. */
  readonly mean: number | null;
  /** The standard error of the mean; `null` for fewer than two runs. */
  readonly error: number | null;
  /** The p-value of the difference from the reference, by Welch's t-test; `null` if it has none. */
  readonly p: number | null;
}

/** Parameters that take part in matmuls: layers and head, without embeddings, as nanochat counts them. */
export function scalingParameters({ transformerMatrices, lmHead }: ParameterCounts): number {
  return transformerMatrices + lmHead;
}

/** Reads how far a run of a study has come. @throws {Error} If its last checkpoint is damaged. */
export async function readStudyFolder(folder: string): Promise<StudyFolder> {
  if ((await savedSteps(folder)).length === 0) {
    return { meta: null, tokenizer: null, bitsPerByte: null };
  }
  const { meta, tokenizer } = await openCheckpoint(folder);
  const metrics = await readMetrics(`${folder}/${METRICS_FILE}`);
  // A run may have been stopped between its last step and the evaluation after it.
  const last = metrics.findLast(({ kind, step }) => kind === "evaluation" && step === meta.steps);
  const bitsPerByte = last?.["bitsPerByte"];
  return {
    meta,
    tokenizer: JSON.stringify(tokenizer),
    bitsPerByte: typeof bitsPerByte === "number" ? bitsPerByte : null,
  };
}

/**
 * Reads the result of a run; `null` if it has not finished.
 *
 * @throws {Error} If a file of it is missing or damaged.
 * @throws {TypeError} If its model is not nanochat's.
 */
export async function readStudyResult(
  run: StudyRun,
  folder: string,
): Promise<StudyResult | null> {
  const { meta, bitsPerByte } = await readStudyFolder(folder);
  if (meta === null || bitsPerByte === null) return null;
  const config = nanochatConfig(meta);
  const metrics = await readMetrics(`${folder}/${METRICS_FILE}`);
  const { tokensPerStep } = (await readRunInfo(folder))!;
  const { step: steps, seconds } = meta.state;
  const tokens = steps * tokensPerStep!;
  const target = Number(meta.settings["targetFlops"] ?? -1);
  const core = metrics.findLast(({ core }) => typeof core === "number")?.["core"];
  return {
    run,
    budget: target > 0 ? target : flopsPerToken(config) * tokens,
    depth: config.nLayer,
    width: config.nEmbd,
    parameters: parameterCounts(config),
    steps,
    tokens,
    bitsPerByte,
    core: typeof core === "number" ? core : null,
    seconds,
    losses: metrics.flatMap(({ step, smoothLoss }) =>
      typeof smoothLoss === "number" ? [{ x: step, y: smoothLoss }] : []
    ),
  };
}

/**
 * Formats results as CSV. The columns are those of nanochat's `runs/scaling_laws.sh`, then further
 * ones of `runs/miniseries.sh`. The run and its seed come first, the settings that vary last.
 * Values that were not measured are empty.
 */
export function resultsAsCsv(
  results: readonly StudyResult[],
  rows: readonly StudySettings[],
): string {
  const varied = Object.keys(rows[0] ?? {}).filter((name) => name !== "depth");
  const lines = results.map((result): (string | number | boolean | null)[] => {
    const { parameters, tokens } = result;
    const scaling = scalingParameters(parameters);
    return [
      result.run.tag,
      result.run.seed,
      result.budget,
      result.depth,
      result.width,
      parameters.wte,
      parameters.valueEmbeds,
      parameters.lmHead,
      parameters.transformerMatrices,
      parameters.scalars,
      parameters.total,
      result.steps,
      tokens,
      result.bitsPerByte,
      result.core,
      Number(result.seconds.toFixed(1)),
      parameters.total,
      scaling,
      tokens / scaling,
      ...varied.map((name) => rows[result.run.row]![name]!),
    ];
  });
  return [[...COLUMNS, ...varied], ...lines]
    .map((cells) => `${cells.map(csvCell).join()}\n`).join("");
}

const COLUMNS = [
  "run",
  "seed",
  "flops_budget",
  "depth",
  "model_dim",
  "params_wte",
  "params_value_embeds",
  "params_lm_head",
  "params_transformer",
  "params_scalars",
  "params_total",
  "num_iterations",
  "tokens_trained",
  "val_bpb",
  "core_score",
  "train_time_sec",
  "num_params",
  "num_scaling_params",
  "param_data_ratio",
];

function csvCell(value: string | number | boolean | null): string {
  const text = `${value ?? ""}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * The means of the rows of a study, compared with a reference.
 *
 * @param count The number of rows.
 * @param reference Bits per byte to compare with; those of the first row by default.
 */
export function summarizeRows(
  results: readonly StudyResult[],
  count: number,
  reference?: readonly number[],
): StudyRow[] {
  const measured = Array.from({ length: count }, (_, row) => {
    const ofRow = results.filter(({ run }) => run.row === row);
    return { results: ofRow, values: ofRow.map(({ bitsPerByte }) => bitsPerByte) };
  });
  const compared = reference ?? measured[0]?.values ?? [];
  return measured.map(({ results, values }, row) => ({
    row,
    results,
    mean: values.length === 0 ? null : mean(values),
    error: standardError(values),
    p: reference === undefined && row === 0 ? null : welchTest(values, compared),
  }));
}
