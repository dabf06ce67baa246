/** The engine: everything that needs tensors, in a worker of the page. @module */

import { type Device, openDevice } from "../../tensor/mod.ts";
import { trainGpt } from "./gpt.ts";
import { lookInside, openInside, writeInside } from "./inside.ts";
import { trainNetwork } from "./network.ts";
import { type DeviceChoice, serveTasks } from "./serve_tasks.ts";

const devices = new Map<DeviceChoice, Promise<Device>>();

function deviceFor(choice: DeviceChoice): Promise<Device> {
  const open = devices.get(choice) ?? openDevice(choice, { blas: false });
  devices.set(choice, open);
  // A device that could not be opened is tried again next time.
  open.catch(() => devices.delete(choice));
  return open;
}

const tasks = {
  network: trainNetwork,
  gpt: trainGpt,
  "inside.open": openInside,
  "inside.look": lookInside,
  "inside.write": writeInside,
};
export type EngineTasks = typeof tasks;

serveTasks(tasks, deviceFor);
