/** @jsxImportSource npm:preact@11.2.0 */

/** Section 3: a forward pass through three neurons. @module */

import { forwardPass } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { column, Graph } from "../parts/graph.tsx";
import { fixed, term } from "../parts/number.ts";
import { type Row, Rows } from "../parts/rows.tsx";
import { reset, setting, slider } from "../state.ts";
import { words } from "./words.ts";

const { forward: text } = words;
const x1 = slider("math", text.x1, 80, [0, 100, 1]);
const x2 = slider("english", text.x2, 70, [0, 100, 1]);
/** The number of neurons that are computed in the graph. */
const step = setting("forwardStep", 3);
const STEPS = 3;

export function ForwardWidget(): JSX.Element {
  const { hidden, output } = forwardPass([x1.value, x2.value]);
  const [inputs, p] = [hidden[0]!.inputs, output.output];
  const sum = (neuron: typeof output, digits: number) =>
    [
      ...neuron.inputs.map((x, i) => `${fixed(x, digits)} × ${term(neuron.weights[i]!, 1)}`),
      term(neuron.bias, 1),
    ].join(" + ");
  const shown = (at: number, x: number) => step.value >= at ? fixed(x, 4) : text.unknown;
  const mark = (at: number) =>
    step.value === at && at < STEPS ? "now" : step.value >= at ? "forward" : undefined;
  return (
    <figure aria-labelledby="forward-title">
      <figcaption id="forward-title">{text.title}</figcaption>
      <Controls of={[x1, x2]} />
      <Graph
        title={text.graph}
        width={500}
        height={150}
        nodes={[
          ...column(
            "x",
            60,
            inputs.map((x, i) => ({ lines: [text.names.x[i]!, fixed(x, 2)], mark: "forward" })),
          ),
          ...column(
            "h",
            250,
            hidden.map((neuron, i) => ({
              lines: [text.names.h[i]!, shown(i + 1, neuron.output)],
              mark: mark(i + 1),
            })),
          ),
          ...column("y", 440, [{ lines: ["sigmoid", shown(3, p)], mark: mark(3) }]),
        ]}
        edges={[
          ...inputs.flatMap((_, i) =>
            hidden.map((_, j) => ({ from: `x${i}`, to: `h${j}`, mark: mark(j + 1) }) as const)
          ),
          ...hidden.map((_, i) => ({ from: `h${i}`, to: "y0", mark: mark(3) }) as const),
        ]}
      />
      <p class="buttons">
        <Button onClick={() => step.value--} disabled={step.value === 0}>
          {words.actions.back}
        </Button>
        <Button onClick={() => step.value++} disabled={step.value === STEPS}>
          {words.actions.next}
        </Button>
        <span>{text.step(step.value, STEPS)}</span>
      </p>
      <Rows
        caption={text.title}
        rows={[
          ...inputs.map((x, i): Row => [
            `input${i + 1}`,
            text.inputs[i]!,
            fixed(x, 2),
            `${[x1.value, x2.value][i]} ÷ 100`,
          ]),
          ...hidden.map((neuron, i): Row => [
            `hidden${i + 1}`,
            text.hidden[i]!,
            fixed(neuron.output, 4),
            `max(0, ${sum(neuron, 2)})`,
          ]),
          ["probability", text.output, fixed(p, 4), `σ(${sum(output, 3)})`],
        ]}
      />
      <p role="status">{text.verdict(p)}</p>
      <Button onClick={() => reset(x1, x2, step)}>{words.actions.reset}</Button>
    </figure>
  );
}
