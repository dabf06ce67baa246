import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { CpuDevice, OpenOptions } from "../../device.ts";
import { Handle, Storage } from "../../storage.ts";
import { openCpuDevice } from "./device.ts";
import { registerMatmulLibraries } from "./matmul_libraries.ts";
import { emitKernel } from "../../kernel/emitter.ts";
import { addRamp, nothing, sumScratch, trapAt } from "./testing/kernels.ts";

/** Counting this far takes long enough for a sleeping worker to start its share. */
const DELAY = 1_000_000;

function deviceTest(
  name: string,
  options: OpenOptions,
  fn: (device: CpuDevice) => void | Promise<void>,
): void {
  Deno.test(name, async () => {
    const device = await openCpuDevice({ blas: false, ...options });
    try {
      await fn(device);
    } finally {
      await device.close();
    }
  });
}

const withThreads = (threads: number) => `with ${threads} thread${threads === 1 ? "" : "s"}`;

for (const threads of [1, 2, 4]) {
  deviceTest(
    `a kernel visits every item once ${withThreads(threads)}`,
    { threads },
    async (device) => {
      assertEquals(device.threads, threads);
      for (const count of [1, 2, 3, 4, 5, 1_000, 100_003]) {
        const allocation = device.allocate(4 * count, "ramp");
        device.write(allocation, 0, new Float32Array(count).fill(10));
        device.dispatch(
          addRamp,
          { integers: [addressOf(device, allocation), DELAY], floats: [2, 1] },
          count,
        );
        const result = new Float32Array(await device.read(allocation, 0, 4 * count));
        assertEquals(result, Float32Array.from({ length: count }, (_, i) => 10 + 2 * i + 1));
        device.free(allocation);
      }
    },
  );

  deviceTest(
    `every thread has scratch memory of its own ${withThreads(threads)}`,
    { threads },
    async (device) => {
      const allocation = device.allocate(4 * 64, "sums");
      for (const words of [1, 16, 1_000, 50]) {
        const integers = [addressOf(device, allocation), words];
        device.dispatch(sumScratch, { integers }, 64, { scratchBytes: 4 * words });
        const sums = new Int32Array(await device.read(allocation, 0, 4 * 64));
        assertEquals(sums, Int32Array.from({ length: 64 }, (_, i) => i * words));
      }
      assertEquals(device.live, 1);
    },
  );

  deviceTest(
    `20,000 tiny dispatches finish and add up ${withThreads(threads)}`,
    { threads },
    async (device) => {
      const allocation = device.allocate(4 * 8, "sums");
      device.write(allocation, 0, new Float32Array(8));
      const arguments_ = { integers: [addressOf(device, allocation), 0], floats: [0, 1] };
      for (let i = 0; i < 10_000; i++) {
        device.dispatch(addRamp, arguments_, 8);
        device.dispatch(nothing, { integers: [] }, 8);
      }
      const sums = new Float32Array(await device.read(allocation, 0, 4 * 8));
      assertEquals(sums, new Float32Array(8).fill(10_000));
    },
  );

  deviceTest(
    `a trap in any thread's share is thrown with the kernel's key ${withThreads(threads)}`,
    { threads },
    async (device) => {
      // After a pause, sleeping workers lose their shares to the main thread; without one, they run
      // them.
      for (const pause of [0, 20]) {
        for (const item of [0, 999]) {
          for (let repeat = 0; repeat < 20; repeat++) {
            if (pause > 0 && repeat < 2) await new Promise((resolve) => setTimeout(resolve, pause));
            assertThrows(
              () => device.dispatch(trapAt, { integers: [item] }, 1_000, { scratchBytes: 64 }),
              Error,
              'Cannot run kernel "test: trap": RuntimeError: ',
            );
            device.dispatch(trapAt, { integers: [-1] }, 1_000, { scratchBytes: 64 });
          }
        }
      }
    },
  );
}

