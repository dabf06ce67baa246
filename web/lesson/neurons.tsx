/** @jsxImportSource npm:preact@11.2.0 */

/** Sections 1 to 3: one neuron, a network of them, and a forward pass, number by number. @module */

import { forwardPass, layersOfNeurons, oneNeuron } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { type Box, Graph } from "../parts/graph.tsx";
import { fixed, term } from "../parts/number.ts";
import { Plot } from "../parts/plot.tsx";
import { type Row, Rows, Table } from "../parts/rows.tsx";
import { reset, setting, slider } from "../state.ts";
import { words } from "../words/lesson.ts";

const x1 = slider("x1", words.neuron.x1, 4, [0, 10, 0.1]);
const x2 = slider("x2", words.neuron.x2, 25, [0, 50, 0.5]);
const w1 = slider("w1", words.neuron.w1, 0.5, [-2, 2, 0.1]);
const w2 = slider("w2", words.neuron.w2, -0.3, [-2, 2, 0.1]);
const bias = slider("bias", words.neuron.bias, 1, [-5, 5, 0.1]);
const neuronSettings = [x1, x2, w1, w2, bias];

/** Beyond this tanh is flat. */
const TANH_END = 6;
const tanhCurve = Array.from({ length: 49 }, (_, i) => {
  const x = (i - 24) / 24 * TANH_END;
  return [x, Math.tanh(x)] as const;
});

/** Section 1. */
export function NeuronWidget(): JSX.Element {
  const text = words.neuron;
  const inputs = [x1.value, x2.value], weights = [w1.value, w2.value];
  const { products, sum, output } = oneNeuron({ inputs, weights, bias: bias.value });
  const shownSum = fixed(sum, 2);
  const columns = [
    inputs.map((x, i) => ({ lines: [text.inputs[i]!, fixed(x, 1)], part: `x${i + 1}` })),
    products.map((product, i) => ({
      lines: [text.products[i]!, fixed(product, 2)],
      inputs: [i],
    })),
    [{ lines: ["Σ + b", shownSum], part: "sum" }],
    [{ lines: ["tanh", fixed(output, 4)], part: "tanh" }],
  ];
  return (
    <>
      <Controls of={neuronSettings} />
      <Graph
        title={text.graph}
        columns={columns}
        weightOf={(from) =>
          ({ [text.inputs[0]!]: weights[0], [text.inputs[1]!]: weights[1] })[from]}
        partOf={(from) => ({ [text.inputs[0]!]: "w1", [text.inputs[1]!]: "w2" })[from]}
      />
      <Plot
        title={text.curve}
        xName={text.sum}
        x={[-TANH_END, TANH_END]}
        y={[-1.1, 1.1]}
        curves={[
          { name: "tanh", color: "a", points: tanhCurve },
          {
            name: text.point,
            color: "b",
            look: "dots",
            points: [[Math.max(-TANH_END, Math.min(TANH_END, sum)), output]],
          },
        ]}
      />
      <Rows
        of="neuron"
        rows={[
          ...products.map((product, i): Row => [
            `product${i + 1}`,
            text.products[i]!,
            fixed(product, 2),
            `${fixed(inputs[i]!, 1)} × ${term(weights[i]!, 1)}`,
          ]),
          [
            "sum",
            text.sum,
            shownSum,
            `${fixed(products[0]!, 2)} + ${term(products[1]!, 2)} + ${term(bias.value, 1)}`,
          ],
          ["output", text.output, fixed(output, 4), `tanh(${shownSum})`],
        ]}
      />
      <p role="status">{text.verdict(output)}</p>
      <Button onClick={() => reset(...neuronSettings)}>{words.actions.reset}</Button>
    </>
  );
}

const first = layersOfNeurons();
const networkInputs = first.inputs.map((value, i) =>
  slider(`input${i + 1}`, words.layers.input(i), value, [-2, 2, 0.1])
);
const index = slider("parameter", words.layers.parameter, 1, [1, first.parameters.length, 1]);

