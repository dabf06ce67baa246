import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import {
  evaluateBitsPerByte,
  loadModel,
  openCheckpoint,
  readMetrics,
  type TrainingEvent,
} from "../../gpt/mod.ts";
import { openDevice } from "../../tensor/mod.ts";
import { cpuTest, testOnEveryDevice } from "../../testing/every_device.ts";
import { goldenTest, readGoldenJson, readGoldenTensors } from "../../testing/golden.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { ruleConversations } from "../rules/conversations.ts";
import { prepareTiny } from "../testing/fine_tuning.ts";
import { goldenModel, goldenTokenizer } from "../testing/golden_chat.ts";
import { prepareFineTuning } from "./fine_tune.ts";

const countries = [{ name: "France", capital: "Paris", currency: "euro" }];
const words = { common: ["river", "cloud"], many: ["stone"], heldOut: ["house"] };
const task = await ruleConversations(60, { countries, words });
const tokenizer = await Tokenizer.train(
  Array.from({ length: 60 }, (_, i) => JSON.stringify(task.get(i))),
  { vocabSize: 300 },
);

const tiny = { task, tokenizer, nLayer: 1, nEmbd: 32 };

const lossesOf = (events: readonly TrainingEvent[]) =>
  events.flatMap((event) => event.kind === "step" ? [event.loss] : []);

Deno.test("fine-tuning lowers the loss, measures, saves and logs", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const options = await prepareTiny(device, tiny, { validation: task, evalEvery: 4 });
  const events = await Array.fromAsync((await prepareFineTuning(options)).run());
  const losses = lossesOf(events);
  assert(losses.at(-1)! < losses[0]! - 0.3, `${losses}`);
  const measured = events.flatMap((event) =>
    event.kind === "evaluation" ? [event.bitsPerByte] : []
  );
  assertEquals(measured.length, 3);
  assert(measured[2]! < measured[0]!, `${measured}`);
  const saved = await openCheckpoint(options.folder);
  assertEquals(saved.meta.state.step, 8);
  assertEquals((await readMetrics(`${options.folder}/metrics.jsonl`)).length, 11);
  await device.close();
});

Deno.test("a fine-tuning in bfloat16 learns as one in float32, all parameters or adapters", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  // Adapters of a model without training learn little in eight steps.
  for (const [loraRank, gain] of [[0, 0.3], [4, 0]] as const) {
    const losses: number[][] = [];
    for (const computeDtype of ["float32", "bfloat16"] as const) {
      const options = await prepareTiny(device, tiny, { computeDtype, loraRank, loraLr: 0.02 });
      const tuning = await prepareFineTuning(options);
      losses.push(lossesOf(await Array.fromAsync(tuning.run())));
      const model = await loadModel(await openCheckpoint(options.folder), device);
      assert([...model.parameters().values()].every(({ dtype }) => dtype === "float32"));
    }
    const [wanted, got] = losses as [number[], number[]];
    // After the first update, large learning rates make the paths of a tiny model differ.
    assertAlmostEquals(got[0]!, wanted[0]!, 0.01);
    for (const path of [wanted, got]) assert(path.at(-1)! < path[0]! - gain, `${path}`);
    assert(got.some((loss, i) => loss !== wanted[i]), "wanted rounded activations");
  }
  await device.close();
});

Deno.test("a fine-tuning that was stopped continues to the same bits", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const whole = await prepareTiny(device, tiny);
  const wanted = lossesOf(await Array.fromAsync((await prepareFineTuning(whole)).run()));
  const options = await prepareTiny(device, tiny, { saveEvery: 3 });
  const stop = new AbortController();
  const first: TrainingEvent[] = [];
  for await (const event of (await prepareFineTuning({ ...options, signal: stop.signal })).run()) {
    first.push(event);
    if (event.kind === "checkpoint") stop.abort();
  }
  const checkpoint = await openCheckpoint(options.folder);
  // A process that was killed while it saved leaves this.
  const left = `${options.folder}/model_000006.safetensors.${crypto.randomUUID()}.tmp`;
  await Deno.writeTextFile(left, "");
  const rest = await prepareFineTuning({ ...options, checkpoint, resume: true });
  await assertRejects(() => Deno.stat(left), Deno.errors.NotFound);
  assertEquals(rest.firstStep, checkpoint.meta.state.step);
  const losses = [...lossesOf(first), ...lossesOf(await Array.fromAsync(rest.run()))];
  assertEquals(losses, wanted);
  await device.close();
});

Deno.test("the number of steps follows from the epochs, and what is too long is counted", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const one = await prepareFineTuning(await prepareTiny(device, tiny, { numIterations: -1 }));
  for await (const _ of one.run());
  const two = await prepareFineTuning(
    await prepareTiny(device, tiny, { numIterations: -1, epochs: 2 }),
  );
  assert(Math.abs(two.numIterations - 2 * one.numIterations) <= 1);
  assert(one.loader.cut > 0, `${one.loader.cut} cut`);
  await device.close();
});

