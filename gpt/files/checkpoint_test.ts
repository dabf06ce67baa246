import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MuonAdamW } from "../../optim/mod.ts";
import { openDevice, Tensor } from "../../tensor/mod.ts";
import {
  loadModel,
  loadOptimizer,
  openCheckpoint,
  removeCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
import { findLatestRun } from "./checkpoint_list.ts";
import { parseMeta } from "./checkpoint_meta.ts";
import { GPT } from "../model/model.ts";
import { tinyPlan, tinyTexts, tinyTokenizer } from "../testing/tiny.ts";
import { untrained } from "../train/run.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const tokenizer = await tinyTokenizer();
const plan = tinyPlan();

/** A model after one step, so that there is optimizer state. */
function trainedModel() {
  const model = new GPT(plan.config, device, { seed: 3 });
  const optimizer = model.optimizer(plan.learningRates);
  using _scope = device.scope();
  const ids = Tensor.from(device, [[1, 2, 3, 4]], { dtype: "int32" });
  model.forward(ids, ids).backward();
  optimizer.step();
  optimizer.zeroGrad();
  return { model, optimizer };
}

const { model, optimizer } = trainedModel();

async function save(step: number, folder?: string): Promise<string> {
  folder ??= await Deno.makeTempDir();
  const state = { ...untrained, step, loader: { rows: 12 } };
  const settings = { depth: 2, data: "tiny", noBlas: true };
  await saveCheckpoint(folder, { model, optimizer, tokenizer, state, settings });
  return folder;
}

const names = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();

Deno.test("a checkpoint is four files, and everything in it comes back bit for bit", async () => {
  const folder = await save(100);
  assertEquals(await names(folder), [
    "meta_000100.json",
    "model_000100.safetensors",
    "optim_000100.safetensors",
    "tokenizer_000100.json",
  ]);
  const checkpoint = await openCheckpoint(folder);
  assertEquals(checkpoint.meta.modelConfig, plan.config);
  assertEquals(checkpoint.meta.settings, { depth: 2, data: "tiny", noBlas: true });
  assertEquals(checkpoint.meta.state, { ...untrained, step: 100, loader: { rows: 12 } });
  assertEquals(checkpoint.tokenizer.encode(tinyTexts[0]!), tokenizer.encode(tinyTexts[0]!));

  const loaded = await loadModel(checkpoint, device);
  const restored = new MuonAdamW(loaded.optimizerGroups(plan.learningRates));
  await loadOptimizer(checkpoint, restored, device);
  for (const [name, tensor] of model.stateDict()) {
    assertEquals(await loaded.stateDict().get(name)!.data(), await tensor.data(), name);
  }
  for (const [name, value] of optimizer.stateDict()) {
    const other = restored.stateDict().get(name)!;
    if (typeof value === "number") assertEquals(other, value, name);
    else assertEquals(await (other as Tensor).data(), await value.data(), name);
  }
});

Deno.test("the latest checkpoint is the one saved last, also after one of a longer run", async () => {
  const folder = await save(400);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await save(20, folder);
  assertEquals((await openCheckpoint(folder)).meta.state.step, 20);
  assertEquals((await openCheckpoint(folder, 400)).meta.state.step, 400);
});

Deno.test("the latest run is the one that saved last", async () => {
  const root = await Deno.makeTempDir();
  await Deno.writeTextFile(`${root}/notes.txt`, "not a run");
  await save(10, `${root}/d2`);
  await Deno.mkdir(`${root}/d9`);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await save(5, `${root}/d1`);
  assertEquals(await findLatestRun(root), `${root}/d1`);
});

Deno.test("files of a killed process are no checkpoint", async () => {
  const folder = await save(10);
  const half = crypto.randomUUID();
  await Deno.writeTextFile(`${folder}/model_000020.safetensors`, "the name was taken, not more");
  await Deno.writeTextFile(`${folder}/meta_000020.json.${half}.tmp`, "{");
  assertEquals((await openCheckpoint(folder)).meta.state.step, 10);
});

Deno.test("a folder without a checkpoint says so", async () => {
  const folder = await Deno.makeTempDir();
  await assertRejects(() => openCheckpoint(folder), Error, `wanted one in ${folder}`);
  await assertRejects(() => openCheckpoint(folder, 7), Error, "meta_000007.json: there is no such");
  await assertRejects(() => findLatestRun(folder), Error, `wanted one in ${folder}, got none`);
  await assertRejects(() => findLatestRun(`${folder}/none`), Error, "Train a model first");
});

/** Edits metadata as by hand, without its digest. */
async function edit(path: string, change: (text: string) => string): Promise<void> {
  const text = (await Deno.readTextFile(path)).replace(/,\n {2}"sha256": "[^"]*"\n}$/, "\n}");
  const changed = change(text);
  assert(changed !== text, "wanted a change");
  await Deno.writeTextFile(path, changed);
}

