/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The dashboard: runs, their curves, values, samples, and in what they differ. @module */

import type { ListedRun } from "../../serve/dashboard/messages.ts";
import { computed, type JSX, render, type TargetedPointerEvent } from "../deps.ts";
import { Button, Controls, Slider } from "../parts/controls.tsx";
import { download } from "../parts/download.ts";
import { Mark } from "../parts/mark.tsx";
import {
  type Curve,
  extremes,
  Plot,
  type Point,
  type PointerHandlers,
  valueAtPixel,
} from "../parts/plot.tsx";
import { Table } from "../parts/rows.tsx";
import { followAddress, reset } from "../state.ts";
import { type Chart, chartsOf, verticalAxis } from "./charts.ts";
import {
  act,
  axis,
  chosen,
  data,
  decay,
  follow,
  hovered,
  list,
  pinned,
  scale,
  shown,
  status,
  zoom,
} from "./live.ts";
import { csvOf, curveOf, figuresOf, lastStep, placeOn, smooth, valueAt } from "./series.ts";
import { words } from "../words/dashboard.ts";

const COLORS = ["a", "b", "c", "d"] as const;

const token = document.querySelector<HTMLMetaElement>("meta[name=token]")?.content;

/** The color and the dash of a shown run; later ones have the same colors with dashes. */
function lookOf(name: string): Pick<Curve, "color" | "look"> {
  const i = shown.value.indexOf(name);
  return { color: COLORS[i % 4]!, look: i < 4 ? "plain" : "dashed" };
}

const named = (figure: string): string => words.figures[figure] ?? figure;
const count = (value: number | null | undefined): string =>
  value?.toLocaleString("en", { maximumFractionDigits: 0 }) ?? words.no_value;
const show = (value: number | null | undefined): string =>
  value?.toLocaleString("en", { maximumSignificantDigits: 6 }) ?? words.no_value;

/** The runs that are shown, with their data and where their steps lie on the axis. */
const parts = computed(() =>
  shown.value.flatMap((name) => {
    const one = data.value.get(name);
    // The list comes before the data, and changes more often.
    const run = list.peek()?.find((run) => run.name === name);
    if (one === undefined) return [];
    return [{ name, data: one, place: placeOn(axis.value, one, run?.tokensPerStep ?? null) }];
  })
);
const last = computed(() => Math.max(0, ...parts.value.map(({ data }) => lastStep(data))));
const at = computed(() => Math.min(hovered.value ?? pinned.value, last.value));

/** All figures: those that have a name in its order, then the others. */
const figures = computed(() => {
  const order = Object.keys(words.figures);
  const rank = (name: string) => {
    const i = order.indexOf(name.replace(/^pass@\d+$/, "pass@1"));
    return i < 0 ? order.length : i;
  };
  return figuresOf(parts.value.map(({ data }) => data)).sort((a, b) => rank(a) - rank(b));
});

/** The curve of a figure of a run, as its chart shows it. */
function styled(
  run: string,
  figure: string,
  of: Chart,
  points: readonly Point[],
): Curve {
  const i = of.figures.indexOf(figure);
  if (of.figures.length === 1) return { name: run, ...lookOf(run), points };
  // A run alone gives the figures their colors; of several, each has one of its own.
  if (parts.value.length === 1) return { name: named(figure), color: COLORS[i % 4]!, points };
  const look = i === 0 ? "plain" : "dashed";
  return { name: `${run}: ${named(figure)}`, color: lookOf(run).color, look, points };
}

/** The curves of each chart, and the ends of its axes. */
const charts = computed(() => {
  const isLog = scale.value === "log";
  return chartsOf(figures.value).map((chart) => {
    const whole = parts.value.flatMap(({ name, data, place }) =>
      chart.figures.flatMap((figure): Curve[] => {
        const points = place === null ? [] : curveOf(data, figure, place);
        if (points.length === 0) return [];
        const curve = styled(name, figure, chart, points);
        if (figure !== "loss" || decay.value === 0) return [curve];
        return [{ ...curve, look: "thin" }, { ...curve, points: smooth(points, decay.value) }];
      })
    );
    const ends = whole.flatMap(({ points }) => [points[0]![0], points.at(-1)![0]]);
    const x = zoom.value ?? [Math.min(...ends), Math.max(...ends)] as const;
    const curves = whole.map((curve) => ({
      ...curve,
      points: extremes(curve.points, x).filter(([, value]) => !isLog || value > 0),
    }));
    const shownPoints = curves.map(({ points }) => points);
    const { ends: y, startsAt } = verticalAxis(chart.name, shownPoints, isLog);
    const points = whole.reduce((sum, { points }) => sum + points.length, 0);
    return { name: chart.name, points, x, y, curves, startsAt };
  }).filter(({ curves }) => curves.some(({ points }) => points.length > 0));
});

