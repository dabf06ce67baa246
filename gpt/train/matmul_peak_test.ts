import { assert, assertEquals } from "@std/assert";
import { openDevice } from "../../tensor/mod.ts";
import { measureMatmulPeak } from "./matmul_peak.ts";

Deno.test("the measured peak is plausible, and nothing leaks", async () => {
  const device = await openDevice("cpu");
  const before = device.live;
  const peak = await measureMatmulPeak(device);
  assert(peak > 1e8 && peak < 1e14, `${peak}`);
  assertEquals(device.live, before);
  await device.close();
});
