import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gpuTest } from "../../../testing/gpu.ts";
import type { WebGpuDevice } from "../../device.ts";
import { Tensor } from "../../tensor.ts";
import { type MatmulChoice, matmulChoices, type MatmulChoicesData } from "./choices_wgsl.ts";
import { tuneMatmuls } from "./tuning_wgsl.ts";
import { matmul, type MatmulOptions } from "./matmul.ts";

/** Multiplies ones, so that every element of the result is the length of the sums. */
async function multiplyOnes(
  device: WebGpuDevice,
  [m, k, n]: readonly [number, number, number],
  options: MatmulOptions = {},
): Promise<void> {
  using _scope = device.scope();
  const a = Tensor.ones(device, options.transposeA ? [k, m] : [m, k]);
  const b = Tensor.ones(device, options.transposeB ? [n, k] : [k, n]);
  const values = await matmul(a, b, options).data();
  assertEquals(values.length, m * n);
  assert(values.every((value) => value === k), `${m}×${k}×${n} ${JSON.stringify(options)}`);
}

/** What the second test stores and reads. */
const stored: MatmulChoicesData = {
  ...{ format: "nanodino matmul choices", version: 1, forced: null },
  choices: [{
    class: "float32 32×32×32 NN, both aligned",
    candidate: "rows",
    forced: false,
    microseconds: { naive: 3, rows: 2 },
  }],
};

gpuTest("each class of products is timed once, and computed by the winner", async (device) => {
  const choices = matmulChoices(device);
  const made: string[] = [];
  const onChoice = (choice: MatmulChoice) => made.push(choice.class);
  const tune = () => tuneMatmuls(device, { seconds: 600, onChoice });
  await multiplyOnes(device, [40, 64, 60]);
  await multiplyOnes(device, [64, 33, 64]);
  await multiplyOnes(device, [60, 64, 64], { transposeB: true });
  await multiplyOnes(device, [64, 64, 64], { symmetric: true });
  await multiplyOnes(device, [16, 1024, 16], { transposeA: true });
  await multiplyOnes(device, [1, 64, 200]);
  await multiplyOnes(device, [3, 5, 7]);
  const classes = [
    "float32 64×64×64 NN, both aligned",
    "float32 64×64×64 NN, b aligned",
    "float32 64×64×64 NT, both aligned",
    "float32 64×64×64 NN, both aligned, symmetric",
    "float32 16×1024×16 TN, both aligned",
    "float32 1×64×256 NN, both aligned",
  ];
  assertEquals(choices.newClasses, classes);
  const live = device.live;
  const { seconds, ...tuning } = await tune();
  assert(seconds > 0);
  assertEquals(tuning, { classes: 6, left: 0, wrong: [], obstacle: null });
  assertEquals([made, device.live], [classes, live]);
  for (const { candidate, forced, microseconds } of choices.choices) {
    assert(!forced && microseconds[candidate]! > 0 && microseconds.naive! > 0);
    const least = Math.min(...Object.values(microseconds));
    assert(microseconds[candidate]! <= 1.4 * least, JSON.stringify(microseconds));
  }
  // Only the long sum of few elements is worth cutting in parts.
  const hasParts = choices.choices.map(({ microseconds }) =>
    "parts of registers 8×8" in microseconds
  );
  assertEquals(hasParts, [false, false, false, false, true, false]);

  await multiplyOnes(device, [33, 36, 64]);
  await multiplyOnes(device, [16, 1024, 16], { transposeA: true });
  assertEquals(choices.newClasses, []);
  assertEquals((await tune()).classes, 0);
});

gpuTest(
  "gradients that are added to others, and batches, are classes of their own",
  async (device) => {
    using _scope = device.scope();
    const x = Tensor.ones(device, [3, 24, 32], { requiresGrad: true });
    const weight = Tensor.ones(device, [3, 40, 32], { requiresGrad: true });
    matmul(x, weight, { transposeB: true }).sum().backward();
    matmul(x, weight, { transposeB: true }).sum().backward();
    const names = () => matmulChoices(device).newClasses;
    assertEquals(names(), [
      "float32 32×32×64 in 4 items NT, both aligned",
      "float32 32×64×32 in 4 items NN, both aligned",
      "float32 64×32×32 in 4 items TN, both aligned",
      "float32 32×64×32 in 4 items NN, both aligned, accumulated",
      "float32 64×32×32 in 4 items TN, both aligned, accumulated",
    ]);
    assertEquals((await tuneMatmuls(device, { seconds: 600 })).classes, 5);
  },
);

