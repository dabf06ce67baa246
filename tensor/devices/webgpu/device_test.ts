import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { adapterTest, gpuTest } from "../../../testing/gpu.ts";
import type { Allocation, WgslKernel } from "../../device.ts";
import { openWebGpuDevice, type RecordingWebGpuDevice } from "./device.ts";
import { workgroupGrid } from "../../kernel/run.ts";
import { beginMain } from "../../kernel/wgsl.ts";

const THREADS = 64;

/** y[i] = x[i] + amount, for i below n. */
const addAmount: WgslKernel = {
  key: "test add amount",
  integers: ["n"],
  floats: ["amount"],
  buffers: [{ name: "x", type: "f32", writes: false }, { name: "y", type: "f32", writes: true }],
  code: () =>
    `${beginMain(THREADS, "group", "thread")}
  let i = i32(group * ${THREADS}u + thread);
  if (i < arguments.n) {
    y[i] = x[i] + arguments.amount;
  }
}`,
};

const bad: WgslKernel = {
  key: "test that does not compile",
  integers: [],
  buffers: [{ name: "y", type: "f32", writes: true }],
  code: () => "@compute @workgroup_size(1) fn main() { y[0] = 1u; }",
};

function run(
  device: RecordingWebGpuDevice,
  x: Allocation,
  y: Allocation,
  amount: number,
  n = x.bytes / 4,
): void {
  const [columns, rows] = workgroupGrid(
    Math.ceil(n / THREADS),
    device.limits.maxComputeWorkgroupsPerDimension,
  );
  device.dispatch(addAmount, [x, y], { integers: [n], floats: [amount] }, [columns, rows]);
}

function put(device: RecordingWebGpuDevice, ...values: number[]): Allocation {
  const allocation = device.allocate(values.length * 4, "test");
  device.write(allocation, 0, Float32Array.from(values));
  return allocation;
}

async function get(device: RecordingWebGpuDevice, allocation: Allocation): Promise<number[]> {
  return [...new Float32Array(await device.read(allocation, 0, allocation.bytes))];
}

gpuTest("a device describes itself, with the limits it was opened with", (device) => {
  assertEquals(device.kind, "webgpu");
  assert(device.info.description.startsWith("WebGPU on "));
  assertEquals(device.limits.maxComputeInvocationsPerWorkgroup, 128);
  assertEquals(device.info.details.maxComputeInvocationsPerWorkgroup, 128);
  assertEquals(typeof device.info.details.software, "boolean");
}, { limits: { maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupSizeX: 128 } });

adapterTest("a limit beyond the adapter's is refused by name", async () => {
  await assertRejects(
    () => openWebGpuDevice({ limits: { maxBufferSize: 2 ** 60 } }),
    RangeError,
    "Cannot open a WebGPU device: wanted maxBufferSize between 1 and ",
  );
});

gpuTest(
  "written data can be read back, in part and whole, without a dispatch",
  async (device) => {
    const x = put(device, 1, 2, 3, 4, 5);
    device.write(x, 8, Float32Array.of(-3));
    assertEquals(await get(device, x), [1, 2, -3, 4, 5]);
    assertEquals([...new Float32Array(await device.read(x, 4, 8))], [2, -3]);
    assertEquals((await device.read(x, 20, 0)).byteLength, 0);
    assertThrows(() => device.write(x, 16, Float32Array.of(1, 2)), RangeError, "bytes 16 to 24");
    assertThrows(() => device.write(x, 2, Float32Array.of(1)), RangeError, "wanted multiples of 4");
    const halves = new Uint8Array(await device.read(x, 6, 9));
    assertEquals(halves, new Uint8Array(Float32Array.of(1, 2, -3, 4).buffer).slice(6, 15));
    await assertRejects(() => device.read(x, 18, 4), RangeError, "wanted them within 20 bytes");
  },
);

gpuTest(
  "dispatches run in call order, each with its own arguments",
  async (device) => {
    const x = put(device, 0, 10);
    const y = device.allocate(8, "y");
    for (let i = 1; i <= 2000; i++) {
      run(device, x, y, i);
      run(device, y, x, -i + 1);
    }
    assertEquals(await get(device, x), [2000, 2010]);
    assertEquals(device.statistics.dispatches, 4000);
  },
);

gpuTest(
  "a write after a recorded dispatch does not change what the dispatch reads",
  async (device) => {
    const x = put(device, 1, 2);
    const y = device.allocate(8, "y");
    const z = device.allocate(8, "z");
    run(device, x, y, 10);
    device.write(x, 0, Float32Array.of(100, 200));
    run(device, x, z, 10);
    device.write(x, 4, Float32Array.of(7));
    assertEquals(device.statistics.submits, 0);
    assertEquals(await get(device, y), [11, 12]);
    assertEquals(await get(device, z), [110, 210]);
    assertEquals(await get(device, x), [100, 7]);
  },
);

