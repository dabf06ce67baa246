import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decodeModelOf, encodeModel } from "../gpt/files/checkpoint_content.ts";
import { adaptModel, Engine, type TrainableModel } from "../gpt/mod.ts";
import { openGguf, pathSource, writeTiktokenPickle } from "../interchange/mod.ts";
import { AdamW, MuonAdamW } from "../optim/mod.ts";
import { type Device, noGrad, openDevice, readSafetensors, Tensor } from "../tensor/mod.ts";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { hasGolden, readGoldenJson, relativeDeviation } from "../testing/golden.ts";
import { openGgufModel } from "./gguf_model.ts";
import { architectures, GPT2, Llama, Nanochat2025, openPretrained } from "./mod.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url);

const pathOf = (name: string) => new URL(name, golden).pathname;

interface Expected {
  loss?: number;
  prompt?: number[];
  greedy?: number[];
  losses_adamw?: number[];
}

async function openFolder(name: string, device: Device): Promise<TrainableModel> {
  return (await openPretrained(pathOf(name), device)).model;
}

const tensorsOf = (name: string) => readSafetensors(Deno.readFileSync(pathOf(name)));

function idsOf(device: Device, array: { data: ArrayLike<number>; shape: number[] }): Tensor {
  return Tensor.from(device, Int32Array.from(array.data), { shape: array.shape });
}

async function checkLogits(name: string, device: Device): Promise<TrainableModel> {
  const model = await openFolder(name, device);
  const wanted = tensorsOf(`${name}/expected.safetensors`);
  const ids = wanted.get("ids")!;
  using _scope = device.scope();
  const logits = noGrad(() => model.forward(idsOf(device, ids as never)));
  const { shape, data } = wanted.get("logits")!;
  assertEquals(logits.shape, shape);
  const deviation = relativeDeviation(await logits.data(), data as Float32Array);
  assert(deviation <= 1e-4, `${name}: logits off by ${deviation}`);
  return model;
}

const endless = { special: () => -1, encode: () => [], decode: () => "" };

async function checkGreedy(name: string, model: TrainableModel): Promise<void> {
  const { prompt, greedy } = readGoldenJson<Expected>(`interchange/${name}/expected`);
  if (prompt === undefined || greedy === undefined) return;
  const engine = new Engine(model, endless);
  const options = { maxTokens: greedy.length, temperature: 0, samples: 2 };
  const { tokens } = await engine.generateBatch(prompt, options);
  assertEquals(tokens, [[...prompt, ...greedy], [...prompt, ...greedy]], name);
}

const folders = [
  ...["hf-gpt2", "hf-gpt2-sharded", "hf-llama", "hf-llama3-rope", "hf-nanochat", "hf-qwen2"],
  ...["hf-qwen3", "hf-smollm2", "nanochat-head", "nanochat-jan2026"],
];

