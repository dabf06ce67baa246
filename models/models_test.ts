import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeModelOf, encodeModel, Engine, type TrainableModel } from "../gpt/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { type Device, noGrad, openDevice, readSafetensors, Tensor } from "../tensor/mod.ts";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { hasGolden, readGoldenJson, relativeDeviation } from "../testing/golden.ts";
import { pathFolder } from "../interchange/mod.ts";
import { openHuggingFace } from "./hugging_face.ts";
import { architectures, openPretrained } from "./mod.ts";
import { readJson } from "./read_json.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url);

const pathOf = (name: string) => new URL(name, golden).pathname;

interface Expected {
  loss?: number;
  prompt?: number[];
  greedy?: number[];
  losses_adamw?: number[];
}

/** The model of a folder, whatever its tokenizer is like. */
async function openFolder(name: string, device: Device): Promise<TrainableModel> {
  if (!name.startsWith("hf-")) return (await openPretrained(pathOf(name), device)).model;
  const folder = pathFolder(pathOf(name));
  return await openHuggingFace(folder, await readJson(folder, "config.json"), device);
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

  cpuTest("configs that cannot be right are refused by what is wrong", async (device) => {
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