/** Section 2: each of 26 parameters, by its name. */
export function LayersWidget(): JSX.Element {
  const text = words.layers;
  const { layers, parameters, inputs, hidden, outputs } = layersOfNeurons({
    inputs: networkInputs.map(({ value }) => value),
  });
  const { label, data } = parameters[index.value - 1]!;
  // `layers.0.neurons.1.weights.2`, or without the last number `layers.0.neurons.1.bias`.
  const [layer = 0, neuron = 0, input = null] = label.match(/\d+/g)!.map(Number);
  const to = text.neuron(layer + 1, neuron);
  const from = input === null ? null : text.neuron(layer, input);
  const columns = [inputs, ...hidden, outputs].map((values, column) =>
    values.map((value, i): Box => {
      const name = text.neuron(column, i);
      const part = ["inputLayer", "hiddenLayer", "outputLayer"][column];
      return { lines: [name, fixed(value, 4)], mark: name === to ? "now" : undefined, part };
    })
  );
  const counts = layers.map(({ weights, biases }) => [weights, biases, weights + biases]);
  const weights = new Map(parameters.flatMap(({ label, data }) => {
    const [layer = 0, neuron = 0, input = null] = label.match(/\d+/g)!.map(Number);
    if (input === null) return [];
    return [[`${text.neuron(layer, input)} ${text.neuron(layer + 1, neuron)}`, data] as const];
  }));
  return (
    <>
      <Controls of={networkInputs} />
      <Graph
        title={text.graph}
        columns={columns}
        markOf={(start, end) => start === from && end === to ? "now" : undefined}
        weightOf={(start, end) => weights.get(`${start} ${end}`)}
      />
      <Controls of={[index]} />
      <Rows
        of="layers"
        // A line may end after a dot.
        rows={[[
          "parameter",
          label.replaceAll(".", ".\u200b"),
          fixed(data, 4),
          text.name(layer, neuron, input),
        ]]}
      />
      <Table
        id="layers"
        caption={text.counts}
        head={text.columns}
        rows={[
          ...layers.map(({ inputs, outputs }, i) => [
            text.layer(i),
            `${outputs} × ${inputs} = ${counts[i]![0]}`,
            `${counts[i]![1]}`,
            `${counts[i]![2]}`,
          ]),
          [text.together, "", "", `${parameters.length}`],
        ]}
      />
    </>
  );
}

const math = slider("math", words.forward.x1, 80, [0, 100, 1]);
const english = slider("english", words.forward.x2, 70, [0, 100, 1]);
/** The number of neurons that are computed in the graph. */
const step = setting<number>("forwardStep", 3);
const STEPS = 3;

/** Section 3: two scores, two hidden neurons, one output. */
export function ForwardWidget(): JSX.Element {
  const text = words.forward;
  const scores = [math.value, english.value];
  const { hidden, output } = forwardPass([math.value, english.value]);
  const [inputs, p] = [hidden[0]!.inputs, output.output];
  const sum = (neuron: typeof output, digits: number) =>
    [
      ...neuron.inputs.map((x, i) => `${fixed(x, digits)} × ${term(neuron.weights[i]!, 1)}`),
      term(neuron.bias, 1),
    ].join(" + ");
  // Neither graph nor table tells what has not been computed.
  const known = (at: number, x: number) => step.value >= at ? fixed(x, 4) : text.unknown;
  const box = (at: number, name: string, x: number, part: string) => ({
    lines: [name, known(at, x)],
    part,
    mark: step.value === at && at < STEPS ? "now" : step.value >= at ? "forward" : undefined,
  } as const);
  const columns = [
    inputs.map((x, i) => ({ lines: [text.inputs[i]!, fixed(x, 2)], mark: "forward" } as const)),
    hidden.map(({ output }, i) => box(i + 1, text.neurons[i]!, output, `hidden${i + 1}`)),
    [box(STEPS, text.sigmoid, p, "probability")],
  ];
  return (
    <>
      <Controls of={[math, english]} />
      <Graph
        title={text.graph}
        columns={columns}
        weightOf={(start, end) =>
          end === text.sigmoid
            ? output.weights[text.neurons.indexOf(start)]
            : hidden[text.neurons.indexOf(end)]?.weights[text.inputs.indexOf(start)]}
      />
      <p class="buttons">
        <Button onClick={() => step.value--} disabled={step.value === 0}>
          {words.actions.back}
        </Button>
        <Button class="primary" onClick={() => step.value++} disabled={step.value === STEPS}>
          {words.actions.next}
        </Button>
        <span>{text.step(step.value, STEPS)}</span>
      </p>
      <Rows
        of="forward"
        rows={[
          ...inputs.map((x, i): Row => [
            `input${i + 1}`,
            text.scaled(text.inputs[i]!),
            fixed(x, 2),
            `${scores[i]} ÷ 100`,
          ]),
          ...hidden.map((neuron, i): Row => [
            `hidden${i + 1}`,
            `${text.neurons[i]} = ReLU`,
            known(i + 1, neuron.output),
            `max(0, ${sum(neuron, 2)})`,
          ]),
          ["probability", text.output, known(STEPS, p), `σ(${sum(output, 3)})`],
        ]}
      />
      <p role="status">{step.value < STEPS ? text.think : text.verdict(p)}</p>
      <Button onClick={() => reset(math, english, step)}>{words.actions.reset}</Button>
    </>
  );
}
