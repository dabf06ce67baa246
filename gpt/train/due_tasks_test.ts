import { assertEquals } from "@std/assert";
import { type DueTasks, dueTasks } from "./due_tasks.ts";

const intervals = {
  evaluate: { every: 10 },
  sample: { every: 20 },
  measure: { every: -1 },
  save: { every: 15 },
};

/** The names of the tasks before a step of a run of 47 steps. */
const names = (step: number): string =>
  (Object.entries(dueTasks(intervals, step, 47)) as [keyof DueTasks, boolean][])
    .filter(([, isDue]) => isDue).map(([name]) => name).join();

Deno.test("tasks are due at their intervals, and after the last step", () => {
  assertEquals([0, 1, 10, 15, 20, 30, 46].map(names), [
    ...["evaluate,save", "", "evaluate", "save", "evaluate,sample", "evaluate,save", ""],
  ]);
  assertEquals(names(47), "evaluate,sample,save");
});

Deno.test("a task that a run does not have, or never does, is never due", () => {
  assertEquals(dueTasks({ measure: { every: -1 } }, 47, 47), {
    evaluate: false,
    sample: false,
    measure: false,
    save: false,
  });
});
