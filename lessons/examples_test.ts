import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  backpropagation,
  descent,
  forwardPass,
  layersOfNeurons,
  oneNeuron,
  slope,
  squaredLoss,
} from "./examples.ts";
import { Neuron } from "../autograd/neuron.ts";
import { trainingLoop, trainNetwork } from "./training_examples.ts";
import { Value } from "../autograd/value.ts";

/** Equal but for the rounding of a handful of operations. */
function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((x, i) => assertAlmostEquals(x, expected[i]!, 1e-12));
}

Deno.test("one neuron: 4 and 25 with weights 0.5 and -0.3 and bias 1 sum to -4.5, tanh -0.9998", () => {
  const { inputs, weights, products, bias, sum, output } = oneNeuron();
  assertEquals([inputs, weights, products, bias], [[4, 25], [0.5, -0.3], [2, -7.5], 1]);
  assertEquals(sum, -4.5);
  assertEquals(output, Math.tanh(-4.5));
  assertEquals(output.toFixed(4), "-0.9998");
  const neuron = new Neuron(2, { activation: "tanh", weights, bias });
  assertEquals(neuron.call(inputs.map((x) => new Value(x))).data, output);
});

Deno.test("layers: 3-4-2 has 12 weights and 4 biases, then 8 weights and 2 biases: 26 parameters", () => {
  const { layers, parameters, hidden, outputs } = layersOfNeurons();
  assertEquals(layers, [
    { inputs: 3, outputs: 4, weights: 12, biases: 4 },
    { inputs: 4, outputs: 2, weights: 8, biases: 2 },
  ]);
  assertEquals(parameters.length, 26);
  assertEquals(parameters.filter(({ label }) => label.endsWith("bias")).length, 6);
  assertEquals(parameters[3]?.label, "layers.0.neurons.0.bias");
  assertEquals(parameters[16]?.label, "layers.1.neurons.0.weights.0");
  assertEquals([hidden.length, outputs.length], [4, 2]);
});

Deno.test("a forward pass: scores 80 and 70 give 0.46 and 0.30 in the middle and 0.5676 at the end", () => {
  const { scores, hidden: [h1, h2], output } = forwardPass();
  assertEquals(scores, [80, 70]);
  assertEquals(h1!.inputs, [0.8, 0.7]);
  assertClose([...h1!.products, h1!.sum, h1!.output], [0.48, 0.28, 0.46, 0.46]);
  assertClose([...h2!.products, h2!.sum, h2!.output], [-0.16, 0.56, 0.3, 0.3]);
  assertClose([...output.products, output.sum], [0.322, 0.15, 0.272]);
  assertClose([output.output], [1 / (1 + Math.exp(-0.272))]);
  assertEquals(output.output.toFixed(4), "0.5676");
});

Deno.test("squared loss: 0.8 against 1 is 0.04, and -0.5 against 1 is 2.25", () => {
  const traces = squaredLoss();
  assertEquals(traces.map(({ prediction, target }) => [prediction, target]), [[0.8, 1], [-0.5, 1]]);
  assertClose(traces.map(({ error }) => error), [-0.2, -1.5]);
  assertClose(traces.map(({ loss }) => loss), [0.04, 2.25]);
});

Deno.test("the gradient as a slope: (w * 3 - 7)^2 at w = 1 is 16 with gradient -24", () => {
  const { w, product, error, loss, gradient, measured, lossBelow, lossAbove, step } = slope();
  assertEquals([w, product, error, loss, gradient], [1, 3, -4, 16, -24]);
  assertAlmostEquals(measured, -24, 1e-9);
  assertAlmostEquals((lossAbove - lossBelow) / (2 * step), -24, 1e-9);
});

Deno.test("gradient descent: the steps bring w to 7/3, each a tenth of the distance before", () => {
  const path = descent();
  assertEquals(path.slice(0, 4).map(({ w }) => w.toFixed(10)), [
    "1.0000000000",
    "2.2000000000",
    "2.3200000000",
    "2.3320000000",
  ]);
  assertClose([path[0]!.loss, path[1]!.loss, path[0]!.gradient, path[1]!.gradient], [
    16,
    0.16,
    -24,
    -2.4,
  ]);
  assertAlmostEquals(path.at(-1)!.w, 7 / 3, 1e-7);
  assertEquals(path.length, 9);
  assertAlmostEquals(descent(0.05, 40).at(-1)!.w, 7 / 3, 1e-15);
});

Deno.test("backpropagation whole: loss 1, dw 4, db 2, and with rate 0.01 w 3.71 and b 3.48", () => {
  const { values, learningRate, w, b, prediction, loss } = backpropagation();
  assertEquals(values.map(({ name, data, grad }) => [name, data, grad]), [
    ["w", 3.75, 4],
    ["x", 2, 7.5],
    ["b", 3.5, 2],
    ["target", 10, -2],
    ["product", 7.5, 2],
    ["prediction", 11, 2],
    ["error", 1, 2],
    ["loss", 1, 1],
  ]);
  assertEquals(learningRate, 0.01);
  assertClose([w, b, prediction, loss], [3.71, 3.48, 10.9, 0.81]);
});

Deno.test("the training loop goes on from there until it fits", () => {
  const steps = trainingLoop();
  assertClose([steps[1]!.w, steps[1]!.b, steps[1]!.loss], [3.71, 3.48, 0.81]);
  // The error shrinks by a factor of 1 - 0.01 * 2 * (2^2 + 1) = 0.9 at each turn.
  steps.forEach(({ prediction, loss }, turn) => {
    assertAlmostEquals(prediction - 10, 0.9 ** turn, 1e-12);
    assertAlmostEquals(loss, 0.81 ** turn, 1e-12);
  });
  assertEquals(steps.length, 67);
  assert(steps[65]!.loss >= 1e-6 && steps[66]!.loss < 1e-6);
});

Deno.test("the same loop teaches 26 parameters what no single neuron can tell", () => {
  const { inputs, targets, outputs, losses } = trainNetwork();
  assertEquals(inputs.length, 8);
  assert(losses[0]! > 0.9 && losses.at(-1)! < 0.01, `${losses[0]} to ${losses.at(-1)}`);
  outputs.forEach((row, i) =>
    row.forEach((y, j) => assert(Math.abs(y - targets[i]![j]!) < 0.2, `${y} for ${inputs[i]}`))
  );
});
