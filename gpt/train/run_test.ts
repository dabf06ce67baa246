import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { bf16Test } from "../../testing/bf16.ts";
import { StoppedClock } from "../../testing/clock.ts";
import { type Batch, Loader, PackedLoader } from "../../data/mod.ts";
import { noGrad, openDevice } from "../../tensor/mod.ts";
import { GPT } from "../model/model.ts";
import { pretrainingSchedule } from "./loop.ts";
import { encoderOf } from "./pretrain.ts";
import type { TrainingPlan } from "./scaling.ts";
import { tinyPlan, tinySource, tinyTokenizer } from "../testing/tiny.ts";
import {
  train,
  type TrainingEvent,
  type TrainingState,
  type TrainOptions,
  untrained,
} from "./run.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const tokenizer = await tinyTokenizer();

async function setUp(plan: TrainingPlan, batchSize = 2, on = device): Promise<TrainOptions> {
  const model = new GPT(plan.config, on, { seed: 3 });
  const split = await tinySource().open("train");
  const batch = { batchSize, sequenceLength: plan.config.sequenceLen };
  const encoder = encoderOf(tokenizer);
  const loader = await PackedLoader.open({ split, encoder, seed: 1, ...batch });
  return {
    model,
    optimizer: model.optimizer(plan.learningRates),
    loader,
    plan,
    setLearningRates: pretrainingSchedule(plan),
  };
}

async function run(options: TrainOptions): Promise<TrainingEvent[]> {
  return await Array.fromAsync(train(options));
}

function endOf(events: readonly TrainingEvent[]): TrainingEvent & { kind: "end" } {
  const last = events.at(-1);
  if (last?.kind !== "end") throw new Error(`wanted the end, got ${last?.kind}`);
  return last;
}

const losses = (events: readonly TrainingEvent[]) =>
  events.flatMap((event) => event.kind === "step" ? [event.loss] : []);

Deno.test("the loss falls from that of a model that knows nothing", async () => {
  // Learning rates as tuned: scaling to the batch makes them tiny for so few tokens.
  const learningRates = { unembeddingLr: 0.008, embeddingLr: 0.3, matrixLr: 0.02, scalarLr: 0.5 };
  const plan = { ...tinyPlan(), learningRates: { ...learningRates, weightDecay: 0 } };
  const events = await run({
    ...await setUp(plan),
    setLearningRates: pretrainingSchedule(plan, { warmupSteps: 2 }),
  });
  const all = losses(events);
  assertEquals(all.length, 20);
  assertAlmostEquals(all[0]!, Math.log(300), 0.05);
  assert(all.at(-1)! < all[0]! - 1, `${all}`);
  const { finished, state } = endOf(events);
  assertEquals([finished, state.step], [true, 20]);
});

Deno.test("with a read interval of 0, a step is reported before the next one", async () => {
  const options = await setUp(tinyPlan({ numIterations: 5, deviceBatchSize: 4 }), 4);
  let taken = 0;
  const take = () => {
    taken++;
    return options.loader.take();
  };
  const seen: [step: number, taken: number][] = [];
  for await (const event of train({ ...options, loader: { take }, readInterval: 0 })) {
    if (event.kind === "step") seen.push([event.step, taken]);
  }
  assertEquals(seen, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]);
});

Deno.test("two batches of two rows make the same step as one batch of four", async () => {
  const parts = losses(await run(await setUp(tinyPlan({ numIterations: 5 }), 2)));
  const whole = losses(
    await run(await setUp(tinyPlan({ numIterations: 5, deviceBatchSize: 4 }), 4)),
  );
  parts.forEach((loss, i) => assertAlmostEquals(loss, whole[i]!, 1e-4));
});

Deno.test("a warmup of the length cuts rows into four, then into two, and computes the same tokens", async () => {
  const plan = tinyPlan({ numIterations: 6 });
  const options = await setUp(plan);
  const got = losses(await run({ ...options, lengthWarmupSteps: 5 }));
  const other = await setUp(plan);
  const partsByStep = [4, 4, 2, 2, 2, 1];
  let batches = 0;
  const take = async () => {
    const batch = await other.loader.take();
    const [rows, tokens] = batch.shape;
    const parts = partsByStep[Math.floor(batches++ / plan.gradAccumSteps)]!;
    const shape: [number, number] = [rows * parts, tokens / parts];
    return { ...batch, shape };
  };
  assertEquals(losses(await run({ ...other, loader: { take } })), got);
  const odd = { ...options, lengthWarmupSteps: 1, loader: { take: oddBatch } };
  await assertRejects(() => run(odd), RangeError, "got [4, 0.75]");
});

