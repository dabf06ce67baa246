/** Messages from a dashboard's server to its pages. @module */

import type { CheckpointMeta } from "../../gpt/browser.ts";

/** The state of a run: it is training, has reached its last step, or was stopped before that. */
export type RunState = "running" | "finished" | "stopped";

/** A run in the list. */
export interface ListedRun {
  /** The stage and the name of its folder: `base/d4`. */
  readonly name: string;
  /** The state of the run. */
  readonly state: RunState;
  /** Steps done. */
  readonly step: number;
  /** The length of the run, if known. */
  readonly steps: number | null;
  /** When it was last started, in ISO 8601, or else saved. */
  readonly time: string;
  /** The device, in words. */
  readonly device: string | null;
  /** The parameters of the model, if known. */
  readonly parameters: number | null;
  /** Tokens of a step, if known. */
  readonly tokensPerStep: number | null;
  /** The settings, and the shape of the model. */
  readonly settings: CheckpointMeta["settings"];
  /** The last value of each figure. */
  readonly figures: Readonly<Record<string, number>>;
  /** The address of the view inside its latest model; `null` if there is none. */
  readonly inside: string | null;
  /** A problem with its files. */
  readonly problem: string | null;
}

/** Figures by name, with the steps that they belong to. */
export type Columns = Record<string, (number | null)[]>;

/** The measurements of a run, by the kind of record. */
export interface RunData {
  /** Figures, by the kind of record. */
  readonly columns: Record<string, Columns>;
  /** Sampled texts, by step. */
  readonly samples: { readonly step: number; readonly texts: readonly string[] }[];
}

/** An event. */
export type DashboardEvent =
  | {
    readonly kind: "list";
    readonly runs: readonly ListedRun[];
    readonly shown: readonly string[];
  }
  /** Data of a run: all of it with `isNew`, otherwise what has been added. */
  | { readonly kind: "data"; readonly run: string; readonly isNew: boolean; readonly data: RunData }
  /** The server ends, since its run has ended. */
  | { readonly kind: "end" };
