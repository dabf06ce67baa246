import { assert, assertEquals } from "@std/assert";
import {
  installedMpis,
  launch,
  type TestedMpi,
  testUnderMpi,
  testUnderOneMpi,
} from "../mpi/testing/ranks.ts";
import { type FloatType, openDevice } from "../tensor/mod.ts";
import { adapterTest } from "../testing/gpu.ts";
import { GPT } from "./model/model.ts";
import { openTinyLoader, tinyPlan } from "./testing/tiny.ts";
import { pretrainingSchedule, trainingLoop } from "./train/loop.ts";
import { planTraining } from "./train/scaling.ts";

const script = new URL("testing/ranks_script.ts", import.meta.url);

async function run(
  mpi: TestedMpi,
  ranks: number,
  kind: string,
  device = "cpu",
  dtype: FloatType = "float32",
) {
  const { code, stdout, stderr } = await launch({
    mpi,
    ranks,
    script,
    args: [kind, device, dtype],
  });
  assertEquals(code, 0, stderr);
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  return lines.sort((a, b) => a.rank - b.rank);
}

/** The losses of one process that takes the batches of all ranks in turn. */
async function lossesOfOne(ranks: number): Promise<number[]> {
  const plan = tinyPlan({ numIterations: 3, totalBatchSize: 32 * ranks });
  const device = await openDevice("cpu", { threads: 1 });
  const model = new GPT(plan.config, device, { seed: 0 });
  const losses: number[] = [];
  const steps = trainingLoop({
    model,
    optimizer: model.optimizer(plan.learningRates),
    loader: await openTinyLoader(plan),
    plan,
    setLearningRates: pretrainingSchedule(plan),
    firstStep: 0,
  });
  for await (const step of steps) {
    const read = await Promise.all(step.losses.map((loss) => loss.item()));
    losses.push(read.reduce((sum, loss) => sum + loss, 0) / read.length);
  }
  await device.close();
  return losses;
}

/** The bits of 2 ranks, whoever started them. */
let known: { parameters: string; state: string } | undefined;

testUnderMpi(
  "2 ranks have the losses of one process, and shared work has the bits of whole work under every MPI",
  async (mpi) => {
    const [first, second] = await run(mpi, 2, "sharded");
    const wanted = await lossesOfOne(2);
    for (const [i, loss] of wanted.entries()) {
      assert(Math.abs(first.losses[i] - loss) < 1e-4, `${first.losses} instead of ${wanted}`);
    }
    assertEquals(second.losses, first.losses);
    assertEquals(second.parameters, first.parameters);
    const [whole] = await run(mpi, 2, "replicated");
    assertEquals([first.parameters, first.state], [whole.parameters, whole.state]);
    assertEquals(second.state, null, "expected the state on rank 0 alone");
    known ??= { parameters: first.parameters, state: first.state };
    assertEquals({ parameters: first.parameters, state: first.state }, known);
  },
);

testUnderOneMpi("2 ranks train in bfloat16, where embeddings are of 16 bits", async (mpi) => {
  const [first, second] = await run(mpi, 2, "sharded", "cpu", "bfloat16");
  assertEquals(second.parameters, first.parameters);
  const [whole] = await run(mpi, 2, "replicated", "cpu", "bfloat16");
  const wanted = await lossesOfOne(2);
  for (const [i, loss] of wanted.entries()) {
    assert(Math.abs(first.losses[i] - loss) < 0.05, `${first.losses} instead of ${wanted}`);
  }
  assertEquals([first.parameters, first.state], [whole.parameters, whole.state]);
});

testUnderMpi("3 and 4 ranks have the same parameters, bit for bit", async (mpi) => {
  for (const ranks of [3, 4]) {
    const outputs = await run(mpi, ranks, "sharded");
    assertEquals(new Set(outputs.map(({ parameters }) => parameters)).size, 1);
    const wanted = await lossesOfOne(ranks);
    for (const [i, loss] of wanted.entries()) {
      assert(Math.abs(outputs[0].losses[i] - loss) < 1e-4, `${outputs[0].losses}, ${wanted}`);
    }
  }
});

// Where no MPI is installed, the tests above say so.
for (const mpi of installedMpis().slice(0, 1)) {
  adapterTest("2 ranks on WebGPU have the bits of whole work", async () => {
    const [sharded] = await run(mpi, 2, "sharded", "webgpu");
    const [whole] = await run(mpi, 2, "replicated", "webgpu");
    assertEquals([sharded.parameters, sharded.state], [whole.parameters, whole.state]);
  });
}

Deno.test("ranks that do not divide the batch are an error that names the numbers", () => {
  const size = { maxSeqLen: 16, deviceBatchSize: 2, totalBatchSize: 64, numIterations: 1 };
  const options = { depth: 1, vocabSize: 300, aspectRatio: 32, headDim: 32, ...size };
  assertEquals(planTraining({ ...options, ranks: 2 }).gradAccumSteps, 1);
  let message = "";
  try {
    planTraining({ ...options, ranks: 3 });
  } catch (error) {
    message = String(error);
  }
  assert(
    message.includes("deviceBatchSize × maxSeqLen × ranks = 2 × 16 × 3 = 96, got 64"),
    message,
  );
});

Deno.test("without a launcher nothing of mpi/ is loaded", async () => {
  const entry = new URL("../scripts/base_train.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", entry],
    stderr: "null",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const reached = new Set<string>();
  const visit = (specifier: string): void => {
    if (reached.has(specifier)) return;
    reached.add(specifier);
    const module = modules.find((each: { specifier: string }) => each.specifier === specifier);
    for (const { code, isDynamic } of module?.dependencies ?? []) {
      if (code !== undefined && isDynamic !== true) visit(code.specifier);
    }
  };
  visit(entry);
  const isOfMpi = (specifier: string) => specifier.includes("/mpi/");
  assert([...reached].some((specifier) => specifier.endsWith("/gpt/parallel.ts")));
  assertEquals([...reached].filter(isOfMpi), []);
  const all = modules.map(({ specifier }: { specifier: string }) => specifier);
  assert(all.some(isOfMpi), "expected it to be loaded when it is asked for");
});
