/** What a run holds does not grow with its steps. Each test is a process of its own, to be counted alone. */

import { assert, assertEquals } from "@std/assert";
import { adapterTest } from "../testing/gpu.ts";
import type { Counts } from "./testing/train_and_count.ts";

// The room for young objects grows in jumps, up to the size of what is looked for: here it stays small.
const flags = "--expose-gc,--max-semi-space-size=2";

/** Runs one of the programs beside the tests, and reads the JSON that it prints. */
async function run<Result>(program: string, ...args: string[]): Promise<Result> {
  const path = new URL(`./testing/${program}`, import.meta.url).href;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `--v8-flags=${flags}`, path, ...args],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** How much the last of some numbers is above an earlier one, in mebibytes. */
function growth(counts: readonly number[], from: number): number {
  return (counts.at(-1)! - counts[from]!) / 2 ** 20;
}

Deno.test("three hundred training steps hold as much memory at the end as at the beginning", async () => {
  const { live, resident, objects } = await run<Counts>("train_and_count.ts", "cpu", "401");
  assertEquals([live.length, resident.length, objects.length], [401, 21, 21]);
  assertEquals(new Set(live), new Set([live[0]]));
  // A tensor of the residual stream that is left behind at each step would be 1.2 MiB, and the tape
  // of a step far more.
  assert(growth(objects, 5) < 1, `${objects}`);
  assert(growth(resident, 5) < 4, `${resident}`);
});

adapterTest(
  "after its first steps a run on WebGPU makes no buffer, kernel or bind group",
  async () => {
    const { live, created } = await run<Counts>("train_and_count.ts", "webgpu", "60");
    assertEquals(new Set(live), new Set([live[0]]));
    assert(created[0]! > 0, "nothing was counted");
    assertEquals(new Set(created.slice(3)), new Set([created[3]]));
  },
);

/** Makes tensors, forgets them, and counts those that are still there. */
async function forget(kind: "cpu" | "webgpu"): Promise<void> {
  const { before, after } = await run<{ before: number; after: number }>("forget.ts", kind);
  assert(before > 0, "nothing was there to be forgotten");
  assertEquals(after, 0);
}

Deno.test("tensors that are forgotten outside of scopes are freed (cpu)", () => forget("cpu"));
adapterTest(
  "tensors that are forgotten outside of scopes are freed (webgpu)",
  () => forget("webgpu"),
);
