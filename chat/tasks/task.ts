/**
 * Tasks: lists of conversations to learn from or to evaluate on.
 *
 * @module
 */

import type { Conversation } from "../../tokenizer/mod.ts";
import { numpyPermutation } from "../random/numpy_permutation.ts";
import { PythonRandom } from "../random/python_random.ts";

/** A list of conversations, each made when it is asked for. */
export interface Task<Problem extends Conversation = Conversation> {
  /** The name, for tables and messages. */
  readonly name: string;
  /** The number of conversations. */
  readonly length: number;
  /** The conversation at an index from 0 to length − 1. */
  get(index: number): Problem;
}

/** A task whose answers are written by the model and judged. */
export interface GenerativeTask<Problem extends Conversation = Conversation> extends Task<Problem> {
  /** Whether a completion, with its special tokens as text, solves the problem. */
  isRight(problem: Problem, completion: string): boolean | Promise<boolean>;
  /**
   * The rewards of several answers to one problem in reinforcement learning: 0 for a wrong one, and 1
   * on average for right ones. Without it, each right one has 1.
   */
  rewardsOf?(problem: Problem, completions: readonly string[]): readonly number[];
  /**
   * Whether reinforcement learning shows the answer that the problem ends with, as fine-tuning does,
   * instead of asking for answers. Without it, none is shown.
   */
  isShown?(problem: Problem): boolean;
  /** The part of the task that an example belongs to, for tasks with results by part. */
  groupOf?(index: number): string;
}

/** Options for {@linkcode sliceTask}: as in Python's `range`. */
export interface TaskSlice {
  /** The first example. @default {0} */
  readonly start?: number;
  /** The example before which to stop; the end if larger. @default {Infinity} */
  readonly stop?: number;
  /** Take every `step`-th example. @default {1} */
  readonly step?: number;
}

/**
 * A task of conversations in memory.
 *
 * @example
 * ```ts
 * import { listTask, sliceTask } from "./task.ts";
 *
 * const turns = (content: string) => ({ messages: [{ role: "user", content } as const] });
 * const task = listTask("letters", ["a", "b", "c", "d", "e"].map(turns));
 * const odd = sliceTask(task, { start: 1, step: 2 });
 * if (odd.length !== 2 || odd.get(1).messages[0]?.content !== "d") throw new Error("expected b, d");
 * ```
 */
export function listTask<Problem extends Conversation>(
  name: string,
  problems: readonly Problem[],
): Task<Problem> {
  return {
    name,
    length: problems.length,
    get: (index) => problems[checkIndex(name, index, problems)]!,
  };
}

/**
 * A part of a task.
 *
 * @throws {RangeError} If a bound is negative or not an integer, or the step is not positive.
 */
export function sliceTask<Problem extends Conversation>(
  task: Task<Problem>,
  { start = 0, stop = Infinity, step = 1 }: TaskSlice,
): Task<Problem> {
  for (const [name, value, least] of [["start", start, 0], ["step", step, 1]] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new RangeError(`Cannot slice ${task.name}: wanted ${name} from ${least}, got ${value}`);
    }
  }
  if (!(stop >= 0) || (stop !== Infinity && !Number.isInteger(stop))) {
    throw new RangeError(`Cannot slice ${task.name}: wanted stop from 0, got ${stop}`);
  }
  const length = Math.max(0, Math.ceil((Math.min(stop, task.length) - start) / step));
  return {
    name: task.name,
    length,
    get: (index) => task.get(start + checkIndex(task.name, index, { length }) * step),
  };
}

/**
 * A task in the order in which nanochat reads data sets of the hub: numpy's permutation with seed 42.
 *
 * Source: nanochat, `tasks/common.py`.
 */
export function shuffleTask<Shuffled extends Task<Conversation>>(task: Shuffled): Shuffled {
  const order = numpyPermutation(42, task.length);
  return {
    ...task,
    get: (index: number) => task.get(order[checkIndex(task.name, index, order)]!),
  };
}

/**
 * The order of a mixture: the task and the index in it of each conversation, all of them shuffled with
 * Python's `Random(42)`.
 *
 * @param lengths The lengths of the tasks. A task that is given twice counts twice.
 *
 * @example
 * ```ts
 * import { mixtureOrder } from "./task.ts";
 *
 * console.log(mixtureOrder([2, 1])); // [ [ 0, 1 ], [ 0, 0 ], [ 1, 0 ] ]
 * ```
 */
export function mixtureOrder(lengths: readonly number[]): [task: number, index: number][] {
  const order = lengths.flatMap((length, task) =>
    Array.from({ length }, (_, index): [number, number] => [task, index])
  );
  new PythonRandom(42).shuffle(order);
  return order;
}

/**
 * All conversations of several tasks in the order of {@linkcode mixtureOrder}.
 *
 * Source: `TaskMixture` in nanochat's `tasks/common.py`.
 */
export function mixTasks(tasks: readonly Task[]): Task {
  const order = mixtureOrder(tasks.map(({ length }) => length));
  return {
    name: nameOfMixture(tasks),
    length: order.length,
    get: (index) => {
      const [task, example] = order[checkIndex("the mixture", index, order)]!;
      return tasks[task]!.get(example);
    },
  };
}

/** The names of tasks, with how often each is given: `SmolTalk + 3 × MMLU`. */
function nameOfMixture(tasks: readonly Task[]): string {
  const counts = new Map<string, number>();
  for (const { name } of tasks) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Array.from(counts, ([name, count]) => count === 1 ? name : `${count} × ${name}`)
    .join(" + ");
}

function checkIndex(name: string, index: number, { length }: { readonly length: number }): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new RangeError(
    `Cannot take example ${index} of ${name}: wanted an index from 0 to ${length - 1}`,
  );
}

/**
 * The same conversations without tool calls and their outputs, which chat templates cannot render.
 *
 * @example
 * ```ts
 * import { listTask, withoutTools } from "./task.ts";
 *
 * const content = [{ type: "python", text: "6*7" }, { type: "text", text: "42." }] as const;
 * const task = listTask("sums", [{ messages: [{ role: "assistant", content }] }]);
 * const [message] = withoutTools(task).get(0).messages;
 * if (message?.content !== "42.") throw new Error(`got ${message?.content}`);
 * ```
 */
export function withoutTools(task: Task): Task {
  return {
    name: task.name,
    length: task.length,
    get(index) {
      const messages = task.get(index).messages.map(({ role, content }) => ({
        role,
        content: typeof content === "string" ? content : content
          .filter(({ type }) => type === "text")
          .map(({ text }) => text)
          .join(""),
      }));
      return { messages };
    },
  };
}
