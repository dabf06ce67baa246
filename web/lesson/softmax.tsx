/** @jsxImportSource npm:preact@11.2.0 */

/** Section 9: three logits become probabilities, and a loss. @module */

import { softmaxLoss } from "../../lessons/softmax.ts";
import type { JSX } from "../deps.ts";
import { Bars } from "../parts/bars.tsx";
import { Button, Controls } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, slider } from "../state.ts";
import { words } from "../words/labs.ts";

const { softmax: text } = words;
type Letter = keyof typeof text.letters;
const letters = Object.keys(text.letters) as Letter[];
const firstLogits = [2, 1, -1];
const logits = letters.map((letter, i) =>
  slider(`logit${i + 1}`, text.logit(letter), firstLogits[i]!, [-5, 5, 0.1])
);
const right = choice<Letter>("right", text.right, "r", text.letters);

/** The widget. */
export function SoftmaxWidget(): JSX.Element {
  const at = letters.indexOf(right.value);
  const { exponentials, total, probabilities, loss, gradients } = softmaxLoss(
    logits.map(({ value }) => value),
    at,
  );
  const chosen = fixed(probabilities[at]!, 4);
  return (
    <>
      <Controls of={[...logits, right]} />
      <Bars
        id="softmax"
        caption={text.probabilities}
        bars={letters.map((letter, i) => [letter, probabilities[i]!])}
      />
      <Table
        id="softmaxWork"
        head={text.columns}
        rows={letters.map((letter, i) => [
          letter,
          fixed(exponentials[i]!, 3),
          `${fixed(exponentials[i]!, 3)} ÷ ${fixed(total, 3)}`,
          fixed(gradients[i]!, 4),
        ])}
      />
      <Rows
        of="softmax"
        rows={[["softmaxLoss", text.loss, fixed(loss, 4), `−ln ${chosen}`]]}
      />
      <p role="status">{text.verdict(probabilities[at]!)}</p>
      <Button onClick={() => reset(...logits, right)}>{words.actions.reset}</Button>
    </>
  );
}
