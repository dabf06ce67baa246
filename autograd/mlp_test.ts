import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { checkGradient, numericalGradient } from "./gradcheck.ts";
import { toDot } from "./graph.ts";
import { Layer, MLP } from "./mlp.ts";
import { type Activation, Neuron } from "./neuron.ts";
import { Value } from "./value.ts";

const toValues = (numbers: readonly number[]): Value[] => numbers.map((x) => new Value(x));
const numbersOf = (values: readonly Value[]): number[] => values.map(({ data }) => data);

Deno.test("a neuron is the activation of its weighted sum, for each activation", () => {
  const curves: Record<Activation, (x: number) => number> = {
    tanh: Math.tanh,
    relu: (x) => Math.max(0, x),
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    linear: (x) => x,
  };
  for (const activation of ["tanh", "relu", "sigmoid", "linear"] as const) {
    const neuron = new Neuron(2, { activation, weights: [0.5, -0.3], bias: 0.25 });
    const sum = 4 * 0.5 + 2 * -0.3 + 0.25;
    assertEquals(neuron.call(toValues([4, 2])).data, curves[activation](sum), activation);
  }
});

Deno.test("the labels of the 26 parameters of a 3-4-2 network are their paths", () => {
  const mlp = new MLP(3, [4, 2], { activation: "tanh", seed: 1 });
  const parameters = mlp.parameters();
  assertEquals(parameters.length, 26);
  const expected: [string, Value | undefined][] = [];
  for (const [i, size, inputs] of [[0, 4, 3], [1, 2, 4]] as const) {
    for (let j = 0; j < size; j++) {
      const neuron = mlp.layers[i]!.neurons[j]!;
      for (let k = 0; k < inputs; k++) {
        expected.push([`layers.${i}.neurons.${j}.weights.${k}`, neuron.weights[k]]);
      }
      expected.push([`layers.${i}.neurons.${j}.bias`, neuron.bias]);
    }
  }
  assertEquals(parameters.map(({ label }) => label), expected.map(([label]) => label));
  parameters.forEach((parameter, i) => assert(parameter === expected[i]![1], parameter.label));
});

Deno.test("a network equals its layers in sequence", () => {
  const mlp = new MLP(3, [4, 2], { activation: "relu", seed: 5 });
  const x = [0.5, -1, 2];
  const weighted = ({ weights, bias }: Neuron, x: readonly number[]): number =>
    x.reduce((sum, xi, i) => sum + xi * weights[i]!.data, 0) + bias.data;
  const hidden = mlp.layers[0]!.neurons.map((neuron) => Math.max(0, weighted(neuron, x)));
  const expected = mlp.layers[1]!.neurons.map((neuron) => weighted(neuron, hidden));
  const outputs = numbersOf(mlp.call(toValues(x)));
  outputs.forEach((y, i) => assert(Math.abs(y - expected[i]!) < 1e-15, `${y} ${expected[i]}`));
});

Deno.test("numbers are inputs, too, and the neurons of a layer share their values", () => {
  const mlp = new MLP(2, [3, 1], { seed: 5 });
  const x = [0.5, -1];
  assertEquals(numbersOf(mlp.call(x)), numbersOf(mlp.call(toValues(x))));
  assertEquals(mlp.layers[0]!.neurons[1]!.call(x).data, mlp.layers[0]!.call(x)[1]!.data);
  const nodes = (layer: Layer, x: readonly (Value | number)[]): number =>
    toDot(layer.call(x).reduce((sum, output) => sum.add(output))).split("\n").length;
  assertEquals(nodes(mlp.layers[0]!, x), nodes(mlp.layers[0]!, toValues(x)));
});

Deno.test("what is no list of numbers or values is refused", () => {
  const mlp = new MLP(2, [1]);
  const list = "Cannot call a network: wanted a list of values or numbers, got number";
  const cases: [() => unknown, string][] = [
    [() => mlp.call(5 as never), list],
    [() => mlp.layers[0]!.call(5 as never), list],
    [() => mlp.layers[0]!.neurons[0]!.call(5 as never), list],
    [() => mlp.call(["1", "2"] as never), "Cannot make a Value: wanted a number, got string"],
    [
      () => new MLP(2, 1 as never),
      "Cannot make an MLP: wanted a list of sizes, as in [4, 1], got number",
    ],
  ];
  for (const [run, message] of cases) assertEquals(assertThrows(run, TypeError).message, message);
});

