/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/** Section 4: the squared error of four predictions and one's own. @module */

import { squaredLoss } from "../../lessons/examples.ts";
import type { JSX } from "../deps.ts";
import { Slider } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Table } from "../parts/rows.tsx";
import { setting } from "../state.ts";
import { words } from "./words.ts";

const { loss: text } = words;
const own = setting("prediction", 0.5);

export function LossWidget(): JSX.Element {
  const losses = squaredLoss([0.8, 0.3, 1.2, -0.5, own.value]);
  return (
    <figure aria-labelledby="loss-title">
      <figcaption id="loss-title">{text.title}</figcaption>
      <Slider label={text.own} value={own} min={-1} max={3} step={0.05} digits={2} />
      <Table
        id="loss"
        caption={text.title}
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
