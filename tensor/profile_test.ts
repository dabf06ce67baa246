import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { gpuTest } from "../testing/gpu.ts";
import { fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { attention, type Device, Tensor } from "./mod.ts";
import type { Profile, ProfileEvent } from "./profile.ts";
import { profileAsText, profileAsTrace, profileRows } from "./profile_text.ts";

/** The events of kernels, without compilation, which the CPU records separately. */
function kernelsOf({ events }: Profile): readonly ProfileEvent[] {
  return events.filter(({ kernel }) => kernel !== "compile kernels");
}

/** Some matmuls and elementwise operations in sequence. */
function work(device: Device, x: Tensor, times: number): void {
  using _scope = device.scope();
  for (let i = 0; i < times; i++) x.matmul(x).relu();
}

testOnEveryDevice("a profile says what each operation had to do", async (device) => {
  // Too many columns to be copied for a matmul of few: one kernel for each operation.
  const [a, b] = [Tensor.ones(device, [32, 48]), Tensor.ones(device, [48, 64])];
  const profile = await device.profile(() => void a.matmul(b).relu());
  const [matmul, relu, ...others] = kernelsOf(profile);
  assertEquals(others, []);
  assertEquals(matmul!.name, "matmul 32×48×64");
  assertEquals(matmul!.flops, 2 * 32 * 48 * 64);
  assertEquals(matmul!.bytes, 4 * (32 * 48 + 48 * 64 + 32 * 64));
  assertEquals(relu!.name, "relu");
  assertEquals(relu!.bytes, 2 * 4 * 32 * 64);
});

testOnEveryDevice("a profile counts the pairs that attention looks at", async (device) => {
  const [batch, queries, heads, size] = [2, 7, 3, 8];
  const x = Tensor.ones(device, [batch, queries, heads, size], { requiresGrad: true });
  const profile = await device.profile(() =>
    attention(x, x, x, { causal: true, window: 2 }).sum().backward()
  );
  // Queries see 1, 2, and then 3 keys each. A pair takes two matmuls forward and five backward, of
  // which flash attention on a GPU computes two in both of its kernels.
  const perMatmul = 2 * size * batch * heads * (1 + 2 + 5 * 3);
  const flops = (pattern: RegExp) =>
    kernelsOf(profile).reduce((sum, e) => sum + (pattern.test(e.name) ? e.flops ?? 0 : 0), 0);
  assertEquals(flops(/^attention/), 2 * perMatmul);
  const backward = flops(/^gradient of attention/) / perMatmul;
  assert(backward === 5 || backward === 7, `${backward} matmuls backward`);
});

testOnEveryDevice("what is broadcast is read once", async (device) => {
  const [x, row] = [Tensor.ones(device, [10, 8]), Tensor.ones(device, [8])];
  const profile = await device.profile(() => void x.mul(row));
  assertEquals(kernelsOf(profile)[0]!.bytes, 4 * (80 + 8 + 80));
});

testOnEveryDevice("kernels follow each other within the time of the profile", async (device) => {
  const x = Tensor.ones(device, [64, 64]);
  const profile = await device.profile(async () => {
    work(device, x, 5);
    await device.synchronize();
    work(device, x, 5);
  });
  assertEquals(kernelsOf(profile).length, 20);
  let last = 0;
  for (const { start, milliseconds } of profile.events) {
    assert(start >= last && milliseconds >= 0, `${start} after ${last}, for ${milliseconds}`);
    last = start + milliseconds;
  }
  assert(last <= profile.milliseconds, `${last} is beyond ${profile.milliseconds}`);
});

testOnEveryDevice(
  "a profile holds what is done while it is made, and nothing else",
  async (device) => {
    const x = Tensor.ones(device, [64, 64]);
    work(device, x, 3);
    const first = await device.profile(() => work(device, x, 1));
    work(device, x, 3);
    const nothing = await device.profile(() => {});
    const second = await device.profile(() => work(device, x, 2));
    const counts = [first, nothing, second].map((profile) => kernelsOf(profile).length);
    assertEquals(counts, [2, 0, 4]);
  },
);

testOnEveryDevice("a profile changes no result", async (device) => {
  const x = Tensor.from(device, [[1, 2], [3, 4]]);
  const results: Tensor[] = [];
  await device.profile(() => void results.push(x.matmul(x).add(1)));
  assertEquals(Array.from(await results[0]!.data()), [8, 11, 16, 23]);
});

testOnEveryDevice("one profile is made at a time, and one that fails ends", async (device) => {
  const inner = () => device.profile(() => {}).then(() => {});
  await assertRejects(() => device.profile(inner), Error, "wanted no profile in progress");
  const failing = () => device.profile(() => Promise.reject(new RangeError("mine")));
  await assertRejects(failing, RangeError, "mine");
  assertEquals(
    kernelsOf(await device.profile(() => work(device, Tensor.ones(device, [2, 2]), 1)))
      .length,
    3,
  );
});

fresh.cpuTest("compilation does not count as the first run of a kernel", async (device) => {
  const x = Tensor.ones(device, [4]);
  const names = async () => (await device.profile(() => void x.exp())).events.map((e) => e.name);
  assertEquals(await names(), ["compile kernels", "exp"]);
  assertEquals(await names(), ["exp"]);
});

gpuTest("a profile spans many submits", async (device) => {
  const x = Tensor.ones(device, [2, 2]);
  const before = device.statistics.submits;
  const profile = await device.profile(() => work(device, x, 1500));
  assert(device.statistics.submits - before >= 3);
  assertEquals(profileRows(profile).map(({ calls }) => calls), [1500, 1500]);
});

gpuTest("an adapter without timestamps is named, and goes on", async (device) => {
  const x = Tensor.ones(device, [2, 2]);
  const wanted = "Cannot profile: wanted an adapter with timestamp-query, got WebGPU on ";
  await assertRejects(() => device.profile(() => work(device, x, 1)), Error, wanted);
  assertEquals(await x.sum().item(), 4);
}, { timestamps: false });

/** A profile of 10 ms: two matmuls of 3 ms each, and one addition. */
const example: Profile = {
  milliseconds: 10,
  events: [
    { name: "add", kernel: "k0", start: 0, milliseconds: 2, flops: undefined, bytes: 4e6 },
    { name: "product", kernel: "k1", start: 2, milliseconds: 3, flops: 6e9, bytes: 3e6 },
    { name: "product", kernel: "k2", start: 6, milliseconds: 3, flops: 6e9, bytes: 3e6 },
    { name: "nothing", kernel: "k3", start: 9, milliseconds: 0.001, flops: 0, bytes: 0 },
  ],
};

Deno.test("operations are sorted by time, with the speed of all their calls", () => {
  const [matmul, add] = profileRows(example);
  assertEquals(matmul!.name, "product");
  assertEquals([matmul!.calls, matmul!.milliseconds], [2, 6]);
  assertAlmostEquals(matmul!.share, 0.6);
  assertAlmostEquals(matmul!.flopsPerSecond!, 2e12, 1);
  assertAlmostEquals(matmul!.bytesPerSecond!, 1e9, 1);
  assertEquals(add!.flopsPerSecond, undefined);
  assertAlmostEquals(add!.bytesPerSecond!, 2e9, 1);
});

Deno.test("the table ends with what the operations account for", () => {
  assertEquals(profileAsText(example).split("\n"), [
    "operation           calls    ms   share  GFLOP/s  GB/s",
    "product                 2  6.00  60.0 %   2000.0   1.0",
    "add                     1  2.00  20.0 %            2.0",
    "others                  1  0.00   0.0 %",
    "between operations         2.00  20.0 %",
    "Operations account for 80.0 % of 10.00 ms.",
  ]);
});

Deno.test("a trace holds every event in microseconds", () => {
  const device = { info: { title: "a device", description: "a device", details: {} } };
  const { traceEvents } = JSON.parse(profileAsTrace(example, device));
  assertEquals(traceEvents[0].args.name, "a device");
  assertEquals(traceEvents[1].dur, 10_000);
  const { name, ph, ts, dur, args } = traceEvents[3];
  assertEquals([name, ph, ts, dur, args.kernel], ["product", "X", 2000, 3000, "k1"]);
});
