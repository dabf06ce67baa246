/**
 * Damaged files of every format: each is read as it is, or refused in one line, in bounded time and
 * memory; and what has a digest is never read with another content.
 *
 * @module
 */

import { gzipSync, zstdCompressSync } from "node:zlib";
import { zipSync } from "npm:fflate@0.8.3";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { bundleFiles, demonstrationBundle } from "../../chat/core/demonstration.ts";
import { readCoreBundle } from "../../chat/core/bundle.ts";
import { parseConversations } from "../../chat/tasks/own_conversations.ts";
import { findData, openSource, texts } from "../../data/mod.ts";
import {
  loadModel,
  loadOptimizer,
  openCheckpoint,
  saveCheckpoint,
} from "../../gpt/files/checkpoint.ts";
import { checkpointFileName, type CheckpointPart } from "../../gpt/files/checkpoint_meta.ts";
import { readMetrics } from "../../gpt/files/metrics.ts";
import { readRunInfo, RUN_FILE } from "../../gpt/files/run_info.ts";
import { GPT } from "../../gpt/model/model.ts";
import { studyRuns } from "../../gpt/study/study.ts";
import { tinyPlan, tinyTexts, tinyTokenizer } from "../../gpt/testing/tiny.ts";
import { untrained } from "../../gpt/train/run.ts";
import {
  bytesSource,
  type Fact,
  openGguf,
  openSafetensors,
  openTorchFile,
  readTiktokenPickle,
  StoredTensor,
  type TensorToWrite,
  writeGguf,
  writeTiktokenPickle,
  writeTorchFile,
} from "../../interchange/mod.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import { openDevice, readSafetensors, Tensor, writeSafetensors } from "../../tensor/mod.ts";
import {
  readHuggingFace,
  readTiktoken,
  Tokenizer,
  writeHuggingFace,
  writeTiktoken,
} from "../../tokenizer/mod.ts";
import { openStudy, settingsOfRun } from "../../scripts/study_settings.ts";
import { readJson } from "../../tokenizer/formats/json.ts";
import { damage } from "./damage.ts";
import type { Random } from "./random.ts";
import { mayRefuse } from "./refusal.ts";
import type { OpenTrial, Trial } from "./trial.ts";

/** A trial with a temporary folder, and its other resources. */
function folderTrial<Setting>(
  name: string,
  prepare: (folder: string) => Promise<Setting>,
  run: (random: Random, folder: string, setting: Setting) => Promise<string>,
  dispose: (setting: Setting) => Promise<void> = () => Promise.resolve(),
): Trial {
  return {
    name: `files/${name}`,
    limit: 120,
    async open(): Promise<OpenTrial> {
      const folder = await Deno.makeTempDir({ prefix: "soak" });
      const setting = await prepare(folder);
      return {
        run: (random) => run(random, folder, setting),
        async [Symbol.asyncDispose]() {
          await dispose(setting);
          await Deno.remove(folder, { recursive: true });
        },
      };
    },
  };
}

/** A format that is read from memory. */
function bytesTrial(
  name: string,
  write: () => Uint8Array | Promise<Uint8Array>,
  read: (bytes: Uint8Array<ArrayBuffer>) => unknown,
): Trial {
  return folderTrial(
    name,
    async () => await write(),
    async (random, _, good) => await mayRefuse(() => read(damage(good, random))),
  );
}

/** A format that is read from a file of this name. */
function fileTrial(
  name: string,
  file: string,
  write: () => Uint8Array | Promise<Uint8Array>,
  read: (path: string, folder: string) => Promise<unknown>,
): Trial {
  return folderTrial(name, async () => await write(), async (random, folder, good) => {
    await Deno.writeFile(`${folder}/${file}`, damage(good, random));
    return await mayRefuse(() => read(`${folder}/${file}`, folder));
  });
}

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const lines = (values: readonly unknown[]) =>
  encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));

const tokenizerTrial = (
  name: string,
  write: (tokenizer: Tokenizer) => string,
  read: (text: string) => unknown,
): Trial =>
  bytesTrial(
    name,
    async () => encode(write(await tinyTokenizer())),
    (bytes) => read(decode(bytes)),
  );

const safetensors = () =>
  writeSafetensors(
    new Map([
      ["a.weight", { dtype: "float32", shape: [3, 4], data: new Float32Array(12).fill(0.5) }],
      ["b", { dtype: "int32", shape: [5], data: Int32Array.of(1, 2, 3, 4, 5) }],
      ["empty", { dtype: "float32", shape: [0], data: new Float32Array(0) }],
    ]),
    { note: "made for a test" },
  );

const tensors: ReadonlyMap<string, TensorToWrite> = new Map(
  ["a.weight", "b.weight", "c"].map((name, i) => [name, {
    type: "F32",
    shape: [i + 1, 32],
    bytes: () => Promise.resolve(new Uint8Array(new Float32Array(32 * (i + 1)).fill(0.5).buffer)),
  }]),
);

