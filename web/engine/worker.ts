/** The engine: everything that needs tensors, in a worker of the page. @module */

import { type Device, openDevice } from "../../tensor/mod.ts";
import { trainGpt } from "./gpt.ts";
import { askInside } from "./inside.ts";
import type { DeviceChoice } from "./messages.ts";
import { trainNetwork } from "./network.ts";
import { serveTasks } from "./serve_tasks.ts";

const devices = new Map<DeviceChoice, Promise<Device>>();

function deviceFor(choice: DeviceChoice): Promise<Device> {
  const open = devices.get(choice) ?? openDevice(choice, { blas: false });
  devices.set(choice, open);
  // A device that could not be opened is tried again next time.
  open.catch(() => devices.delete(choice));
  return open;
}

serveTasks(async function* (start, signal, report) {
  const device = await deviceFor(start.device);
  report({ kind: "device", description: device.info.description });
  if (start.task === "inside") yield* askInside(device, start.input, signal);
  else if (start.task === "network") yield* trainNetwork(device, start.input, signal);
  else if (start.task === "gpt") yield* trainGpt(device, start.input, signal);
});
