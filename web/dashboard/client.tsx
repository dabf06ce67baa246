/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The dashboard: runs, their curves, values, samples, and in what they differ. @module */

import type { ListedRun } from "../../serve/dashboard/messages.ts";
import { computed, type JSX, render } from "../deps.ts";
import { Button, Choice, Slider } from "../parts/controls.tsx";
import { Table } from "../parts/rows.tsx";
import { followAddress } from "../state.ts";
import { Chart, type Line } from "./chart.tsx";
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
} from "./live.ts";
import { csvOf, curvesOf, figuresOf, lastStep, pointsOf, smooth, valueAt } from "./series.ts";
import { words } from "./words.ts";

const COLORS = ["a", "b", "c", "d"] as const;

const token = document.querySelector<HTMLMetaElement>("meta[name=token]")?.content;

/** The color and the dash of a shown run; later ones have the same colors with dashes. */
function lookOf(name: string): Pick<Line, "color" | "look"> {
  const i = shown.value.indexOf(name);
  return { color: COLORS[i % 4]!, look: i < 4 ? "plain" : "dashed" };
}

const named = (figure: string): string => words.figures[figure] ?? figure;
const count = (value: number): string => value.toLocaleString("en");
const show = (value: number | null | undefined): string =>
  value === null || value === undefined ? words.no_value : `${Number(value.toPrecision(6))}`;

/** Figures in the order of their names, and others after them. */
const order = Object.keys(words.figures);
const inOrder = (
  figures: readonly string[],
): string[] => [
  ...order.filter((name) => figures.includes(name)),
  ...figures.filter((name) => !order.includes(name)),
];

/** The runs that are shown, with their data. */
const parts = computed(() =>
  shown.value.flatMap((name) => {
    const one = data.value.get(name);
    return one === undefined ? [] : [{ name, data: one }];
  })
);
/** Where the axis of tokens needs them. */
const tokensPerStep = computed(() =>
  JSON.stringify(list.value?.map(({ name, tokensPerStep }) => [name, tokensPerStep]) ?? [])
);
const last = computed(() => Math.max(0, ...parts.value.map(({ data }) => lastStep(data))));
const at = computed(() => hovered.value ?? (pinned.value < 0 ? last.value : pinned.value));

/** The curves of each figure. */
const charts = computed(() => {
  const tokens = new Map<string, number | null>(JSON.parse(tokensPerStep.value));
  const isLog = scale.value === "log";
  const fit = (y: readonly (number | null)[]) =>
    isLog ? y.map((value) => value !== null && value > 0 ? value : null) : y;
  return inOrder(curvesOf(parts.value.map(({ data }) => data))).map((figure) => ({
    figure,
    lines: parts.value.flatMap(({ name, data }): Line[] => {
      const { x, y } = pointsOf(data, figure, axis.value, tokens.get(name) ?? null);
      const line = { name, ...lookOf(name), x, y: fit(y) };
      if (figure !== "loss" || decay.value === 0) return x.length === 0 ? [] : [line];
      return [{ ...line, look: "thin" }, { ...line, y: fit(smooth(y, decay.value)) }];
    }),
  })).filter(({ lines }) => lines.length > 0);
});

function toggle(name: string): void {
  const others = shown.value.filter((one) => one !== name);
  chosen.value = (others.length < shown.value.length ? others : [...others, name]).join(",");
}

function stepAt(x: number): number {
  // The nearest step of the first run, whatever the axis.
  const [first] = parts.value;
  if (first === undefined) return 0;
  const tokens = new Map<string, number | null>(JSON.parse(tokensPerStep.value));
  const points = pointsOf(first.data, "loss", axis.value, tokens.get(first.name) ?? null);
  if (axis.value === "step" || points.x.length === 0) return Math.max(0, Math.round(x));
  return points.steps[Math.max(0, points.x.findLastIndex((one) => one <= x))]!;
}

