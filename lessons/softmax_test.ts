import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { softmaxLoss } from "./softmax.ts";

Deno.test("softmax: the logits 2, 1 and -1 are 71, 26 and 4 percent, and gradients are p less the target", () => {
  for (const right of [0, 1, 2]) {
    const { exponentials, total, probabilities, loss, gradients } = softmaxLoss([2, 1, -1], right);
    assertEquals(exponentials, [2, 1, -1].map(Math.exp));
    assertAlmostEquals(total, 10.4752, 1e-4);
    assertEquals(probabilities.map((p) => p.toFixed(4)), ["0.7054", "0.2595", "0.0351"]);
    assertAlmostEquals(loss, -Math.log(probabilities[right]!), 1e-12);
    gradients.forEach((gradient, i) =>
      assertAlmostEquals(gradient, probabilities[i]! - Number(i === right), 1e-12)
    );
  }
});

Deno.test("softmax: equal logits share equally, and the same number added to all changes nothing", () => {
  assertEquals(softmaxLoss([3, 3]).probabilities, [0.5, 0.5]);
  assertAlmostEquals(softmaxLoss([3, 3]).loss, Math.LN2, 1e-12);
  const [one, other] = [softmaxLoss([1, 0]), softmaxLoss([11, 10])];
  assertAlmostEquals(one.loss, other.loss, 1e-12);
  assertThrows(() => softmaxLoss([1], 1), RangeError, "wanted the index of one of 1 logits, got 1");
});