deviceTest(
  "kernels reach memory that grew after they were compiled",
  { threads: 2 },
  async (device) => {
    const first = device.allocate(400, "first");
    device.dispatch(addRamp, { integers: [addressOf(device, first), DELAY], floats: [0, 0] }, 100);
    for (const bytes of [50_000_000, 400_000_000, 2_400_000_000]) {
      const allocation = device.allocate(bytes, "large");
      const address = addressOf(device, allocation) + bytes - 4_000;
      device.write(allocation, bytes - 4_000, new Float32Array(1_000));
      device.dispatch(addRamp, { integers: [address, DELAY], floats: [1, 0] }, 1_000);
      const end = new Float32Array(await device.read(allocation, bytes - 4_000, 4_000));
      assertEquals(end, Float32Array.from({ length: 1_000 }, (_, i) => i));
    }
  },
);

deviceTest("workers get a large kernel, and one compiled after the memory grew", {
  threads: 2,
}, async (device) => {
  const allocation = device.allocate(100_000_000, "large");
  for (const statements of [1, 20_000]) {
    const kernel = {
      key: `count to ${statements}`,
      emit: emitKernel((f, { words, start, end }) => {
        const base = f.local(words.loadI32(0));
        f.forRange(0, DELAY, 1, () => {});
        f.forRange(start, end, 1, (i) => {
          const address = f.local(base.add(i.shiftLeft(2)));
          for (let j = 0; j < statements; j++) f.store(address, address.loadI32().add(1));
        });
      }),
    };
    device.write(allocation, 0, new Int32Array(8));
    for (let i = 0; i < 10; i++) {
      device.dispatch(kernel, { integers: [addressOf(device, allocation)] }, 8);
    }
    const counts = new Int32Array(await device.read(allocation, 0, 32));
    assertEquals(counts, new Int32Array(8).fill(10 * statements));
  }
});

deviceTest("a kernel is emitted once, on its first run", { threads: 1 }, (device) => {
  let emitted = 0;
  const kernel = { key: "counted", emit: () => (emitted++, nothing.emit(false)) };
  device.dispatch(kernel, { integers: [] }, 0);
  assertEquals(emitted, 0);
  device.dispatch(kernel, { integers: [] }, 1);
  device.dispatch({ ...kernel }, { integers: [] }, 1);
  assertEquals(emitted, 1);
});

deviceTest("work below the grain stays on one thread", { threads: 2 }, async (device) => {
  const allocation = device.allocate(4, "scratch address");
  const kernel = {
    key: "ranges",
    emit: emitKernel((f, { words, start, end }) => {
      const base = f.local(words.loadI32(0));
      const [before, share] = [f.local(base.loadI32()), f.local(end.subtract(start))];
      f.store(base, before.greater(share).select(before, share));
    }),
  };
  const largestShare = async (items: number, grain: number): Promise<number | undefined> => {
    device.write(allocation, 0, new Int32Array(1));
    device.dispatch(kernel, { integers: [addressOf(device, allocation)] }, items, { grain });
    return new Int32Array(await device.read(allocation, 0, 4))[0];
  };
  assertEquals(await largestShare(99, 50), 99);
  assertEquals(await largestShare(100, 50), 50);
});

deviceTest("reading copies, and offsets are in bytes", { threads: 1 }, async (device) => {
  const allocation = device.allocate(16, "numbers");
  device.write(allocation, 0, new Int32Array([1, 2, 3, 4]));
  device.write(allocation, 8, new Int32Array([7]));
  const read = new Int32Array(await device.read(allocation, 4, 8));
  device.write(allocation, 4, new Int32Array([9]));
  assertEquals([...read], [2, 7]);
  assertEquals((await device.read(allocation, 16, 0)).byteLength, 0);
  const view = { allocation, dtype: "int32", shape: [2], strides: [1], offset: 2 } as const;
  assertEquals(device.address(view), addressOf(device, allocation) + 8);
});

