/** @jsxImportSource npm:preact@11.2.0 */

/** Section 1: one neuron, number by number. @module */

import { oneNeuron } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { column, edge, Graph } from "../parts/graph.tsx";
import { fixed, term } from "../parts/number.ts";
import { type Row, Rows } from "../parts/rows.tsx";
import { reset, slider } from "../state.ts";
import { words } from "./words.ts";

const { neuron: text } = words;
const x1 = slider("x1", text.x1, 4, [0, 10, 0.1]);
const x2 = slider("x2", text.x2, 25, [0, 50, 0.5]);
const w1 = slider("w1", text.w1, 0.5, [-2, 2, 0.1]);
const w2 = slider("w2", text.w2, -0.3, [-2, 2, 0.1]);
const bias = slider("bias", text.bias, 1, [-5, 5, 0.1]);
const all = [x1, x2, w1, w2, bias];

export function NeuronWidget(): JSX.Element {
  const inputs = [x1.value, x2.value], weights = [w1.value, w2.value];
  const { products, sum, output } = oneNeuron({ inputs, weights, bias: bias.value });
  const shownSum = fixed(sum, 2);
  return (
    <figure aria-labelledby="neuron-title">
      <figcaption id="neuron-title">{text.title}</figcaption>
      <Controls of={all} />
      <Graph
        title={text.graph}
        width={620}
        height={150}
        nodes={[
          ...column("x", 60, inputs.map((x, i) => ({ lines: [text.inputs[i]!, fixed(x, 1)] }))),
          ...column(
            "p",
            220,
            products.map((product, i) => ({ lines: [text.products[i]!, fixed(product, 2)] })),
          ),
          ...column("sum", 390, [{ lines: [`Σ + b`, shownSum] }]),
          ...column("y", 555, [{ lines: ["tanh", fixed(output, 4)] }]),
        ]}
        edges={["x0 p0", "x1 p1", "p0 sum0", "p1 sum0", "sum0 y0"].map(edge)}
      />
      <Rows
        caption={text.title}
        rows={[
          ...products.map((product, i): Row => [
            `product${i + 1}`,
            text.products[i]!,
            fixed(product, 2),
            `${fixed(inputs[i]!, 1)} × ${fixed(weights[i]!, 1)}`,
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
      <Button onClick={() => reset(...all)}>{words.actions.reset}</Button>
    </figure>
  );
}
