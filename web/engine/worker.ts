/**
 * The engine: everything that needs tensors or takes long, in a worker of the page.
 *
 * Tasks run one after another. A task is an async generator of events; between two events it can be
 * paused. A signal tells it to end.
 *
 * @module
 */

import { trainCharacterModel } from "../../lessons/character_model.ts";
import { type Device, openDevice } from "../../tensor/mod.ts";
import { trainGpt } from "./gpt.ts";
import { askInside } from "./inside.ts";
import type { DeviceChoice, Order, Report, Tasks } from "./messages.ts";
import { trainNetwork } from "./network.ts";

interface Scope {
  onmessage: ((message: { readonly data: Order }) => void) | null;
  postMessage(report: Report): void;
}

const scope = globalThis as unknown as Scope;

interface Running {
  readonly controller: AbortController;
  /** Settles when the task may go on to its next event. */
  gate: PromiseWithResolvers<void> | null;
}

const running = new Map<number, Running>();
const devices = new Map<DeviceChoice, Promise<Device>>();
let last = Promise.resolve();

function deviceFor(choice: DeviceChoice): Promise<Device> {
  const open = devices.get(choice) ?? openDevice(choice, { blas: false });
  devices.set(choice, open);
  // A device that could not be opened is tried again next time.
  open.catch(() => devices.delete(choice));
  return open;
}

async function* eventsOf(
  order: Order & { readonly kind: "start" },
  signal: AbortSignal,
): AsyncGenerator<Tasks[keyof Tasks]["event"]> {
  if (order.task === "letters") return yield trainCharacterModel(order.input);
  const device = await deviceFor(order.device);
  scope.postMessage({ id: order.id, kind: "device", description: device.info.description });
  if (order.task === "inside") yield* askInside(device, order.input, signal);
  else if (order.task === "network") yield* trainNetwork(device, order.input, signal);
  else yield* trainGpt(device, order.input, signal);
}

async function run(order: Order & { readonly kind: "start" }, task: Running): Promise<void> {
  const { id } = order;
  const { signal } = task.controller;
  try {
    for await (const event of signal.aborted ? [] : eventsOf(order, signal)) {
      scope.postMessage({ id, kind: "event", event });
      await task.gate?.promise;
    }
    scope.postMessage({ id, kind: "end" });
  } catch (error) {
    const message = error instanceof Error ? error.message : `${error}`;
    scope.postMessage({ id, kind: "error", message });
  } finally {
    running.delete(id);
  }
}

scope.onmessage = ({ data: order }) => {
  if (order.kind === "start") {
    const task: Running = { controller: new AbortController(), gate: null };
    running.set(order.id, task);
    last = last.then(() => run(order, task));
    return;
  }
  const task = running.get(order.id);
  if (task === undefined) return;
  if (order.kind === "stop") task.controller.abort();
  task.gate?.resolve();
  task.gate = order.kind === "pause" || order.kind === "step" ? Promise.withResolvers() : null;
};