gpuTest(
  "a write to memory that was freed and reused spares earlier dispatches",
  async (device) => {
    const y = device.allocate(8, "y");
    const sums: Allocation[] = [];
    for (let i = 0; i < 5; i++) {
      const x = put(device, i, 2 * i);
      const sum = device.allocate(8, "sum");
      run(device, x, sum, 0.5);
      sums.push(sum);
      device.free(x);
    }
    device.free(y);
    for (let i = 0; i < 5; i++) assertEquals(await get(device, sums[i]!), [i + 0.5, 2 * i + 0.5]);
  },
);

gpuTest(
  "large staged writes are submitted rather than piled up",
  async (device) => {
    const floats = 1 << 20;
    const x = device.allocate(floats * 4, "x");
    const y = device.allocate(floats * 4, "y");
    for (let i = 1; i <= 9; i++) {
      device.write(x, 0, new Float32Array(floats).fill(i));
      run(device, x, y, 1);
    }
    assertEquals(new Float32Array(await device.read(y, 4 * (floats - 1), 4))[0], 10);
    assert(device.statistics.bufferBytes <= (2 + 4) * floats * 4);
  },
);

gpuTest("a read returns the contents at the time of the call", async (device) => {
  const untouched = put(device, 8);
  const first = get(device, untouched);
  device.write(untouched, 0, Float32Array.of(9));
  assertEquals([await first, await get(device, untouched)], [[8], [9]]);
  const x = put(device, 1);
  const y = device.allocate(4, "y");
  const before = get(device, x);
  run(device, y, x, 5);
  device.write(x, 0, Float32Array.of(50));
  device.free(x);
  const other = put(device, -1);
  assertEquals([await before, await get(device, other)], [[1], [-1]]);
});

gpuTest("reads of one tick share one submit and one wait", async (device) => {
  const all = Array.from({ length: 20 }, (_, i) => put(device, i, i + 1));
  const large = device.allocate(200_000, "large");
  device.write(large, 199_996, Float32Array.of(3));
  const results = Promise.all(all.map((x) => get(device, x)));
  const last = device.read(large, 199_996, 4);
  const whole = device.read(large, 0, 200_000);
  assertEquals(await results, all.map((_, i) => [i, i + 1]));
  assertEquals(new Float32Array(await last), Float32Array.of(3));
  assertEquals(new Float32Array(await whole).at(-1), 3);
  assertEquals(device.statistics.submits, 1);
  assertEquals(device.statistics.readbacks, 1);
});

gpuTest(
  "a steady loop creates no buffer, pipeline or bind group after its second round",
  async (device) => {
    const parameter = put(device, ...new Array<number>(300).fill(1));
    let after = device.statistics;
    for (let step = 0; step < 20; step++) {
      if (step === 2) after = device.statistics;
      const batch = put(device, ...new Array<number>(300).fill(step));
      const hidden = device.allocate(1200, "hidden");
      const output = device.allocate(1200, "output");
      run(device, batch, hidden, 1);
      run(device, hidden, output, 2);
      device.free(hidden);
      run(device, output, parameter, step);
      // Freed in a different order each step, as by a garbage collector.
      for (const x of step % 2 ? [batch, output] : [output, batch]) device.free(x);
      assertEquals((await get(device, parameter))[299], 2 * step + 3);
    }
    const now = device.statistics;
    assertEquals(now.buffersCreated, after.buffersCreated);
    assertEquals(now.pipelinesCompiled, after.pipelinesCompiled);
    assertEquals(now.bindGroupsCreated, after.bindGroupsCreated);
    assertEquals([now.submits - after.submits, now.dispatches - after.dispatches], [18, 54]);
  },
);

gpuTest("backpressure limits the submits in flight to a few", async (device) => {
  const [x, y] = [put(device, 1, 2), device.allocate(8, "y")];
  for (let i = 1; i <= 20; i++) {
    run(device, x, y, i);
    await device.backpressure();
    assertEquals(device.statistics.submits, i);
  }
  assertEquals(await get(device, y), [21, 22]);
  await device.backpressure();
  assertEquals(device.statistics.submits, 21);
});

gpuTest("memory of another device is refused", async (device) => {
  const other = await openWebGpuDevice();
  const x = put(other, 1);
  assertThrows(() => device.write(x, 0, Float32Array.of(1)), TypeError, "got one of another");
  assertThrows(() => run(device, put(device, 1), x, 1), TypeError, "got one of another");
  await other.close();
});

gpuTest("live allocations and bytes are counted, without the pool", (device) => {
  const x = device.allocate(1000, "x");
  const y = device.allocate(0, "y");
  assertEquals([device.live, device.memory.liveBytes], [2, 1000]);
  device.free(x);
  device.free(y);
  assertEquals([device.live, device.memory.liveBytes, device.memory.peakBytes], [0, 0, 1000]);
  assert(device.statistics.bufferBytes > 0);
  assertThrows(() => device.free(x), Error, "Cannot free x: its memory was freed");
  assertThrows(() => run(device, x, y, 1, 1), Error, "its memory was freed");
});

