/// <reference lib="dom" />
/**
 * A worker of the page: tasks run one after another. A task is an async generator of events; between
 * two events it can be paused. Each has a channel of its own, whose port comes with its start.
 *
 * @module
 */

/** The device that the reader chose. */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/** A task, whose events the page hears; a signal tells it to end. */
export type Task<Device, Input, Event> = (
  device: Device,
  input: Input,
  signal: AbortSignal,
) => AsyncIterable<Event>;

/** To a worker: starts a task after those before it. */
export interface Start<Name = string, Input = unknown> {
  readonly task: Name;
  readonly input: Input;
  readonly device: DeviceChoice;
}

/** To a task: end at the next event, wait there, go on, or go on to the event after. */
export type Order = "stop" | "pause" | "resume" | "step";

/** From a task. */
export interface Report<Event> {
  readonly event?: Event;
  /** The device that it runs on, or what went wrong. */
  readonly message?: string;
  /** Whether it has ended, well or not. */
  readonly isEnd?: boolean;
}

/** A device without what is so in any page: it says why there are no threads, and that BLAS is off. */
function shortDescription(text: string): string {
  return text.replace(/ \(no workers: [^)]*\)/, "").replace(", no BLAS (turned off)", "");
}

/** Tasks by name, each with its own input. */
type Tasks<Device, Inputs> = {
  readonly [Name in keyof Inputs]: Task<Device, Inputs[Name], unknown>;
};

/** Runs the tasks that the page starts, each on the device that `deviceFor` opens. */
export function serveTasks<
  Device extends { readonly info: { readonly description: string } } | null,
  Inputs,
>(
  tasks: Tasks<Device, Inputs>,
  deviceFor: (choice: DeviceChoice) => Promise<Device>,
): void {
  let last = Promise.resolve();
  type AnyStart = Start<keyof Inputs, Inputs[keyof Inputs]>;
  addEventListener("message", ({ data: start, ports }: MessageEvent<AnyStart>) => {
    const port = ports[0]!;
    const controller = new AbortController();
    const { signal } = controller;
    /** Settles when the task may go on to its next event. */
    let gate: PromiseWithResolvers<void> | null = null;
    const report = (what: Report<unknown>) => port.postMessage(what);
    const run = async () => {
      if (signal.aborted) return;
      const device = await deviceFor(start.device);
      if (device !== null) report({ message: shortDescription(device.info.description) });
      for await (const event of tasks[start.task](device, start.input, signal)) {
        report({ event });
        await gate?.promise;
      }
    };
    port.onmessage = ({ data: order }: MessageEvent<Order>) => {
      if (order === "stop") controller.abort();
      gate?.resolve();
      gate = order === "pause" || order === "step" ? Promise.withResolvers() : null;
    };
    last = last.then(run).then(
      () => report({ isEnd: true }),
      (error) =>
        report({ message: error instanceof Error ? error.message : `${error}`, isEnd: true }),
    );
  });
}
