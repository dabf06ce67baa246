/** A run whose files are followed while it may be training. @module */

import { stagePath, type stages } from "../../chat/internals.ts";
import { type MetricsRecord, openCheckpoint, savedSteps } from "../../gpt/mod.ts";
import {
  isTraining,
  METRICS_FILE,
  MetricsFollower,
  parameterCount,
  readRunInfo,
} from "../../gpt/internals.ts";
import type { ListedRun, RunData, RunState } from "./messages.ts";

/** Figures that depend on the machine's load instead of the model. */
const LEFT_OUT = ["flopsPerSecond", "secondsLeft"];

/** Changes of a folder within this many milliseconds may have the same time. */
const TIME_STEP = 100;

type Info = Pick<
  ListedRun,
  "time" | "steps" | "device" | "parameters" | "tokensPerStep" | "settings"
>;

const unknown: Info = {
  time: "",
  steps: null,
  device: null,
  parameters: null,
  tokensPerStep: null,
  settings: {},
};

/** A run in a folder. */
export class FollowedRun {
  /** The stage and the name of the folder. */
  readonly name: string;
  readonly #folder: string;
  readonly #metrics: MetricsFollower;
  #data = emptyData();
  #figures: Record<string, number> = {};
  #step = 0;
  #info: Info = unknown;
  #readAt = -1;
  #hasModel = false;
  #problems: { info: string | null; metrics: string | null } = { info: null, metrics: null };
  #state: RunState = "stopped";

  /** @param stage Its stage. @param tag The name of its folder. */
  constructor(stage: typeof stages[number], tag: string) {
    this.name = `${stage}/${tag}`;
    this.#folder = stagePath(stage, tag);
    this.#metrics = new MetricsFollower(`${this.#folder}/${METRICS_FILE}`);
  }

  /** All that was measured. */
  get data(): RunData {
    return this.#data;
  }

  /** Whether a checkpoint was saved. */
  get hasModel(): boolean {
    return this.#hasModel;
  }

  /** The run as listed; `null` while nothing is known about it. */
  get listed(): Omit<ListedRun, "inside"> | null {
    const { info, metrics } = this.#problems;
    const problem = metrics ?? info;
    if (this.#info === unknown && this.#step === 0 && problem === null) return null;
    return {
      ...this.#info,
      name: this.name,
      state: this.#state,
      step: this.#step,
      figures: this.#figures,
      problem,
    };
  }

  /** Reads what has come. @returns It; `null` if there is nothing. */
  async poll(): Promise<{ readonly isNew: boolean; readonly data: RunData } | null> {
    await this.#readInfo();
    let added = null;
    try {
      const { isNew, records, problem } = await this.#metrics.read();
      if (isNew) {
        this.#data = emptyData();
        this.#figures = {};
        this.#step = 0;
        this.#problems.metrics = null;
      }
      this.#problems.metrics ??= problem?.message ?? null;
      if (isNew || records.length > 0) added = { isNew, data: this.#add(records) };
    } catch (error) {
      this.#problems.metrics = (error as Error).message;
    }
    const { steps } = this.#info;
    const isOver = steps !== null && this.#step >= steps;
    this.#state = isOver ? "finished" : await isTraining(this.#folder) ? "running" : "stopped";
    return added;
  }

  /** Adds records to all data. @returns The same records as data of their own. */
  #add(records: readonly MetricsRecord[]): RunData {
    const added = emptyData();
    for (const { kind, step, ...values } of records) {
      if (kind === "samples") {
        const sample = { step, texts: Array.isArray(values["texts"]) ? values["texts"] : [] };
        for (const { samples } of [added, this.#data]) samples.push(sample);
        continue;
      }
      const row: Record<string, number> = { step };
      for (const [name, value] of Object.entries(values)) {
        if (typeof value === "number" && !LEFT_OUT.includes(name)) row[name] = value;
      }
      for (const { columns } of [added, this.#data]) addRow(columns[`${kind}`] ??= {}, row);
      const { step: _, ...figures } = row;
      Object.assign(this.#figures, figures);
      if (kind === "step") this.#step = Math.max(this.#step, step + 1);
    }
    return added;
  }

  /** Reads the description and the list of checkpoints, if the folder has other files than before. */
  async #readInfo(): Promise<void> {
    try {
      const folder = await Deno.stat(this.#folder).catch(() => null);
      const time = folder?.mtime?.getTime() ?? 0;
      if (time + TIME_STEP < this.#readAt && this.#info !== unknown) return;
      this.#readAt = Date.now();
      this.#hasModel = (await savedSteps(this.#folder)).length > 0;
      this.#info = await readInfo(this.#folder);
      this.#problems.info = null;
    } catch (error) {
      this.#problems.info = (error as Error).message;
    }
  }
}

/** From `run.json`, or from a checkpoint of an older version; unknown if there is neither. */
async function readInfo(folder: string): Promise<Info> {
  const info = await readRunInfo(folder);
  if (info !== null) {
    const { startedAt: time, modelConfig, ...rest } = info;
    const parameters = parameterCount(info);
    return { ...rest, time, parameters, settings: { ...rest.settings, ...modelConfig } };
  }
  const checkpoint = await openCheckpoint(folder, undefined, { warn: () => {} })
    .catch((error: Error) => {
      if (/got a folder without any$/.test(error.message)) return null;
      throw error;
    });
  if (checkpoint === null) return unknown;
  const { savedAt: time, modelConfig, settings } = checkpoint.meta;
  const parameters = parameterCount(checkpoint.meta);
  return { ...unknown, time, parameters, settings: { ...settings, ...modelConfig } };
}

const emptyData = (): RunData => ({ columns: {}, samples: [] });

/** Adds a row; columns without a value get `null`, as do earlier rows of a new column. */
function addRow(columns: Record<string, (number | null)[]>, row: Readonly<Record<string, number>>) {
  const length = columns["step"]?.length ?? 0;
  for (const name of Object.keys(row)) columns[name] ??= Array(length).fill(null);
  for (const [name, column] of Object.entries(columns)) column.push(row[name] ?? null);
}