gpuTest(
  "memory beyond the limit is refused, after free buffers were released",
  async (device) => {
    const x = device.allocate(600_000, "x");
    const y = device.allocate(300_000, "y");
    run(device, y, y === x ? x : x, 1, 10);
    device.free(y);
    const z = device.allocate(300_000, "z");
    assertThrows(
      () => device.allocate(100_000, "the logits"),
      RangeError,
      "Cannot allocate 100000 bytes for the logits",
    );
    run(device, x, z, 1, 10);
    assertEquals((await get(device, z)).length, 75_000);
  },
  { memoryLimit: 1_000_000 },
);

gpuTest("a kernel that does not compile fails the device, by its name", async (device) => {
  const [x, y, z] = [put(device, 1), device.allocate(4, "y"), device.allocate(4, "z")];
  run(device, x, z, 10);
  device.dispatch(bad, [y], { integers: [] }, [1]);
  const reason = `the device: cannot compile the kernel "${bad.key}": `;
  const error = await assertRejects(() => get(device, z), Error, `Cannot read from ${reason}`);
  assert(error instanceof Error && !error.message.includes("\n"));
  assertThrows(() => run(device, x, z, 1), Error, reason);
  await assertRejects(() => device.synchronize(), Error, `Cannot synchronize ${reason}`);
});

gpuTest("a failed kernel whose results nobody reads is reported to who waits", async (device) => {
  device.dispatch(bad, [device.allocate(4, "y")], { integers: [] }, [1]);
  device.flush();
  await assertRejects(() => device.synchronize(), Error, `compile the kernel "${bad.key}"`);
});

gpuTest("a profile of a kernel that does not compile says so", async (device) => {
  const profile = device.profile(() => {
    device.dispatch(bad, [device.allocate(4, "y")], { integers: [] }, [1]);
  });
  await assertRejects(() => profile, Error, `compile the kernel "${bad.key}"`);
});

gpuTest("a dispatch of no workgroups does nothing", async (device) => {
  const y = device.allocate(4, "y");
  device.dispatch(bad, [y], { integers: [] }, [0]);
  device.dispatch(bad, [y], { integers: [] }, [3, 0]);
  await device.synchronize();
  assertEquals(device.statistics.dispatches, 0);
});

gpuTest("invalid dispatches are refused with both values", (device) => {
  const [x, y] = [device.allocate(4, "x"), device.allocate(4, "y")];
  const integers = [1];
  const call = (
    allocations: Allocation[],
    args: { integers: number[]; floats?: number[] },
    n = 1,
  ) => device.dispatch(addAmount, allocations, args, [n]);
  assertThrows(() => call([x], { integers, floats: [1] }), RangeError, "wanted 2 buffers, got 1");
  assertThrows(() => call([x, y], { integers }), RangeError, "wanted 1 float arguments, got 0");
  assertThrows(() => call([x, x], { integers, floats: [1] }), RangeError, 'as "x" and as "y"');
  assertThrows(
    () => call([x, y], { integers, floats: [1] }, 8),
    RangeError,
    "at most 7 workgroups",
  );
  const large = device.allocate(2 ** 20 + 4, "large");
  assertThrows(() => call([x, large], { integers, floats: [1] }), RangeError, "1048576 bytes");
}, { limits: { maxComputeWorkgroupsPerDimension: 7, maxStorageBufferBindingSize: 2 ** 20 } });

gpuTest("a folded grid reaches every element once", async (device) => {
  const n = 40 * THREADS;
  const [x, y] = [device.allocate(n * 4, "x"), device.allocate(n * 4, "y")];
  device.write(x, 0, Float32Array.from({ length: n }, (_, i) => i));
  run(device, x, y, 1);
  assertEquals(await get(device, y), Array.from({ length: n }, (_, i) => i + 1));
  assertThrows(() => workgroupGrid(50, 7), RangeError, "50");
}, { limits: { maxComputeWorkgroupsPerDimension: 7 } });

gpuTest(
  "a lost device is an error at the next use and for pending waits",
  async (device) => {
    const x = put(device, 1);
    await get(device, x);
    const waiting = Promise.allSettled([get(device, x), device.synchronize()]);
    device.gpu.device.destroy();
    assert((await waiting).length === 2);
    await device.gpu.device.lost;
    await assertRejects(() => get(device, x), Error, "the device was lost (destroyed");
    await assertRejects(() => device.synchronize(), Error, "the device was lost");
    await assertRejects(() => device.backpressure(), Error, "the device was lost");
    assertThrows(() => run(device, x, x, 1), Error, "the device was lost");
  },
);

gpuTest(
  "a device that is lost unnoticed does not hang its next users",
  async (device) => {
    const x = put(device, 1);
    device.gpu.device.destroy();
    // Some notice while reading, others before.
    await assertRejects(() => get(device, x), Error, "the device");
  },
);

gpuTest("a closed device says that it was closed", async (device) => {
  const x = put(device, 1);
  const waiting = assertRejects(() => get(device, x), Error, "the device was closed");
  await device.close();
  await waiting;
  await assertRejects(() => get(device, x), Error, "the device was closed");
  assertThrows(() => device.allocate(4, "y"), Error, "the device was closed");
  device.free(x);
  await device.close();
  assertEquals(device.live, 0);
});
