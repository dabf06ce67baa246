import { assert, assertEquals, assertRejects } from "@std/assert";
import { listSource } from "../../data/mod.ts";
import { openDevice } from "../../tensor/mod.ts";
import { openCheckpoint } from "../files/checkpoint.ts";
import { namesIn } from "../files/files.ts";
import { readMetrics } from "../files/metrics.ts";
import { readRunInfo, RUN_FILE } from "../files/run_info.ts";
import { METRICS_FILE } from "./folder_run.ts";
import { preparePretraining, type PretrainOptions } from "./pretrain.ts";
import { tinyPlan, tinyRun, tinyTokenizer } from "../testing/tiny.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const tokenizer = await tinyTokenizer();
const plan = tinyPlan();

async function options(changes: Partial<PretrainOptions> = {}): Promise<PretrainOptions> {
  const folder = await Deno.makeTempDir();
  return { ...tinyRun, device, tokenizer, folder, plan, ...changes };
}

async function run(given: PretrainOptions, stopAt = Infinity): Promise<void> {
  const controller = new AbortController();
  const pretraining = await preparePretraining({ ...given, signal: controller.signal });
  for await (const event of pretraining.run()) {
    if (event.kind === "checkpoint" && event.step === stopAt) controller.abort();
  }
}

/** The content of a run's last checkpoint, without times. */
async function contents(folder: string) {
  const { meta } = await openCheckpoint(folder);
  const { savedAt: _, state: { seconds: __, ...state }, ...rest } = meta;
  return { ...rest, state };
}

for (const loader of ["packed", "random"] as const) {
  Deno.test(`twenty steps are ten and ten with the ${loader} loader, bit for bit`, async () => {
    const whole = await options({ loader, evalEvery: 5 });
    await run(whole);
    const parts = await options({ loader, evalEvery: 5, saveEvery: 10 });
    await run(parts, 10);
    const checkpoint = await openCheckpoint(parts.folder);
    assertEquals(checkpoint.meta.state.step, 10);
    await run({ ...parts, checkpoint });
    // Equal digests in the metadata mean equal files.
    assertEquals(await contents(parts.folder), await contents(whole.folder));
    const [one, two] = await Promise.all(
      [whole, parts].map(({ folder }) => readMetrics(`${folder}/${METRICS_FILE}`)),
    );
    const figures = (records: typeof one) =>
      records!.map(({ kind, step, loss, bitsPerByte }) => [
        kind,
        step,
        loss,
        bitsPerByte,
      ]);
    assertEquals(figures(two), figures(one));
    const { liveBytes, peakBytes } = one!.findLast(({ kind }) => kind === "step")!;
    assert(liveBytes as number > 0 && peakBytes as number >= (liveBytes as number));
  });
}

Deno.test("the last two of the checkpoints that are saved by time stay", async () => {
  const controller = new AbortController();
  const long = tinyPlan({ numIterations: 1_000_000 });
  const given = await options({ plan: long, saveSeconds: 0, signal: controller.signal });
  const saved: number[] = [];
  for await (const event of (await preparePretraining(given)).run()) {
    if (event.kind === "checkpoint") saved.push(event.step);
    if (saved.length === 2 && event.kind === "step") controller.abort();
  }
  assertEquals(saved.length, 3);
  const files = (await namesIn(given.folder))
    .filter((name) => name !== METRICS_FILE && name !== RUN_FILE);
  const kept = saved.slice(-2).map((step) => `${step}`.padStart(6, "0"));
  const parts = [["meta", "json"], ["model", "safetensors"], ["optim", "safetensors"]] as const;
  const wanted = [...parts, ["tokenizer", "json"]].flatMap(([part, extension]) =>
    kept.map((step) => `${part}_${step}.${extension}`)
  );
  assertEquals(files, wanted);
});

Deno.test("checkpoints that were asked for stay, unlike those that are saved by time", async () => {
  const controller = new AbortController();
  const long = { plan: tinyPlan({ numIterations: 1_000_000 }), signal: controller.signal };
  const given = await options({ ...long, saveSeconds: 1e6, wantsSave: () => true });
  const saved: number[] = [];
  for await (const event of (await preparePretraining(given)).run()) {
    if (event.kind === "checkpoint") saved.push(event.step);
    if (saved.length === 4) controller.abort();
  }
  const models = (await namesIn(given.folder)).filter((name) => name.startsWith("model_"));
  assertEquals(models, saved.map((step) => `model_${`${step}`.padStart(6, "0")}.safetensors`));
});

Deno.test("the second of two runs in one folder is refused until the first has ended", async () => {
  const given = await options({ plan: tinyPlan({ numIterations: 4 }) });
  const [first, second] = [await preparePretraining(given), await preparePretraining(given)];
  const events = first.run();
  await events.next();
  await assertRejects(() => second.run().next(), Error, "which is training there");
  await events.return();
  assertEquals((await Array.fromAsync(second.run())).at(-1)?.kind, "end");
  assertEquals((await namesIn(given.folder)).includes("run.lock"), false);
});

Deno.test("another seed is another run", async () => {
  const [a, b] = await Promise.all([options({ seed: 1 }), options({ seed: 2 })]);
  await run(a);
  await run(b);
  const [first, second] = [await contents(a.folder), await contents(b.folder)];
  assert(first.files.model.sha256 !== second.files.model.sha256);
});

Deno.test("a checkpoint of another model, corpus or seed is refused before anything runs", async () => {
  const given = await options({ saveEvery: 10 });
  await run(given, 10);
  const checkpoint = await openCheckpoint(given.folder);
  const refuse = (changes: Partial<PretrainOptions>, message: string) =>
    assertRejects(() => preparePretraining({ ...given, checkpoint, ...changes }), Error, message);
  await refuse({ plan: tinyPlan({ depth: 3 }) }, "wanted a model with nLayer 3, got 2");
  await refuse({ seed: 8 }, "Cannot resume the data loader: wanted a state with seed 8, got 7");
  await refuse({ loader: "random" }, "Cannot resume the data loader");
  const source = listSource("other", ["some other text ".repeat(40), "and more", "to test"], 1);
  await refuse({ source }, "Cannot resume the data loader: wanted a state with corpus");
});

Deno.test("a corpus shorter than a batch, or without text, is refused", async () => {
  const short = listSource("short", ["My fellow", "citizens"], 1);
  for (const loader of ["packed", "random"] as const) {
    const given = await options({ source: short, loader });
    await assertRejects(() => preparePretraining(given), RangeError, "wanted 34 or more tokens");
  }
  const empty = await options({ source: listSource("empty", [], 1) });
  await assertRejects(
    () => preparePretraining(empty),
    RangeError,
    "wanted 2 or more documents with text (1 for validation), got 0",
  );
});

Deno.test("samples continue the prompts, the same every time", async () => {
  const samples: (readonly string[])[] = [];
  const given = await options({ plan: tinyPlan({ numIterations: 4 }), sampleEvery: 2 });
  const pretraining = await preparePretraining(given);
  for await (const event of pretraining.run()) {
    if (event.kind === "samples") samples.push(event.texts);
  }
  assertEquals(samples.length, 2);
  assert(samples[0]!.every((text) => text.length > 0));
  assertEquals(pretraining.prompts, ["We have come a", "The budget that I"]);
  assert(samples[0]![0]!.startsWith("We have come a"));
  assertEquals((await readRunInfo(given.folder))?.prompts, pretraining.prompts);
});
