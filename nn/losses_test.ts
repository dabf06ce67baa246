import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { Tensor } from "../tensor/mod.ts";
import { assertExtremes } from "../tensor/ops/testing/compare_extremes.ts";
import { klDivergence } from "./kl_divergence.ts";
import {
  binaryCrossEntropyWithLogits,
  huberLoss,
  type LossOptions,
  meanAbsoluteError,
  meanSquaredError,
} from "./losses.ts";

interface LossCase {
  readonly loss: (prediction: Tensor, target: Tensor, options?: LossOptions) => Tensor;
  readonly reference: (prediction: number, target: number) => number;
  readonly gradient: (prediction: number, target: number) => number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const cases: Record<string, LossCase> = {
  "the squared error": {
    loss: meanSquaredError,
    reference: (x, t) => (x - t) ** 2,
    gradient: (x, t) => 2 * (x - t),
  },
  "the absolute error": {
    loss: meanAbsoluteError,
    reference: (x, t) => Math.abs(x - t),
    gradient: (x, t) => Math.sign(x - t),
  },
  "the huber loss": {
    loss: (x, t, options) => huberLoss(x, t, { delta: 1.5, ...options }),
    reference: (x, t) =>
      Math.abs(x - t) < 1.5 ? 0.5 * (x - t) ** 2 : 1.5 * (Math.abs(x - t) - 0.75),
    gradient: (x, t) => Math.min(1.5, Math.max(-1.5, x - t)),
  },
  "the binary cross-entropy": {
    loss: binaryCrossEntropyWithLogits,
    reference: (x, t) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0) - x * t,
    gradient: (x, t) => sigmoid(x) - t,
  },
};

const predictions = [0, 0.3, -0.7, 2, -3, 50, -200];
const targets = [0, 1, 0, 1, 0.25, 0, 1];

for (const [name, { loss, reference, gradient }] of Object.entries(cases)) {
  testOnEveryDevice(
    `${name} and its gradient equal the formula in double precision`,
    async (device) => {
      const x = Tensor.from(device, predictions, { requiresGrad: true });
      const t = Tensor.from(device, targets);
      const wanted = predictions.map((value, i) => reference(value, targets[i]!));
      const sum = wanted.reduce((total, value) => total + value, 0);

      const each = await loss(x, t, { reduction: "none" }).data();
      wanted.forEach((value, i) => assertAlmostEquals(each[i]!, value, 1e-5 * Math.max(1, value)));
      assertAlmostEquals(await loss(x, t, { reduction: "sum" }).item(), sum, 1e-5 * sum);
      const mean = loss(x, t);
      assertAlmostEquals(await mean.item(), sum / predictions.length, 1e-5 * sum);

      mean.backward();
      const slopes = await x.grad!.data();
      predictions.forEach((value, i) => {
        const slope = gradient(value, targets[i]!);
        const tolerance = 1e-5 * Math.max(1, Math.abs(slope));
        assertAlmostEquals(slopes[i]! * predictions.length, slope, tolerance);
      });
    },
  );

  cpuTest(
    `${name} refuses targets that would have to be broadcast, and propagates NaN`,
    async (device) => {
      const x = Tensor.from(device, [[1], [2]]);
      assertThrows(
        () => loss(x, Tensor.from(device, [1, 2])),
        RangeError,
        "wanted targets of shape [2, 1], got [2]",
      );
      const nan = Tensor.from(device, [[NaN], [2]]);
      assertEquals(await loss(nan, x).item(), NaN);
    },
  );
}

cpuTest("a Huber loss with delta 0, and an unknown reduction, are refused", (device) => {
  const x = Tensor.ones(device, [1]);
  const reduction = "bogus" as "mean";
  assertThrows(
    () => huberLoss(x, x, { reduction }),
    TypeError,
    'Cannot compute the huber: wanted reduction "mean", "sum" or "none", got "bogus"',
  );
  assertThrows(() => huberLoss(x, x, { delta: 0 }), RangeError, "wanted delta above 0, got 0");
});

