import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { configForDepth } from "../gpt/mod.ts";
import { matmulParameters } from "../gpt/model/parameters.ts";
import { prefillFlops } from "../gpt/model/costs.ts";
import { nonNegativeLeastSquares } from "./least_squares.ts";
import { baseShape } from "./roofline_count.ts";
import {
  type ByPart,
  type CostModel,
  costsOn,
  countAmounts,
  fitCosts,
  forecast,
  KINDS,
  PARTS,
  type Point,
  predict,
  type ScalingShape,
} from "./scaling_model.ts";
import { gradientBytesOf, largestShares, NETWORKS, predictStep } from "./ranks_model.ts";
import { ranksSection, withRanksSection } from "./ranks_page.ts";
import { readFit, scalingPage } from "./scaling_page.ts";

const shape = (others: Partial<ScalingShape>): ScalingShape => ({
  ...baseShape,
  aspectRatio: 32,
  headDim: 32,
  vocabSize: 256,
  maxSeqLen: 32,
  ...others,
});

const costs: CostModel = {
  pass: { matmul: 1e-11, attention: 2e-11, bytes: 3e-11, calls: 1e-5 },
  optimizer: { matmul: 2e-11, attention: 0, bytes: 1e-11, calls: 2e-5 },
};

/** Models of several shapes, with times computed from the costs above. */
async function pointsOf(noise: (i: number) => number): Promise<Point[]> {
  const shapes = [
    ...[2, 3, 4].map((depth) => shape({ depth })),
    ...[16, 64].map((aspectRatio) => shape({ aspectRatio })),
    ...[64, 4096].map((vocabSize) => shape({ vocabSize })),
    ...[8, 256].map((maxSeqLen) => shape({ maxSeqLen })),
    shape({ deviceBatchSize: 1, maxSeqLen: 8 }),
  ];
  return await Promise.all(shapes.map(async (shape, i) => {
    const amounts = await countAmounts(shape);
    const exact = predict(amounts, costs);
    const seconds: ByPart<number> = {
      forward: exact.forward * noise(i),
      backward: exact.backward * noise(i + 1),
      optimizer: exact.optimizer * noise(i),
    };
    return { shape, amounts, seconds };
  }));
}

Deno.test("least squares recover the coefficients of the targets", () => {
  const rows = Array.from({ length: 9 }, (_, i) => [i, i * i * 1e9, 1, Math.sin(i)]);
  const wanted = [2, 3e-9, 0, 0.5];
  const targets = rows.map((row) => row.reduce((sum, value, j) => sum + value * wanted[j]!, 0));
  nonNegativeLeastSquares(rows, targets).forEach((value, j) =>
    assertAlmostEquals(value, wanted[j]!, 1e-9)
  );
});

Deno.test("non-negative least squares set a coefficient to zero that would be negative", () => {
  // Without the constraint it would be 2 − x; with it the best constant is the mean.
  const fitted = nonNegativeLeastSquares([[1, 0], [1, 1], [1, 2]], [2, 1, 0]);
  assertAlmostEquals(fitted[0]!, 1, 1e-12);
  assertEquals(fitted[1], 0);
});

Deno.test("columns of zeros and duplicate columns do not matter", () => {
  const fitted = nonNegativeLeastSquares([[1, 0, 1], [2, 0, 2], [3, 0, 3]], [2, 4, 6]);
  assertEquals(fitted[1], 0);
  assertAlmostEquals(fitted[0]! + fitted[2]!, 2, 1e-12);
});

Deno.test("fewer rows than columns are refused", () => {
  assertThrows(
    () => nonNegativeLeastSquares([[1, 2]], [1]),
    RangeError,
    "Cannot fit: wanted at least 2 rows and a target for each, got 1 rows and 1 targets",
  );
  assertThrows(() => nonNegativeLeastSquares([[1, 2], [1]], [1, 1]), RangeError, "got 1");
});

