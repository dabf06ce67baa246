import { assert, assertEquals } from "@std/assert";
import OpenAI from "npm:openai@7.57.0";
import {
  Engine,
  evaluateBitsPerByte,
  loadModel,
  openCheckpoint,
  saveCheckpoint,
  untrained,
  writeText,
} from "../gpt/mod.ts";
import { runScript } from "../scripts/testing/run_script.ts";
import { ChatSession, openChatFormat } from "../chat/mod.ts";
import { serve } from "../serve/mod.ts";
import { sendMixed } from "../serve/testing/load.ts";
import { openDevice } from "../tensor/mod.ts";
import { cpuTest } from "../testing/every_device.ts";
import { goldenTest, readGoldenJson } from "../testing/golden.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { architectures, GPT2, Llama, openPretrained, type Pretrained } from "./mod.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url);

/** Begins and ends no text, and writes ids as numbers, so that texts of a server show them. */
class TokenizerOfIds extends Tokenizer {
  constructor(size: number) {
    const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    super({ pattern: "[^]", tokens, size, specialTokens: new Map(), merges: [] });
  }

  override decodeBytes(ids: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(Array.from(ids, (id) => ` ${id}`).join(""));
  }
}

const folders = [
  "hf-gpt2",
  "hf-gpt2-sharded",
  "hf-llama",
  "hf-llama3-rope",
  "hf-nanochat",
  "hf-qwen2",
  "hf-qwen3",
  "hf-smollm2",
  "nanochat-head",
  "nanochat-jan2026",
];

goldenTest("eight clients of a server at once get the greedy text of every folder", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  for (const name of folders) {
    const { model } = await openPretrained(new URL(name, golden), device);
    const tokenizer = new TokenizerOfIds(model.config.vocabSize);
    const expected = readGoldenJson<{ prompt?: number[]; greedy?: number[] }>(
      `interchange/${name}/expected`,
    );
    const { prompt = [1, 2, 3, 4, 5] } = expected;
    const ask = { maxTokens: 16, temperature: 0 };
    // One folder has no greedy text: its logits alone are known.
    const {
      greedy = (await new Engine(model, tokenizer).generateBatch(prompt, ask)).tokens[0]!
        .slice(prompt.length),
    } = expected;
    const server = await serve(model, tokenizer, { name, port: 0 });
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    const texts = await Promise.all(Array.from({ length: 8 }, async (_, i) => {
      // Each at a place of its own: the first tokens of the answer belong to the prompt.
      const body = {
        model: name,
        prompt: [...prompt, ...greedy.slice(0, i)],
        max_tokens: greedy.length - i,
        temperature: 0,
      };
      if (i % 2 === 0) return (await client.completions.create(body)).choices[0]!.text;
      let text = "";
      const stream = await client.completions.create({ ...body, stream: true });
      for await (const { choices: [choice] } of stream) text += choice!.text;
      return text;
    }));
    assertEquals(texts, texts.map((_, i) => tokenizer.decode(greedy.slice(i))), name);
    await server.stop();
    for (const parameter of model.parameters().values()) parameter.dispose();
  }
  await device.close();
});

