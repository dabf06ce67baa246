import { assert, assertEquals, assertThrows } from "@std/assert";
import { polarExpress } from "../../optim/polar_express.ts";
import { cpuTest, testOnEveryDevice } from "../../testing/every_device.ts";
import { float16Test, gpuTest } from "../../testing/gpu.ts";
import { type FloatType, noGrad, normal, Tensor } from "../../tensor/mod.ts";
import { openCheckpoint } from "../files/checkpoint.ts";
import { readMetrics } from "../files/metrics.ts";
import { GPT } from "../model/model.ts";
import { METRICS_FILE } from "./folder_run.ts";
import { preparePretraining, type PretrainOptions } from "./pretrain.ts";
import { tinyPlan, tinyRun, tinyTokenizer } from "../testing/tiny.ts";
import type { TrainingEvent } from "./run.ts";

const tokenizer = await tinyTokenizer();

// Large enough to learn in eight steps, but not so large that the loss jumps.
const learningRates = { unembeddingLr: 0.004, embeddingLr: 0.1, matrixLr: 0.005, scalarLr: 0.1 };
const plan = {
  ...tinyPlan({ numIterations: 8 }),
  learningRates: { ...learningRates, weightDecay: 0.1 },
};

async function trained(
  options: Pick<PretrainOptions, "device"> & Partial<PretrainOptions>,
): Promise<TrainingEvent[]> {
  const folder = options.folder ?? await Deno.makeTempDir();
  const schedule = { warmupSteps: 2 };
  const run = await preparePretraining({
    ...tinyRun,
    tokenizer,
    folder,
    plan,
    schedule,
    ...options,
  });
  const events = await Array.fromAsync(run.run());
  if (options.folder === undefined) await Deno.remove(folder, { recursive: true });
  return events;
}

const steps = (events: readonly TrainingEvent[]) => events.filter((event) => event.kind === "step");

function bitsPerByte(events: readonly TrainingEvent[]): number {
  const last = events.findLast((event) => event.kind === "evaluation");
  if (last === undefined) throw new Error("wanted an evaluation");
  return last.bitsPerByte;
}

float16Test("training in half precision matches single precision", async (device) => {
  const single = await trained({ device, evalEvery: 8 });
  const half = await trained({ device, evalEvery: 8, computeDtype: "float16" });
  const [expected, actual] = [single, half].map(steps);
  assert(expected!.at(-1)!.loss < expected![0]!.loss - 0.5, "expected the loss to fall");
  actual!.forEach(({ loss, lossScale, skipped }, i) => {
    const bits = Math.abs(loss - expected![i]!.loss) / Math.LN2;
    assert(bits < 0.01, `step ${i} is off by ${bits} bits`);
    assertEquals([lossScale, skipped], [65_536, false]);
  });
  const off = Math.abs(bitsPerByte(half) - bitsPerByte(single));
  assert(off < 0.01, `off by ${off} bits per byte`);
});

cpuTest("training in bfloat16 is close to single precision", async (device) => {
  const single = await trained({ device, evalEvery: 8 });
  const half = await trained({ device, evalEvery: 8, computeDtype: "bfloat16" });
  const [expected, actual] = [single, half].map(steps);
  assert(actual!.at(-1)!.loss < actual![0]!.loss - 0.5, "expected the loss to fall");
  actual!.forEach(({ loss, lossScale, skipped }, i) => {
    const bits = Math.abs(loss - expected![i]!.loss) / Math.LN2;
    assert(bits < 0.06, `step ${i} is off by ${bits} bits`);
    assertEquals([lossScale, skipped], [undefined, undefined]);
  });
  const off = Math.abs(bitsPerByte(half) - bitsPerByte(single));
  assert(off < 0.03, `off by ${off} bits per byte`);
});

testOnEveryDevice(
  "in bfloat16 all but embeddings and their gradients is float32, and the logits are near those of one",
  async (device) => {
    const ids = Tensor.from(device, Int32Array.of(3, 14, 15, 92, 65, 35), { shape: [2, 3] });
    const [single, half] = (["float32", "bfloat16"] as const).map((type) =>
      makeModel(device, type)
    );
    const [expected, actual] = [single, half].map((model) => noGrad(() => model!.forward(ids)));
    assertEquals(actual!.dtype, "float32");
    const [wanted, got] = [await expected!.data(), await actual!.data()];
    const largest = Math.max(...wanted.map(Math.abs));
    // About twenty roundings of 2⁻⁸, as in half precision, and those of the head.
    wanted.forEach((value, i) => assert(Math.abs(got[i]! - value) < 8 * 2 ** -8 * largest));
    using _scope = device.scope();
    half!.forward(ids, ids).backward();
    for (const [name, { dtype, grad }] of half!.parameters()) {
      const wanted = /wte|value_embeds/.test(name) ? "bfloat16" : "float32";
      assertEquals([name, dtype, grad?.dtype], [name, wanted, wanted]);
    }
  },
);

