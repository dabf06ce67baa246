/** The devices of a worker. @module */

import { type Device, openDevice } from "../../tensor/mod.ts";
import type { DeviceChoice } from "./serve_tasks.ts";

const devices = new Map<DeviceChoice, Promise<Device>>();

/** Opens the device that the reader chose; once, if it can be opened. */
export function deviceFor(choice: DeviceChoice): Promise<Device> {
  const open = devices.get(choice) ?? openDevice(choice, { blas: false });
  devices.set(choice, open);
  // A device that could not be opened is tried again next time.
  open.catch(() => devices.delete(choice));
  return open;
}
