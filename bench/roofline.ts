/**
 * Writes `bench/ROOFLINE.md`: the work of each kernel of a training step, and a roofline model of GPUs
 * of three classes.
 *
 *     deno task roofline
 */

import { writeFileAtomically } from "../gpt/internals.ts";
import { optional, runScript, type Script, text } from "../scripts/flags.ts";
import { type Device, openDevice } from "../tensor/mod.ts";
import { median } from "./statistics.ts";
import { machineFacts } from "./peers/facts.ts";
import { format } from "./results.ts";
import {
  baseShape,
  batchesOfStep,
  countStep,
  nanochatShape,
  prepareStep,
  profileStep,
  type StepShape,
} from "./roofline_count.ts";
import { type Processor, PROCESSORS } from "./roofline_model.ts";
import { type Outlook, rooflinePage } from "./roofline_page.ts";

const flags = {
  output: optional(text("", "Output file, by default bench/ROOFLINE.md", "PATH")),
};

/** Batch sizes in sequences; the largest that fits is used. */
const BATCHES = [16, 8, 4, 2, 1];

const RECORDINGS = 25;

const script: Script<typeof flags> = {
  summary: "Models what bounds a training step on GPUs of three classes.",
  command: "deno task roofline",
  flags,
  run: async ({ output }) => {
    const device = await openDevice("webgpu");
    console.log(device.info.description);
    const recordingMicroseconds = await timeRecording(device);
    console.log(`${format(recordingMicroseconds)} µs to record a dispatch`);
    const measured = await profileStep(device, prepareStep(device, baseShape));
    const shapes = [baseShape, nanochatShape(12, 4), nanochatShape(20, 4)];
    const listed = [];
    for (const shape of shapes) listed.push({ shape, counts: (await countStep(shape)).counts });
    const outlooks: Outlook[] = [];
    for (const shape of shapes) {
      for (const processor of PROCESSORS) outlooks.push(await computeOutlook(shape, processor));
    }
    const { processor, threads, system } = machineFacts();
    const page = rooflinePage({
      date: new Date().toISOString().slice(0, 10),
      machine: `${processor}, ${threads} threads, ${system}`,
      adapter: device.info.description,
      recordingMicroseconds,
      measured,
      listed,
      outlooks,
    });
    await device.close();
    const path = output ?? decodeURIComponent(new URL("ROOFLINE.md", import.meta.url).pathname);
    await writeFileAtomically(path, page);
    console.log(page);
  },
};

/**
 * Microseconds of JavaScript per dispatch. The model has as many layers as `base` but is tiny, so that a
 * software adapter hardly competes for the CPU.
 */
async function timeRecording(device: Device): Promise<number> {
  const shape = { ...baseShape, aspectRatio: 8, headDim: 8, maxSeqLen: 8, vocabSize: 64 };
  const step = prepareStep(device, { ...shape, deviceBatchSize: 1 });
  const { batch, update } = await profileStep(device, step);
  const times: number[] = [];
  for (let i = 0; i < RECORDINGS; i++) {
    await device.synchronize();
    const start = performance.now();
    step.batch();
    step.update();
    times.push(performance.now() - start);
  }
  await device.synchronize();
  return 1000 * median(times) / (batch.length + update.length);
}

/** A step on a processor, with the largest batch that fits. */
async function computeOutlook(shape: StepShape, processor: Processor): Promise<Outlook> {
  // `base` keeps the batch size of the other benches.
  const batches = shape === baseShape ? [shape.deviceBatchSize] : BATCHES;
  let outlook: Outlook | null = null;
  for (const deviceBatchSize of batches) {
    const of = { ...shape, deviceBatchSize };
    outlook = { shape: of, processor, ...await countStep(of), batches: batchesOfStep(of) };
    if (outlook.peakBytes <= processor.memory) break;
  }
  return outlook!;
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