function Row({ run }: { readonly run: ListedRun }): JSX.Element {
  const isShown = shown.value.includes(run.name);
  const { color, look } = lookOf(run.name);
  const { figures, step, steps, parameters } = run;
  const cells = [
    words.states[run.state],
    steps === null ? count(step) : words.of(count(step), count(steps)),
    show(figures["smoothLoss"] ?? figures["loss"] ?? null),
    show(figures["bitsPerByte"]),
    figures["tokensPerSecond"] === undefined
      ? words.no_value
      : count(Math.round(figures["tokensPerSecond"])),
    parameters === null ? words.no_value : count(parameters),
    run.device ?? words.no_value,
  ];
  return (
    <tr data-run={run.name} data-state={run.state}>
      <th scope="row">
        <label>
          <input type="checkbox" checked={isShown} onChange={() => toggle(run.name)} />
          {run.name}
          {isShown && <span class={`key ${color} ${look}`} />}
        </label>
      </th>
      {cells.map((cell, i) => <td key={i}>{cell}</td>)}
    </tr>
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
        <div class="scroll" tabIndex={0} role="region" aria-label={words.runs}>
          <table class="grid runs">
            <thead>
              <tr>{words.columns.map((name) => <th key={name} scope="col">{name}</th>)}</tr>
            </thead>
            <tbody>{runs.map((run) => <Row key={run.name} run={run} />)}</tbody>
          </table>
        </div>
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

function Curves(): JSX.Element {
  const names = parts.value.map(({ name }) => name).join(", ");
  return (
    <section id="curves">
      <h2>{words.curves}</h2>
      <div class="controls" role="group" aria-label={words.controls}>
        <Choice label={words.axis} value={axis} options={words.axes} />
        <Choice label={words.scale} value={scale} options={words.scales} />
        <Slider label={words.smooth} value={decay} min={0} max={0.99} step={0.01} digits={2} />
      </div>
      <div class="charts">
        {charts.value.map(({ figure, lines }) => (
          <figure key={figure} data-figure={figure}>
            <figcaption>{named(figure)}</figcaption>
            <Chart
              title={words.plotted(named(figure), names)}
              lines={lines}
              isLog={scale.value === "log"}
              xName={words.axes[axis.value]}
              onPoint={(x) => hovered.value = x === null ? null : stepAt(x)}
              onPick={(x) => pinned.value = stepAt(x)}
            />
          </figure>
        ))}
      </div>
    </section>
  );
}

function Values(): JSX.Element {
  const figures = inOrder(figuresOf(parts.value.map(({ data }) => data)));
  const value = Math.min(at.value, last.value);
  return (
    <section>
      <h2>{words.values}</h2>
      <div class="slider">
        <label for="at">{words.at}</label>
        <input
          id="at"
          type="range"
          min={0}
          max={last.value}
          value={value}
          onInput={(event) => pinned.value = event.currentTarget.valueAsNumber}
        />
        <output for="at">{count(value)}</output>
      </div>
      <div class="buttons">
        <Button onClick={() => pinned.value = -1} disabled={pinned.value < 0}>
          {words.latest}
        </Button>
        <Button onClick={download}>{words.download}</Button>
      </div>
      <Table
        id="values"
        caption={words.at_step(value)}
        head={[words.figure, ...parts.value.map(({ name }) => name)]}
        rows={figures.map((figure) => [
          named(figure),
          ...parts.value.map(({ data }) => show(valueAt(data, figure, value))),
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

function Settings(): JSX.Element {
  const runs = shown.value.flatMap((name) => list.value?.find((run) => run.name === name) ?? []);
  const names = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const rows = names.map((name) => [name, ...runs.map(({ settings }) => `${settings[name] ?? ""}`)])
    .filter(([, ...values]) => values.some((value) => value !== values[0]));
  return (
    <section>
      <h2>{words.settings}</h2>
      {rows.length === 0 ? <p>{runs.length < 2 ? words.one : words.same}</p> : (
        <Table
          id="settings"
          caption={words.settings}
          head={[words.setting, ...runs.map(({ name }) => name)]}
          rows={rows}
        />
      )}
    </section>
  );
}

function download(): void {
  const text = csvOf(new Map(parts.value.map(({ name, data }) => [name, data])));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${shown.value.join("-").replaceAll("/", "_")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function Page(): JSX.Element {
  return (
    <>
      <a class="skip" href="#curves">{words.skip}</a>
      <main>
        <h1>{words.title}</h1>
        <Status />
        <Runs />
        <Curves />
        <Values />
        <Samples />
        <Settings />
      </main>
    </>
  );
}

followAddress();
follow();
render(<Page />, document.getElementById("page")!);
