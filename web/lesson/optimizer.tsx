/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Optimizers in a valley: the library's, and a rule of the reader's own. @module */

import type { Matrix } from "../../lessons/attention.ts";
import {
  singularValues,
  slopeAt,
  valleyCurvatures,
  type ValleyPlace,
  valleyStart,
} from "../../lessons/valley.ts";
import { effect, type JSX, signal, untracked } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { makeRule } from "../engine/sandbox.ts";
import type { DescentPath, OptimizerName, ValleySchedule } from "../engine/valley.ts";
import { Button, Controls, RangeInput, Slider } from "../parts/controls.tsx";
import { wantsLittleMotion } from "../parts/motion.ts";
import { decimal, exponential, fixed } from "../parts/number.ts";
import type { Curve } from "../parts/plot.tsx";
import { Rows, Table } from "../parts/rows.tsx";
import { choice, reset, setting, slider } from "../state.ts";
import { words as labs } from "../words/labs.ts";
import { words as text } from "../words/optimizer.ts";
import { StepsPlot } from "./loop.tsx";

const { network } = labs;
const colors = { sgd: "a", momentum: "b", adam: "c", muon: "d" } as const satisfies Record<
  OptimizerName,
  string
>;
const names = Object.keys(colors) as OptimizerName[];

/** A loss as it is shown: small ones by their size. */
const lossText = (loss: number) =>
  !Number.isFinite(loss) || loss >= 1e6 || loss < 1e-3 && loss > 0
    ? exponential(loss, 1)
    : fixed(loss, 3);

/** The drawing of the valley: its size, and how many pixels a unit has across and along. */
const WIDTH = 480, HEIGHT = 230, ACROSS = 52, ALONG = 25;
const place = ({ steep, flat }: ValleyPlace) => {
  const clamp = (x: number, most: number) => Math.max(-2 * most, Math.min(3 * most, x));
  return `${decimal(clamp(WIDTH / 2 + ALONG * flat, WIDTH), 1)} ${
    decimal(clamp(HEIGHT / 2 - ACROSS * steep, HEIGHT), 1)
  }`;
};
/** Lines of the same loss. */
const LEVELS = [0.5, 4, 12, 30, 60, 105] as const;

/** A path through the valley, in a color. */
interface DrawnPath {
  readonly name: string;
  readonly color: string;
  readonly path: readonly ValleyPlace[];
}

function Valley({ paths }: { readonly paths: readonly DrawnPath[] }): JSX.Element {
  const said = paths.map(({ name, path }) => text.ends(name, lossText(slopeAt(path.at(-1)!).loss)));
  return (
    <svg
      class="valley"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={text.valley(said)}
    >
      {LEVELS.map((loss) => (
        <ellipse
          key={loss}
          cx={WIDTH / 2}
          cy={HEIGHT / 2}
          rx={decimal(ALONG * Math.sqrt(2 * loss / valleyCurvatures.flat), 1)}
          ry={decimal(ACROSS * Math.sqrt(2 * loss / valleyCurvatures.steep), 1)}
        />
      ))}
      <path
        class="lowest"
        d={`M${WIDTH / 2 - 7} ${HEIGHT / 2}h14M${WIDTH / 2} ${HEIGHT / 2 - 7}v14`}
      />
      {paths.map(({ name, color, path }) => (
        <g key={name} class={color}>
          <path class="curve" d={`M${path.map(place).join("L")}`} />
          {path.map((at, i) => {
            const [x, y] = place(at).split(" ");
            return <circle key={i} class="dot" cx={x} cy={y} r={i === path.length - 1 ? 5 : 2} />;
          })}
        </g>
      ))}
    </svg>
  );
}

/** The colors of the paths. */
function Legend({ paths }: { readonly paths: readonly DrawnPath[] }): JSX.Element {
  return (
    <ul class="legend">
      {paths.map(({ name, color }) => <li key={name} class={`key ${color}`}>{name}</li>)}
    </ul>
  );
}

