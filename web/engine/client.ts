/// <reference lib="dom" />
/** The page's side of the engine. @module */

import type { DeviceChoice, Order, Report, Tasks } from "./messages.ts";

/** A task that the engine runs. */
export interface Run {
  /** Settles when it has ended or was stopped; rejects with what went wrong. */
  readonly done: Promise<void>;
  /** Ends it at its next event. */
  stop(): void;
  /** Waits at its next event. */
  pause(): void;
  /** Goes on. */
  resume(): void;
  /** Goes on to the next event. */
  step(): void;
}

/** What a page hears of a task. */
export interface Listener<Name extends keyof Tasks> {
  /** Called with each event. */
  readonly onEvent: (event: Tasks[Name]["event"]) => void;
  /** Called once with the device's description, by tasks that need one. */
  readonly onDevice?: (description: string) => void;
}

interface Waiting {
  readonly hear: Listener<keyof Tasks>;
  readonly end: PromiseWithResolvers<void>;
}

const waiting = new Map<number, Waiting>();
let engine: Promise<Worker> | null = null;
let count = 0;

/**
 * Starts the engine.
 *
 * A page that was opened from a file may load classic scripts, but no worker's script. So `engine.js`
 * is a classic script with a function in it, and the worker is made of that function's text.
 */
function startEngine(): Promise<Worker> {
  return engine ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "engine.js";
    script.onerror = () => reject(new Error(`Cannot start the engine: wanted ${script.src}`));
    script.onload = () => {
      const source = `(${Reflect.get(globalThis, "nanodinoEngine")})()`;
      const worker = new Worker(URL.createObjectURL(new Blob([source])));
      worker.onmessage = (message) => hear(message.data);
      worker.onerror = ({ message }) => {
        for (const { end } of waiting.values()) end.reject(new Error(message));
        waiting.clear();
      };
      resolve(worker);
    };
    document.head.append(script);
  });
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
 * Lets the engine run a task, which starts when those before it have ended.
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
  waiting.set(id, { hear: listener as Listener<keyof Tasks>, end });
  const worker = startEngine();
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