/** A batch of one row of three tokens. */
function oddBatch(): Promise<Batch<unknown>> {
  const ids = new Int32Array(3);
  return Promise.resolve({ inputs: ids, targets: ids, shape: [1, 3], state: null });
}

Deno.test("gradients of all batches are complete before they update the parameters", async () => {
  const normsOf = async (batchSize: number) => {
    const options = await setUp(
      tinyPlan({ numIterations: 5, deviceBatchSize: batchSize }),
      batchSize,
    );
    const parameters = options.model.parameters();
    const weights = parameters.get("transformer.wte.weight")!;
    const norms = new Map<number, Promise<number>>();
    const onGradients = (step: number) => {
      norms.set(step, noGrad(() => weights.grad!.square().sum().sqrt()).item());
    };
    await run({ ...options, onGradients });
    assertEquals([...norms.keys()], [0, 1, 2, 3, 4]);
    return await Promise.all(norms.values());
  };
  const whole = await normsOf(4);
  (await normsOf(2)).forEach((norm, i) => assertAlmostEquals(norm, whole[i]!, 1e-4 * whole[i]!));
});

Deno.test("the schedules set the learning rates of each step", async () => {
  const plan = tinyPlan({ numIterations: 10, weightDecay: 0.5 });
  const options = await setUp(plan);
  const schedule = { warmupSteps: 4, warmdownRatio: 0.5, finalFraction: 0.1 };
  const seen: number[] = [];
  for await (
    const event of train({ ...options, setLearningRates: pretrainingSchedule(plan, schedule) })
  ) {
    if (event.kind === "step") seen.push(event.learningRateMultiplier);
  }
  const wanted = [0.25, 0.5, 0.75, 1, 1, 1, 0.82, 0.64, 0.46, 0.28];
  seen.forEach((multiplier, i) => assertAlmostEquals(multiplier, wanted[i]!, 1e-12));
  for (const group of options.optimizer.groups) {
    assertAlmostEquals(group.lr, group.initialLr * 0.28, 1e-12);
    if (!("kind" in group) || group.kind !== "muon") continue;
    // Step 9 of 10: half a cosine for the decay, a fortieth of the way for the momentum.
    assertAlmostEquals(group.momentum, 0.85 + 0.12 * 9 / 400, 1e-12);
    const decay = plan.learningRates.weightDecay * 0.5 * (1 + Math.cos(Math.PI * 0.9));
    assertAlmostEquals(group.weightDecay, decay, 1e-12);
  }
});

Deno.test("tasks run at their intervals and after the last step, and nothing is saved twice", async () => {
  const called: string[] = [];
  const step = (state: { step: number }) => Promise.resolve(`${state.step}`);
  const events = await run({
    ...await setUp(tinyPlan({ numIterations: 5 })),
    evaluate: { every: 2, run: () => Promise.resolve(called.length) },
    sample: { every: 3, run: () => Promise.resolve([]) },
    save: { every: 4, run: (state) => (called.push("save"), step(state)) },
  });
  const seen = events.filter(({ kind }) => kind !== "step").map((event) =>
    event.kind === "end" ? "end" : `${event.kind} ${event.step}`
  );
  assertEquals(seen, [
    "evaluation 0",
    "evaluation 2",
    "samples 3",
    "evaluation 4",
    "checkpoint 4",
    "evaluation 5",
    "samples 5",
    "checkpoint 5",
    "end",
  ]);
});

bf16Test(
  "a run in bf16 evaluates, samples and measures in f32, also after an error",
  async (on) => {
    const options = await setUp(tinyPlan({ numIterations: 2 }), 2, on);
    const forward = options.model.forward.bind(options.model) as GPT["forward"];
    const seen: string[] = [];
    const note = (what: string) => seen.push(`${what} in ${on.matmulPrecision}`);
    options.model.forward = ((...args: Parameters<GPT["forward"]>) => {
      note("step");
      return forward(...args);
    }) as GPT["forward"];
    const task = <Result>(name: string, result: Result) => ({
      every: 2,
      run: async () => {
        await Promise.resolve();
        note(name);
        return result;
      },
    });
    await run({
      ...options,
      evaluate: task("evaluation", 1),
      sample: task("sample", ["text"]),
      measure: task("measurement", {}),
    });
    const between = ["evaluation", "sample", "measurement"].map((name) => `${name} in f32`);
    assertEquals([...new Set(seen)], [between[0], "step in bf16", ...between.slice(1)]);
    const failing = { every: 1, run: () => Promise.reject(new Error("no text")) };
    await assertRejects(() => run({ ...options, evaluate: failing }), Error, "no text");
    assertEquals(on.matmulPrecision, "bf16");
  },
);

