import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { float16Test, tinyDevice } from "../testing/gpu.ts";
import { type Device, Tensor } from "../tensor/mod.ts";
import { AdamW } from "./adam.ts";
import { GradScaler } from "./grad_scaler.ts";
import { MuonAdamW } from "./muon_adamw.ts";

function withGradient(
  device: Device,
  shape: readonly number[],
  gradient: readonly number[],
): Tensor {
  const parameter = Tensor.ones(device, shape, { requiresGrad: true });
  parameter.mul(Tensor.from(device, [...gradient], { shape })).sum().backward();
  return parameter;
}

testOnEveryDevice("a scaled step equals one without scaling, bit for bit", async (device) => {
  const values = [[1, -2, 3], [-4, 5, 1e-4]];
  const parameters: Tensor[] = [];
  for (const scaler of [null, new GradScaler()]) {
    const x = Tensor.from(device, values, { requiresGrad: true });
    const y = Tensor.from(device, 0.5, { requiresGrad: true });
    const optimizer = new AdamW([x, y], { lr: 0.1 });
    for (let step = 0; step < 3; step++) {
      optimizer.zeroGrad();
      const loss = x.square().mul(y).sum();
      (scaler?.scale(loss) ?? loss).backward();
      if (scaler === null) optimizer.step();
      else assertEquals(await scaler.step(optimizer), true);
      scaler?.update();
    }
    parameters.push(x, y);
  }
  // The scale is a power of two, so nothing is rounded.
  assertEquals(await parameters[2]!.data(), await parameters[0]!.data());
  assertEquals(await parameters[3]!.data(), await parameters[1]!.data());
});

testOnEveryDevice(
  "a step with a gradient that is not finite changes nothing, and halves the scale",
  async (device) => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const at of [0, 2, 6, 7]) {
        const gradient = Array.from({ length: 8 }, (_, i) => i === at ? bad : i + 1);
        const matrix = withGradient(device, [2, 3], gradient.slice(0, 6));
        const rest = withGradient(device, [2], gradient.slice(6));
        const optimizer = new MuonAdamW([
          { kind: "muon", parameters: new Map([["matrix", matrix]]), lr: 0.1 },
          { kind: "adamw", parameters: new Map([["rest", rest]]), lr: 0.1 },
        ]);
        const before = await Promise.all(
          [...optimizer.stateDict().values()].map((each) =>
            typeof each === "number" ? each : each.data()
          ),
        );
        const scaler = new GradScaler({ growthInterval: 2 });
        assertEquals(await scaler.step(optimizer), false, `${bad} at ${at}`);
        scaler.update();
        assertEquals(scaler.getScale(), 32_768);
        assertEquals([...await matrix.data(), ...await rest.data()], new Array(8).fill(1));
        const after = await Promise.all(
          [...optimizer.stateDict().values()].map((each) =>
            typeof each === "number" ? each : each.data()
          ),
        );
        assertEquals(after, before);
        optimizer.zeroGrad();
      }
    }
  },
);

testOnEveryDevice("the scale doubles after so many good steps in a row", async (device) => {
  const x = Tensor.ones(device, [3], { requiresGrad: true });
  const optimizer = new AdamW([x]);
  const scaler = new GradScaler({ initScale: 4, growthInterval: 3 });
  const scales: number[] = [];
  for (let step = 0; step < 8; step++) {
    optimizer.zeroGrad();
    scaler.scale(x.mul(step === 4 ? NaN : 1).sum()).backward();
    await scaler.step(optimizer);
    scaler.update();
    scales.push(scaler.getScale());
  }
  assertEquals(scales, [4, 4, 8, 8, 4, 4, 4, 8]);
});

testOnEveryDevice("what a scaler remembers goes on in another one", async (device) => {
  const x = withGradient(device, [2], [1, 2]);
  const optimizer = new AdamW([x]);
  const [first, second] = [0, 1].map(() => new GradScaler({ initScale: 2, growthInterval: 2 }));
  await first!.step(optimizer);
  first!.update();
  assertEquals(first!.stateDict(), { scale: 2, growthTracker: 1 });
  second!.loadStateDict(first!.stateDict());
  for (const scaler of [first!, second!]) {
    await scaler.step(optimizer);
    scaler.update();
    assertEquals(scaler.stateDict(), { scale: 4, growthTracker: 0 });
  }
});

testOnEveryDevice("gradients can be unscaled before the step, once", async (device) => {
  const x = withGradient(device, [2, 1], [8, 1e-30]);
  const optimizer = new AdamW([x], { lr: 1 });
  const scaler = new GradScaler({ initScale: 8 });
  assertEquals(await scaler.unscale(optimizer), true);
  const [a, b] = await x.grad!.data();
  assertEquals(a, 1);
  assertAlmostEquals(b! * 1e30, 0.125, 1e-6);
  await assertRejects(() => scaler.unscale(optimizer), Error, "it was done already");
  await scaler.step(optimizer);
  assertEquals((await x.grad!.data())[0], 1);
  scaler.update();
  assertThrows(() => scaler.update(), Error, "wanted a step before, got none");
});

Deno.test("hyperparameters out of range are refused", () => {
  for (
    const [options, wanted] of [
      [{ initScale: 0 }, "initScale above 0, got 0"],
      [{ initScale: Infinity }, "initScale above 0, got Infinity"],
      [{ growthFactor: 1 }, "growthFactor above 1, got 1"],
      [{ backoffFactor: 1 }, "backoffFactor from 0 to 1, got 1"],
      [{ growthInterval: 0.5 }, "growthInterval as a positive integer, got 0.5"],
    ] as const
  ) {
    assertThrows(
      () => new GradScaler(options),
      RangeError,
      `Cannot scale losses: wanted ${wanted}`,
    );
  }
  const scaler = new GradScaler();
  assertThrows(() => scaler.loadStateDict({ scale: NaN, growthTracker: 0 }), RangeError, "got NaN");
  assertThrows(() => scaler.loadStateDict({ scale: 1, growthTracker: -1 }), RangeError, "got -1");
});

float16Test("small gradients survive half precision only with a scaled loss", async (device) => {
  const gradients: number[] = [];
  for (const initScale of [1, 65_536]) {
    const x = Tensor.ones(device, [3], { requiresGrad: true });
    const scaler = new GradScaler({ initScale });
    // The resulting scale is below float16's range.
    const loss = x.to("float16").square().to("float32").mul(1e-9).sum();
    scaler.scale(loss).backward();
    await scaler.unscale(new AdamW([x]));
    gradients.push((await x.grad!.data())[0]!);
  }
  assertEquals(gradients[0], 0);
  assertAlmostEquals(gradients[1]! * 1e9, 2, 2 ** -9);
}, tinyDevice);
