/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/** Section 1: one neuron, number by number. @module */

import { oneNeuron } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Button, Slider } from "../parts/controls.tsx";
import { column, edge, Graph } from "../parts/graph.tsx";
import { fixed, term } from "../parts/number.ts";
import { type Row, Rows } from "../parts/rows.tsx";
import { reset, setting } from "../state.ts";
import { words } from "./words.ts";

const { neuron: text } = words;
const x1 = setting("x1", 4), x2 = setting("x2", 25);
const w1 = setting("w1", 0.5), w2 = setting("w2", -0.3), bias = setting("bias", 1);

export function NeuronWidget(): JSX.Element {
  const inputs = [x1.value, x2.value], weights = [w1.value, w2.value];
  const { products, sum, output } = oneNeuron({ inputs, weights, bias: bias.value });
  const shownSum = fixed(sum, 2);
  return (
    <figure aria-labelledby="neuron-title">
      <figcaption id="neuron-title">{text.title}</figcaption>
      <Slider label={text.x1} value={x1} min={0} max={10} step={0.1} digits={1} />
      <Slider label={text.x2} value={x2} min={0} max={50} step={0.5} digits={1} />
      <Slider label={text.w1} value={w1} min={-2} max={2} step={0.1} digits={1} />
      <Slider label={text.w2} value={w2} min={-2} max={2} step={0.1} digits={1} />
      <Slider label={text.bias} value={bias} min={-5} max={5} step={0.1} digits={1} />
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
      <Button onClick={() => reset(x1, x2, w1, w2, bias)}>{words.actions.reset}</Button>
    </figure>
  );
}