Deno.test("saving by time takes at most 1 % of the time", async () => {
  // The device is read after every step, which is when a run can be saved. A step takes a second.
  const savedSteps = async (seconds: number, duration: number) => {
    using clock = new StoppedClock();
    const saved: number[] = [];
    const save = ({ step }: { step: number }) => {
      saved.push(step);
      clock.pass(1000 * duration);
      return Promise.resolve(`${step}`);
    };
    const sample = {
      every: 1,
      run: () => {
        clock.pass(1000);
        return Promise.resolve([]);
      },
    };
    await run({ ...await setUp(tinyPlan()), sample, save: { every: -1, seconds, run: save } });
    return saved;
  };
  assertEquals(await savedSteps(1e6, 0), [20]);
  assertEquals(await savedSteps(6.5, 0), [7, 14, 20]);
  // Saving takes 1 % of half a minute, so the run ends before the next time.
  assertEquals(await savedSteps(0, 0.3), [1, 20]);
  assertEquals(await savedSteps(0, 0.06), [1, 7, 13, 19, 20]);
});

Deno.test("a signal stops the run after the step, and saves it", async () => {
  const controller = new AbortController();
  const saved: number[] = [];
  const events: TrainingEvent[] = [];
  const options: TrainOptions = {
    ...await setUp(tinyPlan()),
    // Reading after every step, so that the first is reported before the last is done.
    sample: { every: 1, run: () => Promise.resolve([]) },
    save: { every: -1, run: (state) => Promise.resolve(`${saved.push(state.step)}`) },
    signal: controller.signal,
  };
  for await (const event of train(options)) {
    events.push(event);
    if (event.kind === "step") controller.abort();
  }
  const { finished, state } = endOf(events);
  assertEquals(finished, false);
  assert(state.step < 20, `${state.step}`);
  assertEquals(saved, [state.step]);
  assertEquals(losses(events).length, state.step);
});

Deno.test("a rank ends with the exit code of the signal that another one got", async () => {
  const options = await setUp(tinyPlan({ numIterations: 5, ranks: 2 }));
  let summed = 0;
  const sum = ([loss, ...numbers]: readonly number[]) => {
    // The other rank got SIGTERM in the second step.
    const others = [loss!, 0, 0, summed++ === 1 ? 143 : 0];
    return [loss!, ...numbers].map((number, i) => number + others[i]!);
  };
  const end = endOf(await run({ ...options, parallel: { rank: 0, ranks: 2, sum } }));
  assertEquals([end.state.step, end.finished, end.exitCode], [2, false, 143]);
  const signal = AbortSignal.abort(129);
  const first = endOf(await run({ ...options, signal, parallel: { rank: 0, ranks: 2, sum } }));
  assertEquals([first.state.step, first.exitCode], [1, 129]);
});

Deno.test("a signal during an evaluation stops the run as well", async () => {
  const controller = new AbortController();
  const events = await run({
    ...await setUp(tinyPlan()),
    evaluate: {
      every: 5,
      run: () => {
        controller.abort();
        return Promise.reject(new Error("stopped in the middle"));
      },
    },
    signal: controller.signal,
  });
  assertEquals(events.map(({ kind }) => kind), ["end"]);
});

Deno.test("a signal in the evaluation after the last step leaves it to the next attempt, which saves it", async () => {
  const controller = new AbortController();
  const saved: TrainingState[] = [];
  const options = await setUp(tinyPlan({ numIterations: 2 }));
  const save = {
    every: -1,
    run: (state: TrainingState) => Promise.resolve(`${saved.push(state)}`),
  };
  let isInterrupted = true;
  const measure = () => {
    if (!isInterrupted) return Promise.resolve(1.5);
    controller.abort(143);
    return Promise.reject(new Error("stopped in the middle"));
  };
  const evaluate = { every: 100, run: () => options.model.device.synchronize().then(measure) };
  const first = { ...options, save, state: { ...untrained, bitsPerByte: 8 } };
  // The evaluation before the first step is not the one that is interrupted.
  isInterrupted = false;
  const cut = {
    every: 100,
    run: () => evaluate.run().then((bits) => (isInterrupted = true, bits)),
  };
  const end = endOf(await run({ ...first, evaluate: cut, signal: controller.signal }));
  assertEquals([end.state.step, end.finished, end.exitCode], [2, false, 143]);
  isInterrupted = false;
  const rest = await run({ ...options, save, evaluate, state: end.state });
  assertEquals(rest.map(({ kind }) => kind), ["evaluation", "checkpoint", "end"]);
  const last = endOf(rest);
  assertEquals([last.finished, last.exitCode, saved.at(-1)!.bitsPerByte], [true, 0, 1.5]);
  assertEquals(saved.map(({ step }) => step), [2, 2]);
});

