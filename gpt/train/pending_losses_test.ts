import { assert, assertEquals } from "@std/assert";
import { openDevice, Tensor } from "../../tensor/mod.ts";
import { StoppedClock } from "../../testing/clock.ts";
import { PendingLosses } from "./pending_losses.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });

const stepOf = (step: number, ...losses: number[]) => ({
  step,
  learningRateMultiplier: 1,
  loaderState: null,
  losses: losses.map((loss) => Tensor.from(device, loss).keep()),
});

Deno.test("losses of several steps are read together, each the mean of its batches", async () => {
  const before = device.live;
  const losses = new PendingLosses(0, 1e6);
  assertEquals([losses.isEmpty, losses.isFull], [true, false]);
  for (const step of [stepOf(0, 4, 6), stepOf(1, 3, 5), stepOf(2, 2, 3)]) {
    losses.begin();
    losses.add(step);
  }
  assertEquals([losses.isEmpty, losses.isFull], [false, false]);
  const read = await losses.read();
  assertEquals(read.map(({ step, loss }) => [step, loss]), [[0, 5], [1, 4], [2, 2.5]]);
  assert(read.every(({ seconds }) => seconds > 0 && seconds === read[0]!.seconds));
  assertEquals([losses.isEmpty, device.live], [true, before]);
});

Deno.test("it is time to read after the interval, or when many are pending", () => {
  const eager = new PendingLosses(0, 0);
  eager.begin();
  assert(eager.isFull);
  const patient = new PendingLosses(0, 1e6);
  patient.begin();
  for (let step = 0; step < 64; step++) {
    assertEquals(patient.isFull, false);
    patient.add({ ...stepOf(step), losses: [] });
  }
  assert(patient.isFull);
});

Deno.test("steps that compile kernels do not tell how long others take", async () => {
  using clock = new StoppedClock();
  const losses = new PendingLosses(10, 0);
  const typical: number[] = [];
  for (const [step, seconds] of [[10, 8], [11, 4], [12, 4], [13, 1], [14, 2]] as const) {
    losses.begin();
    clock.pass(1000 * seconds);
    losses.add(stepOf(step, 1));
    typical.push((await losses.read())[0]!.typicalSeconds);
  }
  // Those of the first three are guesses until there are others.
  assertEquals(typical, [8, 4, 4, 1, 1.5]);
});