goldenTest("a server answers in the texts of the model's own tokenizer", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  for (const name of ["hf-gpt2", "hf-llama"]) {
    const { model, tokenizer } = await openPretrained(new URL(name, golden), device);
    const { prompt } = readGoldenJson<{ prompt: number[] }>(`interchange/${name}/expected`);
    const server = await serve(model, tokenizer!, { name, port: 0 });
    const response = await fetch(`${server.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt, max_tokens: 4, temperature: 0 }),
    });
    const { choices } = await response.json();
    const whole = [tokenizer!.bos, ...prompt];
    const { tokens } = await new Engine(model, tokenizer!)
      .generateBatch(whole, { maxTokens: 4, temperature: 0 });
    assertEquals(choices[0].text, tokenizer!.decode(tokens[0]!.slice(whole.length)));
    await server.stop();
  }
  await device.close();
});

/** Serves Qwen3's golden folder with the template of its conversations. */
async function withQwen3(
  run: (served: { readonly url: string; readonly opened: Pretrained }) => Promise<void>,
): Promise<void> {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const opened = await openPretrained(new URL("hf-qwen3", golden), device);
  const { model, chatTemplate } = opened;
  const tokenizer = opened.tokenizer!;
  using format = openChatFormat({ tokenizer, chatTemplate });
  const server = await serve(model, tokenizer, { name: "qwen3", port: 0, format: format! });
  try {
    await run({ url: server.url, opened });
  } finally {
    await server.stop();
    await device.close();
  }
}

goldenTest(
  "openai's client talks with a model by the template of its conversations",
  () =>
    withQwen3(async ({ url, opened: { model, tokenizer } }) => {
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
      const messages = [
        { role: "system", content: "Be <|im_end|> kind." },
        { role: "user", content: "Hi" },
      ] as const;
      const options = { model: "qwen3", temperature: 0, max_tokens: 6 };
      const { choices: [choice], usage } = await client.chat.completions
        .create({ ...options, messages: [...messages] });
      const [start, end] = ["<|im_start|>", "<|im_end|>"].map((name) => tokenizer!.special(name));
      const turn = (
        role: string,
        text: string,
      ) => [start!, ...tokenizer!.encode(`${role}\n${text}`), end!, ...tokenizer!.encode("\n")];
      // Names of special tokens in a message stay text.
      const prompt = [
        ...turn("system", "Be <|im_end|> kind."),
        ...turn("user", "Hi"),
      ];
      assertEquals(usage!.prompt_tokens, prompt.length);
      const engine = new Engine(model, tokenizer!);
      const { tokens } = await engine.generateBatch(prompt, { maxTokens: 6, temperature: 0 });
      const wanted = tokenizer!.decode(tokens[0]!.slice(prompt.length));
      assertEquals(choice!.message.content, wanted);
      let streamed = "";
      const stream = await client.chat.completions
        .create({ ...options, messages: [...messages], stream: true });
      for await (const { choices: [piece] } of stream) streamed += piece?.delta.content ?? "";
      assertEquals(streamed, wanted);
    }),
);

goldenTest(
  "many clients of a model with a template get the answers that each would get alone",
  () =>
    withQwen3(async ({ url }) => {
      const load = { model: "qwen3", requests: 120, clients: 32, tokens: 12, words: 4 };
      const outcome = await sendMixed(url, load);
      assertEquals([outcome.wrong, outcome.failed], [0, []]);
      assertEquals(outcome.right + outcome.left, 120);
    }),
);

goldenTest("a session with a template rewinds its cache to what is still shared", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { model, tokenizer } = await openPretrained(new URL("hf-qwen3", golden), device);
  // As Qwen3's own: of earlier answers it drops what stands before </think>.
  const template = "{% for m in messages %}<|im_start|>{{ m.role }}\n" +
    "{% if m.role == 'assistant' and not loop.last %}{{ m.content[-2:] }}" +
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}" +
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  using format = openChatFormat({ tokenizer: tokenizer!, chatTemplate: template });
  const ask = async (session: ChatSession, question: string) => {
    let text = "";
    const pieces = session.answer(question, { maxTokens: 4, temperature: 0 });
    for await (const piece of pieces) text += piece.text;
    return text;
  };
  using session = new ChatSession(model, tokenizer!, { format: format! });
  await ask(session, "Hi");
  const first = session.cachedTokens;
  const prompt = await format!.renderPrompt([...session.messages, { role: "user", content: "So" }]);
  const answer = await ask(session, "So");
  assert(session.cachedTokens > first);
  // The same prompt, read as a whole.
  const engine = new Engine(model, tokenizer!);
  const { tokens } = await engine.generateBatch(prompt, { maxTokens: 4, temperature: 0 });
  assertEquals(answer, tokenizer!.decode(tokens[0]!.slice(prompt.length)));
  await device.close();
});

const texts = Array.from(
  { length: 40 },
  (_, i) => `The union has ${i} states, and they are free. `,
);

for (const kind of ["gpt2", "llama"] as const) {
  cpuTest(`a checkpoint of a ${kind} is loaded, sampled and evaluated`, async (device) => {
    const tokenizer = await Tokenizer.train(texts, { vocabSize: 290 });
    const sizes = { vocabSize: 290, sequenceLen: 32, layers: 1, heads: 2, width: 16, mlpWidth: 32 };
    const rope = { keyHeads: 1, headSize: 8, ropeBase: 10_000, ropeScaling: null, isTied: false };
    const model = kind === "gpt2"
      ? new GPT2({ ...sizes, epsilon: 1e-5 }, device)
      : new Llama({ ...sizes, ...rope, kind: "llama", epsilon: 1e-5 }, device);
    const home = await Deno.makeTempDir();
    const folder = `${home}/base_checkpoints/d1`;
    await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
    const checkpoint = await openCheckpoint(folder, undefined, { architectures });
    assertEquals(checkpoint.meta.architecture, kind);
    const loaded = await loadModel(checkpoint, device);
    assert(
      (await Array.fromAsync(writeText(loaded, tokenizer, "The", { maxTokens: 8 }))).length > 0,
    );
    const inputs = Int32Array.from({ length: 32 }, (_, i) => i);
    const batches = (async function* () {
      const targets = Int32Array.from(inputs, (id) => id + 1);
      yield await Promise.resolve({ inputs, targets, shape: [1, 32] as [number, number] });
    })();
    const bits = await evaluateBitsPerByte(loaded, batches, new Int32Array(290).fill(1));
    assert(Math.abs(bits - Math.log2(290)) < 0.5, `${bits}`);

    await Deno.writeTextFile(`${home}/texts.txt`, texts.join("\n"));
    const flags = [
      "--device",
      "cpu",
      "--model-tag",
      "d1",
      "--eval",
      "bpb",
      "--split-tokens",
      "256",
    ];
    const data = ["--data", `${home}/texts.txt`, "--device-batch-size", "1"];
    const { code, stdout, stderr } = await runScript("base_eval.ts", [...flags, ...data], home);
    assertEquals([code, stderr], [0, ""]);
    assert(/val.*\d\.\d/s.test(stdout), stdout);
  });
}