Deno.test("a loss that is not finite ends the run before anything is saved, and names the step", async () => {
  const saved: number[] = [];
  const options = await setUp({
    ...tinyPlan(),
    learningRates: { ...tinyPlan().learningRates, embeddingLr: 1e30 },
  });
  const head = options.model.parameters().get("lm_head.weight")!;
  head.assign(new Float32Array(head.size).fill(NaN));
  await assertRejects(
    () =>
      run({ ...options, save: { every: 1, run: (s) => Promise.resolve(`${saved.push(s.step)}`) } }),
    Error,
    "wanted a finite loss, got NaN at step 0",
  );
  assertEquals(saved, []);
});

Deno.test("a training step leaks nothing", async () => {
  const live: number[] = [];
  // A device of its own, without tensors of other tests that await garbage collection.
  const own = await openDevice("cpu", { threads: 1, blas: false });
  const options = await setUp(tinyPlan(), 2, own);
  // Read after every step, so that no loss is pending when memory is counted.
  for await (
    const event of train({ ...options, sample: { every: 1, run: () => Promise.resolve([]) } })
  ) {
    if (event.kind === "samples") live.push(own.live);
  }
  await own.close();
  assertEquals(live, new Array(20).fill(live[0]));
});

Deno.test("a loader that ends is an error, not the end of the run", async () => {
  class Empty extends Loader<null> {
    fillRow(): Promise<boolean> {
      return Promise.resolve(false);
    }
    state(): null {
      return null;
    }
  }
  const loader: Loader<unknown> = new Empty({ batchSize: 2, sequenceLength: 16 });
  const options = await setUp(tinyPlan());
  await assertRejects(() => run({ ...options, loader }), RangeError, "got the end of the data");
});

Deno.test("the loader's state after the last batch is part of the run's state", async () => {
  const options = await setUp(tinyPlan({ numIterations: 3 }));
  const { state } = endOf(await run(options));
  const fresh = await setUp(tinyPlan({ numIterations: 3 }));
  let batch: Batch<unknown> | undefined;
  for (let i = 0; i < 6; i++) batch = await fresh.loader.take();
  assertEquals(state.loader, batch?.state);
});

Deno.test("without data a run saves what it has learned, and then ends with the loader's error", async () => {
  const options = await setUp(tinyPlan({ numIterations: 5 }));
  let taken = 0;
  const take = () => {
    // The first of the two batches of the third step is read.
    if (++taken > 5) throw new SyntaxError("Cannot read the corpus: wanted text, got none");
    return options.loader.take();
  };
  const saved: TrainingState[] = [];
  const run = (state: TrainingState) => {
    saved.push(state);
    return Promise.resolve("folder");
  };
  const events: TrainingEvent[] = [];
  const broken = { ...options, loader: { take }, save: { every: -1, run } };
  await assertRejects(
    async () => {
      for await (const event of train(broken)) events.push(event);
    },
    SyntaxError,
    "Cannot read the corpus",
  );
  assertEquals(losses(events).length, 2);
  assertEquals(events.at(-1)?.kind, "checkpoint");
  const whole = await setUp(tinyPlan({ numIterations: 2 }));
  const { state } = endOf(await Array.fromAsync(train(whole)));
  const { step, smoothLoss, loader } = saved[0]!;
  assertEquals([saved.length, step, smoothLoss], [1, 2, state.smoothLoss]);
  assertEquals(loader, state.loader);
});

Deno.test("a signal ends a run that waits for data, and what it has learned is saved", async () => {
  const options = await setUp(tinyPlan({ numIterations: 5 }));
  const controller = new AbortController();
  let taken = 0;
  const take = () => {
    if (++taken < 6) return options.loader.take();
    setTimeout(() => controller.abort(143), 5);
    return new Promise<never>(() => {});
  };
  const saved: number[] = [];
  const run = ({ step }: TrainingState) => {
    saved.push(step);
    return Promise.resolve("folder");
  };
  const { signal } = controller;
  const waiting = { ...options, loader: { take }, save: { every: -1, run }, signal };
  const { finished, exitCode } = endOf(await Array.fromAsync(train(waiting)));
  assertEquals([finished, exitCode, saved], [false, 143, [2]]);
});

Deno.test("a plan whose steps are no number is refused, since no run would ever reach it", async () => {
  const options = await setUp(tinyPlan({ numIterations: 2 }));
  for (const [name, value] of [["numIterations", NaN], ["gradAccumSteps", undefined]] as const) {
    const plan = { ...options.plan, [name]: value };
    await assertRejects(
      () => Array.fromAsync(train({ ...options, plan } as typeof options)),
      RangeError,
      `Cannot train: wanted ${name} as a whole number, got ${value}`,
    );
  }
});
