/** @jsxImportSource npm:preact@11.2.0 */

/** Sections 4 and 5: the squared error, and its gradient as a slope and by nudging. @module */

import { backpropagation, slope, squaredLoss } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { dragging } from "../parts/drag.ts";
import { fixed } from "../parts/number.ts";
import { Plot, type Point } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, slider } from "../state.ts";
import { words } from "../words/labs.ts";

const { slope: text } = words;
const own = slider("prediction", words.loss.own, 0.5, [-1, 3, 0.05]);
const w = slider("w", text.w, 1, [0, 5, 0.1]);
const nudged = choice("nudged", text.what, "prediction", text.whats);
const nudge = choice("nudge", text.nudge, "0.05", text.nudges);

/** Points of a curve between two ends. */
function curve([from, to]: readonly [number, number], at: (x: number) => number): Point[] {
  return Array.from({ length: 41 }, (_, i) => {
    const x = from + (to - from) * i / 40;
    return [x, at(x)] as const;
  });
}

const predictions = [-1, 3] as const, weights = [0, 5] as const;
const squares = curve(predictions, (x) => squaredLoss([x])[0]!.loss);
const parabola = curve(weights, (w) => slope({ w }).loss);

/** Four predictions, and the reader's, on the curve of their losses. */
export function LossWidget(): JSX.Element {
  const losses = squaredLoss([0.8, 0.3, 1.2, -0.5, own.value]);
  const points = losses.map(({ prediction, loss }) => [prediction, loss] as const);
  return (
    <div class="pair">
      <Plot
        title={words.loss.plot}
        xName={words.loss.columns[0]!}
        yName={text.loss}
        x={predictions}
        y={[-0.3, 4.3]}
        curves={[
          { name: text.loss, color: "a", points: squares },
          { name: words.loss.four, color: "c", look: "dots", points: points.slice(0, 4) },
          { name: words.loss.yours, color: "b", look: "dots", points: points.slice(4) },
        ]}
        {...dragging(own, predictions)}
      />
      <div>
        <Controls of={[own]} />
        <Table
          id="loss"
          head={words.loss.columns}
          rows={losses.map(({ prediction, error, loss }, i) => [
            i < 4 ? fixed(prediction, 1) : `${fixed(prediction, 2)} (${words.loss.yours})`,
            fixed(error, i < 4 ? 1 : 2),
            fixed(loss, i < 4 ? 2 : 4),
          ])}
        />
      </div>
    </div>
  );
}

/** The learning rate of the button: a step leaves about half of the way. */
const RATE = 0.03;

/** The loss over the weight, and its tangent. */
export function SlopeWidget(): JSX.Element {
  const { product, error, loss, gradient } = slope({ w: w.value });
  const line = (at: number) => [at, loss + gradient * (at - w.value)] as const;
  const [least, most, notch] = w.range;
  const takeStep = () => {
    const next = Math.round((w.value - RATE * gradient) / notch) * notch;
    w.value = Math.max(least, Math.min(most, Number(next.toFixed(1))));
  };
  return (
    <>
      <Plot
        title={text.graph}
        xName="w"
        yName={text.loss}
        x={weights}
        y={[-4, 90]}
        curves={[
          { name: text.loss, color: "a", points: parabola },
          { name: text.tangent, color: "b", points: [line(0), line(5)] },
          { name: text.point, color: "b", points: [[w.value, loss]], look: "dots" },
        ]}
        {...dragging(w, weights)}
      />
      <Controls of={[w]} />
      <p class="buttons">
        <Button class="primary" onClick={takeStep}>{text.take}</Button>
        <Button onClick={() => reset(w)}>{words.actions.reset}</Button>
      </p>
      <p role="status">{text.verdict(gradient)}</p>
      <Rows
        of="slope"
        rows={[
          ["product", text.product, fixed(product, 1), `${fixed(w.value, 1)} × 3`],
          ["target", text.target, "7"],
          ["loss", text.lossRow, fixed(loss, 2), `(${fixed(product, 1)} − 7)²`],
          ["gradient", text.gradient, fixed(gradient, 1), `2 × (${fixed(error, 1)}) × 3`],
        ]}
      />
    </>
  );
}

/** Nudges and their effects: the prediction changes the loss, w and b change the prediction. */
const nudges = {
  prediction: (h: number) => [
    ...squaredLoss([11, 11 + h], 10).map(({ loss }) => loss),
    `(${11 + h} − 10)²`,
  ],
  w: (h: number) => [11, backpropagation({ w: 3.75 + h }).values[5]!.data, `${3.75 + h} × 2 + 3.5`],
  b: (h: number) => [11, backpropagation({ b: 3.5 + h }).values[5]!.data, `3.75 × 2 + ${3.5 + h}`],
} as const satisfies Record<string, (h: number) => readonly unknown[]>;

/** The widget that measures gradients by nudging. */
export function NudgeWidget(): JSX.Element {
  const h = Number(nudge.value);
  const [before, after, formula] = nudges[nudged.value](h) as [number, number, string];
  const digits = h < 0.01 ? 6 : 4;
  const then = fixed(after, digits), change = fixed(after - before, digits);
  const rate = fixed((after - before) / h, h < 0.01 ? 3 : 2);
  const [name, changed] = text.nudgedRows[nudged.value];
  return (
    <>
      <Controls of={[nudged, nudge]} />
      <Rows
        of="nudge"
        rows={[
          ["nudged", name, then, formula],
          ["change", changed, change, `${then} − ${before}`],
          ["rate", text.rate, rate, `${change} ÷ ${h}`],
        ]}
      />
    </>
  );
}