Deno.test("damaged files are refused by name, on one line", async (t) => {
  const meta = (folder: string) => `${folder}/meta_000010.json`;
  const cases: [name: string, damage: (folder: string) => Promise<void>, message: string][] = [
    [
      "a model that was cut off",
      (folder) => Deno.truncate(`${folder}/model_000010.safetensors`, 500),
      "model_000010.safetensors: wanted",
    ],
    [
      "a model with one byte changed",
      async (folder) => {
        using file = await Deno.open(`${folder}/model_000010.safetensors`, { write: true });
        await file.seek(-3, Deno.SeekMode.End);
        await file.write(Uint8Array.of(77));
      },
      "the file was changed since it was saved",
    ],
    [
      "an optimizer that is missing",
      (folder) => Deno.remove(`${folder}/optim_000010.safetensors`),
      "optim_000010.safetensors: there is no such file",
    ],
    [
      "a tokenizer that was cut off",
      (folder) => Deno.truncate(`${folder}/tokenizer_000010.json`, 100),
      "tokenizer_000010.json: wanted",
    ],
    ["a description that was cut off", (folder) => Deno.truncate(meta(folder), 100), "wanted JSON"],
    [
      "a description of another format",
      (folder) => edit(meta(folder), (text) => text.replace("checkpoint-1", "checkpoint-2")),
      'meta_000010.json: wanted format "nanodino-checkpoint-1", got nanodino-checkpoint-2',
    ],
    [
      "a description of an absurd model",
      (folder) => edit(meta(folder), (text) => text.replace('"nLayer": 2', '"nLayer": 1000000000')),
      "wanted nLayer to be at most 1000, got 1000000000",
    ],
    [
      "a description of more layers than the model has",
      (folder) => edit(meta(folder), (text) => text.replace('"nLayer": 2', '"nLayer": 1000')),
      "model_000010.safetensors: wanted resid_lambdas as float32 [1000], got float32 [2]",
    ],
    [
      "a description of another model",
      (folder) => edit(meta(folder), (text) => text.replace('"nEmbd": 32', '"nEmbd": 64')),
      "model_000010.safetensors: wanted transformer.wte.weight as float32 [320,64], got float32 [320,32]",
    ],
    [
      "a description of a model that cannot be",
      (folder) => edit(meta(folder), (text) => text.replace('"nEmbd": 32', '"nEmbd": 33')),
      "wanted nEmbd to be a multiple of nHead",
    ],
    [
      "a description of another vocabulary",
      (folder) =>
        edit(meta(folder), (text) => text.replace('"vocabSize": 300', '"vocabSize": 301')),
      "tokenizer_000010.json: wanted a vocabulary of 301",
    ],
    [
      "a description of another step",
      (folder) => edit(meta(folder), (text) => text.replace('"step": 10', '"step": 11')),
      "meta_000010.json: wanted step 10, got 11",
    ],
    [
      "a description with one character changed",
      async (folder) => {
        const text = await Deno.readTextFile(meta(folder));
        await Deno.writeTextFile(meta(folder), text.replace('"depth": 2', '"depth": 3'));
      },
      "the file was changed since it was saved",
    ],
    [
      "a description with a misspelled name",
      (folder) => edit(meta(folder), (text) => text.replace('"bitsPerByte"', '"bitsPerByke"')),
      "wanted state.bitsPerByte as a number, got nothing",
    ],
    [
      "a description with a name too many",
      (folder) => edit(meta(folder), (text) => text.replace('"nLayer"', '"nLager": 3,"nLayer"')),
      "got modelConfig.nLager",
    ],
    [
      "a description without a state",
      (folder) => edit(meta(folder), (text) => text.replace('"state"', '"stat"')),
      "wanted state as an object, got nothing",
    ],
  ];
  for (const [name, damage, message] of cases) {
    await t.step(name, async () => {
      const folder = await save(10);
      await damage(folder);
      const error: Error = await assertRejects(async () => {
        const checkpoint = await openCheckpoint(folder);
        const loaded = await loadModel(checkpoint, device);
        await loadOptimizer(
          checkpoint,
          new MuonAdamW(loaded.optimizerGroups(plan.learningRates)),
          device,
        );
      });
      assertStringIncludes(error.message, message);
      assertStringIncludes(error.message, folder);
      assert(!error.message.includes("\n"), error.message);
    });
  }
});

Deno.test("every flipped bit of a description is noticed", async () => {
  const folder = await save(10);
  const path = `${folder}/meta_000010.json`;
  const bytes = await Deno.readFile(path);
  await parseMeta(bytes);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const { message } = await assertRejects(() => parseMeta(flipped), Error);
    assert(message.startsWith("wanted ") && !message.includes("\n"), message);
  }
});

Deno.test("the average loss and the missing length of older versions are read", async () => {
  const folder = await save(10);
  await edit(
    `${folder}/meta_000010.json`,
    (text) => text.replace('"smoothLoss": 0', '"lossAverage": 4').replace('"steps": null,', ""),
  );
  const { meta } = await openCheckpoint(folder);
  assertEquals([meta.state.smoothLoss, meta.steps], [4 / (1 - 0.9 ** 10), null]);
});

