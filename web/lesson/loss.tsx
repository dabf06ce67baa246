/** @jsxImportSource npm:preact@11.2.0 */

/** Sections 4 and 5: the squared error, and its gradient as a slope and by nudging. @module */

import { type LossTrace, slope, squaredLoss } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Plot } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, slider } from "../state.ts";
import { words } from "./words.ts";

const { slope: text } = words;
const own = slider("prediction", words.loss.own, 0.5, [-1, 3, 0.05]);
const w = slider("w", text.w, 1, [0, 5, 0.1]);
const nudge = choice("nudge", text.nudge, "0.05", text.nudges);
const parabola = Array.from({ length: 51 }, (_, i) => {
  const at = i / 10;
  return [at, slope({ w: at }).loss] as const;
});

/** Four predictions, and the reader's. */
export function LossWidget(): JSX.Element {
  const losses = squaredLoss([0.8, 0.3, 1.2, -0.5, own.value]);
  return (
    <>
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
    </>
  );
}

/** The loss over the weight, and its tangent. */
export function SlopeWidget(): JSX.Element {
  const { product, error, loss, gradient } = slope({ w: w.value });
  const line = (at: number) => [at, loss + gradient * (at - w.value)] as const;
  return (
    <>
      <Controls of={[w]} />
      <Plot
        title={text.graph}
        xName="w"
        yName={text.loss}
        x={[0, 5]}
        y={[0, 90]}
        curves={[
          { name: text.loss, color: "a", points: parabola },
          { name: text.tangent, color: "b", points: [line(0), line(5)] },
          { name: text.point, color: "b", points: [[w.value, loss]], look: "dots" },
        ]}
      />
      <Rows
        of="slope"
        rows={[
          ["product", text.product, fixed(product, 1), `${fixed(w.value, 1)} × 3`],
          ["target", text.target, "7"],
          ["loss", text.lossRow, fixed(loss, 2), `(${fixed(product, 1)} − 7)²`],
          ["gradient", text.gradient, fixed(gradient, 1), `2 × (${fixed(error, 1)}) × 3`],
        ]}
      />
      <p role="status">{text.verdict(gradient)}</p>
      <Button onClick={() => reset(w)}>{words.actions.reset}</Button>
    </>
  );
}

/** The widget that measures the gradient by nudging the prediction. */
export function NudgeWidget(): JSX.Element {
  const h = Number(nudge.value);
  const [before, after] = squaredLoss([11, 11 + h], 10) as [LossTrace, LossTrace];
  const digits = h < 0.01 ? 6 : 4;
  const nudged = fixed(after.loss, digits), change = fixed(after.loss - before.loss, digits);
  const rate = fixed((after.loss - before.loss) / h, h < 0.01 ? 3 : 2);
  return (
    <>
      <Controls of={[nudge]} />
      <Rows
        of="nudge"
        rows={[
          ["nudged", text.nudged, nudged, `(${11 + h} − 10)²`],
          ["change", text.change, change, `${nudged} − ${before.loss}`],
          ["rate", text.rate, rate, `${change} ÷ ${h}`],
        ]}
      />
    </>
  );
}
