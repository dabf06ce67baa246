/// <reference lib="dom" />
/** The page's side of the engine. @module */

import { type Signal, signal } from "../deps.ts";
import type { LettersTasks } from "./letters_worker.ts";
import type { StoriesTasks } from "./stories_worker.ts";
import type { DeviceChoice, Order, Report, Start, Task } from "./serve_tasks.ts";
import type { ModelPageTasks } from "../model_page/worker.ts";
import type { EngineTasks } from "./worker.ts";

type Tasks = EngineTasks & LettersTasks & ModelPageTasks & StoriesTasks;
/** An event that a task tells while it runs. */
export type EventOf<Name extends keyof Tasks> = Tasks[Name] extends Task<never, never, infer Event>
  ? Event
  : never;

const workers = new Map<string, Promise<Worker>>();

/**
 * The worker of a task: tasks with the same name up to a dot share one, and what it has open. Others
 * have their own, so that one that is paused holds up no other.
 */
function workerFor(task: keyof Tasks): Promise<Worker> {
  const [name = ""] = task.split(".");
  const script = name === "letters" || name === "stories" ? name : "engine";
  const worker = workers.get(name) ?? loadWorker(script);
  workers.set(name, worker);
  return worker;
}

/** Loads and runs a classic script, even from a disk. @throws {Error} If it is not there. */
export function loadScript(path: string): Promise<void> {
  return load(path, Object.assign(document.createElement("script"), { src: path }));
}

/** Loads a style sheet. @throws {Error} If it is not there. */
export function loadStyle(path: string): Promise<void> {
  return load(
    path,
    Object.assign(document.createElement("link"), { rel: "stylesheet", href: path }),
  );
}

function load(path: string, element: HTMLElement): Promise<void> {
  return new Promise((resolve, reject) => {
    element.onload = () => resolve();
    element.onerror = () => reject(new Error(`Cannot load a part of the page: wanted ${path}`));
    document.head.append(element);
  });
}

/**
 * Makes a worker out of its script.
 *
 * A page that was opened from a file may load classic scripts, but no worker's script. So it is a
 * classic script with a function in it, and the worker is made of that function's text.
 */
async function loadWorker(name: "engine" | "letters" | "stories"): Promise<Worker> {
  // A page that is one file has it already.
  if (!Reflect.has(globalThis, `nanodino_${name}`)) await loadScript(`${name}.js`);
  const source = `(${Reflect.get(globalThis, `nanodino_${name}`)})()`;
  return new Worker(URL.createObjectURL(new Blob([source])));
}

/** Tasks of a name, of which the latest counts: what an earlier one says is not heard. */
export class Latest<Name extends keyof Tasks> {
  /** Gives orders to the task that runs. */
  readonly run: Signal<((order: Order) => void) | null> = signal(null);
  readonly #task: Name;
  readonly #message: Signal<string>;

  /** @param message Is set to the device that computes, or to what went wrong. */
  constructor(task: Name, message: Signal<string>) {
    this.#task = task;
    this.#message = message;
  }

  /** Starts a task in place of the one that runs; settles when it has ended, well or not. */
  async start(
    input: Parameters<Tasks[Name]>[1],
    device: DeviceChoice,
    onEvent: (event: EventOf<Name>) => void,
  ): Promise<void> {
    this.stop();
    const { port1: port, port2 } = new MessageChannel();
    // Orders that arrive before the task listens wait in the channel.
    const mine = (order: Order) => port.postMessage(order);
    this.run.value = mine;
    const isLatest = () => this.run.value === mine;
    const ended = Promise.withResolvers<void>();
    const hear = ({ event, message, isEnd = false }: Report<EventOf<Name>>) => {
      if (isEnd) ended.resolve();
      if (!isLatest()) return;
      if (message !== undefined) this.#message.value = message;
      if (event !== undefined) onEvent(event);
    };
    const fail = ({ message }: { readonly message: string }) => hear({ message, isEnd: true });
    port.onmessage = ({ data }) => hear(data);
    workerFor(this.#task).then((worker) => {
      worker.addEventListener("error", fail);
      worker.postMessage({ task: this.#task, input, device } satisfies Start, [port2]);
    }).catch(fail);
    await ended.promise;
    port.close();
    if (isLatest()) this.run.value = null;
  }

  /** Starts a task, and streams what it tells; a signal stops it, and so does who hears no more. */
  stream(
    input: Parameters<Tasks[Name]>[1],
    device: DeviceChoice,
    signal?: AbortSignal,
  ): ReadableStream<EventOf<Name>> {
    let isCanceled = false;
    return new ReadableStream({
      start: (controller) => {
        const end = () => {
          this.stop();
          controller.close();
        };
        signal?.addEventListener("abort", end, { once: true });
        this.start(input, device, (event) => controller.enqueue(event)).then(() => {
          signal?.removeEventListener("abort", end);
          if (!isCanceled && !signal?.aborted) controller.close();
        });
      },
      cancel: () => {
        isCanceled = true;
        this.stop();
      },
    });
  }

  /** Runs a task to its end. @throws {Error} If it tells nothing: the message says why. */
  async ask(input: Parameters<Tasks[Name]>[1], device: DeviceChoice): Promise<EventOf<Name>> {
    const told: EventOf<Name>[] = [];
    await this.start(input, device, (event) => void told.push(event));
    if (told.length > 0) return told.at(-1)!;
    throw new Error(this.#message.value);
  }

  /** Ends the task that runs; no more is heard of it. */
  stop(): void {
    this.run.value?.("stop");
    this.run.value = null;
  }
}