testOnEveryDevice("Polar Express in bfloat16 brings singular values near 1", async (device) => {
  for (const [rows, columns] of [[64, 64], [64, 256], [256, 64]] as const) {
    const gradient = normal(device, [1, rows, columns], { seed: rows + columns });
    const norm = Math.hypot(...await gradient.data());
    const matrix = polarExpress(gradient.div(1.01 * norm).to("bfloat16").contiguous(), 5);
    assertEquals(matrix.dtype, "bfloat16");
    // ‖X‖² is the sum of the squares of the singular values.
    const mean = Math.hypot(...await matrix.data()) / Math.sqrt(Math.min(rows, columns));
    assert(0.8 < mean && mean < 1.15, `${rows} × ${columns}: ${mean}`);
  }
});

float16Test(
  "a step that overflows is skipped, and the scale halved",
  async (device) => {
    const folder = await Deno.makeTempDir();
    const run = { device, folder, computeDtype: "float16" as const, saveEvery: 1 };
    await trained({ ...run, plan: { ...plan, numIterations: 1 } });
    const checkpoint = await openCheckpoint(folder);
    const state = { ...checkpoint.meta.state, scaler: { scale: 2 ** 30, growthTracker: 7 } };
    const events = await trained({
      ...run,
      plan: { ...plan, numIterations: 20 },
      checkpoint: { ...checkpoint, meta: { ...checkpoint.meta, state } },
    });
    const all = steps(events);
    const skipped = all.filter((event) => event.skipped).length;
    assert(skipped > 0 && skipped < all.length - 5, `${skipped} of ${all.length} were left out`);
    let scale = 2 ** 30;
    for (const event of all) {
      assertEquals(event.lossScale, scale);
      if (event.skipped) scale /= 2;
    }
    const logged = (await readMetrics(`${folder}/${METRICS_FILE}`)).find(({ skipped }) => skipped);
    assertEquals(logged?.lossScale, 2 ** 30);
    await Deno.remove(folder, { recursive: true });
  },
);

float16Test("a run in half precision is resumed to the bit", async (device) => {
  const { whole, rest, scaler } = await resumed(device, "float16", "float16");
  assertEquals(scaler, { scale: 65_536, growthTracker: 3 });
  assertEquals(rest, whole.slice(3));
});

cpuTest(
  "a run in bfloat16 is resumed to the bit, and one in float32 goes on in it",
  async (device) => {
    const { whole, rest, scaler } = await resumed(device, "bfloat16", "bfloat16");
    assertEquals([rest, scaler], [whole.slice(3), null]);
    const changed = (await resumed(device, "float32", "bfloat16")).rest;
    changed.forEach((loss, i) => assert(Math.abs(loss - rest[i]!) < 0.06, `${changed}, ${rest}`));
  },
);

/** The losses of a whole run in `first`, and those of one stopped after 3 steps and resumed in `second`. */
async function resumed(
  device: PretrainOptions["device"],
  first: FloatType,
  second: FloatType,
) {
  const run = { device, computeDtype: first };
  const losses = (events: readonly TrainingEvent[]) => steps(events).map(({ loss }) => loss);
  const whole = losses(await trained(run));
  const folder = await Deno.makeTempDir();
  const stop = new AbortController();
  const prepared = await preparePretraining({
    ...tinyRun,
    tokenizer,
    folder,
    schedule: { warmupSteps: 2 },
    ...run,
    plan,
    saveEvery: 3,
    signal: stop.signal,
  });
  for await (const event of prepared.run()) if (event.kind === "checkpoint") stop.abort();
  const checkpoint = await openCheckpoint(folder);
  const { step, scaler } = checkpoint.meta.state;
  assertEquals(step, 3);
  const rest = losses(await trained({ device, computeDtype: second, folder, checkpoint }));
  await Deno.remove(folder, { recursive: true });
  return { whole, rest, scaler };
}