deviceTest("a range outside an allocation names it", { threads: 1 }, async (device) => {
  const allocation = device.allocate(16, "weights");
  assertThrows(
    () => device.write(allocation, 12, new Float32Array(2)),
    RangeError,
    'Cannot write "weights": wanted a range within 16 bytes, got 8 bytes from 12 on',
  );
  await assertRejects(() => device.read(allocation, -1, 4), RangeError, 'Cannot read "weights"');
  device.free(allocation);
  await assertRejects(() => device.read(allocation, 0, 4), Error, '"weights": it was freed');
  assertThrows(() => addressOf(device, allocation), Error, 'Cannot use "weights": it was freed');
  assertThrows(() => device.free({ bytes: 4 }), TypeError, "got one of another device");
  assertThrows(
    () => device.dispatch(nothing, { integers: [] }, 1.5),
    RangeError,
    'Cannot run kernel "test: nothing": wanted a whole number of items, got 1.5',
  );
});

deviceTest("an invalid module is an error that names the kernel", { threads: 2 }, (device) => {
  const kernel = { key: "broken", emit: () => new Uint8Array([1, 2, 3]) };
  assertThrows(
    () => device.dispatch(kernel, { integers: [] }, 8),
    Error,
    'Cannot compile kernel "broken": CompileError',
  );
});

deviceTest(
  "a scope frees what was allocated in it, and the counters say so",
  { threads: 1 },
  (device) => {
    {
      using _scope = device.scope();
      for (let i = 0; i < 10; i++) {
        const storage = new Storage(device, device.allocate(1_000, "inside"));
        new Handle(storage, device.scopes.current, storage);
      }
      assertEquals([device.live, device.memory.liveBytes], [10, 10_000]);
    }
    assertEquals([device.live, device.memory.liveBytes, device.memory.peakBytes], [0, 0, 10_000]);
  },
);

Deno.test("a closed device refuses work, and ignores late frees", async () => {
  const device = await openCpuDevice({ threads: 2 });
  const allocation = device.allocate(4, "late");
  device.dispatch(nothing, { integers: [] }, 8);
  await device.close();
  await device.close();
  const closed = "the cpu device is closed";
  assertThrows(() => device.allocate(4, "more"), Error, `Cannot allocate "more": ${closed}`);
  assertThrows(() => device.scope(), Error, closed);
  assertThrows(() => device.dispatch(nothing, { integers: [] }, 1), Error, closed);
  assertThrows(() => device.write(allocation, 0, new Float32Array(1)), Error, closed);
  await assertRejects(() => device.read(allocation, 0, 4), Error, closed);
  device.free(allocation);
  assertEquals(device.live, 0);
});

Deno.test("unsatisfiable options are errors", async () => {
  await assertRejects(
    () => openCpuDevice({ threads: 1000 }),
    RangeError,
    "from 1 to 256, got 1000",
  );
  await assertRejects(() => openCpuDevice({ threads: 0 }), RangeError, "got 0");
  await assertRejects(() => openCpuDevice({ threads: 1.5 }), RangeError, "got 1.5");
  await assertRejects(
    () => openCpuDevice({ threads: 1, blas: "/nowhere/libblas.so" }),
    Error,
    "Cannot open the cpu device: wanted the BLAS /nowhere/libblas.so, got none",
  );
});

Deno.test("where no library is registered, none is found", async () => {
  const none = "no library is registered";
  for (
    const [options, problem] of [
      [{ blas: "libblas.so" }, `the BLAS libblas.so, got none (${none})`],
      [{ oneDnn: "libdnnl.so" }, `the oneDNN libdnnl.so, got none (no BLAS beside it: ${none})`],
      [
        { matmulPrecision: "bf16" },
        `matmuls in bf16, got f32 only (no oneDNN: no BLAS beside it: ${none})`,
      ],
    ] as const
  ) {
    await assertRejects(
      () => openCpuDevice({ threads: 1, ...options }),
      Error,
      `Cannot open the cpu device: wanted ${problem}`,
    );
  }
  const device = await openCpuDevice({ threads: 1, matmulPrecision: "auto" });
  assertEquals([device.hasBlas, device.hasOneDnn, device.matmulPrecision], [false, false, "f32"]);
  await device.close();
});