Deno.test("conversations of which none fits into a row are refused before the run begins", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const options = await prepareTiny(device, tiny, { sequenceLength: 2, totalBatchSize: 4 });
  await assertRejects(
    () => prepareFineTuning(options),
    RangeError,
    "wanted one whose answer fits into 3 tokens, got none of 60",
  );
  await device.close();
});

Deno.test("sizes that do not go together are refused", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const wrong = await prepareTiny(device, tiny, { totalBatchSize: 200 });
  await assertRejects(
    () => prepareFineTuning(wrong),
    RangeError,
    "a multiple of 2 rows of 64 tokens",
  );
  const long = await prepareTiny(device, tiny, { sequenceLength: 1000, totalBatchSize: 2000 });
  await assertRejects(() => prepareFineTuning(long), RangeError, "rows of at most 640 tokens");
  await device.close();
});

goldenTest("bits per byte of the validation rows are the original's", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const tensors = readGoldenTensors("chat/golden-sft");
  const [inputs, targets] = ["inputs", "targets"].map((name) =>
    Int32Array.from(tensors.get(`validation/${name}`)!.data, Number)
  );
  const shape: [number, number] = [2, 96];
  async function* batches() {
    for (let i = 0; i < 2; i++) {
      const part = (ids: Int32Array<ArrayBuffer>) => ids.slice(i * 192, (i + 1) * 192);
      yield { inputs: part(inputs!), targets: part(targets!), shape };
    }
  }
  const bits = await evaluateBitsPerByte(
    goldenModel(device),
    batches(),
    goldenTokenizer().tokenBytes(),
  );
  const { runs } = readGoldenJson<{ runs: Record<string, { log: Record<string, number>[] }> }>(
    "chat/golden-sft",
  );
  assertAlmostEquals(bits, runs.fresh!.log[0]!["val/bpb"]!, 1e-3);
  await device.close();
});

cpuTest(
  "an evaluation has at least a batch, or none if it is to have no tokens",
  async (device) => {
    for (const [evalTokens, wanted] of [[1, true], [0, false]] as const) {
      const sizes = { evalEvery: 4, evalTokens, numIterations: 4, validation: task };
      const tuning = await prepareFineTuning(await prepareTiny(device, tiny, sizes));
      const events = await Array.fromAsync(tuning.run());
      assertEquals(events.some(({ kind }) => kind === "evaluation"), wanted);
    }
  },
);

testOnEveryDevice(
  "adapters are trained alone, and saved as a model like any other",
  async (device) => {
    const full = await prepareTiny(device, tiny, {
      evalEvery: 8,
      evalTokens: 1024,
      validation: task,
    });
    await Array.fromAsync((await prepareFineTuning(full)).run());
    const options = {
      ...full,
      loraRank: 4,
      loraLr: 0.02,
      numIterations: 16,
      checkpoint: await openCheckpoint(full.folder),
      folder: await Deno.makeTempDir(),
    };
    const tuning = await prepareFineTuning(options);
    const events = await Array.fromAsync(tuning.run());
    const measured = events.flatMap((event) =>
      event.kind === "evaluation" ? [event.bitsPerByte] : []
    );
    assert(measured.at(-1)! < measured[0]! - 0.02, `${measured}`);
    const [base, saved] = await Promise.all(
      [options.checkpoint, await openCheckpoint(options.folder)].map((each) =>
        loadModel(each, device)
      ),
    );
    const changed: string[] = [];
    for (const [name, parameter] of saved!.parameters()) {
      const before = await base!.parameters().get(name)!.data();
      if ((await parameter.data()).join() !== before.join()) changed.push(name.split(".").at(-2)!);
    }
    assertEquals(changed, ["c_q", "c_k", "c_v", "c_proj", "c_fc", "c_proj"]);
    // The merged model is as good as the one with adapters was.
    const again = await prepareFineTuning({
      ...options,
      checkpoint: await openCheckpoint(options.folder),
      folder: await Deno.makeTempDir(),
      loraRank: 0,
      loadOptimizer: true,
    });
    let merged = NaN;
    for await (const event of again.run()) {
      if (event.kind !== "evaluation") continue;
      merged = event.bitsPerByte;
      break;
    }
    const last = measured.at(-1)!;
    assert(Math.abs(merged - last) < 1e-4 * last, `${merged}, ${last}`);
    await assertRejects(
      async () => {
        const checkpoint = await openCheckpoint(options.folder);
        await prepareFineTuning({ ...options, checkpoint, resume: true });
      },
      RangeError,
      "wanted a run that trains all parameters, got one with adapters",
    );
  },
);
