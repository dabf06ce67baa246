import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Allocation } from "../../tensor/internals.ts";
import type { Device } from "../../tensor/mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { openCheckpoint } from "../files/checkpoint.ts";
import { preparePretraining, type PretrainOptions } from "./pretrain.ts";
import { tinyPlan, tinyRun, tinyTokenizer } from "../testing/tiny.ts";

const memoryLimit = 8 * 2 ** 20;

function fill(device: Device): Allocation[] {
  const taken: Allocation[] = [];
  for (let bytes = memoryLimit; bytes >= 256; bytes /= 2) {
    try {
      while (true) taken.push(device.allocate(bytes, "something else"));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return taken;
}

gpuTest("a run that is out of memory says so, and resumes from its checkpoint", async (device) => {
  const plan = tinyPlan({ numIterations: 6 });
  const tokenizer = await tinyTokenizer();
  const options = async (): Promise<PretrainOptions> => {
    const folder = await Deno.makeTempDir();
    return { ...tinyRun, device, tokenizer, folder, plan, saveEvery: 3 };
  };
  const run = async (given: PretrainOptions, atStep3: () => void) => {
    for await (const event of (await preparePretraining(given)).run()) {
      if (event.kind === "checkpoint" && event.step === 3) atStep3();
    }
  };
  const digest = async (folder: string) => (await openCheckpoint(folder)).meta.files.model.sha256;

  const whole = await options();
  await run(whole, () => {});
  const failing = await options();
  let taken: Allocation[] = [];
  const error = await assertRejects(
    () => run(failing, () => taken = fill(device)),
    RangeError,
  ) as RangeError;
  const message =
    /^Cannot allocate \d+ bytes for .+; of the limit of 8388608 bytes \d+ are in use$/;
  assert(message.test(error.message), error.message);
  for (const allocation of taken) device.free(allocation);

  const checkpoint = await openCheckpoint(failing.folder);
  assertEquals(checkpoint.meta.state.step, 3);
  await run({ ...failing, checkpoint }, () => {});
  assertEquals(await digest(failing.folder), await digest(whole.folder));
}, { memoryLimit });
