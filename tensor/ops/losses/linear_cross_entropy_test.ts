import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import {
  crossEntropy,
  type CrossEntropyOptions,
  type Device,
  linear,
  linearCrossEntropy,
  noGrad,
  normal,
  openDevice,
  Tensor,
} from "../../mod.ts";
import { inChunks, rowsAtOnce } from "./linear_cross_entropy.ts";

/** Deterministic operands, with ignored rows among others. */
function operands(device: Device, rows: number, width: number, classes: number) {
  const make = (shape: number[], seed: number) => noGrad(() => normal(device, shape, { seed }));
  const targets = Int32Array.from(
    { length: rows },
    (_, row) => row % 5 === 3 ? -1 : (row * 7919) % classes,
  );
  return {
    hidden: make([rows, width], 1).requireGrad(),
    weight: make([classes, width], 2).requireGrad(),
    targets: Tensor.from(device, targets),
  };
}

type Operands = ReturnType<typeof operands>;

/** In chunks of so many rows; by default as many as the device suits. */
function chunked(
  { hidden, weight, targets }: Operands,
  rowsAtOnce?: number,
  options: CrossEntropyOptions = {},
): Tensor {
  if (rowsAtOnce === undefined) return linearCrossEntropy(hidden, weight, targets, options);
  const { reduction = "mean", softcap } = options;
  const classes = weight.shape[0]!;
  return inChunks(hidden, weight, targets, { reduction, softcap, classes, rowsAtOnce });
}

async function results(
  { hidden, weight }: Operands,
  compute: () => Tensor,
): Promise<Record<"loss" | "hidden" | "weight", number[]>> {
  using _scope = hidden.device.scope();
  hidden.zeroGrad();
  weight.zeroGrad();
  const loss = compute();
  loss.backward();
  const read = await Promise.all([loss, hidden.grad!, weight.grad!].map((x) => x.data()));
  const [value, ofHidden, ofWeight] = read.map((x) => [...x]) as [number[], number[], number[]];
  return { loss: value, hidden: ofHidden, weight: ofWeight };
}

function assertClose(got: readonly number[], wanted: readonly number[], tolerance = 1e-5): void {
  assertEquals(got.length, wanted.length);
  const scale = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30);
  got.forEach((x, i) => {
    assert(
      Object.is(x, wanted[i]) || Math.abs(x - wanted[i]!) <= tolerance * scale,
      `element ${i}: wanted ${wanted[i]}, got ${x}`,
    );
  });
}

/** Compares with the composition, in chunks of several sizes. */
async function assertSame(device: Device, sizes: readonly (readonly [number, number, number])[]) {
  for (const [rows, width, classes] of sizes) {
    const given = operands(device, rows, width, classes);
    const { hidden, weight, targets } = given;
    for (const options of [{}, { softcap: 2 }, { reduction: "sum" as const }]) {
      const wanted = await results(
        given,
        () => crossEntropy(linear(hidden, weight), targets, options),
      );
      for (const rowsAtOnce of [undefined, 1, 7, 16]) {
        const got = await results(given, () => chunked(given, rowsAtOnce, options));
        assertClose(got.loss, wanted.loss);
        assertClose(got.hidden, wanted.hidden);
        assertClose(got.weight, wanted.weight);
      }
    }
  }
}

testOnEveryDevice(
  "in chunks of any size it is the cross-entropy of all logits",
  (device) => assertSame(device, [[1, 3, 2], [17, 8, 37], [65, 12, 1001], [40, 16, 4099]]),
);

gpuTest("within tiny limits it equals the cross-entropy of all logits, too", async (device) => {
  assertLess(rowsAtOnce(90, 4 * 4099, tinyDevice.limits!.maxStorageBufferBindingSize!), 90);
  await assertSame(device, [[90, 12, 4099]]);
}, tinyDevice);

testOnEveryDevice("the same operands give the same bits", async (device) => {
  const given = operands(device, 33, 16, 515);
  const run = () => results(given, () => chunked(given, 8, { softcap: 15 }));
  assertEquals(await run(), await run());
});

testOnEveryDevice("gradients of several batches add up to those of one", async (device) => {
  const given = operands(device, 12, 6, 10);
  const { hidden, weight, targets } = given;
  const sum = (from: number, to: number) => {
    const some = { hidden: hidden.slice(0, from, to), targets: targets.slice(0, from, to) };
    return chunked({ ...some, weight }, 2, { reduction: "sum" }).div(8);
  };
  const wanted = await results(given, () => sum(0, 12));
  const got = await results(given, () => {
    sum(0, 5).backward();
    sum(5, 6).backward();
    return sum(6, 12);
  });
  assertClose(got.hidden, wanted.hidden);
  assertClose(got.weight, wanted.weight);
});

testOnEveryDevice("a loss whose backward does not run leaves no gradient", async (device) => {
  const { hidden, weight, targets } = operands(device, 4, 3, 5);
  using _scope = device.scope();
  linearCrossEntropy(hidden, weight, targets);
  assertEquals([hidden.grad, weight.grad], [null, null]);
  await device.synchronize();
});

