import { assert, assertEquals } from "@std/assert";
import { openDevice } from "../../tensor/mod.ts";
import { measureBandwidth } from "./bandwidth.ts";

Deno.test("the measured bandwidth is plausible, and nothing leaks", async () => {
  const device = await openDevice("cpu");
  const before = device.live;
  const bandwidth = await measureBandwidth(device);
  assert(bandwidth > 1e8 && bandwidth < 1e13, `${bandwidth}`);
  assertEquals(device.live, before);
  await device.close();
});
