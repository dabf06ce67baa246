/** Memory of a run does not grow with its steps. Each test is a process of its own. */

import { assert, assertEquals } from "@std/assert";
import { adapterTest } from "../../testing/gpu.ts";
import type { Counts } from "../testing/train_and_count.ts";

// The young generation grows in jumps as large as the leaks to find, so it is kept small.
const flags = "--expose-gc,--max-semi-space-size=2";

/**
 * Training steps: five hundred after the first on the CPU, where the memory of the process tells of a leak,
 * which is measured in MiB. On WebGPU counts do, each of them after each step.
 */
const STEPS = { cpu: 501, webgpu: 51 };

const training = (kind: keyof typeof STEPS) =>
  ["train_and_count.ts", kind, `${STEPS[kind]}`, "scoped"] as const;

async function run<Result>(program: string, ...args: string[]): Promise<Result> {
  const path = new URL(`../testing/${program}`, import.meta.url).href;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `--v8-flags=${flags}`, path, ...args],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

function growth(counts: readonly number[], from: number): number {
  return (counts.at(-1)! - counts[from]!) / 2 ** 20;
}

function assertFlat(counts: readonly number[], steps: number, from: number): void {
  assertEquals(counts.length, steps);
  assert(counts[0]! > 0, "nothing was counted");
  assertEquals(new Set(counts.slice(from)), new Set([counts[from]]));
}

Deno.test("memory is flat over five hundred training steps (cpu)", async () => {
  const { live, liveBytes, resident, objects } = await run<Counts>(...training("cpu"));
  assertFlat(live, STEPS.cpu, 0);
  assertFlat(liveBytes, STEPS.cpu, 0);
  assertEquals([resident.length, objects.length], [26, 26]);
  // A residual stream that is left behind at each step would be 1.6 MiB in all, and all tensors of a
  // step 60 MiB. The process itself grows once, by up to 4.3 MiB, when V8 optimizes what runs.
  assert(growth(objects, 5) < 1, `${objects}`);
  assert(growth(resident, 5) < 8, `${resident}`);
});

adapterTest("memory is flat over fifty training steps (webgpu)", async () => {
  const { live, liveBytes, bufferBytes, created } = await run<Counts>(...training("webgpu"));
  assertFlat(live, STEPS.webgpu, 0);
  assertFlat(liveBytes, STEPS.webgpu, 0);
  assertFlat(bufferBytes, STEPS.webgpu, 3);
  // No buffer, kernel or bind group is created, either.
  assertFlat(created, STEPS.webgpu, 3);
});

/** Trains without a scope, with one `await` per step, and asserts that garbage is collected. */
async function trainWithoutScope(kind: "cpu" | "webgpu"): Promise<void> {
  const { live, collected } = await run<Counts>("train_and_count.ts", kind, "150", "unscoped");
  assertEquals(live.length, 150);
  // A step makes some fifty tensors; seven and a half thousand in all would remain.
  assert(live.every((count) => count < 5000), `${live}`);
  // The last step is still there, and what it made that no program holds on to is collected in time.
  assert(collected.every((count) => count < collected[0]! + 200), `${collected}`);
}

Deno.test("memory is bounded without a scope (cpu)", () => trainWithoutScope("cpu"));
adapterTest("memory is bounded without a scope (webgpu)", () => trainWithoutScope("webgpu"));

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
