import { assert, assertEquals, assertRejects } from "@std/assert";
import { GPT, type TrainableModel } from "../gpt/mod.ts";
import {
  type Fact,
  openGguf,
  openSafetensorsFolder,
  openTorchFile,
  pathFolder,
  pathSource,
  type StoredTensor,
} from "../interchange/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { cpuTest } from "../testing/every_device.ts";
import { hasGolden, readGoldenJson } from "../testing/golden.ts";
import {
  DIGIT_PATTERN,
  GPT2_PATTERN,
  startOfTexts,
  Tokenizer,
  type Vocabulary,
} from "../tokenizer/mod.ts";
import { openHuggingFace } from "./hugging_face.ts";
import {
  type ExportOptions,
  exportPretrained,
  GPT2,
  Llama,
  Nanochat2025,
  openPretrained,
  type Pretrained,
} from "./mod.ts";
import { readJson } from "./read_json.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;

/** Writes an export to a new folder. */
async function write(opened: Pretrained, options: ExportOptions): Promise<string> {
  const folder = await Deno.makeTempDir();
  for await (const { name, chunks } of exportPretrained(opened, options)) {
    await Deno.writeFile(`${folder}/${name}`, ReadableStream.from(chunks));
  }
  return folder;
}

/** The model of a folder of transformers, without a tokenizer, which not all of them have. */
async function openWeights(folder: string, device: Device): Promise<Pretrained> {
  const files = pathFolder(folder);
  const model = await openHuggingFace(files, await readJson(files, "config.json"), device);
  return { model, tokenizer: null, chatTemplate: null };
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** A digest of the values of each parameter, by name and shape. */
async function valuesOf(model: TrainableModel): Promise<[string, string][]> {
  const values: [string, string][] = [];
  for (const [name, parameter] of model.parameters()) {
    const bytes = new Uint8Array(Float32Array.from(await parameter.data()).buffer);
    values.push([`${name} [${parameter.shape}]`, await digest(bytes)]);
  }
  return values;
}

/** A digest of the bytes of each tensor, by name, type and shape. */
async function tensorBytes(
  tensors: ReadonlyMap<string, StoredTensor>,
): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const [name, tensor] of tensors) {
    all.set(`${name} ${tensor.type.name} [${tensor.shape}]`, await digest(await tensor.bytes()));
  }
  return new Map([...all].sort(([a], [b]) => a < b ? -1 : 1));
}

