import { assertEquals } from "@std/assert";
import { Feed } from "./feed.ts";

Deno.test("a signal that came between two batches of a step ends the wait for the next", async () => {
  const loader = { take: () => new Promise<never>(() => {}) };
  const feed = new Feed({ loader, signal: AbortSignal.abort(143) });
  assertEquals(await feed.take().catch((reason: unknown) => reason), 143);
  assertEquals(feed.failure, { error: 143 });
});
