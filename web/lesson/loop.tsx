/** @jsxImportSource npm:preact@11.2.0 */

/** Section 7: the training loop, and its learning rate up to divergence. @module */

import { trainingLoop } from "../../lessons/training_examples.ts";
import { computed, type JSX, signal } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { fixed } from "../parts/number.ts";
import { type Curve, Plot } from "../parts/plot.tsx";
import { Rows } from "../parts/rows.tsx";
import { reset, slider } from "../state.ts";
import { words } from "./words.ts";

const { loop: text } = words;
const STEPS = 100;
const rate = slider("loopRate", text.rate, 0.01, [0.005, 0.25, 0.005]);
const step = slider("loopStep", text.step, 0, [0, STEPS - 1, 1]);
const phase = signal(0);
const steps = computed(() => trainingLoop({ learningRate: rate.value, steps: STEPS }));

/** Curves over the steps of a training, by default of its loss. */
export function StepsPlot({ title = text.plot, yName = text.loss, steps, highest, curves }: {
  readonly title?: string;
  readonly yName?: string;
  readonly steps: number;
  readonly highest: number;
  readonly curves: readonly Curve[];
}): JSX.Element {
  const axes = { xName: text.steps, x: [0, steps], yName, y: [0, highest] } as const;
  return <Plot title={title} {...axes} curves={curves} />;
}

/** Goes on to the next line of the loop; after the last one, to the next step. */
function nextPhase(): void {
  phase.value = (phase.value + 1) % text.phases.length;
  if (phase.value === 0) step.value = Math.min(step.value + 1, steps.value.length - 1);
}

export function LoopWidget(): JSX.Element {
  const taken = steps.value;
  const at = Math.min(step.value, taken.length - 1);
  const now = taken[at]!;
  const names = ["w", "b", "prediction", "loss", "dw", "db"] as const;
  // As many of them as the loop has computed by the line that is lit; all before the first one.
  const known = [6, 3, 4, 6, 6][phase.value]!;
  return (
    <>
      <Controls of={[rate, step]} />
      <StepsPlot
        steps={STEPS - 1}
        highest={1.5}
        curves={[
          { name: text.loss, color: "a", points: taken.map(({ loss }, i) => [i, loss]) },
          { name: text.step, color: "b", points: [[at, now.loss]], look: "dots" },
        ]}
      />
      <p role="status">{text.verdict(taken[0]!.loss, taken.at(-1)!.loss, taken.length - 1)}</p>
      <ol class="phases">
        {text.phases.map((line, i) => (
          <li key={i} aria-current={i === phase.value ? "step" : undefined}>{line}</li>
        ))}
      </ol>
      <p class="buttons">
        <Button onClick={nextPhase}>{text.phase}</Button>
        <Button
          onClick={() => {
            reset(rate, step);
            phase.value = 0;
          }}
        >
          {words.actions.reset}
        </Button>
      </p>
      <Rows
        of="loop"
        rows={names.map((id, i) => [id, text.rows[i]!, i < known ? showLarge(now[id]) : ""])}
      />
    </>
  );
}

/** Numbers of a loop that diverges have many digits. */
function showLarge(x: number): string {
  return Math.abs(x) < 1e5 ? fixed(x, 4) : x.toExponential(2);
}
