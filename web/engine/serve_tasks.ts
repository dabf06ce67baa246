/**
 * A worker of the page: tasks run one after another. A task is an async generator of events; between
 * two events it can be paused. A signal tells it to end.
 *
 * @module
 */

import type { Order, Report, Tasks } from "./messages.ts";

interface Scope {
  onmessage: ((message: { readonly data: Order }) => void) | null;
  postMessage(report: Report): void;
}

const scope = globalThis as unknown as Scope;

/** The order to start a task. */
export type Start = Order & { readonly kind: "start" };

type EventsOf = (order: Start, signal: AbortSignal) => AsyncIterable<Tasks[keyof Tasks]["event"]>;

interface Running {
  readonly controller: AbortController;
  /** Settles when the task may go on to its next event. */
  gate: PromiseWithResolvers<void> | null;
}

const running = new Map<number, Running>();
let last = Promise.resolve();

async function run(order: Start, task: Running, eventsOf: EventsOf): Promise<void> {
  const { id } = order;
  const { signal } = task.controller;
  try {
    for await (const event of signal.aborted ? [] : eventsOf(order, signal)) {
      report({ id, kind: "event", event });
      await task.gate?.promise;
    }
    report({ id, kind: "end" });
  } catch (error) {
    const message = error instanceof Error ? error.message : `${error}`;
    report({ id, kind: "error", message });
  } finally {
    running.delete(id);
  }
}

/** Tells the page something of a task. */
export function report(what: Report): void {
  scope.postMessage(what);
}

/** Runs the tasks that the page orders. */
export function serveTasks(eventsOf: EventsOf): void {
  scope.onmessage = ({ data: order }) => {
    if (order.kind === "start") {
      const task: Running = { controller: new AbortController(), gate: null };
      running.set(order.id, task);
      last = last.then(() => run(order, task, eventsOf));
      return;
    }
    const task = running.get(order.id);
    if (task === undefined) return;
    if (order.kind === "stop") task.controller.abort();
    task.gate?.resolve();
    task.gate = order.kind === "pause" || order.kind === "step" ? Promise.withResolvers() : null;
  };
}