Deno.test("the description states threads, SIMD and BLAS", async () => {
  const device = await openCpuDevice({ threads: 2, blas: false });
  assertMatch(device.info.description, /^cpu: 2 threads, .*SIMD.*, no BLAS \(turned off\)$/);
  assertEquals(device.info.details.threads, 2);
  assert(!device.hasBlas);
  assertThrows(
    () => device.dispatch({ key: "sgemm" }, { integers: new Array(23).fill(0) }, 1),
    Error,
    'Cannot run kernel "sgemm": no BLAS (turned off)',
  );
  await device.close();
});

async function withThreadsOf(threads: unknown, fn: () => Promise<void>): Promise<void> {
  const process: { getBuiltinModule: unknown } = Reflect.get(globalThis, "process");
  const before = process.getBuiltinModule;
  process.getBuiltinModule = () => threads;
  try {
    await fn();
  } finally {
    process.getBuiltinModule = before;
  }
}

async function assertComputes(device: CpuDevice): Promise<void> {
  const allocation = device.allocate(4_000, "ramp");
  device.write(allocation, 0, new Float32Array(1_000));
  const integers = [addressOf(device, allocation), DELAY];
  for (let i = 0; i < 5; i++) device.dispatch(addRamp, { integers, floats: [1, 0] }, 1_000);
  const ramp = new Float32Array(await device.read(allocation, 0, 4_000));
  assertEquals(ramp, Float32Array.from({ length: 1_000 }, (_, i) => 5 * i));
}

Deno.test("web workers, as in a browser, compute the same", async () => {
  await withThreadsOf(undefined, async () => {
    const device = await openCpuDevice({ threads: 2 });
    assertEquals(device.threads, 2);
    await assertComputes(device);
    await device.close();
  });
});

for (
  const [name, Worker] of [
    [
      "cannot be made",
      class {
        constructor() {
          throw new Error("no threads here");
        }
      },
    ],
    [
      "fails at its start",
      class {
        once(event: string, listener: (error: Error) => void): void {
          if (event === "error") queueMicrotask(() => listener(new Error("no threads here")));
        }
        postMessage(): void {}
        unref(): void {}
        terminate(): void {}
      },
    ],
  ] as const
) {
  Deno.test(`if a worker ${name}, one thread does everything and the description says why`, async () => {
    await withThreadsOf({ Worker }, async () => {
      const device = await openCpuDevice({ threads: 2, blas: false });
      assertEquals(device.threads, 1);
      assertMatch(device.info.description, /^cpu: 1 thread \(no workers: no threads here\), /);
      await assertComputes(device);
      await device.close();
    });
  });
}

Deno.test("if a worker cannot open a library, one thread does everything and the description says why", async () => {
  const items: number[] = [];
  const add = (_: number, start: number, end: number) => void items.push(start, end);
  let isOpen = true;
  registerMatmulLibraries(() => ({
    blas: { isOpen: true, description: "a BLAS" },
    oneDnn: { isOpen: false, description: "not beside this one" },
    missingBf16: null,
    bfloat16Speed: () => 0,
    kernels: [add, add],
    forWorkers: {
      module:
        `data:text/javascript,export function openMatmuls() { throw new Error("no library here"); }`,
      start: null,
    },
    close: () => isOpen = false,
  }));
  const device = await openCpuDevice({ threads: 2 });
  registerMatmulLibraries(() => "no library is registered");
  assertMatch(
    device.info.description,
    /^cpu: 1 thread \(no workers: .*no library here\), .*, a BLAS$/,
  );
  device.dispatch({ key: "sgemm" }, { integers: new Array(23).fill(0) }, 7);
  assertEquals(items, [0, 7]);
  await assertComputes(device);
  await device.close();
  assertEquals(isOpen, false);
});

function addressOf(device: CpuDevice, allocation: { readonly bytes: number }): number {
  return device.address({ allocation, dtype: "float32", offset: 0 });
}
