import { assert, assertEquals } from "@std/assert";
import {
  goldenTest,
  readGoldenJson,
  readGoldenTensors,
  relativeDeviation,
} from "../../testing/golden.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { hasGolden } from "../../testing/golden.ts";
import {
  type Device,
  noGrad,
  openDevice,
  type SafetensorsTensor,
  Tensor,
  type WebGpuDevice,
} from "../../tensor/mod.ts";
import { withoutRelaxedSimd } from "../../tensor/ops/testing/without_relaxed_simd.ts";
import { Engine } from "../generate/engine.ts";
import { generateWithoutCache } from "../testing/without_cache.ts";
import { goldenConfig } from "../testing/golden_config.ts";
import { GPT } from "./model.ts";

interface GoldenRun {
  readonly config: Record<string, number | string>;
  readonly losses: readonly number[];
  readonly optimizer_call: Record<string, number>;
  readonly sampled: Record<string, number>;
  readonly decode: Record<
    string,
    { readonly prompt: readonly number[]; readonly tokens: readonly number[] }
  >;
}

type Golden = ReadonlyMap<string, SafetensorsTensor>;

/** A tokenizer without special tokens: samples end by length. */
const bare = { special: () => -1, encode: () => [], decode: () => "" };

function buildModel(device: Device, run: GoldenRun, golden: Golden): GPT {
  const model = new GPT(goldenConfig(run.config), device);
  const parameters = [...golden].filter(([name]) => name.startsWith("params0/"));
  model.loadParameters(new Map(parameters.map(([name, value]) => [name.slice(8), value])));
  return model;
}

function begin(device: Device, name: string) {
  const run = readGoldenJson<GoldenRun>(name);
  const golden = readGoldenTensors(name);
  const model = buildModel(device, run, golden);
  const ids = (key: string) => {
    const { data, shape } = golden.get(key)!;
    return Tensor.from(device, data as Int32Array<ArrayBuffer>, { shape });
  };
  const [inputs, targets] = [ids("idx"), ids("targets")];
  return { run, golden, model, inputs, targets };
}

function sample(data: ArrayLike<number>, stride: number | undefined): number[] {
  return Array.from(data).filter((_, i) => i % (stride ?? 1) === 0);
}

function numbers(golden: Golden, name: string): number[] {
  const tensor = golden.get(name);
  if (tensor === undefined) throw new Error(`the golden file has no ${name}`);
  return Array.from(tensor.data as Float32Array);
}

async function checkTraining(device: Device, name: string): Promise<void> {
  const { run, golden, model, inputs, targets } = begin(device, name);
  const worst = { forward: 0, gradients: 0, parameters: 0 };
  const compare = async (kind: keyof typeof worst, key: string, actual: Tensor, limit: number) => {
    const values = sample(await actual.data(), run.sampled[key]);
    const deviation = relativeDeviation(values, numbers(golden, key));
    worst[kind] = Math.max(worst[kind], deviation);
    assert(
      deviation <= limit,
      `${key}: the relative deviation is ${deviation}, more than ${limit}`,
    );
  };
  {
    using _scope = device.scope();
    await compare("forward", "logits", noGrad(() => model.forward(inputs)), 1e-4);
    const none = noGrad(() => model.forward(inputs, targets, { reduction: "none" }));
    await compare("forward", "loss_none", none, 1e-4);
  }
  const optimizer = model.optimizer({
    unembeddingLr: run.optimizer_call.unembedding_lr!,
    embeddingLr: run.optimizer_call.embedding_lr!,
    matrixLr: run.optimizer_call.matrix_lr!,
    weightDecay: run.optimizer_call.weight_decay!,
    scalarLr: run.optimizer_call.scalar_lr!,
  });
  for (const group of optimizer.groups) {
    if (group.kind === "muon") group.momentum = run.optimizer_call.muon_momentum!;
  }
  for (const [step, wanted] of run.losses.entries()) {
    using _scope = device.scope();
    const loss = model.forward(inputs, targets);
    const deviation = relativeDeviation([await loss.item()], [wanted]);
    assert(
      deviation <= (step === 0 ? 1e-4 : 1e-3),
      `the loss after ${step} steps is off by ${deviation}`,
    );
    if (step === run.losses.length - 1) break;
    loss.backward();
    if (step === 0) {
      for (const [key, { grad }] of model.parameters()) {
        await compare("gradients", `grads/${key}`, grad!, 1e-4);
      }
    }
    optimizer.step();
    optimizer.zeroGrad();
    for (const [key, parameter] of model.parameters()) {
      await compare("parameters", `params${step + 1}/${key}`, parameter, 1e-3);
    }
  }
  console.log(`${name} on ${device.kind}: largest relative deviations ${JSON.stringify(worst)}`);
}