const schedule = choice<ValleySchedule>(
  "valleySchedule",
  text.schedule,
  "constant",
  text.schedules,
);
const rate = slider("valleyRate", text.rate, 1, [0.1, 2, 0.1]);
const STEPS = 60;
const shown = signal(STEPS);
const message = signal("");
const latest = new Latest("optimizer.descend", message);
const descents = signal<readonly DescentPath[]>([]);

// Paths of other settings would be none of these.
effect(() => {
  schedule.value, rate.value;
  untracked(() => {
    latest.stop();
    descents.value = [];
    message.value = "";
  });
});

/** Milliseconds between two steps that are watched. */
const PACE = 60;

async function run(): Promise<void> {
  descents.value = [];
  message.value = network.starting;
  const isCalm = wantsLittleMotion();
  shown.value = isCalm ? STEPS : 0;
  const input = { steps: STEPS, schedule: schedule.value, rate: rate.value };
  await latest.start(input, "cpu", (path) => descents.value = [...descents.value, path]);
  if (descents.value.length < names.length) return;
  message.value = "";
  // All at once, so that one sees who is ahead.
  while (shown.value < STEPS && descents.value.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, PACE));
    shown.value++;
  }
}

/** Four optimizers in the valley. */
export function OptimizerWidget(): JSX.Element {
  const at = shown.value;
  const paths = descents.value.map(({ optimizer, path }) => ({
    name: text.names[optimizer],
    color: colors[optimizer],
    path: path.slice(0, at + 1),
  }));
  const lossesAt = descents.value.map(({ losses }) => losses[at]!);
  const best = lossesAt.indexOf(Math.min(...lossesAt));
  const curves = descents.value.map(({ optimizer, losses }): Curve => ({
    name: text.names[optimizer],
    color: colors[optimizer],
    points: losses.slice(0, at + 1).map((loss, i) => [i, Math.min(loss, 1e3)]),
  }));
  return (
    <>
      <div class="controls">
        <Controls of={[schedule, rate]} />
      </div>
      <p class="buttons">
        <Button
          class="primary"
          onClick={() => void run()}
          disabled={latest.run.value !== null}
        >
          {descents.value.length === 0 ? text.start : text.again}
        </Button>
        <Button onClick={() => reset(schedule, rate)}>{labs.actions.reset}</Button>
      </p>
      <p role="status" data-optimizer>
        {message.value || (best < 0 ? text.waiting : text.status(
          text.names[descents.value[best]!.optimizer],
          lossText(lossesAt[best]!),
        ))}
      </p>
      <div class="pair">
        <div>
          <Valley
            paths={paths.length > 0
              ? paths
              : [{ name: text.names.sgd, color: "a", path: [valleyStart] }]}
          />
          {paths.length > 0 && (
            <>
              <Legend paths={paths} />
              <div class="controls">
                <RangeInput
                  id="valleyStep"
                  label={text.shown}
                  value={at}
                  range={[0, STEPS, 1]}
                  onValue={(value) => shown.value = value}
                />
              </div>
            </>
          )}
        </div>
        <div>
          <StepsPlot steps={STEPS} highest={110} title={text.losses} curves={curves} />
          {paths.length > 0 && (
            <Table
              id="valley"
              label={text.columns.join(", ")}
              head={text.columns}
              rows={descents.value.map(({ optimizer, path, losses }) => [
                text.names[optimizer],
                lossText(losses[at]!),
                fixed(path[at]!.steep, 3),
                fixed(path[at]!.flat, 3),
              ])}
            />
          )}
        </div>
      </div>
    </>
  );
}

const cellSettings = text.muon.cells.map((cell, i) =>
  slider(`update${cell}`, cell, [3, 1, 1, 0.6][i]!, [-4, 4, 0.1])
);
const muonMessage = signal("");
const latestMuon = new Latest("optimizer.orthogonalize", muonMessage);
const iterations = signal<readonly Matrix[]>([]);

effect(() => {
  for (const { value } of cellSettings) void value;
  untracked(() => {
    latestMuon.stop();
    iterations.value = [];
    muonMessage.value = "";
  });
});

