import { assertEquals, assertRejects } from "@std/assert";
import { CallError, LimitedWorker } from "./limited_worker.ts";

const limits = { heapMiB: 64, seconds: 20 };
const open = () => new LimitedWorker(new URL("./testing/limited.ts", import.meta.url));

async function failureOf(call: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => call, CallError);
  return (error as CallError).failure;
}

Deno.test("a call is answered, in order, and an error keeps its class and message", async () => {
  const worker = open();
  const values = Array.from({ length: 20 }, (_, value) => value);
  const calls = values.map((value) => worker.call({ kind: "echo", value }, limits));
  assertEquals(await Promise.all(calls), values);
  await assertRejects(
    () => worker.call({ kind: "throw" }, limits),
    RangeError,
    "Cannot do it: wanted less, got more",
  );
  assertEquals(await worker.call({ kind: "echo", value: "after" }, limits), "after");
});

Deno.test("an endless loop ends at the limit of time, and the next call is answered", async () => {
  const worker = open();
  await worker.call({ kind: "echo" }, limits);
  assertEquals(await failureOf(worker.call({ kind: "loop" }, { ...limits, seconds: 0.3 })), "time");
  assertEquals(await worker.call({ kind: "echo", value: 1 }, limits), 1);
});

Deno.test("a call that wants too much memory ends at its limit, and the next call is answered", async () => {
  const worker = open();
  assertEquals(await failureOf(worker.call({ kind: "memory" }, limits)), "memory");
  assertEquals(await worker.call({ kind: "echo", value: 1 }, limits), 1);
});

Deno.test("an answer that came while this thread was busy counts, although its time is over", async () => {
  const worker = open();
  await worker.call({ kind: "echo" }, limits);
  const call = worker.call({ kind: "echo", value: 1 }, { ...limits, seconds: 0.2 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const end = performance.now() + 400; performance.now() < end;);
  assertEquals(await call, 1);
});

Deno.test("a module that cannot be loaded is an error with its reason", async () => {
  const worker = new LimitedWorker(new URL("./testing/none.ts", import.meta.url));
  const error = await assertRejects(() => worker.call({}, limits), CallError, "none.ts");
  assertEquals((error as CallError).failure, "crash");
});