if (hasGolden) {
  for (
    const [name, type] of [
      ...[["hf-gpt2", "f32"], ["hf-llama", "f32"], ["hf-llama3-rope", "f32"], ["hf-qwen2", "f32"]],
      ...[["hf-qwen3", "bf16"], ["hf-smollm2", "bf16"], ["hf-nanochat", "bf16"]],
    ] as [string, "f32" | "bf16"][]
  ) {
    cpuTest(`${name} is given back to transformers as it was, tensor by tensor`, async (device) => {
      const opened = await openWeights(golden + name, device);
      const folder = await write(opened, { to: "huggingface", type });
      const [wanted, got] = await Promise.all([golden + name, folder].map(async (path) => {
        const { tensors } = (await openSafetensorsFolder(pathFolder(path)))!;
        // Masks of attention are no parameters.
        return await tensorBytes(
          new Map([...tensors].filter(([key]) => !/\.attn\.bias$/.test(key))),
        );
      }));
      assertEquals(got, wanted);
      const again = await openWeights(folder, device);
      assertEquals(again.model.config, opened.model.config);
    });
  }

  for (
    const name of ["hf-gpt2", "hf-llama", "hf-llama3-rope", "hf-qwen2", "hf-qwen3", "hf-smollm2"]
  ) {
    cpuTest(`${name} goes through GGUF and back to transformers bit for bit`, async (device) => {
      const opened = await openWeights(golden + name, device);
      const gguf = await openPretrained(await write(opened, { to: "gguf" }), device);
      assertEquals(await valuesOf(gguf.model), await valuesOf(opened.model));
      const { ropeScaling: wanted } = opened.model.config as { ropeScaling?: unknown };
      assertEquals((gguf.model.config as { ropeScaling?: unknown }).ropeScaling, wanted);
      const back = await openWeights(await write(gguf, { to: "huggingface" }), device);
      assertEquals(await valuesOf(back.model), await valuesOf(opened.model));
    });
  }

  for (const name of ["llama-f32", "gpt2-f32", "qwen3-f32"]) {
    cpuTest(`${name}.gguf goes to transformers and back to GGUF bit for bit`, async (device) => {
      const path = `${golden}gguf/${name}.gguf`;
      const folder = await write(await openPretrained(path, device), { to: "huggingface" });
      const back = await write(await openPretrained(folder, device), { to: "gguf" });
      const [wanted, got] = await Promise.all(
        [path, `${back}/model.gguf`].map(async (path) => await openGguf(await pathSource(path))),
      );
      assertEquals(await tensorBytes(got!.tensors), await tensorBytes(wanted!.tensors));
      // But for the file's name; all ways to merge a token, of which the original has one; and the
      // token that Qwen names as the first one of texts, which begins none.
      const ofModel = (facts: ReadonlyMap<string, Fact>) =>
        [...facts].filter(([key]) =>
          !/^general\.(name|file_type)$|merges$|bos_token_id$/.test(key)
        );
      assertEquals(new Map(ofModel(got!.facts)), new Map(ofModel(wanted!.facts)));
    });
  }

  for (const name of ["hf-gpt2", "hf-llama", "hf-qwen3", "hf-smollm2"]) {
    cpuTest(`${name}: the tokenizer has the same ids in every format`, async (device) => {
      const opened = await openPretrained(golden + name, device);
      const texts = readGoldenJson<{ text: string }[]>(`interchange/${name}/texts`);
      for (const to of ["huggingface", "gguf"] as const) {
        const { tokenizer } = await openPretrained(await write(opened, { to }), device);
        const { specialTokens, documentStart, ends, vocabSize } = opened.tokenizer!;
        assertEquals(tokenizer!.documentStart, documentStart);
        assertEquals([...tokenizer!.ends, tokenizer!.vocabSize], [...ends, vocabSize]);
        assertEquals(
          startOfTexts(tokenizer!.vocabulary),
          startOfTexts(opened.tokenizer!.vocabulary),
        );
        assertEquals([...tokenizer!.specialTokens], [...specialTokens]);
        for (const { text } of texts) {
          assertEquals(tokenizer!.encode(text), opened.tokenizer!.encode(text), text);
        }
      }
    });
  }

  for (const type of ["f32", "f16", "bf16", "q8_0", "q4_0"] as const) {
    cpuTest(`a Llama as ${type} in GGUF has ggml's bytes, tensor by tensor`, async (device) => {
      const folder = await write(await openWeights(`${golden}hf-llama`, device), {
        to: "gguf",
        type,
      });
      const [wanted, got] = await Promise.all(
        [`${golden}gguf/llama-${type}.gguf`, `${folder}/model.gguf`].map(async (path) =>
          await tensorBytes((await openGguf(await pathSource(path))).tensors)
        ),
      );
      assertEquals(got, wanted);
    });
  }

  for (
    const [name, file] of [
      ["nanochat-head", "model_000010.pt"],
      ["nanochat-jan2026", "model_000650.pt"],
    ] as const
  ) {
    cpuTest(`${name} is given back to nanochat bit for bit`, async (device) => {
      const opened = await openPretrained(golden + name, device);
      const folder = await write(opened, { to: "nanochat" });
      const again = await openPretrained(folder, device);
      assertEquals(again.model.config, opened.model.config);
      assertEquals(await valuesOf(again.model), await valuesOf(opened.model));
      assertEquals(again.tokenizer?.toJSON(), opened.tokenizer?.toJSON());
      const bytesIn = async (path: string) =>
        await tensorBytes(
          await openTorchFile(await pathSource(path)) as Map<string, StoredTensor>,
        );
      assertEquals(
        await bytesIn(`${folder}/model_000000.pt`),
        await bytesIn(`${golden}${name}/${file}`),
      );
    });
  }
}

const sizes = { vocabSize: 300, sequenceLen: 32, layers: 1, heads: 2, width: 32, mlpWidth: 64 };
const rope = { keyHeads: 1, headSize: 16, ropeBase: 10_000, ropeScaling: null, isTied: false };

cpuTest(
  "a Llama with a tokenizer trained here, and a template, is opened from its export",
  async (device) => {
    const tokenizer = await Tokenizer.train(["a rose is a rose is a rose"], { vocabSize: 275 });
    const model = new Llama({ ...sizes, ...rope, kind: "llama", epsilon: 1e-5 }, device);
    const opened = { model, tokenizer, chatTemplate: "{{ messages }}" };
    const folder = await write(opened, { to: "huggingface" });
    const again = await openPretrained(folder, device);
    assertEquals(await valuesOf(again.model), await valuesOf(model));
    assertEquals(again.chatTemplate, "{{ messages }}");
    assertEquals(again.tokenizer!.encode("a rose"), tokenizer.encode("a rose"));
    const { post_processor } = JSON.parse(await Deno.readTextFile(`${folder}/tokenizer.json`));
    assertEquals(post_processor.special_tokens["<|bos|>"].ids, [tokenizer.bos]);
    const error = await assertRejects(() => write(opened, { to: "gguf" }), RangeError);
    assert(error.message.includes("split pattern"), error.message);
  },
);

