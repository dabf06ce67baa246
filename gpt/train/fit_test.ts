import { assert, assertEquals } from "@std/assert";
import { estimateMemory } from "./estimate.ts";
import { fitsMemory, type MemoryRoom, nearestFits, type SmallerRun } from "./fit.ts";
import { planTraining, scalingDefaults, type ScalingOptions } from "./scaling.ts";

const GIBIBYTE = 2 ** 30;
const cpu: MemoryRoom = { device: 4 * GIBIBYTE, process: Infinity };

function isFitting(options: ScalingOptions, run: SmallerRun, room: MemoryRoom): boolean {
  const changed = { ...scalingDefaults, ...options, ...run };
  const { deviceBatchSize } = changed;
  return fitsMemory(estimateMemory({ ...planTraining(changed), deviceBatchSize }), room);
}

Deno.test("nearest fits fit, and the next larger ones do not", () => {
  const run = { depth: 12, vocabSize: 300 };
  const found = nearestFits(run, cpu);
  assertEquals(found, [{ deviceBatchSize: 2 }, { maxSeqLen: 128 }, { depth: 3 }]);
  for (const smaller of found) assert(isFitting(run, smaller, cpu), JSON.stringify(smaller));
  for (const larger of [{ deviceBatchSize: 4 }, { maxSeqLen: 256 }, { depth: 4 }]) {
    assert(!isFitting(run, larger, cpu), JSON.stringify(larger));
  }
});

Deno.test("if a smaller batch does not suffice, the model is smaller, too", () => {
  const run = { depth: 20, vocabSize: 32768 };
  const found = nearestFits(run, cpu);
  const both = found.at(-1)!;
  assert(both.deviceBatchSize === 1 && both.depth! > 3, JSON.stringify(found));
  for (const smaller of found) assert(isFitting(run, smaller, cpu), JSON.stringify(smaller));
  assert(!isFitting(run, { ...both, depth: both.depth! + 1 }, cpu));
});

Deno.test("a resumed run can only take a smaller batch", () => {
  assertEquals(nearestFits({ depth: 12, vocabSize: 300 }, cpu, { isFixed: true }), [
    { deviceBatchSize: 2 },
  ]);
  assertEquals(nearestFits({ depth: 20, vocabSize: 32768 }, cpu, { isFixed: true }), []);
});

Deno.test("the machine's memory counts like the device's, with the process itself", () => {
  const run = { depth: 6, vocabSize: 4096, deviceBatchSize: 1, maxSeqLen: 256, numIterations: 1 };
  const { peak, process } = estimateMemory({ ...planTraining(run), deviceBatchSize: 1 });
  assert(process > peak);
  assert(isFitting(run, {}, { device: peak, process }));
  assert(!isFitting(run, {}, { device: peak - 1, process }));
  assert(!isFitting(run, {}, { device: peak, process: process - 1 }));
  assertEquals(nearestFits(run, { device: peak, process: 1000 }), []);
});
