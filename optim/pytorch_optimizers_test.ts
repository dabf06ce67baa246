/** Parameters after steps of PyTorch, recorded by `testing/record_pytorch_optimizers.py`. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { relativeDeviation } from "../testing/golden.ts";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { decodeState, type Device, encodeState, Tensor } from "../tensor/mod.ts";
import { EMA } from "./ema.ts";
import { RMSprop } from "./rmsprop.ts";
import { SGD } from "./sgd.ts";

interface Recorded {
  readonly kind: "rmsprop" | "ema";
  readonly seed: number;
  readonly size: number;
  readonly options: Readonly<Record<string, number | boolean>>;
  /** The parameter, or its average, after each step. */
  readonly after: readonly (readonly number[])[];
}

const recorded: readonly Recorded[] = (await Deno.readTextFile(
  new URL("testing/pytorch_optimizers.jsonl", import.meta.url),
)).trim().split("\n").map((line) => JSON.parse(line));

/** The same numbers as `generator` in `testing/record_pytorch_optimizers.py`. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed;
  while (true) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}

function take(from: Generator<number, never>, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => from.next().value);
}

async function checkRMSprop(device: Device, { seed, size, options, after }: Recorded) {
  const from = numbers(seed);
  const parameter = Tensor.from(device, take(from, size), { requiresGrad: true });
  const { weight_decay: weightDecay = 0, ...others } = options;
  const optimizer = new RMSprop([parameter], { weightDecay: weightDecay as number, ...others });
  for (const [step, wanted] of after.entries()) {
    parameter.grad = Tensor.from(device, take(from, size)).keep();
    optimizer.step();
    const deviation = relativeDeviation(await parameter.data(), Float64Array.from(wanted));
    assert(deviation <= 1e-5, `${JSON.stringify(options)}, step ${step}: ${deviation}`);
  }
}

async function checkEMA(device: Device, { seed, size, options, after }: Recorded) {
  const from = numbers(seed);
  const parameter = Tensor.from(device, take(from, size), { requiresGrad: true });
  const average = new EMA([parameter], options);
  for (const [step, wanted] of after.entries()) {
    parameter.assign(take(from, size));
    average.update();
    const got = await average.averages.get("0")!.data();
    const deviation = relativeDeviation(got, Float64Array.from(wanted));
    assert(deviation <= 1e-5, `${JSON.stringify(options)}, update ${step}: ${deviation}`);
  }
}

testOnEveryDevice("RMSprop and averages of weights are PyTorch's", async (device) => {
  const counts = Map.groupBy(recorded, ({ kind }) => kind);
  assertEquals([...counts.values()].map(({ length }) => length), [12, 12]);
  for (const each of recorded) {
    await (each.kind === "rmsprop" ? checkRMSprop(device, each) : checkEMA(device, each));
  }
});

cpuTest("RMSprop continues from a file bit for bit", async (device) => {
  const options = { momentum: 0.9, centered: true };
  const gradients = Array.from({ length: 6 }, (_, i) => take(numbers(i), 4));
  const run = async (cut: number) => {
    let parameter = Tensor.zeros(device, [4], { requiresGrad: true });
    let optimizer = new RMSprop([parameter], options);
    for (const [i, gradient] of gradients.entries()) {
      if (i === cut) {
        const file = await encodeState(optimizer.stateDict());
        parameter = Tensor.from(device, await parameter.data(), { requiresGrad: true });
        optimizer = new RMSprop([parameter], options);
        optimizer.loadStateDict(decodeState(file));
      }
      parameter.grad = Tensor.from(device, gradient).keep();
      optimizer.step();
    }
    return [...await parameter.data()];
  };
  assertEquals(await run(3), await run(-1));
});

cpuTest("RMSprop refuses hyperparameters out of range, and momentum that began at 0", (device) => {
  const parameter = Tensor.zeros(device, [2], { requiresGrad: true });
  parameter.grad = Tensor.ones(device, [2]).keep();
  const step = (options: Parameters<typeof Object.assign>[1]) => {
    const optimizer = new RMSprop([parameter]);
    Object.assign(optimizer.groups[0]!, options);
    optimizer.step();
  };
  const what = "Cannot step the optimizer: wanted";
  assertThrows(
    () => step({ alpha: 1 }),
    RangeError,
    `${what} alpha to be a number from 0 to below 1`,
  );
  assertThrows(() => step({ eps: -1 }), RangeError, `${what} eps to be a number from 0, got -1`);
  assertThrows(
    () => step({ momentum: 0.5 }),
    RangeError,
    `${what} momentum 0, with which it was made`,
  );
});

cpuTest("a centered RMSprop survives equal gradients", async (device) => {
  const parameter = Tensor.zeros(device, [3], { requiresGrad: true });
  const optimizer = new RMSprop([parameter], { centered: true, alpha: 0.9 });
  for (let step = 0; step < 200; step++) {
    parameter.grad = Tensor.from(device, [1 / 3, 1e-3, 1e4]).keep();
    optimizer.step();
  }
  assert((await parameter.data()).every(Number.isFinite));
});

testOnEveryDevice("averages take the place of parameters, and give it back", async (device) => {
  const parameter = Tensor.from(device, [4, 8], { requiresGrad: true });
  const average = new EMA(new Map([["w", parameter]]), { decay: 0.75 });
  assertThrows(() => average.swap(), Error, "wanted an update before, got none");
  average.update();
  parameter.assign(Float32Array.of(8, 0));
  average.update();
  {
    using _ = average.swap();
    assertEquals([...await parameter.data()], [5, 6]);
    assertThrows(() => average.update(), Error, "wanted the parameters in place, got the averages");
    assertThrows(() => average.swap(), Error, "wanted the parameters in place, got the averages");
    assertThrows(() => average.stateDict(), Error, "Cannot save an EMA");
  }
  assertEquals([...await parameter.data()], [8, 0]);
  // The optimizer goes on with the parameters.
  parameter.grad = Tensor.ones(device, [2]).keep();
  new SGD([parameter], { lr: 1 }).step();
  const file = await encodeState(average.stateDict());
  const other = new EMA(new Map([["w", parameter]]), { decay: 0.75 });
  other.loadStateDict(decodeState(file));
  for (const each of [average, other]) {
    each.update();
    assertEquals([...await each.averages.get("w")!.data()], [5.5, 4.25]);
  }
  assertThrows(() => other.loadStateDict(new Map()), RangeError, "wanted updates to be a count");
});
