/** The engine: everything that needs tensors, in a worker of the page. @module */

import { type Device, openDevice } from "../../tensor/mod.ts";
import { trainGpt } from "./gpt.ts";
import { askInside } from "./inside.ts";
import type { DeviceChoice } from "./messages.ts";
import { trainNetwork } from "./network.ts";
import { report, serveTasks } from "./serve_tasks.ts";

const devices = new Map<DeviceChoice, Promise<Device>>();

function deviceFor(choice: DeviceChoice): Promise<Device> {
  const open = devices.get(choice) ?? openDevice(choice, { blas: false });
  devices.set(choice, open);
  // A device that could not be opened is tried again next time.
  open.catch(() => devices.delete(choice));
  return open;
}

serveTasks(async function* (order, signal) {
  const device = await deviceFor(order.device);
  report({ id: order.id, kind: "device", description: device.info.description });
  if (order.task === "inside") yield* askInside(device, order.input, signal);
  else if (order.task === "network") yield* trainNetwork(device, order.input, signal);
  else if (order.task === "gpt") yield* trainGpt(device, order.input, signal);
});
