import { assertEquals } from "@std/assert";
import { openDevice } from "../../tensor/mod.ts";
import { GPT } from "../model/model.ts";
import { tinyPlan, tinyTokenizer } from "../testing/tiny.ts";
import { untrained } from "../train/run.ts";
import { openCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { writeRunInfo } from "./run_info.ts";
import { isTraining, lockRun } from "./run_lock.ts";
import { describeProgress, readProgress } from "./run_progress.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const model = new GPT(tinyPlan().config, device, { seed: 3 });
const tokenizer = await tinyTokenizer();

async function save(
  step: number,
  steps?: number,
  folder: string = Deno.makeTempDirSync(),
): Promise<string> {
  const content = { model, tokenizer, state: { ...untrained, step }, settings: {} };
  await saveCheckpoint(folder, steps === undefined ? content : { ...content, steps });
  return folder;
}

const describe = async (folder: string) =>
  describeProgress(await readProgress(await openCheckpoint(folder)));

Deno.test("a checkpoint tells how far its run got, and whether a process trains there", async () => {
  const folder = await save(23, 880);
  assertEquals(await describe(folder), "step 23 of 880, stopped");
  {
    await using _lock = await lockRun(folder);
    assertEquals(await describe(folder), "step 23 of 880, training now");
  }
  assertEquals(await describe(folder), "step 23 of 880, stopped");
  assertEquals(await describe(await save(880, 880)), "step 880 of 880");
});

Deno.test("an early checkpoint of a run that reached its end does not count as stopped", async () => {
  const folder = await save(440, 880);
  const early = await openCheckpoint(folder);
  assertEquals((await readProgress(early)).state, "stopped");
  await save(660, 880, folder);
  assertEquals((await readProgress(early)).state, "stopped");
  await save(880, 880, folder);
  assertEquals(await readProgress(early), { state: "finished", step: 440, steps: 880 });
});

Deno.test("a checkpoint without a length takes it from the folder, or counts as finished", async () => {
  const folder = await save(20);
  assertEquals(await describe(folder), "step 20");
  await writeRunInfo(folder, model, { steps: 40, tokensPerStep: 64, settings: {} });
  assertEquals(await describe(folder), "step 20 of 40, stopped");
  await Deno.writeTextFile(`${folder}/run.json`, "{");
  assertEquals(await describe(folder), "step 20");
});

Deno.test("checking whether a run is training does not keep one from starting", async () => {
  const folder = await save(1, 2);
  let isAsking = true;
  const asking = Array.from({ length: 8 }, async () => {
    while (isAsking) {
      await isTraining(folder);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  for (let round = 0; round < 20; round++) {
    await using _lock = await lockRun(folder, { warn: () => {} });
    assertEquals(await isTraining(folder), true);
  }
  isAsking = false;
  await Promise.all(asking);
});