testOnEveryDevice("a divergence and its gradients equal the formula in double", async (device) => {
  const logs = [-0.5, -2, -0.1, -3, -1, -7];
  const shares = [0.5, 0.25, 0, 1, 0.1, 1e-3];
  for (const logTarget of [false, true]) {
    const x = Tensor.from(device, logs, { shape: [2, 3], requiresGrad: true });
    const values = logTarget ? shares.map(Math.log) : shares;
    const t = Tensor.from(device, values, { shape: [2, 3], requiresGrad: true });
    const terms = logs.map((x, i) => shares[i] === 0 ? 0 : shares[i]! * (Math.log(shares[i]!) - x));
    const total = terms.reduce((sum, term) => sum + term, 0);
    const each = await klDivergence(x, t, { logTarget, reduction: "none" }).data();
    terms.forEach((term, i) => assertAlmostEquals(each[i]!, term, 1e-5));
    assertAlmostEquals(await klDivergence(x, t, { logTarget }).item(), total / 6, 1e-5);
    const mean = klDivergence(x, t, { logTarget, reduction: "batchmean" });
    assertAlmostEquals(await mean.item(), total / 2, 1e-5);
    mean.backward();
    const slopes = [await x.grad!.data(), await t.grad!.data()];
    shares.forEach((share, i) => {
      assertAlmostEquals(slopes[0]![i]!, -share / 2, 1e-6);
      // The limits: −∞ of a probability of 0, and 0 of its logarithm.
      const slope = (Math.log(share) - logs[i]! + 1) / 2;
      const wanted = logTarget ? share === 0 ? 0 : share * slope : slope;
      if (Number.isFinite(wanted)) assertAlmostEquals(slopes[1]![i]!, wanted, 1e-5);
      else assertEquals(slopes[1]![i], wanted);
    });
  }
  // A class without probability costs nothing, even if the prediction excludes it.
  const certain = Tensor.from(device, [-Infinity, 0]);
  const target = Tensor.from(device, [0, 1]);
  assertEquals(await klDivergence(certain, target, { reduction: "sum" }).item(), 0);
});

testOnEveryDevice("losses have gradients with respect to their targets", async (device) => {
  for (const [name, { loss, gradient }] of Object.entries(cases)) {
    const x = Tensor.from(device, predictions);
    const t = Tensor.from(device, targets, { requiresGrad: true });
    loss(x, t, { reduction: "sum" }).backward();
    const got = await t.grad!.data();
    predictions.forEach((value, i) => {
      // All but the cross-entropy depend on the difference alone.
      const wanted = loss === binaryCrossEntropyWithLogits ? -value : -gradient(value, targets[i]!);
      assertAlmostEquals(got[i]!, wanted, 1e-4, `${name} at ${value}`);
    });
  }
});

testOnEveryDevice("losses and their gradients at the extremes are PyTorch's", async (device) => {
  const each = { reduction: "none" } as const;
  const to = (value: number, loss: LossCase["loss"]) => (x: Tensor) =>
    loss(x, Tensor.full(device, x.shape, value), each);
  const entropy = "F.binary_cross_entropy_with_logits";
  const operations = {
    'F.mse_loss(x, zero, reduction="none")': to(0, meanSquaredError),
    'F.l1_loss(x, zero, reduction="none")': to(0, meanAbsoluteError),
    'F.huber_loss(x, zero, reduction="none")': to(0, huberLoss),
    [`${entropy}(x, zero, reduction="none")`]: to(0, binaryCrossEntropyWithLogits),
    [`${entropy}(x, one, reduction="none")`]: to(1, binaryCrossEntropyWithLogits),
    [`${entropy}(x, half, reduction="none")`]: to(0.5, binaryCrossEntropyWithLogits),
  };
  await assertExtremes(device, operations, [
    // NaN is not hidden.
    {
      expression: 'F.l1_loss(x, zero, reduction="none")',
      part: "gradient",
      at: NaN,
      ours: NaN,
    },
    // The limits, where PyTorch gives NaN: an infinite logit costs nothing or infinitely much.
    ...([["zero", -Infinity, 0], ["one", Infinity, 0], ["one", -Infinity, Infinity], [
      "half",
      -Infinity,
      Infinity,
    ]] as const).map(([target, at, ours]) => ({
      expression: `${entropy}(x, ${target}, reduction="none")`,
      part: "value" as const,
      at,
      ours,
    })),
  ]);
});
