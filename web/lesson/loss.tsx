/** @jsxImportSource npm:preact@11.2.0 */

/** Section 4: the squared error of four predictions and one's own. @module */

import { squaredLoss } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Controls } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Table } from "../parts/rows.tsx";
import { slider } from "../state.ts";
import { words } from "./words.ts";

const { loss: text } = words;
const own = slider("prediction", text.own, 0.5, [-1, 3, 0.05]);

export function LossWidget(): JSX.Element {
  const losses = squaredLoss([0.8, 0.3, 1.2, -0.5, own.value]);
  return (
    <figure aria-labelledby="loss-title">
      <figcaption id="loss-title">{text.title}</figcaption>
      <Controls of={[own]} />
      <Table
        id="loss"
        label={text.title}
        head={text.columns}
        rows={losses.map(({ prediction, error, loss }, i) => [
          i < 4 ? fixed(prediction, 1) : `${fixed(prediction, 2)} (${text.yours})`,
          fixed(error, i < 4 ? 1 : 2),
          fixed(loss, i < 4 ? 2 : 4),
        ])}
      />
    </figure>
  );
}