async function checkGradients(device: WebGpuDevice, name: string): Promise<void> {
  const { run, golden, model, inputs, targets } = begin(device, name);
  using _scope = device.scope();
  const compared = new Map([["logits", noGrad(() => model.forward(inputs))]]);
  model.forward(inputs, targets).backward();
  for (const [key, { grad }] of model.parameters()) compared.set(`grads/${key}`, grad!);
  const values = await Promise.all([...compared.values()].map((tensor) => tensor.data()));
  for (const [i, key] of [...compared.keys()].entries()) {
    const deviation = relativeDeviation(sample(values[i]!, run.sampled[key]), numbers(golden, key));
    assert(deviation <= 1e-4, `${key} is off by ${deviation}`);
  }
}

async function checkDecoding(device: Device, name: string): Promise<void> {
  const { run, golden, model } = begin(device, name);
  const engine = new Engine(model, bare);
  const recorded = Object.keys(run.decode).filter((key) => golden.has(`${key}/tokens`));
  assert(recorded.length > 0, `${name} has no decoded tokens`);
  for (const key of recorded) {
    const { prompt, tokens } = run.decode[key]!;
    const greedy = { temperature: 0, maxTokens: tokens.length };
    const cached: number[] = [];
    for await (const step of engine.generate(prompt, greedy)) cached.push(step.tokens[0]!);
    assertEquals(cached, [...tokens], `${key} with a cache`);
    const plain = await Array.fromAsync(generateWithoutCache(model, prompt, greedy));
    assertEquals(plain, [...tokens], `${key} without a cache`);
  }
}

const cpuPaths: Record<string, { threads: number; blas: boolean; relaxedSimd?: boolean }> = {
  "two threads and a BLAS if there is one": { threads: 2, blas: true },
  "two threads": { threads: 2, blas: false },
  "one thread": { threads: 1, blas: false },
  "one thread and plain SIMD": { threads: 1, blas: false, relaxedSimd: false },
};

for (const name of ["golden-g1", "golden-g2"]) {
  const checks = { "trains": checkTraining, "decodes": checkDecoding };
  for (const [what, check] of Object.entries(checks)) {
    for (const [path, { threads, blas, relaxedSimd = true }] of Object.entries(cpuPaths)) {
      goldenTest(
        `the model ${what} as the original does on the CPU, ${path} (${name})`,
        async () => {
          const device = await openDevice("cpu", { threads, blas });
          if (device.kind !== "cpu") throw new Error("asked for the CPU");
          await check(relaxedSimd ? device : withoutRelaxedSimd(device), name);
          await device.close();
        },
      );
    }
    if (!hasGolden) continue;
    gpuTest(
      `the model ${what} as the original does on WebGPU (${name})`,
      (device) => check(device, name),
    );
  }
}

if (hasGolden) {
  gpuTest(
    "logits and gradients are the original's by the kernels that a real GPU gets",
    async (device) => {
      Object.assign(device.info.details, { software: false });
      await checkGradients(device, "golden-g1");
    },
  );
}
