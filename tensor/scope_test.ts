import { assertEquals, assertMatch, assertNotMatch, assertThrows } from "@std/assert";
import { fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { gpuTest } from "../testing/gpu.ts";
import { type Device, Tensor } from "./mod.ts";
import { allocate } from "./tensor.ts";

/** Whether the runtime distinguishes tasks; browsers do not. */
const isTold = Reflect.has(globalThis, "process");

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

fresh.testOnEveryDevice(
  "two tasks on one device do not free each other's tensors",
  async (device) => {
    const before = device.live;
    async function job(ms: number): Promise<string> {
      using _ = device.scope();
      const t = Tensor.ones(device, [2]).mul(ms);
      await sleep(ms);
      const u = t.add(1);
      await sleep(ms);
      return await u.add(t).format();
    }
    const wanted = ["[101, 101]", "[61, 61]"];
    assertEquals(await Promise.all([job(50), job(30)]), wanted);
    assertEquals(await Promise.all([job(30), job(50)]), wanted.toReversed());
    if (isTold) assertEquals(device.live, before);
  },
);

fresh.testOnEveryDevice("tasks may end their scopes in any order", async (device) => {
  const before = device.live;
  // No two orders of waiting are equal; the shortest waits are a microtask turn.
  async function job(waits: readonly number[]): Promise<number> {
    let x = Tensor.ones(device, [2]).keep();
    for (const wait of waits) {
      using _ = device.scope();
      const doubled = x.mul(2);
      await (wait === 0 ? null : sleep(wait));
      let sum: Tensor;
      {
        using inner = device.scope();
        sum = inner.keep(doubled.add(doubled.mul(0)).add(1));
      }
      await (wait === 0 ? null : sleep(wait));
      x.dispose();
      x = sum.add(0).keep();
      await (wait === 0 ? null : sleep(wait));
    }
    using _ = device.scope();
    const last = x.add(0);
    x.dispose();
    return await last.sum().item();
  }
  const orders: readonly (readonly number[])[] = [[0, 0, 0], [3, 0, 1], [0, 5, 0], [2, 2, 2], [
    0,
    0,
    0,
  ]];
  assertEquals(await Promise.all(orders.map(job)), [30, 30, 30, 30, 30]);
  if (isTold) assertEquals(device.live, before);
});

testOnEveryDevice("what a task passes on outlives the scopes of others", async (device) => {
  async function job(ms: number): Promise<Tensor> {
    using scope = device.scope();
    const t = Tensor.ones(device, [2]).mul(ms);
    await sleep(ms);
    return scope.keep(t.add(1));
  }
  const [a, b] = await Promise.all([job(20), job(5)]);
  assertEquals(await a!.add(b!).data(), Float32Array.of(27, 27));
});

testOnEveryDevice("a task without a scope loses nothing to one with a scope", async (device) => {
  async function scoped(): Promise<number> {
    let sum = 0;
    for (let i = 0; i < 5; i++) {
      using _ = device.scope();
      sum += await Tensor.ones(device, [2]).mul(i).sum().item();
      await sleep(2);
    }
    return sum;
  }
  async function unscoped(): Promise<number> {
    // In a browser a task must not continue in the instant in which another opens a scope.
    await (isTold ? null : sleep(1));
    let x = Tensor.ones(device, [2]);
    for (let i = 0; i < 5; i++) {
      x = x.add(1);
      await sleep(3);
    }
    return await x.sum().item();
  }
  assertEquals(await Promise.all([unscoped(), scoped(), unscoped()]), [12, 20, 12]);
});

fresh.testOnEveryDevice("scopes nest, each within the one around", (device) => {
  const before = device.live;
  {
    using outer = device.scope();
    let passed: Tensor;
    {
      using inner = device.scope();
      passed = inner.keep(Tensor.ones(device, [2]));
      Tensor.ones(device, [3]);
      assertEquals(device.live, before + 2);
    }
    assertEquals(device.live, before + 1);
    Tensor.ones(device, [4]);
    outer.keep(passed);
  }
  assertEquals(device.live, before + 1);
});

fresh.testOnEveryDevice("a scope takes in what its task makes after an await", async (device) => {
  const before = device.live;
  {
    using _ = device.scope();
    await sleep(1);
    const [a, b] = await Promise.all([Tensor.ones(device, [2]), Tensor.zeros(device, [2])].map(
      (x) => x.data(),
    ));
    Tensor.from(device, a!).add(Tensor.from(device, b!));
    await Promise.resolve();
    Tensor.ones(device, [2]);
  }
  // A browser does not tell tasks apart, and leaves what follows an `await` to the collector.
  if (isTold) assertEquals(device.live, before);
});

function warnings(run: () => void): string[] {
  const written: string[] = [];
  const { warn } = console;
  console.warn = (message: string) => written.push(message);
  try {
    run();
  } finally {
    console.warn = warn;
  }
  return written;
}

fresh.cpuTest("a loop without scope and await is warned about scopes, once", (device) => {
  const x = Tensor.ones(device, [2]);
  const loop = () => {
    for (let i = 0; i < 12_000; i++) x.add(i);
  };
  assertMatch(
    warnings(loop).join("\n"),
    /^nanodino: 10000 tensors of the cpu device are under no scope.*`using _ = device\.scope\(\)`\.$/,
  );
  assertEquals(warnings(loop), []);
});

fresh.cpuTest("a loop with a scope gets no warning, however long", (device) => {
  const x = Tensor.ones(device, [2]);
  const loop = () => {
    for (let i = 0; i < 6_000; i++) {
      using scope = device.scope();
      scope.keep(x.add(i).mul(2)).dispose();
      x.add(i).keep().dispose();
    }
  };
  assertEquals(warnings(loop), []);
});

/** Leaks tensors until there is no room, and returns the message. */
function fill(device: Device, megabytes: number): string {
  const specification = { shape: [megabytes * 2 ** 18], dtype: "float32" } as const;
  const error = assertThrows(() => {
    for (let i = 0; i < 1000; i++) allocate(device, specification, "relu");
  }, RangeError);
  return error.message;
}

const advice =
  /\. \d+ tensors of the \w+ device are under no scope.*`using _ = device\.scope\(\)`\.$/;

fresh.cpuTest("without a scope, an out-of-memory message names it (cpu)", (device) => {
  assertMatch(fill(device, 32), advice);
  using _ = device.scope();
  assertNotMatch(fill(device, 32), /scope/);
});

gpuTest("without a scope, an out-of-memory message names it (webgpu)", (device) => {
  assertMatch(fill(device, 1), advice);
  using _ = device.scope();
  assertNotMatch(fill(device, 1), /scope/);
}, { memoryLimit: 110 * 2 ** 20 });
