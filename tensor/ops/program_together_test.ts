import { assertEquals, assertThrows } from "@std/assert";
import { gpuTest, tinyDevice } from "../../testing/gpu.ts";
import { kernelTest } from "../../testing/every_device.ts";
import type { Device } from "../device.ts";
import * as ex from "../expression/expression.ts";
import { defineProgram } from "../expression/program.ts";
import { normalArray } from "../random.ts";
import { Tensor } from "../tensor.ts";
import { runProgramInto } from "./program.ts";
import { type ProgramRun, runProgramTogether } from "./program_together.ts";

/** A parameter and its running mean, both updated in place: each needs what the other was. */
const descend = defineProgram(
  { name: "descend", inputs: ["x", "gradient", "mean"], scalars: ["rate", "kept"] },
  ({ x, gradient, mean, rate, kept }) => {
    const newMean = ex.add(ex.multiply(kept, mean), ex.multiply(x, gradient));
    return [ex.subtract(x, ex.multiply(rate, newMean)), newMean];
  },
);

/** Runs on sizes of all kinds, one with a gradient that lies the other way round. */
function makeRuns(device: Device): ProgramRun[] {
  const shapes = [[4], [], [1], [24], [0], [3, 5], [4096], [4097], [2, 3], [300]];
  return shapes.map((shape, i) => {
    const make = (seed: number, its: readonly number[] = shape) => {
      const size = its.reduce((product, length) => product * length, 1);
      return Tensor.from(device, normalArray(3 * i + seed, size), { shape: its });
    };
    const [x, mean] = [make(0), make(2)];
    const isTurned = shape.join() === "3,5";
    const gradient = isTurned ? make(1, shape.toReversed()).transpose() : make(1);
    return { inputs: [x, gradient, mean], outputs: [x, mean], scalars: [0.1 * i, 1 / (i + 1)] };
  });
}

const read = (runs: readonly ProgramRun[]) =>
  Promise.all(runs.flatMap(({ outputs }) => outputs.map((output) => output.data())));

kernelTest("runs of a program together give what each gives alone", async (device) => {
  const [together, alone] = [makeRuns(device), makeRuns(device)];
  runProgramTogether(descend, together);
  for (const { inputs, outputs, scalars } of alone) {
    runProgramInto(descend, inputs, outputs, scalars);
  }
  assertEquals(await read(together), await read(alone));
  runProgramTogether(descend, []);
  runProgramTogether(descend, together.slice(0, 1));
  runProgramInto(descend, alone[0]!.inputs, alone[0]!.outputs, alone[0]!.scalars);
  assertEquals(await read(together), await read(alone));
});

gpuTest("small runs share one kernel, or as many as there must be for their buffers", (device) => {
  const runs = makeRuns(device);
  const before = device.statistics.dispatches;
  runProgramTogether(descend, runs);
  const most = device.limits.maxStorageBuffersPerShaderStage;
  const perKernel = Math.floor(most / 3);
  // One has no elements, one too many, and one lies in memory in another order.
  const wanted = 2 + Math.ceil((runs.length - 3) / perKernel);
  assertEquals(device.statistics.dispatches - before, wanted);
});

gpuTest("on a device with eight buffers two runs of three operands share a kernel", (device) => {
  const runs = makeRuns(device).slice(0, 4);
  const before = device.statistics.dispatches;
  runProgramTogether(descend, runs);
  assertEquals(device.statistics.dispatches - before, 2);
}, tinyDevice);

kernelTest("runs with operands of another shape or without their numbers are errors", (device) => {
  const [x, y] = [Tensor.ones(device, [2]), Tensor.ones(device, [3])];
  const run = { inputs: [x, x, x], outputs: [y, y], scalars: [1, 1] };
  assertThrows(() => runProgramTogether(descend, [run]), RangeError);
  const short = { inputs: [x, x, x], outputs: [x, x], scalars: [1] };
  assertThrows(() => runProgramTogether(descend, [short]), RangeError, "rate, kept");
});