async function makeEqual(): Promise<void> {
  iterations.value = [];
  muonMessage.value = network.starting;
  const [a, b, c, d] = cellSettings.map(({ value }) => value) as [number, number, number, number];
  const matrix = [[a, b], [c, d]];
  await latestMuon.start(matrix, "cpu", (one) => iterations.value = [...iterations.value, one]);
  if (iterations.value.length > 0) muonMessage.value = "";
}

/** A circle of radius 1, as a matrix stretches it. */
function stretched([[a = 0, b = 0] = [], [c = 0, d = 0] = []]: Matrix): string {
  const points = Array.from({ length: 73 }, (_, i) => {
    const [x, y] = [Math.cos(i * Math.PI / 36), Math.sin(i * Math.PI / 36)];
    // Numbers that grow go up; the drawing's go down.
    return `${decimal(a * x + b * y, 3)} ${decimal(-c * x - d * y, 3)}`;
  });
  return `M${points.join("L")}Z`;
}

/** The update before the rounds, in between, and after them: each as what it makes of a circle. */
function Stretches({ matrices }: { readonly matrices: readonly Matrix[] }): JSX.Element {
  const reach = 1.05 * Math.max(...matrices.map((matrix) => singularValues(matrix)[0]));
  const last = matrices.length - 1;
  return (
    <>
      <svg
        class="stretches"
        viewBox={[-reach, -reach, 2 * reach, 2 * reach].map((x) => decimal(x, 3)).join(" ")}
        role="img"
        aria-label={text.muon.picture(
          ratioOf(matrices[0]!),
          last > 0 ? ratioOf(matrices[last]!) : null,
        )}
      >
        {matrices.map((matrix, i) => (
          <path
            key={i}
            class={`curve ${i === 0 ? "b" : i === last ? "d" : "d thin"}`}
            d={stretched(matrix)}
          />
        ))}
      </svg>
      <ul class="legend">
        <li class="key b">{text.muon.legend.before}</li>
        {last > 0 && <li class="key d">{text.muon.legend.after}</li>}
      </ul>
    </>
  );
}

/** How many times the larger singular value is the smaller one. */
function ratioOf(matrix: Matrix): string {
  const [most, least] = singularValues(matrix);
  return least < 1e-6 ? "∞" : fixed(most / least, 1);
}

/** An update by Muon: its singular values become equal. */
export function MuonWidget(): JSX.Element {
  const rows = iterations.value.map((matrix, i) => [
    `${i}`,
    ...singularValues(matrix).map((x) => fixed(x, 3)),
    <span key={i}>
      {matrix.map((row, j) => (
        <span key={j}>
          <span class="glued">
            {`${row.map((x) => fixed(x, 2)).join(", ")}${j === 0 ? ";" : ""}`}
          </span>
          {j === 0 && " "}
        </span>
      ))}
    </span>,
  ]);
  const last = iterations.value.at(-1);
  const [a, b, c, d] = cellSettings.map(({ value }) => value) as [number, number, number, number];
  return (
    <>
      <div class="controls">
        <Controls of={cellSettings} />
      </div>
      <p class="buttons">
        <Button class="primary" onClick={() => void makeEqual()}>{text.muon.make}</Button>
        <Button onClick={() => reset(...cellSettings)}>{labs.actions.reset}</Button>
      </p>
      <p role="status" data-muon>
        {muonMessage.value ||
          (last === undefined
            ? text.muon.before
            : text.muon.status(ratioOf(iterations.value[0]!), ratioOf(last)))}
      </p>
      <div class="stretching">
        <div>
          <Stretches matrices={last === undefined ? [[[a, b], [c, d]]] : iterations.value} />
        </div>
        {rows.length === 0
          ? <p class="work">{text.muon.about}</p>
          : <Table id="muon" caption={text.muon.table} head={text.muon.columns} rows={rows} />}
      </div>
    </>
  );
}

type RuleName = keyof typeof text.own.presets;
/** Rules that work, each with a learning rate that suits. */
export const rules: Readonly<Record<RuleName, readonly [rule: string, rate: number]>> = {
  sgd: ["w = w - lr * g", 0.018],
  momentum: ["m = 0.85 * m + g; w = w - lr * m", 0.012],
  sign: ["w = w - lr * sign(g) * (1 - t / 60)", 0.3],
  adam: [
    "m = 0.9 * m + 0.1 * g; v = 0.999 * v + 0.001 * g * g; " +
    "w = w - lr * (m / (1 - 0.9 ** t)) / (sqrt(v / (1 - 0.999 ** t)) + 1e-8)",
    0.6,
  ],
};