if (hasGolden) {
  for (const name of folders) {
    testOnEveryDevice(`${name}: logits and greedy text are the original's`, async (device) => {
      await checkGreedy(name, await checkLogits(name, device));
    });

    Deno.test(`${name}: logits are the original's with a BLAS if there is one`, async () => {
      const device = await openDevice("cpu", { threads: 2 });
      await checkLogits(name, device);
      await device.close();
    });
  }

  for (
    const [name, file] of [
      ...["hf-gpt2", "hf-llama", "hf-llama3-rope", "hf-qwen2"].map((name) =>
        [name, "expected"] as const
      ),
      ...["hf-qwen3", "hf-smollm2"].map((name) => [name, "gradients"] as const),
    ]
  ) {
    testOnEveryDevice(`${name}: loss and gradients are the original's`, async (device) => {
      const model = await openFolder(name, device);
      const expected = tensorsOf(`${name}/expected.safetensors`);
      const [ids, targets] = ["ids", "targets"].map((key) =>
        idsOf(device, expected.get(key)! as never)
      );
      const loss = model.forward(ids!, targets!);
      const { loss: wanted } = readGoldenJson<Expected>(`interchange/${name}/expected`);
      assert(Math.abs(await loss.item() / wanted! - 1) < 1e-5, `loss ${await loss.item()}`);
      loss.backward();
      const gradients = [...tensorsOf(`${name}/${file}.safetensors`)].filter(([key]) =>
        key.startsWith("grad.")
      );
      assertEquals(gradients.length, model.parameters().size);
      for (const [key, { data, shape }] of gradients) {
        const parameter = key.slice("grad.".length).replace(/^transformer\./, "");
        const gradient = model.parameters().get(parameter)!.grad!;
        // GPT-2's files have matrices transposed.
        const isTransposed = /c_(attn|proj|fc)\.weight$/.test(key) && name === "hf-gpt2";
        const values = await (isTransposed ? gradient.transpose(0, 1) : gradient).data();
        assertEquals(values.length, shape.reduce((size, length) => size * length, 1));
        const deviation = relativeDeviation(values, data as Float32Array);
        assert(deviation <= 1e-4, `${key} off by ${deviation}`);
      }
    });
  }

  for (const name of ["hf-gpt2", "hf-llama"]) {
    testOnEveryDevice(
      `${name}: three steps of AdamW have the original's losses`,
      async (device) => {
        const model = await openFolder(name, device);
        const expected = tensorsOf(`${name}/expected.safetensors`);
        const [ids, targets] = ["ids", "targets"].map((key) =>
          idsOf(device, expected.get(key)! as never)
        );
        const settings = { lr: 0.001, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0.1 } as const;
        const optimizer = new AdamW(model.parameters(), settings);
        const { losses_adamw: wanted } = readGoldenJson<Expected>(`interchange/${name}/expected`);
        for (const [step, loss] of wanted!.entries()) {
          using _scope = device.scope();
          optimizer.zeroGrad();
          const got = model.forward(ids!, targets!);
          assert(
            Math.abs(await got.item() / loss - 1) <= 1e-3,
            `step ${step}: ${await got.item()}`,
          );
          got.backward();
          optimizer.step();
        }
      },
    );
  }

  for (const type of ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1"]) {
    cpuTest(`llama-${type}.gguf: logits are those of the unpacked weights`, async (device) => {
      const { model } = await openPretrained(pathOf(`gguf/llama-${type}.gguf`), device);
      const wanted = tensorsOf("gguf/expected.safetensors");
      const key = [...wanted.keys()].find((key) => key.toLowerCase() === `logits.${type}`)!;
      const ids = wanted.get("ids") ?? tensorsOf("hf-llama/expected.safetensors").get("ids")!;
      const logits = noGrad(() => model.forward(idsOf(device, ids as never)));
      const deviation = relativeDeviation(
        await logits.data(),
        wanted.get(key)!.data as Float32Array,
      );
      assert(deviation <= 1e-4, `off by ${deviation}`);
    });
  }

  for (
    const [file, expected, key] of [
      ["gpt2-f32", "hf-gpt2/expected", "logits"],
      ["qwen3-f32", "hf-qwen3/expected", "logits"],
      ["llama-q4_k_m", "gguf/expected", "logits.q4_k_m"],
    ] as const
  ) {
    cpuTest(`${file}.gguf: logits are the original's`, async (device) => {
      const { model } = await openPretrained(pathOf(`gguf/${file}.gguf`), device);
      const wanted = tensorsOf(`${expected}.safetensors`);
      const logits = noGrad(() => model.forward(idsOf(device, wanted.get("ids")! as never)));
      const deviation = relativeDeviation(
        await logits.data(),
        wanted.get(key)!.data as Float32Array,
      );
      assert(deviation <= 1e-4, `off by ${deviation}`);
    });
  }

  cpuTest("the tokenizer in a GGUF file is that of the folder", async (device) => {
    for (
      const [file, folder] of [["llama-q8_0", "hf-llama"], ["gpt2-f32", "hf-gpt2"], [
        "qwen3-f32",
        "hf-qwen3",
      ]] as const
    ) {
      const [gguf, original] = await Promise.all(
        [`gguf/${file}.gguf`, folder].map((path) => openPretrained(pathOf(path), device)),
      );
      const [ours, wanted] = [gguf!.tokenizer!, original!.tokenizer!];
      assertEquals([...ours.specialTokens], [...wanted.specialTokens]);
      const texts = readGoldenJson<{ text: string }[]>(`interchange/${folder}/texts`);
      for (const { text } of texts) assertEquals(ours.encode(text), wanted.encode(text), text);
    }
  });

  cpuTest("the files determine what begins a document and what ends a turn", async (device) => {
    for (
      const [path, start, ends] of [
        ["hf-gpt2", "<|endoftext|>", ["<|endoftext|>"]],
        ["hf-llama", "<|begin_of_text|>", ["<|end_of_text|>"]],
        ["hf-qwen3", null, ["<|im_end|>"]],
        ["hf-smollm2", "<|im_start|>", ["<|im_end|>"]],
        ["gguf/llama-f32.gguf", "<|begin_of_text|>", ["<|end_of_text|>"]],
        ["gguf/qwen3-f32.gguf", null, ["<|im_end|>"]],
        ["nanochat-head", "<|bos|>", ["<|assistant_end|>", "<|bos|>"]],
      ] as const
    ) {
      const tokenizer = (await openPretrained(pathOf(path), device)).tokenizer!;
      const named = (id: number) => tokenizer.decode([id]);
      const { documentStart } = tokenizer;
      assertEquals(documentStart === null ? null : named(documentStart), start, path);
      assertEquals(tokenizer.ends.map(named), [...ends], path);
    }
    // generation_config.json has the last word, and may name several.
    const folder = await Deno.makeTempDir();
    for await (const { name } of Deno.readDir(pathOf("hf-qwen3"))) {
      await Deno.copyFile(pathOf(`hf-qwen3/${name}`), `${folder}/${name}`);
    }
    const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
    const rows = JSON.stringify({ eos_token_id: [513, 511, 600] });
    await Deno.writeTextFile(`${folder}/generation_config.json`, rows);
    assertEquals(config.eos_token_id, 513);
    const { tokenizer } = await openPretrained(folder, device);
    assertEquals(tokenizer!.ends, [513, 511]);
  });

  cpuTest("links are followed: Hugging Face's cache is made of them", async (device) => {
    const cache = await Deno.makeTempDir();
    const snapshot = `${cache}/snapshots/0123456789`;
    await Deno.mkdir(`${cache}/blobs`);
    await Deno.mkdir(snapshot, { recursive: true });
    for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
      await Deno.copyFile(pathOf(`hf-llama/${name}`), `${cache}/blobs/of-${name}`);
      await Deno.symlink(`../../blobs/of-${name}`, `${snapshot}/${name}`);
    }
    const { model, tokenizer } = await openPretrained(snapshot, device);
    const ids = Tensor.from(device, [[3, 1, 4, 1, 5]], { dtype: "int32" });
    const original = await openFolder("hf-llama", device);
    assertEquals(await model.forward(ids).data(), await original.forward(ids).data());
    assertEquals(tokenizer!.vocabSize, model.config.vocabSize);
  });

  cpuTest("rows of a model beyond its tokens decode to nothing", async (device) => {
    const folder = await Deno.makeTempDir();
    for await (const { name } of Deno.readDir(pathOf("hf-llama"))) {
      await Deno.copyFile(pathOf(`hf-llama/${name}`), `${folder}/${name}`);
    }
    const file = JSON.parse(await Deno.readTextFile(`${folder}/tokenizer.json`));
    file.added_tokens.pop();
    await Deno.writeTextFile(`${folder}/tokenizer.json`, JSON.stringify(file));
    const { model, tokenizer } = await openPretrained(folder, device);
    assertEquals(tokenizer!.vocabSize, model.config.vocabSize);
    assertEquals(tokenizer!.decode([65, 512, 65]), tokenizer!.decode([65, 65]));
    assertThrows(() => tokenizer!.decode([513]), RangeError, "vocabulary of 513");
  });

  fresh.cpuTest(
    "a type of numbers that is not read is refused by name, and frees the model",
    async (device) => {
      const before = device.live;
      await assertRejects(
        () => openPretrained(pathOf("gguf/llama-iq4_nl.gguf"), device),
        SyntaxError,
        "IQ4_NL",
      );
      assertEquals(device.live, before);
    },
  );

  cpuTest("nanochat's checkpoints may be from a GPU or of a compiled model", async (device) => {
    const ids = Tensor.from(device, [[3, 1, 4, 1, 5]], { dtype: "int32" });
    const { model } = await openPretrained(pathOf("nanochat-head"), device);
    const wanted = await model.forward(ids).data();
    const folder = await Deno.makeTempDir();
    await Deno.copyFile(pathOf("nanochat-head/meta_000010.json"), `${folder}/meta_000010.json`);
    await Deno.copyFile(pathOf("nanochat-head/model_cuda.pt"), `${folder}/model_000010.pt`);
    const fromGpu = (await openPretrained(folder, device)).model;
    assertEquals(await fromGpu.forward(ids).data(), wanted);
  });

  fresh.cpuTest("impossible configs are refused, and the error says why", async (device) => {
    const before = device.live;
    for (
      const [name, message] of [
        ["config-heads", /wanted width to be a multiple of heads, got 64 and 7/],
        ["config-huge", /wanted layers as a whole number from 1 to 1000, got 1000000/],
        ["config-type", /model_type to be "gpt2" or .*, got mamba/],
        ["config-activation", /activation_function to be "gelu_new" or .*, got swish/],
        ["config-scale", /scale_attn_by_inverse_layer_idx to be false, got true/],
        ["config-rope", /rope_type to be "default" or "llama3", got yarn/],
        ["config-tied", /wanted the head to be the embedding/],
        ["config-vocab", /wanted model.embed_tokens.weight of shape \[600,64\], got \[513,64\]/],
        ["index-path", /wanted the name of a file/],
        ["index-missing", /wanted shards that are in the folder/],
      ] as const
    ) {
      const folder = await Deno.makeTempDir();
      for await (const { name: file } of Deno.readDir(pathOf(`bad/${name}`))) {
        await Deno.copyFile(pathOf(`bad/${name}/${file}`), `${folder}/${file}`);
      }
      const base = await Deno.readTextFile(pathOf(`bad/${name}/base.txt`)).catch(() => null);
      if (base !== null) {
        const from = pathOf(`${base.trim()}/model.safetensors`);
        await Deno.copyFile(from, `${folder}/model.safetensors`);
      }
      const error = await assertRejects(() => openPretrained(folder, device), Error);
      assert(message.test(error.message), `${name}: ${error.message}`);
      assert(error.message.startsWith("Cannot read "), error.message);
    }
    assertEquals(device.live, before);
  });

  cpuTest("options that change what a model computes are refused by name", async (device) => {
    const folder = await Deno.makeTempDir();
    const config = JSON.parse(await Deno.readTextFile(pathOf("hf-llama/config.json")));
    await Deno.copyFile(pathOf("hf-llama/model.safetensors"), `${folder}/model.safetensors`);
    const rope = { rope_type: "default", rope_theta: 10_000 };
    for (
      const [option, message] of [
        [{ hidden_act: "gelu" }, /hidden_act to be "silu", got gelu/],
        [{ attention_bias: true }, /attention_bias to be false, got true/],
        [{ mlp_bias: true }, /mlp_bias to be false, got true/],
        [{ use_sliding_window: true }, /use_sliding_window to be false, got true/],
        [
          { layer_types: ["full_attention", "sliding_attention"] },
          /layer_types to be a list of "full_attention", got sliding_attention/,
        ],
        [{ layer_types: "sliding_attention" }, /layer_types to be a list/],
        [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor to be 1, got 0.5/],
        [
          { rope_parameters: { ...rope, partial_rotary_factor: 0.5 } },
          /rope_parameters: wanted partial_rotary_factor to be 1, got 0.5/,
        ],
      ] as const
    ) {
      await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, ...option }));
      const error = await assertRejects(() => openPretrained(folder, device), SyntaxError);
      assert(message.test(error.message), error.message);
    }
    const gguf = await openGguf(await pathSource(pathOf("gguf/llama-f32.gguf")));
    for (
      const [name, fact, message] of [
        ["attention.causal", { type: "bool", value: false }, /attention.causal to be true/],
        ["attention.value_length", { type: "uint32", value: 8 }, /value_length to be 16, got 8/],
        ["expert_count", { type: "uint32", value: 8 }, /expert_count to be 0, got 8/],
        ["rope.dimension_count", { type: "uint32", value: 8 }, /dimension_count to be 16, got 8/],
        ["rope.scale_linear", { type: "float32", value: 2 }, /scale_linear to be 1, got 2/],
        ["rope.scaling.factor", { type: "float32", value: 2 }, /scaling.factor to be 1, got 2/],
        ["rope.scaling.type", { type: "string", value: "yarn" }, /type to be "none", got yarn/],
      ] as const
    ) {
      const facts = new Map([...gguf.facts, [`llama.${name}`, fact] as const]);
      const open = () => openGgufModel("a.gguf", { ...gguf, facts }, device);
      const error = await assertRejects(open, SyntaxError);
      assert(message.test(error.message), error.message);
    }
  });

  cpuTest(
    "parameter shapes are those of the models, and a checkpoint gives one back",
    async (device) => {
      for (const name of ["hf-gpt2", "hf-llama", "hf-qwen2", "hf-qwen3", "nanochat-jan2026"]) {
        const model = await openFolder(name, device);
        const architecture = architectures.find(({ name }) => name === model.architecture)!;
        const config = JSON.parse(JSON.stringify(model.config));
        const bytes = await encodeModel(model);
        const again = decodeModelOf(architecture, bytes, config, device);
        const [wanted, got] = [model, again].map((each) =>
          [...each.parameters()].map(([name, { shape }]) => `${name} [${shape}]`)
        );
        assertEquals(got, wanted);
        const ids = Tensor.from(device, [[3, 1, 4, 1, 5]], { dtype: "int32" });
        assertEquals(await again.forward(ids).data(), await model.forward(ids).data());
      }
    },
  );
}

