/// <reference lib="dom" />
/** The page's side of the engine. @module */

import { loadScript } from "../script.ts";
import type { DeviceChoice, Order, Report, Tasks } from "./messages.ts";

export interface Run {
  /** Settles when it has ended or was stopped; rejects with what went wrong. */
  readonly done: Promise<void>;
  /** Ends it at its next event. */
  stop(): void;
  /** Waits at its next event. */
  pause(): void;
  resume(): void;
  /** Goes on to the next event. */
  step(): void;
}

export interface Listener<Name extends keyof Tasks> {
  /** Called with each event. */
  readonly onEvent: (event: Tasks[Name]["event"]) => void;
  /** Called once with the device's description, by tasks that need one. */
  readonly onDevice?: (description: string) => void;
}

interface Waiting {
  readonly task: keyof Tasks;
  readonly hear: Listener<keyof Tasks>;
  readonly end: PromiseWithResolvers<void>;
}

const waiting = new Map<number, Waiting>();
const engines = new Map<keyof Tasks, Promise<Worker>>();
let script: Promise<string> | null = null;
let count = 0;

/** The engine of a task: each has a worker of its own, so that one that is paused holds up no other. */
function engineFor(task: keyof Tasks): Promise<Worker> {
  const engine = engines.get(task) ?? loadEngine().then((source) => {
    const worker = new Worker(URL.createObjectURL(new Blob([source])));
    worker.onmessage = (message) => hear(message.data);
    worker.onerror = ({ message }) => {
      for (const one of waiting.values()) if (one.task === task) one.end.reject(new Error(message));
    };
    return worker;
  });
  engines.set(task, engine);
  return engine;
}

/**
 * Loads the script of the engine.
 *
 * A page that was opened from a file may load classic scripts, but no worker's script. So `engine.js`
 * is a classic script with a function in it, and the worker is made of that function's text.
 */
function loadEngine(): Promise<string> {
  return script ??= loadScript("engine.js").then(() =>
    `(${Reflect.get(globalThis, "nanodinoEngine")})()`
  );
}

function hear(report: Report): void {
  const task = waiting.get(report.id);
  if (task === undefined) return;
  if (report.kind === "event") return task.hear.onEvent(report.event as never);
  if (report.kind === "device") return task.hear.onDevice?.(report.description);
  waiting.delete(report.id);
  if (report.kind === "end") task.end.resolve();
  else task.end.reject(new Error(report.message));
}

/**
 * Lets the engine run a task, which starts when those of its name before it have ended.
 *
 * @param task Its name.
 * @param input What it is given.
 * @param device Where it is computed.
 * @param listener Hears of it.
 */
export function startTask<Name extends keyof Tasks>(
  task: Name,
  input: Tasks[Name]["input"],
  device: DeviceChoice,
  listener: Listener<Name>,
): Run {
  const id = count++;
  const end = Promise.withResolvers<void>();
  waiting.set(id, { task, hear: listener as Listener<keyof Tasks>, end });
  const worker = engineFor(task);
  const tell = (order: Order) =>
    void worker.then((worker) => worker.postMessage(order), end.reject);
  tell({ id, kind: "start", task, input, device } as Order);
  return {
    done: end.promise,
    stop: () => tell({ id, kind: "stop" }),
    pause: () => tell({ id, kind: "pause" }),
    resume: () => tell({ id, kind: "resume" }),
    step: () => tell({ id, kind: "step" }),
  };
}