const rule = setting<string>("rule", rules.momentum[0]);
const ruleRate = slider("ruleRate", text.own.rate, rules.momentum[1], [0, 1, 0.001]);
const path = signal<readonly ValleyPlace[]>([]);
const ruleError = signal("");
const isRunning = signal(false);

effect(() => {
  rule.value, ruleRate.value;
  untracked(() => {
    path.value = [];
    ruleError.value = "";
  });
});

/** Runs the reader's rule down the valley: it gets the gradients that backpropagation finds here. */
async function runRule(): Promise<void> {
  ruleError.value = "";
  path.value = [];
  isRunning.value = true;
  const places: ValleyPlace[] = [valleyStart];
  try {
    const made = await makeRule(rule.value, text.own);
    try {
      for (let t = 1; t <= STEPS; t++) {
        const { steep, flat } = places.at(-1)!;
        const { gradient } = slopeAt({ steep, flat });
        const [newSteep = NaN, newFlat = NaN] = await made.step({
          weights: [steep, flat],
          gradients: [gradient.steep, gradient.flat],
          t,
          lr: ruleRate.value,
        });
        places.push({ steep: newSteep, flat: newFlat });
      }
    } finally {
      made.close();
    }
  } catch (error) {
    ruleError.value = (error as Error).message;
  } finally {
    path.value = places;
    isRunning.value = false;
  }
}

/** A line that the reader may change: the update rule. */
export function RuleWidget(): JSX.Element {
  const end = path.value.at(-1) ?? valleyStart;
  const { loss } = slopeAt(end);
  const isDone = path.value.length > STEPS;
  const status = isRunning.value
    ? text.own.running
    : !isDone
    ? text.own.waiting
    : loss < 0.01
    ? text.own.good(lossText(loss))
    : text.own.done(lossText(loss));
  return (
    <>
      <p class="buttons">
        {(Object.keys(rules) as RuleName[]).map((name) => (
          <Button
            key={name}
            onClick={() => [rule.value, ruleRate.value] = rules[name]}
          >
            {text.own.presets[name]}
          </Button>
        ))}
      </p>
      <div class="pair">
        <div>
          <pre class="loop"><code>{text.own.loop.join("\n")}</code></pre>
          <p class="rule">
            <label for={rule.id}>{text.own.label}</label>
            <input
              id={rule.id}
              type="text"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              maxLength={400}
              value={rule.value}
              aria-invalid={ruleError.value !== ""}
              aria-describedby="ruleError"
              onInput={(event) => rule.value = event.currentTarget.value}
              onKeyDown={(event) => event.key === "Enter" && void runRule()}
            />
          </p>
          <p id="ruleError" role="alert" class="rule-error">
            {ruleError.value === "" ? "" : text.own.error(ruleError.value)}
          </p>
          <p class="work">{text.own.help}</p>
          <Slider of={ruleRate} />
          <p class="buttons">
            <Button class="primary" onClick={() => void runRule()} disabled={isRunning.value}>
              {text.own.run}
            </Button>
            <Button onClick={() => reset(rule, ruleRate)}>{labs.actions.reset}</Button>
          </p>
          <p role="status">{status}</p>
        </div>
        <div>
          <Valley
            paths={[{
              name: text.rule,
              color: "d",
              path: path.value.length > 0 ? path.value : [valleyStart],
            }]}
          />
          <Rows
            of="rule"
            rows={[
              ["ruleLoss", text.own.final, isDone ? lossText(loss) : network.none],
              ["ruleSteep", text.own.steep, isDone ? fixed(end.steep, 4) : network.none],
              ["ruleFlat", text.own.flat, isDone ? fixed(end.flat, 4) : network.none],
            ]}
          />
        </div>
      </div>
    </>
  );
}
