import { assertEquals } from "@std/assert";
import { onInterrupt, untilInterrupted } from "./interrupt.ts";

Deno.test("a signal that comes before a server waits for one stops it, too", async () => {
  using interrupt = onInterrupt("Stopping");
  interrupt.stop(143);
  await untilInterrupted(interrupt);
  assertEquals(interrupt.signal.reason, 143);
});