gpuTest("a way that computes something else is named, and never taken", async (device) => {
  const dispatch = device.dispatch.bind(device);
  device.dispatch = (kernel, ...rest) => {
    if (!kernel.key.startsWith("matmul registers")) return dispatch(kernel, ...rest);
    const code = () => kernel.code().replace("column, value);", "column, value + 1.0);");
    dispatch({ ...kernel, key: `${kernel.key}, broken`, code }, ...rest);
  };
  using _scope = device.scope();
  const x = Tensor.ones(device, [64, 64]);
  matmul(x, x);
  const { classes, wrong } = await tuneMatmuls(device, { seconds: 600 });
  assertEquals([classes, wrong], [1, ["registers 4×8", "registers 8×8", "registers 16×8"]]);
  const [choice] = matmulChoices(device).choices;
  assert(!wrong.includes(choice!.candidate), choice!.candidate);
  assert(wrong.every((name) => !(name in choice!.microseconds)));
});

gpuTest("a class that there is no time for is left for the next time", async (device) => {
  await multiplyOnes(device, [40, 64, 60]);
  const { classes, left } = await tuneMatmuls(device, { seconds: -1 });
  assertEquals([classes, left], [0, 1]);
});

gpuTest("a device without timestamps says so, and keeps the choice by size", async (device) => {
  await multiplyOnes(device, [40, 64, 60]);
  const { classes, left, obstacle } = await tuneMatmuls(device);
  assertEquals([classes, left, obstacle], [0, 1, "the device has no timestamps"]);
}, { timestamps: false });

gpuTest("tuning waits for no profile that is being made", async (device) => {
  await multiplyOnes(device, [40, 64, 60]);
  await device.profile(async () => {
    await assertRejects(() => tuneMatmuls(device), Error, "wanted no profile in progress");
  });
  assertEquals((await tuneMatmuls(device)).classes, 1);
});

gpuTest("choices are stored, read, forced and cleared", async (device) => {
  const choices = matmulChoices(device);
  /** The kernels of a product. */
  const kernels = async () => {
    const { events } = await device.profile(() => multiplyOnes(device, [32, 32, 32]));
    return events.map(({ kernel }) => kernel).filter((key) => key.startsWith("matmul"));
  };
  choices.load(JSON.parse(JSON.stringify(stored)));
  assertEquals(JSON.stringify(choices), JSON.stringify(stored));
  assertEquals(await kernels(), ["matmul rows N"]);

  choices.force("staged 8×8 by 8×8", stored.choices[0]!.class);
  assertEquals(await kernels(), ["matmul staged 8×8 by 8×8, NN"]);
  choices.force("naive");
  assertEquals([await kernels(), choices.forced], [["matmul naive"], "naive"]);
  const kept = JSON.parse(JSON.stringify(choices));
  assertEquals([kept.forced, kept.choices[0].forced], ["naive", true]);

  choices.clear();
  assertEquals([choices.choices, choices.forced], [[], null]);
  assert(!["matmul naive", "matmul rows N"].includes((await kernels())[0]!));
  assertThrows(() => choices.force("best"), RangeError, 'by "best": wanted naive, ');
});

gpuTest("stored choices that make no sense are refused as a whole", (device) => {
  const choices = matmulChoices(device);
  const [choice] = stored.choices;
  const refused: [unknown, string][] = [
    [null, "got something else"],
    [{ choices: [] }, "got something else"],
    [{ ...stored, version: 0 }, "got version 0"],
    [{ ...stored, forced: "fastest" }, 'got the way "fastest"'],
    [{ ...stored, choices: {} }, "got no list of choices"],
    [{ ...stored, choices: [choice, { ...choice, candidate: "fastest" }] }, "got the choice {"],
    [{ ...stored, choices: [{ ...choice, microseconds: { rows: "2" } }] }, "that are no numbers"],
  ];
  for (const [data, message] of refused) {
    assertThrows(() => choices.load(data), SyntaxError, message);
  }
  assertEquals(choices.choices, []);
});

gpuTest("choices that are not possible on a device are left out there", (device) => {
  const choices = matmulChoices(device);
  const large = { ...stored.choices[0]!, candidate: "staged 8×8 by 16×16" };
  choices.load({ ...stored, forced: large.candidate, choices: [large] });
  assertEquals([choices.choices, choices.forced], [[], null]);
  assert(!choices.candidates.includes(large.candidate));
  assertThrows(
    () => choices.force(large.candidate),
    RangeError,
    "wanted a way that fits the device",
  );
}, { limits: { maxComputeInvocationsPerWorkgroup: 128 } });