Deno.test("counted work equals the formulas", async () => {
  const { forward, backward } = await countAmounts({ ...baseShape, aspectRatio: 64 });
  const config = configForDepth(baseShape);
  const perSequence = 2 * matmulParameters(config) * config.sequenceLen;
  const attention = baseShape.deviceBatchSize *
    (prefillFlops(config, config.sequenceLen) - perSequence);
  assertEquals(forward.attention, attention);
  // The smear gate has no token before the first: slightly less work.
  const matmul = baseShape.deviceBatchSize * perSequence;
  // The head's gradients are computed with its loss, so only the sum of both parts is known.
  assertAlmostEquals((forward.matmul + backward.matmul) / matmul, 3, 1e-3);
});

Deno.test("the fit recovers the costs behind the times", async () => {
  const fitted = fitCosts(await pointsOf(() => 1));
  for (const kind of KINDS) {
    assertAlmostEquals(fitted.pass[kind] / costs.pass[kind], 1, 1e-6, kind);
    if (kind === "attention") assertEquals(fitted.optimizer[kind], 0);
    else assertAlmostEquals(fitted.optimizer[kind] / costs.optimizer[kind], 1, 1e-6, kind);
  }
});

Deno.test("noise in the times changes the fit by no more than the noise", async () => {
  const points = await pointsOf((i) => i % 2 === 0 ? 1.05 : 0.95);
  const fitted = fitCosts(points);
  for (const { amounts } of points) {
    const [got, wanted] = [predict(amounts, fitted), predict(amounts, costs)];
    for (const part of PARTS) assertAlmostEquals(got[part] / wanted[part], 1, 0.06);
  }
});

Deno.test("operations scale with cores, bytes with bandwidth, and calls not at all", () => {
  const { pass } = costsOn({ cores: 4, bandwidth: 2 }, costs);
  assertEquals(pass, { matmul: 2.5e-12, attention: 5e-12, bytes: 1.5e-11, calls: 1e-5 });
});

Deno.test("a forecast has one optimizer step for all batches", async () => {
  const of = { shape: shape({}), amounts: await countAmounts(shape({})), batches: 8 };
  const { forward, backward, optimizer } = predict(of.amounts, costs);
  const { tokensPerSecond, shares } = forecast(of, costs);
  const tokens = 8 * of.shape.deviceBatchSize * of.shape.maxSeqLen;
  assertAlmostEquals(tokens / tokensPerSecond, 8 * (forward + backward) + optimizer, 1e-9);
  assertAlmostEquals(KINDS.reduce((sum, kind) => sum + shares[kind], 0), 1, 1e-9);
});

Deno.test("the page has tables with and without a BLAS, and marks costs fitted as zero", async () => {
  const points = await pointsOf(() => 1);
  const path = {
    name: "a cpu",
    matmulFlops: 1e11,
    bandwidth: 4e10,
    points,
    unseen: points[0]!,
    model: { ...costs, pass: { ...costs.pass, bytes: 0 } },
  };
  const large = { shape: points[0]!.shape, amounts: points[0]!.amounts };
  const page = scalingPage({
    date: "2026-01-01",
    machine: "a machine",
    threads: 2,
    isQuick: true,
    paths: [{ ...path, blas: true }, { ...path, blas: false }],
    larges: [{ ...large, plan: { totalTokens: 1e9, totalBatchSize: 2 ** 14 } }],
  });
  assert(page.includes("**A quick run"));
  assert(
    page.includes("| BLAS: forward and backward | 100 GFLOP/s | 50.0 GFLOP/s | – | 10.0 µs |"),
  );
  const tables = page.split("\n\n").filter((block) => block.startsWith("|"));
  assertEquals(tables.length, 1 + 2 * 2 + 1);
  for (const table of tables) {
    const columns = table.split("\n").map((line) => line.split("|").length);
    assertEquals(new Set(columns).size, 1, table);
  }
  // Two, 8 and 64 cores, with and without a BLAS.
  assertEquals(tables.at(-1)!.split("\n").length, 2 + 3 * 2);
  assert(!/NaN|Infinity|undefined/.test(page));
});

