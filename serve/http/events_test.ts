import { assertEquals, assertRejects } from "@std/assert";
import { StoppedClock } from "../../testing/clock.ts";
import { openEvents } from "./events.ts";

Deno.test("a client that does not read is left, and one that reads in time is not", async () => {
  const left: string[] = [];
  const { promise: hasLeft, resolve } = Promise.withResolvers<void>();
  const leave = (name: string) => {
    left.push(name);
    resolve();
  };
  const slow = openEvents({ timeout: 500, onLeave: () => leave("slow") });
  const reader = openEvents({ timeout: 500, onLeave: () => leave("reader") });
  const text = reader.response.text();
  for (const events of [slow, reader]) {
    for (let i = 0; i < 80; i++) events.send("a".repeat(1000));
  }
  await hasLeft;
  // The other one would be left at the same time.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(left, ["slow"]);
  await assertRejects(() => slow.response.text(), Error, "does not read");
  reader.close();
  assertEquals((await text).length, 80 * "data: \n\n".length + 80_000);
  slow.send("nobody hears it");
});

Deno.test("a client that leaves is heard of once", async () => {
  let count = 0;
  const events = openEvents({ timeout: 50, onLeave: () => count++ });
  events.send("a");
  await events.response.body!.cancel();
  events.send("b");
  events.close();
  assertEquals(count, 1);
});

Deno.test("the first event is sent at once, and those that follow soon are sent together", async () => {
  const events = openEvents({ timeout: 1000, onLeave: () => {} });
  const chunks = events.response.body!.pipeThrough(new TextDecoderStream()).getReader();
  using clock = new StoppedClock();
  for (const data of ["a", "b"]) events.send(data);
  clock.pass(9);
  for (const data of ["c", "d"]) events.send(data);
  assertEquals((await chunks.read()).value, "data: a\n\n");
  assertEquals((await chunks.read()).value, "data: b\n\ndata: c\n\ndata: d\n\n");
  clock.pass(20);
  events.send("e");
  events.send("f");
  // The gathered ones are not lost at the end.
  events.close();
  assertEquals((await chunks.read()).value, "data: e\n\n");
  assertEquals((await chunks.read()).value, "data: f\n\n");
  assertEquals((await chunks.read()).done, true);
});
