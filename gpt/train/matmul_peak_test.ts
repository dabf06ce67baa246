import { assert, assertEquals } from "@std/assert";
import { openDevice } from "../../tensor/mod.ts";
import { MatmulPeak, measureMatmulPeak } from "./matmul_peak.ts";

Deno.test("the measured peak is plausible, and nothing leaks", async () => {
  const device = await openDevice("cpu");
  const before = device.live;
  const peak = await measureMatmulPeak(device);
  assert(peak > 1e8 && peak < 1e14, `${peak}`);
  assertEquals(device.live, before);
  await device.close();
});

Deno.test("no step exceeds the peak: it is measured again, and raised to what was reached", async () => {
  const measurements = [10, 30, 20];
  const peak = await MatmulPeak.measure(() => Promise.resolve(measurements.shift()!));
  await peak.include(9);
  assertEquals([peak.flops, measurements.length], [10, 2]);
  await peak.include(15);
  assertEquals(peak.flops, 30);
  await peak.include(40);
  assertEquals([peak.flops, measurements.length], [40, 0]);
});
