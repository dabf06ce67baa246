/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Section 0: a formula with two open numbers, which the reader turns, or gradient descent. @module */

import { fitLine, lineLoss, type LineStep, temperatures } from "../../lessons/line.ts";
import { type JSX, signal } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { wantsLittleMotion } from "../parts/motion.ts";
import { decimal, fixed, term } from "../parts/number.ts";
import { Plot, type Point } from "../parts/plot.tsx";
import { Rows } from "../parts/rows.tsx";
import { reset, slider } from "../state.ts";
import { words } from "../words/lesson.ts";

const { dials: text } = words;
const a = slider("dialA", text.a, 0.5, [-3, 3, 0.05]);
const b = slider("dialB", text.b, 10, [-50, 50, 0.5]);
const STEPS = 1500;
/** Steps from one picture to the next, so that a reader sees the dials turn. */
const STEPS_PER_PICTURE = 12;
/** Below this mean squared error a line can hardly be told from the points. */
const CLOSE = 4;
/** The step that the training is at; `null` if none runs. */
const step = signal<number | null>(null);

/** Takes some steps of a training, which goes on after them, and returns the last one. */
function takeSteps(line: Generator<LineStep, void>, count: number): LineStep {
  let last: LineStep | undefined;
  for (let i = 0; i < count; i++) last = line.next().value ?? last;
  return last!;
}

/** Turns the dials by gradient descent from where they are, and stops when the reader turns one. */
function learn(): void {
  const isCalm = wantsLittleMotion();
  const line = fitLine({ start: { a: a.value, b: b.value }, steps: STEPS });
  let [lastA, lastB] = [a.value, b.value];
  step.value = 0;
  const show = () => {
    if (step.value === null || a.value !== lastA || b.value !== lastB) {
      step.value = null;
      return;
    }
    const last = takeSteps(line, isCalm ? STEPS : STEPS_PER_PICTURE);
    step.value += STEPS_PER_PICTURE;
    // As exactly as the dials show it.
    a.value = lastA = Number(decimal(last.a, 2));
    b.value = lastB = Number(decimal(last.b, 1));
    if (isCalm || step.value >= STEPS) step.value = null;
    else requestAnimationFrame(show);
  };
  show();
}

const [left, right] = [-25, 25];

/** The widget. */
export function DialsWidget(): JSX.Element {
  const at = (celsius: number): Point => [celsius, a.value * celsius + b.value];
  const loss = lineLoss({ a: a.value, b: b.value });
  const isFound = fixed(loss, 2) === "0.00";
  return (
    <div class="pair">
      <div>
        <Controls of={[a, b]} />
        <p class="buttons">
          <Button class="primary" onClick={learn} disabled={step.value !== null || isFound}>
            {text.learn}
          </Button>
          <Button
            onClick={() => {
              step.value = null;
              reset(a, b);
            }}
          >
            {words.actions.reset}
          </Button>
        </p>
        <Rows
          of="dials"
          rows={[
            [
              "dialFormula",
              text.formula,
              `${text.celsius} × ${term(a.value, 2)} + ${term(b.value, 1)}`,
            ],
            ["dialLoss", text.loss, fixed(loss, 2)],
          ]}
        />
        <p role="status">
          {isFound
            ? text.found
            : step.value !== null
            ? text.learning
            : loss < CLOSE
            ? text.close
            : text.hint}
        </p>
      </div>
      <Plot
        title={text.plot}
        xName={text.celsius}
        yName={text.fahrenheit}
        x={[left, right]}
        y={[-50, 90]}
        curves={[
          // How far the line is from each point.
          ...temperatures.map(([celsius, fahrenheit]) =>
            ({
              name: "",
              color: "b",
              look: "thin",
              points: [[celsius, fahrenheit], at(celsius)],
            }) as const
          ),
          { name: text.line, color: "a", points: [at(left), at(right)] },
          { name: text.examples, color: "b", look: "dots", points: temperatures },
        ]}
      />
    </div>
  );
}
