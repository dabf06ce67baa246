/**
 * Exports models that were trained here, and compares what llama.cpp makes of them: prints a line for each,
 * and ends with code 1 where they differ. `llama_cpp_test.ts` runs it in a process of its own, since
 * node-llama-cpp wants a folder of packages.
 */

import { adaptModel, type TrainableModel } from "../../gpt/mod.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import { noGrad, openDevice, Tensor } from "../../tensor/mod.ts";
import { makeRandom, randomText } from "../../tokenizer/testing/texts.ts";
import { LLAMA3_PATTERN, startOfTexts, Tokenizer } from "../../tokenizer/mod.ts";
import {
  type ExportOptions,
  exportPretrained,
  Llama,
  openPretrained,
  type Pretrained,
} from "../mod.ts";

/** The part of node-llama-cpp that is used. */
interface LlamaCpp {
  getLlama(options: object): Promise<{
    loadModel(options: { modelPath: string }): Promise<LlamaModel>;
    dispose(): Promise<void>;
  }>;
}

interface LlamaModel {
  tokenize(text: string, special?: boolean): number[];
  createContext(options: object): Promise<{
    getSequence(): {
      controlledEvaluate(
        input: readonly (readonly [number, { generateNext: { probabilities: true } }])[],
      ): Promise<{ next: { probabilities?: Map<number, number> } }[]>;
    };
    dispose(): Promise<void>;
  }>;
  dispose(): Promise<void>;
}

const [entry, golden] = Deno.args as [string, string];
const { getLlama }: LlamaCpp = await import(entry);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const device = await openDevice("cpu", { threads: 1, blas: false });

async function write(opened: Pretrained, options: ExportOptions): Promise<string> {
  const folder = await Deno.makeTempDir();
  for await (const { name, chunks } of exportPretrained(opened, options)) {
    await Deno.writeFile(`${folder}/${name}`, ReadableStream.from(chunks));
  }
  return `${folder}/model.gguf`;
}

const random = makeRandom(31);
const texts = Array.from({ length: 200 }, () => randomText(random));

/** The largest difference of probabilities, and in how many places the most likely token is the same. */
async function compare(
  theirs: LlamaModel,
  ours: TrainableModel,
  ids: readonly number[],
): Promise<{ readonly deviation: number; readonly same: number }> {
  const context = await theirs.createContext({ contextSize: ids.length + 8, threads: 1 });
  const evaluated = await context.getSequence().controlledEvaluate(
    ids.map((id) => [id, { generateNext: { probabilities: true } }] as const),
  );
  await context.dispose();
  const logits = noGrad(() => ours.forward(Tensor.from(ours.device, [ids], { dtype: "int32" })));
  const probabilities = await logits.softmax(-1).data();
  const { vocabSize } = ours.config;
  let [deviation, same] = [0, 0];
  for (const [place, { next }] of evaluated.entries()) {
    const wanted = probabilities.subarray(place * vocabSize, (place + 1) * vocabSize);
    const best = wanted.indexOf(Math.max(...wanted));
    const [first] = next.probabilities!.keys();
    if (first === best) same++;
    for (const [id, probability] of next.probabilities!) {
      deviation = Math.max(deviation, Math.abs(probability - wanted[id]!));
    }
  }
  return { deviation, same };
}

async function check(name: string, opened: Pretrained): Promise<void> {
  const tokenizer = opened.tokenizer!;
  const prepend = startOfTexts(tokenizer.vocabulary);
  const ids = tokenizer.encode("The state of our union is strong.", { prepend }).slice(0, 60);
  for (const type of ["f32", "f16", "q8_0", "q4_0"] as const) {
    const modelPath = await write(opened, { to: "gguf", type });
    const theirs = await llama.loadModel({ modelPath });
    const { deviation, same } = await compare(theirs, opened.model, ids);
    const differing = texts.filter((text) =>
      theirs.tokenize(text).join() !== tokenizer.encode(text).join()
    );
    console.log(
      `${name} as ${type}: ${same} of ${ids.length} most likely tokens, probabilities within ` +
        `${deviation.toExponential(1)}, ids of ${
          texts.length - differing.length
        } of ${texts.length} texts`,
    );
    if (differing.length > 0) console.log(`differs first: ${JSON.stringify(differing[0])}`);
    const isEqual = same === ids.length && deviation <= 5e-3;
    if (differing.length > 0 || (type === "f32" && !isEqual)) Deno.exitCode = 1;
    await theirs.dispose();
  }
}

/** Trains for some steps on rows of text. */
async function train(
  model: TrainableModel,
  optimizer: { zeroGrad(): void; step(): void | Promise<void> },
  tokens: readonly number[],
  steps: number,
): Promise<void> {
  const length = 32;
  for (let step = 0; step < steps; step++) {
    using _scope = model.device.scope();
    const at = step * 17 % (tokens.length - length - 1);
    const rows = [at, at + 1].map((start) =>
      Tensor.from(model.device, [tokens.slice(start, start + length)], { dtype: "int32" })
    );
    optimizer.zeroGrad();
    const loss = model.forward(rows[0]!, rows[1]!);
    loss.backward();
    await optimizer.step();
  }
}

const prose = "The state of our union is strong, and it has 50 states. It's 1996; we'll go on. ";

const tokenizer = await Tokenizer.train([prose.repeat(4), ...texts], {
  vocabSize: 512,
  pattern: LLAMA3_PATTERN,
});
const sizes = { layers: 2, heads: 2, keyHeads: 2, headSize: 32, width: 64, mlpWidth: 192 };
const rope = { ropeBase: 10_000, ropeScaling: null, isTied: false, epsilon: 1e-5 };
const shape = { ...sizes, ...rope, vocabSize: 512, sequenceLen: 64 };
const model = new Llama({ ...shape, kind: "llama" }, device);
await train(
  model,
  new MuonAdamW(model.optimizerGroups()),
  tokenizer.encode(prose.repeat(10)),
  50,
);
await check("a Llama after 50 steps", { model, tokenizer, chatTemplate: null });

const gpt2 = await openPretrained(`${golden}hf-gpt2`, device);
const { adapters, optimizer } = adaptModel(gpt2.model, { rank: 4, learningRate: 0.005, seed: 1 });
await train(gpt2.model, optimizer, gpt2.tokenizer!.encode(prose.repeat(10)), 20);
const merged = await openPretrained(`${golden}hf-gpt2`, device);
for (const [name, value] of adapters.mergedState()) {
  merged.model.parameters().get(name)!.assign(Float32Array.from(await value.data()));
}
await check("GPT-2 after LoRA", merged);
await device.close();
await llama.dispose();