function toggle(name: string): void {
  const others = shown.value.filter((one) => one !== name);
  chosen.value = (others.length < shown.value.length ? others : [...others, name]).join(",");
}

/** The step of the first run at a place on the axis. */
function stepAt(x: number): number {
  const [first] = parts.value;
  const steps = (first?.data.columns["step"]?.["step"] ?? []) as number[];
  return steps.findLast((step) => (first?.place?.(step) ?? 0) <= x) ?? 0;
}

/** The cells of a run in the list. */
function cellsOf(run: ListedRun): (string | JSX.Element)[] {
  const isShown = shown.value.includes(run.name);
  const { color, look } = lookOf(run.name);
  const { figures, step, steps, parameters } = run;
  return [
    <label key={run.name} data-run={run.name} data-state={run.state}>
      <input
        type="checkbox"
        checked={isShown}
        // One run is always shown: without a choice, the page would show the latest one unchecked.
        disabled={isShown && shown.value.length === 1}
        onChange={() => toggle(run.name)}
      />
      {run.name}
      {isShown && <span class={`key ${color} ${look}`} />}
    </label>,
    <span key={run.name} class={`state ${run.state}`}>{words.states[run.state]}</span>,
    <Done key={run.name} step={step} steps={steps} state={run.state} />,
    show(figures["smoothLoss"] ?? figures["loss"] ?? null),
    show(figures["bitsPerByte"]),
    show(figures["reward"]),
    count(figures["tokensPerSecond"]),
    count(parameters),
    run.inside === null
      ? ""
      : (
        <a key={run.name} href={run.inside} aria-label={words.inside_of(run.name)}>
          {words.inside}
        </a>
      ),
  ];
}

/** How far a run has come, as numbers and as a bar while it has not come to its end. */
function Done({ step, steps, state }: Pick<ListedRun, "step" | "steps" | "state">): JSX.Element {
  if (steps === null) return <>{count(step)}</>;
  const text = words.of(count(step), count(steps));
  return (
    <>
      {text}
      {state !== "finished" && <progress value={step} max={steps} aria-label={text} />}
    </>
  );
}

function Runs(): JSX.Element {
  const runs = list.value ?? [];
  const problems = runs.filter(({ problem }) => problem !== null);
  return (
    <section>
      <h2>{words.runs}</h2>
      {list.value !== null && runs.length === 0 && <p>{words.none}</p>}
      {runs.length > 0 && (
        <Table id="runs" isNamed label={words.runs} head={words.columns} rows={runs.map(cellsOf)} />
      )}
      {problems.map(({ name, problem }) => (
        <p key={name} class="problem" data-problem={name}>{problem}</p>
      ))}
    </section>
  );
}

function Status(): JSX.Element {
  return (
    <div class="buttons">
      {token !== undefined && (
        <>
          <Button onClick={() => act("stop", token)}>{words.stop}</Button>
          <Button onClick={() => act("save", token)}>{words.save}</Button>
        </>
      )}
      <p role="status">{status.value}</p>
    </div>
  );
}

/** A drag of fewer pixels is a click. */
const MIN_DRAG = 5;

/** Where a drag began, in the window. */
let dragFrom = 0;

type Pointer = TargetedPointerEvent<SVGSVGElement>;

/** Pointer handlers of a plot: hovering reads a step, a click pins it, a drag zooms into all plots. */
function pointing(x: readonly [number, number]): PointerHandlers {
  const valueIn = ({ currentTarget }: Pointer, clientX: number) =>
    valueAtPixel(currentTarget.getBoundingClientRect(), clientX, x);
  return {
    onPointerMove: (event: Pointer) => hovered.value = stepAt(valueIn(event, event.clientX)),
    onPointerLeave: () => hovered.value = null,
    onPointerDown: ({ clientX }: Pointer) => dragFrom = clientX,
    onPointerUp: (event: Pointer) => {
      const [from, to] = [dragFrom, event.clientX].sort((a, b) => a - b) as [number, number];
      if (to - from < MIN_DRAG) pinned.value = stepAt(valueIn(event, to));
      else zoom.value = [valueIn(event, from), valueIn(event, to)];
    },
  };
}