testOnEveryDevice("a gradient is computed only for what wants one", async (device) => {
  const { hidden, weight, targets } = operands(device, 4, 3, 5);
  using _scope = device.scope();
  linearCrossEntropy(hidden.detach(), weight, targets).backward();
  assertEquals(hidden.grad, null);
  linearCrossEntropy(hidden, weight.detach(), targets).backward();
  const both = await Promise.all([hidden.grad!.data(), weight.grad!.data()]);
  assert(both.every((gradient) => gradient.some((x) => x !== 0)));
});

testOnEveryDevice("a mean over no targets is not a number, and changes nothing", async (device) => {
  const given = operands(device, 6, 3, 5);
  const { hidden, weight } = given;
  const nothing = Tensor.from(device, new Int32Array(6).fill(-1));
  const got = await results(given, () => linearCrossEntropy(hidden, weight, nothing));
  assertEquals(got.loss, [NaN]);
  assert([...got.hidden, ...got.weight].every((x) => x === 0));
});

testOnEveryDevice("without a row the weight gets a gradient of zeros", async (device) => {
  const weight = Tensor.ones(device, [5, 3], { requiresGrad: true });
  const hidden = Tensor.zeros(device, [0, 3]);
  const targets = Tensor.from(device, new Int32Array(0));
  const loss = linearCrossEntropy(hidden, weight, targets);
  loss.backward();
  assertEquals(await loss.item(), NaN);
  assertEquals([...await weight.grad!.data()], new Array(15).fill(0));
});

testOnEveryDevice("large logits neither overflow nor lose the loss", async (device) => {
  const hidden = Tensor.from(device, [[1e4, 0], [0, 1e4], [3e4, -3e4]], { requiresGrad: true });
  const weight = Tensor.from(device, [[1, 0], [0, 1]], { requiresGrad: true });
  const targets = Tensor.from(device, [0, 0, 1], { dtype: "int32" });
  const got = await results(
    { hidden, weight, targets },
    () => linearCrossEntropy(hidden, weight, targets, { reduction: "sum" }),
  );
  assertClose(got.loss, [1e4 + 6e4], 1e-6);
  assertClose(got.hidden, [0, 0, -1, 1, 1, -1]);
  const capped = linearCrossEntropy(hidden, weight, targets, { reduction: "sum", softcap: 15 });
  assertClose([await capped.item()], [15 + 30 + 2 * Math.log1p(Math.exp(-15))], 1e-6);
});

testOnEveryDevice("an unknown reduction is refused by name", (device) => {
  const logits = Tensor.from(device, [[1, 2]]);
  const targets = Tensor.from(device, [1], { dtype: "int32" });
  assertThrows(
    () => crossEntropy(logits, targets, { reduction: "bogus" as "mean" }),
    TypeError,
    'Cannot compute crossEntropy: wanted reduction "mean", "sum" or "none", got "bogus"',
  );
});

testOnEveryDevice("what is not a number stays in its row", async (device) => {
  const hidden = Tensor.from(device, [[1, 2], [NaN, 1], [Infinity, 1], [3, 4]]);
  const weight = Tensor.from(device, [[1, 2], [3, 4], [5, 6]]);
  const targets = Tensor.from(device, [0, 1, 2, -1], { dtype: "int32" });
  const losses = await chunked({ hidden, weight, targets }, 3, { reduction: "none" }).data();
  assertEquals([...losses].map(Number.isNaN), [false, true, true, false]);
  assertEquals(losses[3], 0);
});

testOnEveryDevice("a target that was computed and is no class shows as NaN", async (device) => {
  const { hidden, weight } = operands(device, 2, 3, 5);
  const targets = Tensor.from(device, [4, 5]).to("int32");
  const losses = await noGrad(() =>
    linearCrossEntropy(hidden, weight, targets, { reduction: "none" })
  ).data();
  assertEquals([...losses].map(Number.isNaN), [false, true]);
});

Deno.test("the logits are never all in memory at once", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const given = operands(device, 64, 4, 1000);
  const before = device.memory.liveBytes;
  using _scope = device.scope();
  chunked(given, 4).backward();
  const logits = 4 * 64 * 1000;
  assertLess(device.memory.peakBytes - before, logits / 4);
  await device.close();
});

Deno.test("operands that do not match are refused", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { hidden, weight, targets } = operands(device, 4, 3, 5);
  const logits = linear(hidden, weight);
  const refuses = (run: () => unknown, kind: typeof RangeError | typeof TypeError, part: string) =>
    assertThrows(run, kind, part);
  refuses(() => crossEntropy(logits, targets.slice(0, 1)), RangeError, "[4, 5], got [3]");
  refuses(() => crossEntropy(logits.slice(1, 0, 3), targets), RangeError, "from -1 to 2");
  refuses(() => crossEntropy(logits, targets.to("float32")), TypeError, "int32");
  await device.close();
});