Deno.test("the update is divided by ranks as long as no matrix is larger than a share", () => {
  const largestShare = largestShares({ ...baseShape, aspectRatio: 64 });
  assertEquals(largestShare(1), 1);
  assertAlmostEquals(largestShare(2), 1 / 2, 1e-3);
  assertAlmostEquals(largestShare(4), 1 / 4, 1e-2);
  assert(largestShare(64) === largestShare(256) && largestShare(64) > 1 / 64);
});

Deno.test("a step on ranks is tokens, an update and an exchange", () => {
  const costs = { token: 1e-4, optimizer: 0.1, gradientBytes: 3e7, largestShare: () => 0.6 };
  const network = { name: "a network", latency: 1e-3, bandwidth: 1e9 };
  const { passes, optimizer, exchange } = predictStep(costs, { ranks: 3, tokens: 300, network });
  assertAlmostEquals(passes, 1e-2, 1e-12);
  assertAlmostEquals(optimizer, 0.06, 1e-12);
  // Four messages, two thirds of the bytes there and back, and as many to sum.
  assertAlmostEquals(exchange, 4e-3 + 2 * 2e7 / 1e9 + 2e7 / 5e9, 1e-12);
  assertEquals(predictStep(costs, { ranks: 1, tokens: 300, network }).exchange, 0);
});

Deno.test("the section of ranks ends where rows do, and takes the place of an older one", async () => {
  const small = shape({});
  const gradientBytes = gradientBytesOf(small);
  const parameters = (await countAmounts(small)).optimizer.bytes;
  assert(gradientBytes > 0 && gradientBytes < parameters, `${gradientBytes}`);
  const costs = { token: 1e-4, optimizer: 0.1, gradientBytes, largestShare: (n: number) => 1 / n };
  const times = { step: 40, passes: 30, wait: 1, exchange: 2, optimizer: 7, optimizerCpu: 7 };
  const measured = {
    name: "MPI",
    cores: 2,
    tokens: 100,
    loads: [0.1],
    times: [times, times],
    costs,
  };
  const scalings = [{ name: "tiny", costs, tokens: 512, rowTokens: 32 }];
  const facts = { date: "2026-01-01", machine: "a machine", scalings };
  const section = ranksSection({ ...facts, measured });
  const rows = section.split("\n").filter((line) => line.startsWith("| tiny"));
  assertEquals(rows.length, NETWORKS.length);
  for (const row of rows) assert(/\| 0\.\d\d \| 0\.\d\d \| – \| – \|$/.test(row), row);
  assert(!/NaN|Infinity|undefined/.test(section));
  const page = withRanksSection("# A page\n", section);
  const older = ranksSection({ ...facts, measured: null });
  assertEquals(withRanksSection(withRanksSection("# A page\n", older), section), page);
});

Deno.test("the fit is read from the page that has it", async () => {
  const points = await pointsOf(() => 1);
  const path = { name: "a cpu", matmulFlops: 1e11, bandwidth: 4e10, points, unseen: null };
  const page = scalingPage({
    date: "2026-01-01",
    machine: "a machine",
    threads: 2,
    isQuick: false,
    larges: [],
    paths: [{ ...path, blas: true, model: { ...costs, pass: { ...costs.pass, bytes: 0 } } }],
  });
  const { model, bandwidth } = readFit(page);
  assertEquals(bandwidth, 4e10);
  assertEquals([model.pass.bytes, model.optimizer.attention], [0, 0]);
  assertAlmostEquals(model.pass.matmul / costs.pass.matmul, 1, 1e-2);
  assertAlmostEquals(model.optimizer.calls / costs.optimizer.calls, 1, 1e-2);
  assertThrows(() => readFit("# Nothing"), Error, 'wanted "BLAS: forward and backward", got none');
});
