/// <reference lib="dom" />
/** The page's side of the engine. @module */

import { type Signal, signal } from "../deps.ts";
import { loadScript } from "../script.ts";
import type { DeviceChoice, Order, Report, Tasks } from "./messages.ts";

export interface Run {
  /** Settles when it has ended or was stopped; rejects with what went wrong. */
  readonly done: Promise<void>;
  /** Ends it at its next event, lets it wait there, go on, or go on to the event after. */
  tell(kind: "stop" | "pause" | "resume" | "step"): void;
}

interface Waiting {
  readonly task: keyof Tasks;
  readonly onEvent: (event: never) => void;
  readonly onDevice: (description: string) => void;
  readonly end: PromiseWithResolvers<void>;
}

const waiting = new Map<number, Waiting>();
const engines = new Map<keyof Tasks, Promise<Worker>>();
let count = 0;

/** The engine of a task: each has a worker of its own, so that one that is paused holds up no other. */
function engineFor(task: keyof Tasks): Promise<Worker> {
  const script = task === "letters" ? "letters" : "engine";
  const engine = engines.get(task) ?? loadWorker(script).then((source) => {
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
 * Loads the script of a worker.
 *
 * A page that was opened from a file may load classic scripts, but no worker's script. So it is a
 * classic script with a function in it, and the worker is made of that function's text.
 */
async function loadWorker(name: "engine" | "letters"): Promise<string> {
  await loadScript(`${name}.js`);
  return `(${Reflect.get(globalThis, `nanodino_${name}`)})()`;
}

function hear(report: Report): void {
  const task = waiting.get(report.id);
  if (task === undefined) return;
  if (report.kind === "event") return task.onEvent(report.event as never);
  if (report.kind === "device") return task.onDevice(report.description);
  waiting.delete(report.id);
  if (report.kind === "end") task.end.resolve();
  else task.end.reject(new Error(report.message));
}

/** Tasks of a name, of which the latest counts: what an earlier one says is not heard. */
export class Latest<Name extends keyof Tasks> {
  /** The task that runs. */
  readonly run: Signal<Run | null> = signal(null);
  readonly #task: Name;
  readonly #message: Signal<string>;

  /** @param message Is set to the device that computes, or to what went wrong. */
  constructor(task: Name, message: Signal<string>) {
    this.#task = task;
    this.#message = message;
  }

  /** Starts a task in place of the one that runs; settles when it has ended, well or not. */
  async start(
    input: Tasks[Name]["input"],
    device: DeviceChoice,
    onEvent: (event: Tasks[Name]["event"]) => void,
  ): Promise<void> {
    this.stop();
    const isLatest = () => this.run.value === mine;
    const tell = (message: string) => void (isLatest() && (this.#message.value = message));
    const mine = startTask(this.#task, input, device, {
      onDevice: tell,
      onEvent: (event: Tasks[Name]["event"]) => isLatest() && onEvent(event),
    });
    this.run.value = mine;
    await mine.done.catch((error) => tell(error.message));
    if (isLatest()) this.run.value = null;
  }

  /** Ends the task that runs; no more is heard of it. */
  stop(): void {
    this.run.value?.tell("stop");
    this.run.value = null;
  }
}

/** Lets the engine run a task, which starts when those of its name before it have ended. */
function startTask<Name extends keyof Tasks>(
  task: Name,
  input: Tasks[Name]["input"],
  device: DeviceChoice,
  listener: Pick<Waiting, "onEvent" | "onDevice">,
): Run {
  const id = count++;
  const end = Promise.withResolvers<void>();
  waiting.set(id, { task, ...listener, end });
  const worker = engineFor(task);
  const send = (order: Order) =>
    void worker.then((worker) => worker.postMessage(order), end.reject);
  send({ id, kind: "start", task, input, device } as Order);
  return { done: end.promise, tell: (kind) => send({ id, kind }) };
}