const facts: ReadonlyMap<string, Fact> = new Map<string, Fact>([
  ["general.architecture", { type: "string", value: "llama" }],
  ["llama.block_count", { type: "uint32", value: 2 }],
  ["tokenizer.ggml.tokens", { type: "array", of: "string", value: ["a", "b", "c"] }],
]);

const encoding = {
  name: "tiny",
  pattern: "\\w+|\\W+",
  tokens: Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  special: new Map([["<|bos|>", 256]]),
};

const whole = (chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<Uint8Array> =>
  new Response(ReadableStream.from(chunks)).bytes();

/** Reads the numbers of all tensors, which a file's head alone does not. */
async function readNumbers(values: Iterable<unknown>): Promise<void> {
  for (const value of values) if (value instanceof StoredTensor) await value.float32();
}

const conversations = Array.from({ length: 6 }, (_, i) => ({
  messages: [
    { role: "user", content: `What is ${i} + 1?` },
    {
      role: "assistant",
      content: [{ type: "python", text: `${i}+1` }, { type: "text", text: "?" }],
    },
  ],
}));

const metrics = Array.from({ length: 8 }, (_, step) => ({
  kind: "step",
  step,
  loss: 5 - step / 10,
  seconds: step,
  tokensPerSecond: 1000,
}));

const runInfo = {
  startedAt: "2026-01-01T00:00:00.000Z",
  device: "cpu",
  steps: 20,
  tokensPerStep: 64,
  modelConfig: tinyPlan().config,
  settings: { depth: 2, data: "tiny" },
};

const longText = tinyTexts.join("\n\n");

function parquet(): Uint8Array {
  const columnData = [
    { name: "id", data: tinyTexts.map((_, i) => i), type: "INT32" as const },
    { name: "text", data: [...tinyTexts], type: "STRING" as const },
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 8 }));
}

async function readTexts(path: string, unpackInto?: string): Promise<void> {
  const source = await openSource(path, { unpackInto });
  for (const split of ["train", "validation"] as const) {
    for await (const _ of texts(await source.open(split)));
  }
}

/** Reads text that is unpacked first, and keeps nothing. */
async function readPackedTexts(path: string, folder: string): Promise<void> {
  const unpacked = `${folder}/unpacked`;
  try {
    await readTexts(path, unpacked);
  } finally {
    await Deno.remove(unpacked, { recursive: true }).catch(() => {});
  }
}

/** Reads what a checkpoint contains, for comparison. */
async function checkpointContent(folder: string, device: Awaited<ReturnType<typeof openDevice>>) {
  const checkpoint = await openCheckpoint(folder);
  using _scope = device.scope();
  const model = await loadModel(checkpoint, device);
  const optimizer = new MuonAdamW(model.optimizerGroups(tinyPlan().learningRates));
  await loadOptimizer(checkpoint, optimizer, device);
  const parts: unknown[] = [checkpoint.meta, checkpoint.tokenizer.toJSON()];
  for (const values of [model.stateDict(), optimizer.stateDict()]) {
    for (const [name, value] of values) {
      parts.push(name, value instanceof Tensor ? [...await value.data()] : value);
    }
  }
  for (const value of optimizer.stateDict().values()) if (value instanceof Tensor) value.dispose();
  for (const value of model.stateDict().values()) value.dispose();
  return JSON.stringify(parts);
}

const STEP = 10;

const ADDRESS = "hf:org/set/*.txt";
const PARTS: readonly (CheckpointPart | "meta")[] = ["model", "optim", "tokenizer", "meta"];

const checkpoint = folderTrial("checkpoint", async (folder) => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const model = new GPT(tinyPlan().config, device, { seed: 3 });
  const optimizer = model.optimizer(tinyPlan().learningRates);
  const ids = Tensor.from(device, [[1, 2, 3, 4]], { dtype: "int32" });
  model.forward(ids, ids).backward();
  optimizer.step();
  const tokenizer = await tinyTokenizer();
  const state = { ...untrained, step: STEP, loader: { rows: 12 } };
  await saveCheckpoint(folder, { model, optimizer, tokenizer, state, settings: { depth: 2 } });
  return { device, content: await checkpointContent(folder, device) };
}, async (random, folder, { device, content }) => {
  const path = `${folder}/${checkpointFileName(random.pick(PARTS), STEP)}`;
  const good = await Deno.readFile(path);
  const damaged = damage(good, random);
  await Deno.writeFile(path, damaged);
  try {
    return await mayRefuse(async () => {
      const read = await checkpointContent(folder, device);
      if (read !== content) throw new Error(`assert: ${path} was read with another content`);
    });
  } finally {
    await Deno.writeFile(path, good);
  }
}, ({ device }) => device.close());