/** A model whose layers matter: projections start at zero. */
function makeModel(
  device: Parameters<typeof GPT.prototype.forward>[0]["device"],
  type: FloatType,
): GPT {
  const model = new GPT(plan.config, device, { seed: 7, computeDtype: type });
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|smear_lambda|lm_head/.test(name)) continue;
    parameter.assign(
      Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i * 1.7 + 1) * 0.5),
    );
  }
  return model;
}

float16Test(
  "parameters and gradients are float32, and the logits are near those of one",
  async (device) => {
    const ids = Tensor.from(device, Int32Array.of(3, 14, 15, 92, 65, 35), { shape: [2, 3] });
    const [single, half] = (["float32", "float16"] as const).map((type) => makeModel(device, type));
    const [expected, actual] = [single, half].map((model) => noGrad(() => model!.forward(ids)));
    assertEquals(actual!.dtype, "float32");
    const [wanted, got] = [await expected!.data(), await actual!.data()];
    const largest = Math.max(...wanted.map(Math.abs));
    // About twenty roundings of 2⁻¹¹, in all directions.
    wanted.forEach((value, i) => assert(Math.abs(got[i]! - value) < 5 * 2 ** -11 * largest));
    using _scope = device.scope();
    half!.forward(ids, ids).mul(1024).backward();
    for (const [name, { dtype, grad }] of half!.parameters()) {
      assertEquals([name, dtype, grad?.dtype], [name, "float32", "float32"]);
    }
  },
);

float16Test(
  "weights are converted once for many tokens, and again when they change",
  async (device) => {
    const model = makeModel(device, "float16");
    const ids = Tensor.from(device, Int32Array.of(3, 14), { shape: [1, 2] });
    const run = async () => {
      using _scope = device.scope();
      const before = device.statistics.dispatches;
      const logits = noGrad(() => model.forward(ids));
      return { dispatches: device.statistics.dispatches - before, logits: await logits.data() };
    };
    const first = await run();
    const live = device.live;
    const second = await run();
    assert(second.dispatches < first.dispatches, `${second.dispatches} after ${first.dispatches}`);
    assertEquals(second.logits, first.logits);
    const weight = model.transformer.h[0]!.attn.c_v.weight;
    weight.assign(new Float32Array(weight.size));
    assert((await run()).logits.some((value, i) => value !== first.logits[i]));
    assertEquals(device.live, live);
  },
);

float16Test(
  "in half precision, decoding with a cache is as close to single precision as without one",
  async (device) => {
    const [single, half] = (["float32", "float16"] as const).map((type) => makeModel(device, type));
    const length = 14;
    /** Sums of squared differences, relative to the largest logit, in roundings of 2⁻¹¹. */
    const squares = { cached: 0, plain: 0 };
    for (const shift of [0, 11, 23, 57]) {
      const ids = Array.from({ length }, (_, i) => (3 + i * 37 + shift) % 250);
      const cache = half!.createCache(1, length);
      for (let count = 1; count <= length; count++) {
        using _scope = device.scope();
        const tensorOf = (part: readonly number[]) =>
          Tensor.from(device, Int32Array.from(part), { shape: [1, part.length] });
        const all = tensorOf(ids.slice(0, count));
        const [wanted, plain, cached] = await Promise.all(
          noGrad(() => [
            single!.forward(all, undefined, { lastOnly: true }),
            half!.forward(all, undefined, { lastOnly: true }),
            half!.decode(tensorOf([ids[count - 1]!]), [cache]),
          ]).map((logits) => logits.data()),
        );
        const largest = Math.max(...wanted!.map(Math.abs));
        const square = (got: ArrayLike<number>) =>
          Array.from(wanted!).reduce(
            (sum, value, i) => sum + ((got[i]! - value) / largest * 2 ** 11) ** 2,
            0,
          ) /
          wanted!.length;
        squares.plain += square(plain!);
        squares.cached += square(cached!);
      }
    }
    const [plain, cached] = [squares.plain, squares.cached].map((sum) =>
      Math.sqrt(sum / (4 * length))
    ) as [number, number];
    // Their kernels round in other places, so they differ from each other as much as from the truth.
    assert(plain < 5 && cached < 1.5 * plain, `${cached} with a cache, ${plain} without`);
  },
);

gpuTest("a model cannot compute in half precision where the device does not", (device) => {
  assertThrows(
    () => new GPT(plan.config, device, { computeDtype: "float16" }),
    TypeError,
    "Cannot build a model in float16: wanted a device with shader-f16, got WebGPU",
  );
}, { float16: false });
