/** @jsxImportSource npm:preact@11.2.0 */

/** Section 7: the training loop, and its learning rate up to divergence. @module */

import { type LoopStep, trainingLoop } from "../../lessons/training_examples.ts";
import { computed, type JSX, signal } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { exponential, fixed } from "../parts/number.ts";
import { type Curve, Plot, type Point } from "../parts/plot.tsx";
import { Rows } from "../parts/rows.tsx";
import { reset, slider } from "../state.ts";
import { words } from "../words/labs.ts";

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

/** The first steps, which decide how much of the valley is shown. */
const SHOWN = 8;

/**
 * The loss along the way that w and b take together, over w: a parabola. Its ends are where the first
 * steps are, so that one sees them jump when they do.
 */
function valleyOf(
  taken: readonly LoopStep[],
): { readonly x: readonly [number, number]; readonly highest: number; readonly points: Point[] } {
  const first = taken.slice(0, SHOWN);
  const lowest = 3.75 - GRADIENT_SHARE;
  const reach = Math.max(0.5, ...first.map(({ w }) => Math.abs(w - lowest))) * 1.15;
  const x = [lowest - reach, lowest + reach] as const;
  const points = Array.from({ length: 41 }, (_, i) => {
    const at = x[0] + (x[1] - x[0]) * i / 40;
    return [at, ((at - lowest) / GRADIENT_SHARE) ** 2] as const;
  });
  return { x, highest: Math.max(1.5, points[0]![1]), points };
}

/** From the start, w has this far to go, while b goes half as far: the gradient of w is twice that of b. */
const GRADIENT_SHARE = 0.4;

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
  const path = taken.slice(0, at + 1).map(({ w, loss }) => [w, loss] as const);
  const valley = valleyOf(taken);
  return (
    <>
      <Controls of={[rate, step]} />
      <div class="pair">
        <div>
          <Plot
            title={text.valley}
            xName="w"
            yName={text.loss}
            x={valley.x}
            y={[-0.04 * valley.highest, valley.highest]}
            curves={[
              { name: text.loss, color: "a", points: valley.points },
              { name: text.walk, color: "b", look: "dashed", points: path },
              { name: text.now, color: "b", look: "dots", points: path.slice(-1) },
            ]}
          />
        </div>
        <div>
          <StepsPlot
            steps={STEPS - 1}
            highest={valley.highest}
            curves={[
              { name: text.loss, color: "a", points: taken.map(({ loss }, i) => [i, loss]) },
              { name: text.step, color: "b", points: [[at, now.loss]], look: "dots" },
            ]}
          />
        </div>
      </div>
      <p role="status">{text.verdict(taken[0]!.loss, taken.at(-1)!.loss, taken.length - 1)}</p>
      <ol class="phases">
        {text.phases.map((line, i) => (
          <li key={i} aria-current={i === phase.value ? "step" : undefined}>{line}</li>
        ))}
      </ol>
      <p class="buttons">
        <Button class="primary" onClick={nextPhase}>{text.phase}</Button>
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
  return Math.abs(x) < 1e5 ? fixed(x, 4) : exponential(x, 2);
}
