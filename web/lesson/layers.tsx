/** @jsxImportSource npm:preact@11.2.0 */

/** Section 2: a network of 26 parameters, each by its name. @module */

import { layersOfNeurons } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Controls } from "../parts/controls.tsx";
import { Graph } from "../parts/graph.tsx";
import { fixed } from "../parts/number.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { slider } from "../state.ts";
import { words } from "./words.ts";

const { layers: text } = words;
const network = layersOfNeurons();
const index = slider("parameter", text.parameter, 1, [1, network.parameters.length, 1]);

export function LayersWidget(): JSX.Element {
  const { layers, parameters, inputs, hidden, outputs } = network;
  const { label, data } = parameters[index.value - 1]!;
  // `layers.0.neurons.1.weights.2`, or without the last number `layers.0.neurons.1.bias`.
  const [layer = 0, neuron = 0, input = null] = label.match(/\d+/g)!.map(Number);
  const columns = [inputs, ...hidden, outputs];
  const nodes = columns.flatMap((values, column) =>
    values.map((value, i) =>
      ({
        id: `${column}.${i}`,
        x: 60 + 210 * column,
        y: 120 + 58 * (i - (values.length - 1) / 2),
        lines: [text.neuron(column, i), fixed(value, 4)],
        mark: column === layer + 1 && i === neuron ? "now" : undefined,
      }) as const
    )
  );
  const edges = columns.slice(1).flatMap((values, column) =>
    values.flatMap((_, to) =>
      columns[column]!.map((_, from) => ({
        from: `${column}.${from}`,
        to: `${column + 1}.${to}`,
        mark: column === layer && to === neuron && from === input ? "now" : undefined,
      } as const))
    )
  );
  const counts = layers.map(({ weights, biases }) => [weights, biases, weights + biases]);
  return (
    <figure aria-labelledby="layers-title">
      <figcaption id="layers-title">{text.title}</figcaption>
      <Graph title={text.graph} width={540} height={240} nodes={nodes} edges={edges} />
      <Controls of={[index]} />
      <Rows
        caption={text.shown}
        rows={[["parameter", label, fixed(data, 4), text.name(layer, neuron, input)]]}
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
    </figure>
  );
}