const text = "The state of our union is strong, and it is growing stronger. ".repeat(4);

const tiny = { vocabSize: 128, sequenceLen: 32, layers: 2, heads: 2, width: 32, mlpWidth: 64 };
const rope = { keyHeads: 1, headSize: 16, ropeBase: 10_000, ropeScaling: null, isTied: false };

/** A model of each architecture with random values. */
const untrained: Readonly<Record<string, (device: Device) => TrainableModel>> = {
  gpt2: (device) => new GPT2({ ...tiny, epsilon: 1e-5 }, device),
  llama: (device) => new Llama({ ...tiny, ...rope, kind: "llama", epsilon: 1e-5 }, device),
  qwen2: (device) => new Llama({ ...tiny, ...rope, kind: "qwen2", epsilon: 1e-5 }, device),
  qwen3: (device) => new Llama({ ...tiny, ...rope, kind: "qwen3", epsilon: 1e-5 }, device),
  "nanochat-2025": (device) => {
    const { mlpWidth: _, ...sizes } = tiny;
    const more = { keyHeads: 2, rows: 128, ropeBase: 10_000, epsilon: 2 ** -23 };
    return new Nanochat2025({ ...sizes, ...more }, device);
  },
};

for (const [name, build] of Object.entries(untrained)) {
  for (const how of ["as a whole", "through adapters"] as const) {
    cpuTest(`${name} learns a text, ${how}`, async (device) => {
      const model = build(device);
      const groups = model.optimizerGroups();
      const grouped = groups.flatMap((
        { parameters },
      ) => [...(parameters as Map<string, Tensor>).keys()]);
      assertEquals(grouped.sort(), [...model.parameters().keys()].sort());
      const optimizer = how === "as a whole"
        ? new MuonAdamW(groups)
        : adaptModel(model, { rank: 8, learningRate: 0.02, seed: 1 }).optimizer;
      const bytes = new TextEncoder().encode(text);
      const losses: number[] = [];
      for (let step = 0; step < 30; step++) {
        using _scope = device.scope();
        const row = (start: number) => Array.from(bytes.subarray(start, start + 32));
        const [ids, targets] = [step, step + 1].map((start) =>
          Tensor.from(device, [row(start), row(start + 61)], { dtype: "int32" })
        );
        optimizer.zeroGrad();
        const loss = model.forward(ids!, targets!);
        losses.push(await loss.item());
        loss.backward();
        await optimizer.step();
      }
      // A head that is random, small and frozen cannot tell much.
      const most = how === "as a whole" ? 0.75 * losses[0]! : losses[0]! - 0.15;
      assert(losses.at(-1)! < most, `${losses}`);
      assert(model.flopsPerToken > 6 * 128 * 32 && model.decodingCosts(9).cacheBytes > 0);
    });
  }

  cpuTest(`${name}: chunks of several sequences are computed as each by itself`, async (device) => {
    const model = build(device);
    const prompts = [[3], [5, 8, 13, 21], [1, 2]];
    const caches = prompts.map(() => model.createCache(1, 16));
    const column = (rows: number[][]) =>
      Tensor.from(device, rows.flat().map((id) => [id]), { dtype: "int32" });
    const first = noGrad(() =>
      model.decode(column(prompts), caches, prompts.map(({ length }) => length))
    );
    const next = [[7], [9], [11]];
    const second = noGrad(() => model.decode(column(next), caches));
    for (const [i, prompt] of prompts.entries()) {
      const whole = Tensor.from(device, [[...prompt, ...next[i]!]], { dtype: "int32" });
      const wanted = await noGrad(() => model.forward(whole)).data();
      for (
        const [logits, place] of [[first, prompt.length - 1], [second, prompt.length]] as const
      ) {
        const got = (await logits.data()).subarray(i * 128, (i + 1) * 128);
        const row = wanted.subarray(place * 128, (place + 1) * 128);
        assert(relativeDeviation(got, row) <= 1e-5, `${i}: ${relativeDeviation(got, row)}`);
      }
    }
  });

  cpuTest(`${name} refuses what does not fit`, (device) => {
    const model = build(device);
    const { maximumLength } = model;
    const ids = (length: number) =>
      Tensor.from(device, [Array.from({ length }, () => 1)], { dtype: "int32" });
    assertThrows(
      () => model.forward(ids(maximumLength + 1)),
      RangeError,
      `${maximumLength} tokens`,
    );
    const unknown = Tensor.from(device, [[128]], { dtype: "int32" });
    assertThrows(() => model.forward(unknown), RangeError);
    assertThrows(() => model.forward(ids(2), ids(2), { lastOnly: true }), TypeError, "lastOnly");
    const { config } = model;
    const architecture = architectures.find(({ name }) => name === model.architecture)!;
    assertThrows(
      () => architecture.checkConfig({ ...config, layers: 0 } as never),
      RangeError,
      "layers",
    );
    assertThrows(
      () => architecture.checkConfig({ ...config, depth: 1 } as never),
      TypeError,
      "depth",
    );
    const half = { seed: 1, computeDtype: "float16" } as const;
    assertThrows(() => architecture.build(config, device, half), TypeError, "float32 activations");
  });
}