Deno.test("metadata without a digest is read", async () => {
  const folder = await save(10);
  await edit(`${folder}/meta_000010.json`, (text) => text.replace('"depth": 2', '"depth": 3'));
  const { meta } = await openCheckpoint(folder);
  assertEquals(meta.settings.depth, 3);
});

Deno.test("unreadable checkpoints are skipped with a warning, in the run and in others", async () => {
  const root = await Deno.makeTempDir();
  const good = await save(3, `${root}/good`);
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const [folder, step] of [[good, 6], [good, 1], [`${root}/old`, 1]] as const) {
    await save(step, folder);
    const name = `${folder}/meta_${`${step}`.padStart(6, "0")}.json`;
    await Deno.truncate(name, 100);
  }
  await Deno.mkdir(`${good}/meta_000009.json`);
  await Deno.symlink(`${root}/nowhere`, `${root}/dangling`);
  await Deno.symlink(`${root}/nowhere`, `${good}/meta_000008.json`);
  await Deno.writeTextFile(`${root}/notes.txt`, "no run");

  const lines: string[] = [];
  const warn = (line: string) => lines.push(line.replace(`Cannot read ${root}/`, ""));
  assertEquals(await findLatestRun(root, { warn }), good);
  const seen = lines.splice(0).map((line) => line.replace(/(wanted JSON), got .*;/, "$1;"));
  assertEquals(seen, [
    "dangling: there is no such file or folder; skipped",
    "old/meta_000001.json: wanted JSON; skipped",
  ]);
  const checkpoint = await openCheckpoint(good, undefined, { warn });
  assertEquals(checkpoint.meta.state.step, 3);
  await loadModel(checkpoint, device);
  assertEquals(lines.map((line) => line.slice(0, "good/meta_000001.json".length)), [
    "good/meta_000001.json",
    "good/meta_000006.json",
    "good/meta_000008.json",
    "good/meta_000009.json",
  ]);
  for (const line of lines) {
    assert(line.endsWith("; skipped, using step 3") && !line.includes("\n"), line);
  }
});

Deno.test("an error about a damaged checkpoint names an intact one", async (t) => {
  const path = (folder: string, part: string) => `${folder}/${part}_000009`;
  const damages: [name: string, damage: (folder: string) => Promise<void>][] = [
    ["its model", (folder) => Deno.truncate(`${path(folder, "model")}.safetensors`, 500)],
    ["its optimizer", (folder) => Deno.remove(`${path(folder, "optim")}.safetensors`)],
    ["its tokenizer", (folder) => Deno.writeTextFile(`${path(folder, "tokenizer")}.json`, "{}")],
    [
      "its description, where it is asked for",
      (folder) => Deno.writeTextFile(`${path(folder, "meta")}.json`, "{}"),
    ],
  ];
  for (const [name, damage] of damages) {
    await t.step(name, async () => {
      const folder = await save(3);
      for (const step of [6, 9]) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await save(step, folder);
      }
      await damage(folder);
      // The one before is damaged, too.
      await Deno.remove(`${folder}/model_000006.safetensors`);
      const load = async (step?: number) => {
        const checkpoint = await openCheckpoint(folder, step);
        const loaded = await loadModel(checkpoint, device);
        await loadOptimizer(
          checkpoint,
          new MuonAdamW(loaded.optimizerGroups(plan.learningRates)),
          device,
        );
      };
      const step = name.includes("asked") ? 9 : undefined;
      const hint = "Step 3 is intact: --step 3, or to train on --resume-from-step 3";
      await assertRejects(() => load(step), Error, hint);
      await load(3);
    });
  }
});

Deno.test("a removed checkpoint is gone, and no other", async () => {
  const folder = await save(10);
  await save(20, folder);
  await removeCheckpoint(folder, 20);
  assertEquals((await names(folder)).filter((name) => name.includes("20")), []);
  await loadModel(await openCheckpoint(folder), device);
});

Deno.test("a checkpoint without an optimizer can be used but not resumed", async () => {
  const folder = await Deno.makeTempDir();
  await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
  const checkpoint = await openCheckpoint(folder);
  const loaded = await loadModel(checkpoint, device);
  await assertRejects(
    () =>
      loadOptimizer(checkpoint, new MuonAdamW(loaded.optimizerGroups(plan.learningRates)), device),
    Error,
    "the checkpoint was saved without it",
  );
});

Deno.test("a model with a parameter that is not finite is not saved, and the last one stays", async () => {
  const folder = await save(10);
  const broken = new GPT(plan.config, device);
  broken.lm_head.weight.assign(new Float32Array(broken.lm_head.weight.size).fill(Infinity));
  const state = { ...untrained, step: 10 };
  await assertRejects(
    () => saveCheckpoint(folder, { model: broken, tokenizer, state, settings: {} }),
    RangeError,
    "wanted finite parameters, got Infinity in lm_head.weight",
  );
  await loadModel(await openCheckpoint(folder), device);
});

Deno.test("a folder that cannot be written to is refused by name", async () => {
  const file = await Deno.makeTempFile();
  await assertRejects(() => save(10, `${file}/d2`), Error, `Cannot write to the folder ${file}/d2`);
});