Deno.test("the last layer is linear by default", () => {
  const plain = new MLP(1, [3, 1], { activation: "sigmoid" });
  assertEquals(plain.layers.map(({ neurons }) => neurons[0]!.activation), ["sigmoid", "linear"]);
  const told = new MLP(1, [3, 1], { activation: "relu", outputActivation: "sigmoid" });
  assertEquals(told.layers.map(({ neurons }) => neurons[0]!.activation), ["relu", "sigmoid"]);
});

Deno.test("the gradients of all parameters and inputs of a network match finite differences", () => {
  for (const activation of ["tanh", "sigmoid", "relu"] as const) {
    const run = (numbers: ArrayLike<number>): { values: Value[]; loss: Value } => {
      const mlp = new MLP(3, [4, 2], { activation, seed: 3 });
      const inputs = toValues([0, 0, 0]);
      const values = [...mlp.parameters(), ...inputs];
      values.forEach((value, i) => value.data = numbers[i]!);
      const [a, b] = mlp.call(inputs);
      return { values, loss: a!.sub(1).pow(2).add(b!.mul(a!)) };
    };
    const numbers = [...numbersOf(new MLP(3, [4, 2], { seed: 3 }).parameters()), 0.5, -1, 2];
    const { values, loss } = run(numbers);
    loss.backward();
    checkGradient(
      values.map(({ grad }) => grad),
      numericalGradient((numbers) => run(numbers).loss.data, numbers),
    );
    // Weights before a flat relu have gradient 0; the others must not.
    const flat = values.filter(({ grad }) => grad === 0).length;
    assert(activation === "relu" ? flat < values.length / 2 : flat === 0, `${activation}: ${flat}`);
  }
});

Deno.test("the same seed gives the same network, and another seed another", () => {
  const make = (seed: number): number[] => numbersOf(new MLP(3, [4, 2], { seed }).parameters());
  assertEquals(make(7), make(7));
  assertNotEquals(make(7), make(8));
});

Deno.test("initial weights are within ±1/√inputs, all different, with mean zero", () => {
  const layer = new Layer(100, 50, { seed: 11 });
  const weights = layer.neurons.flatMap(({ weights }) => numbersOf(weights));
  assertEquals(new Set(weights).size, 5000);
  assert(weights.every((w) => Math.abs(w) <= 0.1));
  const mean = weights.reduce((sum, w) => sum + w, 0) / 5000;
  const variance = weights.reduce((sum, w) => sum + w * w, 0) / 5000;
  // The standard error of the mean of 5,000 samples is 0.0008, that of their variance 0.00004.
  assert(Math.abs(mean) < 0.004, `mean ${mean}`);
  assert(Math.abs(variance - 0.01 / 3) < 0.0002, `variance ${variance}`);
  assert(layer.neurons.every(({ bias }) => bias.data === 0));
});

Deno.test("zeroGrad clears every parameter", () => {
  const mlp = new MLP(2, [2, 1], { seed: 1 });
  mlp.call(toValues([1, 2]))[0]!.backward();
  assert(mlp.parameters().some(({ grad }) => grad !== 0));
  mlp.zeroGrad();
  assert(mlp.parameters().every(({ grad }) => grad === 0));
});

Deno.test("invalid sizes, inputs, weights, activations and seeds are refused", () => {
  const name = JSON.parse('"gelu"');
  const cases: [() => unknown, string][] = [
    [() => new Neuron(0), "Cannot make a Neuron: wanted 1 input or more, got 0"],
    [() => new Neuron(1.5), "Cannot make a Neuron: wanted 1 input or more, got 1.5"],
    [
      () => new Neuron(2, { weights: [1] }),
      "Cannot make a Neuron of 2 inputs: wanted 2 weights, got 1",
    ],
    [
      () => new Neuron(2, { activation: name }),
      'Cannot make a Neuron: wanted an activation out of tanh, relu, sigmoid, linear, got "gelu"',
    ],
    [
      () => new Neuron(2, { seed: NaN }),
      "Cannot make a random number: wanted an integer as the seed, got NaN",
    ],
    [
      () => new Neuron(2).call(toValues([1])),
      "Cannot call a Neuron of 2 inputs: wanted 2 values, got 1",
    ],
    [() => new Layer(2, 0), "Cannot make a Layer: wanted 1 output or more, got 0"],
    [() => new MLP(2, []), "Cannot make an MLP: wanted the size of 1 layer or more, got none"],
    [() => new MLP(2, [3, -1]), "Cannot make a Layer: wanted 1 output or more, got -1"],
  ];
  for (const [make, message] of cases) {
    assertEquals(assertThrows(make, RangeError).message, message);
  }
});
