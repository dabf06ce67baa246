/// <reference lib="dom" />
/**
 * A worker of the page: tasks run one after another. A task is an async generator of events; between
 * two events it can be paused. A signal tells it to end.
 *
 * @module
 */

import type { Order, Report, Start, Tasks } from "./messages.ts";

type EventsOf = (
  start: Start,
  signal: AbortSignal,
  report: (what: Report) => void,
) => AsyncIterable<Tasks[keyof Tasks]["event"]>;

/** Runs the tasks that the page starts. */
export function serveTasks(eventsOf: EventsOf): void {
  let last = Promise.resolve();
  addEventListener("message", ({ data: start, ports }: MessageEvent<Start>) => {
    const port = ports[0]!;
    const controller = new AbortController();
    const { signal } = controller;
    /** Settles when the task may go on to its next event. */
    let gate: PromiseWithResolvers<void> | null = null;
    const report = (what: Report) => port.postMessage(what);
    const run = async () => {
      for await (const event of signal.aborted ? [] : eventsOf(start, signal, report)) {
        report({ kind: "event", event });
        await gate?.promise;
      }
    };
    port.onmessage = ({ data: order }: MessageEvent<Order>) => {
      if (order === "stop") controller.abort();
      gate?.resolve();
      gate = order === "pause" || order === "step" ? Promise.withResolvers() : null;
    };
    last = last.then(run).then(
      () => report({ kind: "end" }),
      (error) =>
        report({ kind: "error", message: error instanceof Error ? error.message : `${error}` }),
    );
  });
}