cpuTest(
  "an error about a damaged model is one line, whatever stands in its files",
  async (device) => {
    for (const config of ["{\n  nothing\n}", JSON.stringify({ model_type: "a\nb\u2028c" })]) {
      const folder = await Deno.makeTempDir();
      await Deno.writeTextFile(`${folder}/config.json`, config);
      const { message } = await assertRejects(() => openPretrained(folder, device), SyntaxError);
      assertEquals(/[\p{Cc}\u2028]/u.test(message), false, message);
    }
  },
);

cpuTest("an error about a damaged tokenizer.pkl names the file", async (device) => {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const encoding = {
    name: "test",
    pattern: "a",
    tokens: bytes,
    special: new Map<string, number>(),
  };
  for (
    const [damage, message] of [
      [{ pattern: "(" }, "Cannot use the split pattern"],
      [{ special: new Map([["<|bos|>", 65]]) }, "got 65, which is an ordinary token"],
      [{ special: new Map([["<|bos|>", -1]]) }, "got -1"],
      [{ tokens: [] }, "wanted a token for each of the 256 bytes, got 0 of them"],
    ] as const
  ) {
    const folder = await Deno.makeTempDir();
    // The tokenizer is read before these two.
    await Deno.writeTextFile(`${folder}/meta_000000.json`, "");
    await Deno.writeTextFile(`${folder}/model_000000.pt`, "");
    const pickle = writeTiktokenPickle({ ...encoding, ...damage });
    await Deno.writeFile(`${folder}/tokenizer.pkl`, pickle);
    const error = await assertRejects(() => openPretrained(folder, device), SyntaxError);
    const start = `Cannot read ${folder}/tokenizer.pkl: wanted a tokenizer, got `;
    assert(error.message.startsWith(start) && error.message.includes(message), error.message);
  }
});