const core = folderTrial("core bundle", async (folder) => {
  const files = bundleFiles(demonstrationBundle());
  await Deno.mkdir(`${folder}/eval_data`);
  for (const [path, text] of files) await Deno.writeTextFile(`${folder}/${path}`, text);
  const packed = Object.fromEntries([...files].map(([path, text]) => [path, encode(text)]));
  return { names: [...files.keys()], zip: zipSync(packed) };
}, async (random, folder, { names, zip }) => {
  if (random.chance(0.5)) {
    await Deno.writeFile(`${folder}/bundle.zip`, damage(zip, random));
    return await mayRefuse(() => readCoreBundle(`${folder}/bundle.zip`));
  }
  const path = `${folder}/${random.pick(names)}`;
  const good = await Deno.readFile(path);
  await Deno.writeFile(path, damage(good, random));
  const outcome = await mayRefuse(() => readCoreBundle(folder));
  await Deno.writeFile(path, good);
  return outcome;
});

const stored = folderTrial("list of a data set", async (folder) => {
  await Deno.mkdir(`${folder}/${encodeURIComponent(ADDRESS)}`);
  const files = tinyTexts.map((_, i) => ({ path: `${i}.txt`, size: i, sha256: "0".repeat(64) }));
  return encode(JSON.stringify({ address: ADDRESS, revision: "1", count: 9, files }, null, 2));
}, async (random, folder, good) => {
  const path = `${folder}/${encodeURIComponent(ADDRESS)}/.source.json`;
  await Deno.writeFile(path, damage(good, random));
  return await mayRefuse(() => findData(folder, ADDRESS));
});

const study = {
  fixed: { data: "sotu", depth: 2 },
  vary: { "matrix-lr": [0.01, 0.02] },
  seeds: [1],
};

async function readStudy(path: string): Promise<void> {
  const study = await openStudy(path);
  for (const run of studyRuns(study)) settingsOfRun(study, run);
}

export const fileTrials: readonly Trial[] = [
  checkpoint,
  core,
  bytesTrial("safetensors", safetensors, (bytes) => readSafetensors(bytes)),
  bytesTrial("safetensors, tensor by tensor", safetensors, async (bytes) => {
    await readNumbers((await openSafetensors(bytesSource(bytes, "a"))).tensors.values());
  }),
  bytesTrial("GGUF", () => whole(writeGguf(facts, tensors)), async (bytes) => {
    await readNumbers((await openGguf(bytesSource(bytes, "a"))).tensors.values());
  }),
  bytesTrial("PyTorch", () => whole(writeTorchFile(tensors)), async (bytes) => {
    const value = await openTorchFile(bytesSource(bytes, "a"));
    if (value instanceof Map) await readNumbers(value.values());
  }),
  bytesTrial(
    "pickle of tiktoken",
    () => writeTiktokenPickle(encoding),
    (bytes) => readTiktokenPickle(bytesSource(bytes, "a")),
  ),
  tokenizerTrial("tokenizer", (tokenizer) => JSON.stringify(tokenizer), Tokenizer.fromJSON),
  tokenizerTrial(
    "tokenizer of tiktoken",
    (tokenizer) => writeTiktoken(readJson(tokenizer.toJSON())),
    readTiktoken,
  ),
  tokenizerTrial(
    "tokenizer of Hugging Face",
    (tokenizer) => writeHuggingFace(readJson(tokenizer.toJSON())),
    readHuggingFace,
  ),
  bytesTrial(
    "conversations",
    () => lines(conversations),
    (bytes) => parseConversations(decode(bytes), "mine.jsonl"),
  ),
  fileTrial("metrics", "metrics.jsonl", () => lines(metrics), readMetrics),
  fileTrial("run", RUN_FILE, () => lines([runInfo]), (_, folder) => readRunInfo(folder)),
  fileTrial("text", "a.txt", () => encode(longText), (path) => readTexts(path)),
  fileTrial("parquet", "a.parquet", parquet, (path) => readTexts(path)),
  fileTrial(
    "JSON Lines",
    "a.jsonl",
    () => lines(tinyTexts.map((text) => ({ text }))),
    (path) => readTexts(path),
  ),
  fileTrial("gzip", "a.txt.gz", () => new Uint8Array(gzipSync(longText)), readPackedTexts),
  fileTrial(
    "Zstandard",
    "a.txt.zst",
    () => new Uint8Array(zstdCompressSync(longText)),
    readPackedTexts,
  ),
  fileTrial(
    "zip",
    "a.zip",
    () => zipSync({ "a.txt": encode(longText), "b/c.txt": encode(longText) }),
    readPackedTexts,
  ),
  stored,
  fileTrial("study", "study.json", () => encode(JSON.stringify(study)), readStudy),
];
