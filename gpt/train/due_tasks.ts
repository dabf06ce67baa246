/** The tasks of a run before a step. @module */

/** How often each task is done: an interval in steps, −1 for never; absent without the task. */
export interface TaskIntervals {
  /** Measuring bits per byte. */
  readonly evaluate?: { readonly every: number };
  /** Sampling text. */
  readonly sample?: { readonly every: number };
  /** Another measurement. */
  readonly measure?: { readonly every: number };
  /** Saving a checkpoint. */
  readonly save?: { readonly every: number };
}

/** Whether each task comes before a step. */
export type DueTasks = Readonly<Record<keyof TaskIntervals, boolean>>;

/**
 * The tasks before a step, counted from 0: those whose interval divides it, and all of them after the
 * last one. A model without training is evaluated, but neither sampled nor measured.
 *
 * @param steps The length of the run.
 *
 * @example
 * ```ts
 * import { dueTasks } from "./due_tasks.ts";
 *
 * const intervals = { evaluate: { every: 10 }, sample: { every: 10 }, save: { every: -1 } };
 * const { evaluate, sample, save } = dueTasks(intervals, 20, 100);
 * if (!evaluate || !sample || save) throw new Error("expected an evaluation and samples");
 * ```
 */
export function dueTasks(intervals: TaskIntervals, step: number, steps: number): DueTasks {
  const isDue = (task: { readonly every: number } | undefined): boolean =>
    task !== undefined && task.every > 0 && (step >= steps || step % task.every === 0);
  return {
    evaluate: isDue(intervals.evaluate),
    sample: step > 0 && isDue(intervals.sample),
    measure: step > 0 && isDue(intervals.measure),
    save: isDue(intervals.save),
  };
}