cpuTest(
  "a model that is too large for one file goes into several, as at the hub",
  async (device) => {
    const model = new Llama({ ...sizes, ...rope, kind: "llama", epsilon: 1e-5 }, device);
    const opened = { model, tokenizer: null, chatTemplate: null };
    // The embedding takes 38,400 bytes.
    const folder = await write(opened, { to: "huggingface", shardBytes: 39_000 });
    const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    const names = (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
    assertEquals(names, ["config.json", ...shards, "model.safetensors.index.json"]);
    const { metadata, weight_map: shardOf } = JSON.parse(
      await Deno.readTextFile(`${folder}/model.safetensors.index.json`),
    );
    const numbers = [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0);
    assertEquals(metadata.total_size, 4 * numbers);
    assertEquals(new Set(Object.values(shardOf)), new Set(shards));
    const again = await openWeights(folder, device);
    assertEquals(await valuesOf(again.model), await valuesOf(model));
  },
);

cpuTest(
  "what a format cannot represent is refused by name, before the first file",
  async (device) => {
    const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32, vocabSize: 128 };
    const head = new GPT({ ...shape, windowPattern: "L" }, device);
    const { mlpWidth: _, ...rest } = sizes;
    const more = { keyHeads: 2, rows: 300, ropeBase: 10_000, epsilon: 1e-6 };
    const of2025 = new Nanochat2025({ ...rest, ...more }, device);
    const gpt2 = new GPT2({ ...sizes, epsilon: 1e-5 }, device);
    const narrow = new GPT2({ ...sizes, width: 48, epsilon: 1e-5 }, device);
    for (
      const [model, options, message] of [
        [head, { to: "huggingface" }, "smear, backout, value embeddings"],
        [head, { to: "gguf" }, "no architecture with the ReLU²"],
        [of2025, { to: "gguf" }, "no architecture with the ReLU²"],
        [of2025, { to: "huggingface", type: "f16" }, "beyond the range of f16"],
        [head, { to: "nanochat", type: "f16" }, "beyond the range of f16"],
        [of2025, { to: "nanochat" }, "wanted the epsilon of its code"],
        [gpt2, { to: "nanochat" }, "wanted one of nanochat's architectures, got gpt2"],
        [gpt2, { to: "huggingface", type: "q8_0" }, "wanted f32, f16 or bf16, got q8_0"],
        [narrow, { to: "gguf", type: "q4_0" }, "rows in blocks of 32 for Q4_0"],
      ] as [TrainableModel, ExportOptions, string][]
    ) {
      const files: string[] = [];
      const run = async () => {
        const opened = { model, tokenizer: null, chatTemplate: null };
        for await (const { name } of exportPretrained(opened, options)) files.push(name);
      };
      const error = await assertRejects(run, RangeError);
      assert(error.message.includes(message), error.message);
      assertEquals(files, [], message);
    }
  },
);

cpuTest("a tokenizer that nanochat's file cannot hold is refused", async (device) => {
  const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32, vocabSize: 300 };
  const model = new GPT({ ...shape, windowPattern: "L" }, device);
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const plain = { pattern: GPT2_PATTERN, tokens, specialTokens: new Map([["<|bos|>", 256]]) };
  const run = async (vocabulary: Vocabulary) => {
    const opened = { model, tokenizer: new Tokenizer(vocabulary), chatTemplate: "{{ messages }}" };
    const files: string[] = [];
    try {
      for await (const { name } of exportPretrained(opened, { to: "nanochat" })) files.push(name);
    } catch (error) {
      // Before the first file.
      assertEquals(files, []);
      throw error;
    }
    return files;
  };
  // Without the template, which the format has no place for.
  const names = ["model_000000.pt", "tokenizer.pkl", "meta_000000.json"];
  assertEquals(await run(plain), names);
  assertEquals(
    await run({ ...plain, morePatterns: [], normalization: null, addedTokens: new Map() }),
    names,
  );
  for (
    const [lost, message] of [
      [
        { pattern: DIGIT_PATTERN, morePatterns: [GPT2_PATTERN] },
        "wanted a tokenizer with one split pattern, got 2",
      ],
      [{ normalization: "NFC" }, "wanted a tokenizer that leaves texts as they are, got NFC"],
      [
        { addedTokens: new Map([["<think>", 257]]) },
        'wanted a tokenizer whose named tokens are all special, got "<think>", which is not',
      ],
    ] as [Partial<Vocabulary>, string][]
  ) {
    const error = await assertRejects(() => run({ ...plain, ...lost }), RangeError);
    assertEquals(error.message, `Cannot export as nanochat: ${message}`);
  }
});
