import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { gpuTest } from "../testing/gpu.ts";
import { CountingDevice } from "./counting_device.ts";
import { countStep, prepareStep, profileStep, type StepShape } from "./roofline_count.ts";
import {
  classOf,
  type Dispatch,
  DISPATCH_SECONDS,
  groupDispatches,
  minTime,
  minTimes,
  type Processor,
} from "./roofline_model.ts";
import { rooflinePage } from "./roofline_page.ts";

const small: StepShape = {
  depth: 2,
  vocabSize: 128,
  headDim: 32,
  maxSeqLen: 16,
  windowPattern: "SL",
  deviceBatchSize: 2,
};

const processor: Processor = { name: "round", flops: 1e12, bandwidth: 1e11, memory: 1e9 };

const dispatch = (name: string, flops: number, bytes: number): Dispatch => ({
  name,
  flops,
  bytes,
  milliseconds: 1,
});

gpuTest("counting without running gives the kernels that run", async (device) => {
  const counting = new CountingDevice(device);
  const counted = await profileStep(counting, prepareStep(counting, small));
  const ran = await profileStep(device, prepareStep(device, small));
  for (const part of ["batch", "update"] as const) {
    const workOf = (dispatches: readonly Dispatch[]) =>
      dispatches.map(({ name, flops, bytes }) => ({ name, flops, bytes }));
    assert(ran[part].length > 20);
    assertEquals(workOf(counted[part]), workOf(ran[part]));
    assert(counted[part].every(({ milliseconds }) => milliseconds === 0));
  }
});

Deno.test("counting frees the memory it counts", async () => {
  const device = new CountingDevice();
  const step = prepareStep(device, small);
  await profileStep(device, step);
  const { live } = device;
  await profileStep(device, step);
  assertEquals(device.live, live);
  assert(device.memory.peakBytes > device.memory.liveBytes);
});

Deno.test("the time of a kernel is its longest bound", () => {
  assertEquals(minTime(dispatch("", 1e10, 1e8), processor), { seconds: 0.01, bound: "compute" });
  assertEquals(minTime(dispatch("", 1e9, 1e9), processor), { seconds: 0.01, bound: "bandwidth" });
  assertEquals(minTime({ flops: undefined, bytes: 4 }, processor), {
    seconds: DISPATCH_SECONDS,
    bound: "dispatch",
  });
});

Deno.test("times of several kernels add up, under the bound that takes most of them", () => {
  const { seconds, bound, by } = minTimes(
    [dispatch("", 1e10, 0), dispatch("", 0, 3e9), dispatch("", 1, 1)],
    processor,
  );
  assertAlmostEquals(seconds, 0.01 + 0.03 + DISPATCH_SECONDS, 1e-12);
  assertEquals(bound, "bandwidth");
  assertAlmostEquals(by.compute, 0.01, 1e-12);
});

Deno.test("groups add up to their dispatches", async () => {
  const { counts: { batch, update } } = await countStep(small);
  const all = [...batch, ...update];
  const total = (quantity: "flops" | "bytes") =>
    all.reduce((sum, each) => sum + (each[quantity] ?? 0), 0);
  for (const nameOf of [({ name }: Dispatch) => name, classOf]) {
    const groups = groupDispatches(all, nameOf);
    const sum = (of: (group: (typeof groups)[number]) => number) =>
      groups.reduce((sum, group) => sum + of(group), 0);
    assertEquals(sum(({ dispatches }) => dispatches.length), all.length);
    assertEquals(sum(({ flops }) => flops), total("flops"));
    assertEquals(sum(({ bytes }) => bytes), total("bytes"));
  }
});

Deno.test("kernels are classified by name", () => {
  const names = ["matmul 2×3×4", "gradient of attention, keys", "rmsNorm gradient", "adam", "add"];
  assertEquals(names.map((name) => classOf({ name })), [
    ...["matmul", "attention", "norms, rotary embedding", "parameter updates"],
    "other elementwise kernels",
  ]);
});

Deno.test("the page shows what fits, the bounds, and where JavaScript is the bottleneck", async () => {
  const { counts, peakBytes } = await countStep(small);
  const outlook = { shape: small, processor, peakBytes, counts, batches: 4 };
  const page = rooflinePage({
    date: "2026-01-01",
    machine: "a machine",
    adapter: "an adapter",
    recordingMicroseconds: 1000,
    measured: counts,
    listed: [{ shape: small, counts }],
    outlooks: [outlook, { ...outlook, peakBytes: 2e9 }],
  });
  const rows = page.split("\n").filter((line) => line.startsWith("| depth 2"));
  const share = /(\d+) % \|/.exec(rows[0]!.split("1,000 |").at(-1)!)?.[1];
  assert(Number(share) > 10_000, rows[0]!);
  assert(rows[1]!.includes("does not fit: one sequence needs 2.00 GB"), rows[1]!);
  const tables = page.trimEnd().split("\n\n").filter((block) => block.startsWith("|"));
  assertEquals(tables.length, 3);
  for (const table of tables) {
    const columns = table.split("\n").map((line) => line.split("|").length);
    assertEquals(new Set(columns).size, 1, table);
  }
});
