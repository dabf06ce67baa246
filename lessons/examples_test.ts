import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
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
  assertEquals([hidden.map((layer) => layer.length), outputs.length], [[4], 2]);
});

Deno.test("a forward pass: scores 80 and 70 give 0.46 and 0.30 in the hidden layer and 0.5676 at the end", () => {
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

Deno.test("gradient descent: each step divides the distance of w to 7/3 by ten", () => {
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
  assertAlmostEquals(descent({ steps: 40 }).at(-1)!.w, 7 / 3, 1e-15);
});

Deno.test("backpropagation: loss 1, dw 4, db 2, and with learning rate 0.01 w = 3.71 and b = 3.48", () => {
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

Deno.test("the training loop continues from there until the loss is below 1e-6", () => {
  const steps = trainingLoop();
  assertClose([steps[1]!.w, steps[1]!.b, steps[1]!.loss], [3.71, 3.48, 0.81]);
  // Each step multiplies the error by 1 - 0.01 * 2 * (2^2 + 1) = 0.9.
  steps.forEach(({ prediction, loss }, turn) => {
    assertAlmostEquals(prediction - 10, 0.9 ** turn, 1e-12);
    assertAlmostEquals(loss, 0.81 ** turn, 1e-12);
  });
  assertEquals(steps.length, 67);
  assert(steps[65]!.loss >= 1e-6 && steps[66]!.loss < 1e-6);
});

Deno.test("the same loop trains 26 parameters to compute XOR twice", () => {
  const { inputs, targets, outputs, losses } = trainNetwork();
  assertEquals(inputs.length, 8);
  assert(losses[0]! > 0.9 && losses.at(-1)! < 0.01, `${losses[0]} to ${losses.at(-1)}`);
  outputs.forEach((row, i) =>
    row.forEach((y, j) => assert(Math.abs(y - targets[i]![j]!) < 0.2, `${y} for ${inputs[i]}`))
  );
});

Deno.test("one neuron of other inputs, weights and bias", () => {
  const outputs = [
    oneNeuron({ weights: [0.5, 0] }),
    oneNeuron({ weights: [0.5, -0.1] }),
    oneNeuron({ inputs: [0, 0] }),
    oneNeuron({ inputs: [2], weights: [-1], bias: 2 }),
  ].map(({ sum, output }) => [sum.toFixed(2), output.toFixed(4)]);
  assertEquals(outputs, [
    ["3.00", "0.9951"],
    ["0.50", "0.4621"],
    ["1.00", "0.7616"],
    ["0.00", "0.0000"],
  ]);
  const error = assertThrows(() => oneNeuron({ inputs: [1, 2, 3] }), RangeError);
  assertEquals(
    error.message,
    "Cannot compute a neuron: wanted one weight for each input, got 3 inputs and 2 weights",
  );
});

Deno.test("a network of other layers and another seed", () => {
  const inputs = [1, -1];
  const { layers, hidden, outputs, parameters } = layersOfNeurons({ inputs, layers: [3, 5, 1] });
  assertEquals(layers.map(({ inputs, outputs }) => [inputs, outputs]), [[2, 3], [3, 5], [5, 1]]);
  assertEquals(hidden.map((layer) => layer.length), [3, 5]);
  assertEquals([parameters.length, outputs.length], [9 + 20 + 6, 1]);
  const other = layersOfNeurons({ inputs, layers: [3, 5, 1], seed: 2 });
  assert(other.outputs[0] !== outputs[0]);
  assertThrows(() => layersOfNeurons({ inputs: [] }), RangeError, "wanted 1 input or more");
  assertThrows(() => layersOfNeurons({ layers: [] }), RangeError);
});

Deno.test("a forward pass of other scores", () => {
  const rows = [[0, 0], [100, 100], [0, 100], [100, 0], [50, 50]].map((scores) => {
    const { hidden: [h1, h2], output } = forwardPass(scores);
    return [h1!.output.toFixed(2), h2!.output.toFixed(2), output.output.toFixed(4)];
  });
  assertEquals(rows, [
    ["0.00", "0.00", "0.4502"],
    ["0.70", "0.50", "0.6318"],
    ["0.10", "0.70", "0.5548"],
    ["0.30", "0.00", "0.5025"],
    ["0.20", "0.20", "0.5100"],
  ]);
  assertThrows(() => forwardPass([80]), RangeError, "got 1 inputs and 2 weights");
});

Deno.test("the squared loss of other predictions and another target", () => {
  assertClose(squaredLoss([0.8, 0.3, 1.2, -0.5]).map(({ loss }) => loss), [0.04, 0.49, 0.04, 2.25]);
  // Moving a prediction of 11 by 0.05 or 0.001 changes the loss by 2.05 or 2.001 times as much.
  assertClose(squaredLoss([11, 11.05, 11.001], 10).map(({ loss }) => loss), [1, 1.1025, 1.002001]);
  assertEquals(squaredLoss([]), []);
});

Deno.test("the slope elsewhere, and where its sign changes", () => {
  const at = (w: number) => {
    const { loss, gradient } = slope({ w });
    return [loss.toFixed(2), gradient.toFixed(1)];
  };
  assertEquals([0, 2.3, 2.4, 5].map(at), [
    ["49.00", "-42.0"],
    ["0.01", "-0.6"],
    ["0.04", "1.2"],
    ["64.00", "48.0"],
  ]);
  for (const step of [0.05, 0.001, 1e-5]) {
    // On a parabola, central differences are exact for any step.
    const { measured, gradient } = slope({ w: 5, x: -2, target: 1, step });
    assertEquals(gradient, 44);
    assertAlmostEquals(measured, 44, 1e-5);
  }
});

Deno.test("gradient descent from elsewhere, to another target, and diverging", () => {
  const there = descent({ w: 4, x: 2, target: -3, learningRate: 0.1, steps: 60 });
  assertEquals(there[0], { w: 4, loss: 121, gradient: 44 });
  assertAlmostEquals(there.at(-1)!.w, -1.5, 1e-12);
  assertEquals(there.length, 61);
  const losses = descent({ learningRate: 0.12 }).map(({ loss }) => loss);
  losses.slice(1).forEach((loss, i) => assert(loss > losses[i]!, `step ${i + 1}: ${loss}`));
});

Deno.test("backpropagation at w = 3 and b = 1, and with another input and target", () => {
  const { values, w, b } = backpropagation({ w: 3, b: 1 });
  const shown = Object.fromEntries(values.map(({ name, data, grad }) => [name, [data, grad]]));
  assertEquals([shown.prediction, shown.loss], [[7, -6], [9, 1]]);
  assertEquals([shown.w, shown.b], [[3, -12], [1, -6]]);
  assertClose([w, b], [3.12, 1.06]);
  const other = backpropagation({ w: 1, b: 0, x: 3, target: 1, learningRate: 0.05 });
  assertEquals(other.learningRate, 0.05);
  assertClose([other.w, other.b, other.prediction, other.loss], [0.4, -0.2, 1, 0]);
});

Deno.test("the training loop stops after the given number of steps, or when the loss is small", () => {
  const steps = trainingLoop({ steps: 27 });
  assertEquals(steps.length, 27);
  assertEquals([25, 26].map((turn) => steps[turn]!.loss.toFixed(2)), ["0.01", "0.00"]);
  const others = trainingLoop({ w: 0, b: 0, x: 1, target: -4, learningRate: 0.25 });
  assertClose([others[0]!.loss, others.at(-1)!.w, others.at(-1)!.b], [16, -2, -2]);
  assertEquals(others.length, 2);
});

Deno.test("with too large a learning rate the training loop diverges", () => {
  const losses = trainingLoop({ learningRate: 0.3, steps: 50 }).map(({ loss }) => loss);
  assertEquals(losses.length, 50);
  losses.slice(1).forEach((loss, i) => assert(loss > losses[i]!, `step ${i + 1}: ${loss}`));
});

Deno.test("a network learns other examples, and refuses examples that do not fit together", () => {
  const inputs = [[0, 0], [0, 1], [1, 0], [1, 1]];
  const or = { inputs, targets: [[-1], [1], [1], [1]] };
  const { outputs, losses } = trainNetwork({ ...or, hidden: [3], learningRate: 0.3, steps: 300 });
  assertEquals([losses.length, outputs.map((row) => Math.sign(row[0]!))], [300, [-1, 1, 1, 1]]);
  const other = trainNetwork({ ...or, hidden: [], steps: 1, seed: 3 });
  assert(other.losses[0] !== trainNetwork({ ...or, hidden: [], steps: 1 }).losses[0]);

  const wrong = [
    [{ inputs: [] }, "wanted rows of inputs of one length, at least 1, got no rows"],
    [
      { inputs: [[1, 2], [1]] },
      "wanted rows of inputs of one length, at least 1, got lengths 2, 1",
    ],
    [{ inputs, targets: [[1]] }, "wanted 4 rows of targets, got 1"],
  ] as const;
  for (const [options, message] of wrong) {
    assertThrows(() => trainNetwork(options), RangeError, message);
  }
});
