/// <reference lib="dom" />
/** The page's side of the engine. @module */

import { type Signal, signal } from "../deps.ts";
import { loadScript } from "../script.ts";
import type { DeviceChoice, Order, Report, Start, Tasks } from "./messages.ts";

const workers = new Map<keyof Tasks, Promise<Worker>>();

/** The engine of a task: each has a worker of its own, so that one that is paused holds up no other. */
function workerFor(task: keyof Tasks): Promise<Worker> {
  const worker = workers.get(task) ?? loadWorker(task === "letters" ? "letters" : "engine");
  workers.set(task, worker);
  return worker;
}

/**
 * Makes a worker out of its script.
 *
 * A page that was opened from a file may load classic scripts, but no worker's script. So it is a
 * classic script with a function in it, and the worker is made of that function's text.
 */
async function loadWorker(name: "engine" | "letters"): Promise<Worker> {
  await loadScript(`${name}.js`);
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
    input: Tasks[Name]["input"],
    device: DeviceChoice,
    onEvent: (event: Tasks[Name]["event"]) => void,
  ): Promise<void> {
    this.stop();
    const { port1: port, port2 } = new MessageChannel();
    // What is ordered before the task listens waits in the channel.
    const mine = (order: Order) => port.postMessage(order);
    this.run.value = mine;
    const isLatest = () => this.run.value === mine;
    const tell = (message: string) => void (isLatest() && (this.#message.value = message));
    const ended = Promise.withResolvers<void>();
    const fail = ({ message }: { readonly message: string }) => {
      tell(message);
      ended.resolve();
    };
    port.onmessage = ({ data }: MessageEvent<Report<Tasks[Name]["event"]>>) => {
      if (data.kind === "device") tell(data.description);
      else if (data.kind === "event") {
        if (isLatest()) onEvent(data.event);
      } else if (data.kind === "error") fail(data);
      else ended.resolve();
    };
    workerFor(this.#task).then((worker) => {
      worker.addEventListener("error", fail);
      worker.postMessage({ task: this.#task, input, device } as Start, [port2]);
    }).catch(fail);
    await ended.promise;
    port.close();
    if (isLatest()) this.run.value = null;
  }

  /** Ends the task that runs; no more is heard of it. */
  stop(): void {
    this.run.value?.("stop");
    this.run.value = null;
  }
}
