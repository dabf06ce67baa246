import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { configForDepth, prefillFlops } from "../gpt/mod.ts";
import { matmulParameters } from "../gpt/model/parameters.ts";
import { nonNegativeLeastSquares } from "./least_squares.ts";
import { baseShape } from "./roofline_count.ts";
import {
  amountsOf,
  type ByPart,
  type CostModel,
  costsOn,
  fitCosts,
  forecast,
  KINDS,
  PARTS,
  type Point,
  predict,
  type ScalingShape,
} from "./scaling_model.ts";
import { scalingPage } from "./scaling_page.ts";

const shape = (others: Partial<ScalingShape>): ScalingShape => ({
  ...{ ...baseShape, aspectRatio: 32, headDim: 32, vocabSize: 256, maxSeqLen: 32 },
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
    const amounts = await amountsOf(shape);
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
  const { forward, backward } = await amountsOf({ ...baseShape, aspectRatio: 64 });
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
  const of = { shape: shape({}), amounts: await amountsOf(shape({})), batches: 8 };
  const { forward, backward, optimizer } = predict(of.amounts, costs);
  const { tokensPerSecond, shares } = forecast(of, costs);
  const tokens = 8 * of.shape.deviceBatchSize * of.shape.maxSeqLen;
  assertAlmostEquals(tokens / tokensPerSecond, 8 * (forward + backward) + optimizer, 1e-9);
  assertAlmostEquals(KINDS.reduce((sum, kind) => sum + shares[kind], 0), 1, 1e-9);
});

Deno.test("the page has tables with and without a BLAS, and marks costs fitted as zero", async () => {
  const points = await pointsOf(() => 1);
  const path = {
    ...{ name: "a cpu", matmulFlops: 1e11, bandwidth: 4e10, points, unseen: points[0]! },
    model: { ...costs, pass: { ...costs.pass, bytes: 0 } },
  };
  const large = { shape: points[0]!.shape, amounts: points[0]!.amounts };
  const page = scalingPage({
    ...{ date: "2026-01-01", machine: "a machine", threads: 2, isQuick: true },
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
