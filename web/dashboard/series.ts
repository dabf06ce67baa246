/** Curves out of what was measured. @module */

import { smooth as smoothValue } from "../../optim/smoothing.ts";
import type { RunData } from "../../serve/dashboard/messages.ts";
import type { Point } from "../parts/plot.tsx";

/** The horizontal axis of curves. */
export type Axis = "step" | "tokens" | "time";

/** Adds what has come to what was there. */
export function addData(to: RunData, added: RunData): void {
  for (const [kind, columns] of Object.entries(added.columns)) {
    const old = to.columns[kind] ??= {};
    const before = old["step"]?.length ?? 0;
    const length = columns["step"]?.length ?? 0;
    for (const name of Object.keys(columns)) old[name] ??= Array(before).fill(null);
    for (const [name, column] of Object.entries(old)) {
      const more = columns[name] ?? Array(length).fill(null);
      for (const value of more) column.push(value);
    }
  }
  to.samples.push(...added.samples);
}

/** The names of the figures of some runs. */
export function figuresOf(runs: readonly RunData[]): string[] {
  const kinds = runs.flatMap(({ columns }) => Object.values(columns));
  return [...new Set(kinds.flatMap((columns) => Object.keys(columns)))]
    .filter((name) => name !== "step");
}

/** A figure beside its steps. */
function figureOf({ columns }: RunData, figure: string) {
  const { [figure]: values = [], step: steps = [] } =
    Object.values(columns).find((one) => figure in one) ?? {};
  return { steps: steps as number[], values };
}

/** The curve of a figure on an axis. */
export function curveOf(data: RunData, figure: string, place: (step: number) => number): Point[] {
  const { steps, values } = figureOf(data, figure);
  return steps.map((step, i) => [place(step), values[i]] as const)
    .filter((point): point is Point => point[1] !== null);
}

/** Where steps lie on an axis; `null` if that is not known: tokens need those of a step. */
export function placeOn(
  axis: Axis,
  { columns }: RunData,
  tokensPerStep: number | null,
): ((step: number) => number) | null {
  if (axis === "step") return (step) => step;
  if (axis === "tokens") return tokensPerStep === null ? null : (step) => step * tokensPerStep;
  // The minutes of training before a step.
  const { step: steps = [], seconds = [] } = columns["step"] ?? {};
  const sums = [0];
  for (const value of seconds) sums.push(sums.at(-1)! + (value ?? 0) / 60);
  const first = steps[0] ?? 0;
  return (step) => sums[Math.max(0, Math.min(step - first, sums.length - 1))]!;
}

/** A curve smoothed as the loss in the terminal, with another decay. */
export function smooth(points: readonly Point[], decay: number): Point[] {
  let average = 0;
  return points.map(([x, y], count) => [x, average = smoothValue(average, y, count, decay)]);
}

/** The value of a figure at a step, or the last one before it. */
export function valueAt(data: RunData, figure: string, step: number): number | null {
  const { steps, values } = figureOf(data, figure);
  return values[steps.findLastIndex((at, i) => at <= step && values[i] !== null)] ?? null;
}

/** The last step that was measured. */
export function lastStep({ columns }: RunData): number {
  return Math.max(0, ...Object.values(columns).map(({ step }) => step?.at(-1) ?? 0));
}

/** All data as comma-separated values: a line a record. */
export function csvOf(runs: ReadonlyMap<string, RunData>): string {
  const names = ["step", ...figuresOf([...runs.values()])];
  const lines = [["run", "kind", ...names].join(",")];
  for (const [run, { columns }] of runs) {
    for (const [kind, values] of Object.entries(columns)) {
      for (let i = 0; i < (values["step"]?.length ?? 0); i++) {
        lines.push([run, kind, ...names.map((name) => values[name]?.[i] ?? "")].join(","));
      }
    }
  }
  return `${lines.join("\n")}\n`;
}