function Curves(): JSX.Element {
  const names = parts.value.map(({ name }) => name).join(", ");
  const [first] = parts.value;
  const isLatest = hovered.value === null && pinned.value === Infinity;
  const mark = isLatest ? undefined : first?.place?.(at.value);
  return (
    <section id="curves">
      <h2>{words.curves}</h2>
      <div class="controls" role="group" aria-label={words.controls}>
        <Controls of={[axis, scale, decay]} />
      </div>
      {zoom.value !== null && <Button onClick={() => zoom.value = null}>{words.whole}</Button>}
      <div class="charts">
        {charts.value.map(({ name, points, x, y, curves, startsAt }) => (
          <figure key={name} data-figure={name} data-points={points}>
            <figcaption>
              {named(name)}
              {startsAt !== null && <span class="note">{words.above(show(startsAt))}</span>}
            </figcaption>
            <Plot
              title={words.plotted(named(name), names)}
              xName={words.axes[axis.value]}
              isLog={scale.value === "log"}
              x={x}
              y={y}
              curves={curves}
              {...mark !== undefined && { at: mark }}
              {...pointing(x)}
            />
          </figure>
        ))}
      </div>
    </section>
  );
}

function saveCsv(): void {
  const text = csvOf(new Map(parts.value.map(({ name, data }) => [name, data])));
  const name = shown.value.join("-").replaceAll("/", "_");
  download(`${name}.csv`, new Blob([text], { type: "text/csv" }));
}

function Values(): JSX.Element {
  return (
    <section>
      <h2>{words.values}</h2>
      <Slider of={pinned} most={last.value} />
      <div class="buttons">
        <Button onClick={() => reset(pinned)} disabled={pinned.value === Infinity}>
          {words.latest}
        </Button>
        <Button onClick={saveCsv}>{words.download}</Button>
      </div>
      <Table
        id="values"
        caption={words.at_step(at.value)}
        head={[words.figure, ...parts.value.map(({ name }) => name)]}
        rows={figures.value.map((figure) => [
          named(figure),
          ...parts.value.map(({ data }) => show(valueAt(data, figure, at.value))),
        ])}
      />
    </section>
  );
}

function Samples(): JSX.Element {
  const found = parts.value.flatMap(({ name, data }) => {
    const sample = data.samples.findLast(({ step }) => step <= at.value + 1);
    return sample === undefined ? [] : [{ name, ...sample }];
  });
  return (
    <section>
      <h2>{words.samples}</h2>
      {found.length === 0 && <p>{words.no_samples}</p>}
      {found.map(({ name, step, texts }) => (
        <figure key={name} data-samples={name}>
          <figcaption>{name} {words.at_step(step)}</figcaption>
          {texts.map((text, i) => <p key={i} class="sample">{text}</p>)}
        </figure>
      ))}
    </section>
  );
}

/** The label of a setting: words for the shape of the model, otherwise the flag that sets it. */
function settingName(name: string): string {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return words.shape[name] ?? `--${flag}`;
}

function Settings(): JSX.Element {
  const runs = shown.value.flatMap((name) => list.value?.find((run) => run.name === name) ?? []);
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const all = [
    [words.device, ...runs.map(({ device }) => device ?? words.no_value)],
    ...names.map((name) => [
      settingName(name),
      ...runs.map(({ settings }) => `${settings[name] ?? ""}`),
    ]),
  ];
  const different = all.filter(([, ...values]) => values.some((value) => value !== values[0]));
  const head = [words.setting, ...runs.map(({ name }) => name)];
  return (
    <section>
      <h2>{words.settings}</h2>
      {different.length === 0
        ? <p>{runs.length < 2 ? words.one : words.same}</p>
        : <Table id="settings" label={words.settings} head={head} rows={different} />}
      {runs.length > 0 && (
        <details>
          <summary>{words.allSettings}</summary>
          <Table id="all-settings" label={words.allSettings} head={head} rows={all} />
        </details>
      )}
    </section>
  );
}

function Page(): JSX.Element {
  return (
    <>
      {list.value?.length !== 0 && <a class="skip" href="#curves">{words.skip}</a>}
      <header>
        <Mark />
        <h1>{words.title}</h1>
      </header>
      <main>
        <Status />
        <Runs />
        {list.value?.length !== 0 && (
          <>
            <Curves />
            <Values />
            <Samples />
            <Settings />
          </>
        )}
      </main>
    </>
  );
}

followAddress();
follow();
render(<Page />, document.getElementById("page")!);
