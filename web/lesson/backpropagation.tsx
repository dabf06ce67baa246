/** @jsxImportSource npm:preact@11.2.0 */

/** Section 6: backpropagation through (w·x + b − target)², number by number. @module */

import { backpropagation } from "../../lessons/examples.ts";
import { type JSX, signal } from "../deps.ts";
import { Button, Controls } from "../parts/controls.tsx";
import { type Box, Graph, type Mark } from "../parts/graph.tsx";
import { fixed, withMinus } from "../parts/number.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { slider } from "../state.ts";
import { words } from "../words/labs.ts";

const { backpropagation: text } = words;
const w = slider("backW", text.w, 3.75, [0, 8, 0.01]);
const b = slider("backB", text.b, 3.5, [-5, 10, 0.01]);
/** The updates since the reader last set w or b. */
const taken = signal(0);
/** The place of the walk through the graph: before the first value, on one, or after the last. */
const place = signal(-1);

/** The values from left to right. */
const columns = [["w", "x"], ["product", "b"], ["prediction", "target"], ["error"], ["loss"]];
/** Those to which no arrow leads. */
const given = ["w", "x", "b", "target"];

type Pass = "forward" | "backward";

/** The order in which the forward pass computes values, then the backward pass visits them. */
export const walk: readonly (readonly [name: string, pass: Pass])[] = [
  ...backpropagation().values.map(({ name }) => [name, "forward"] as const),
  ...columns.flat().reverse().map((name) => [name, "backward"] as const),
];

/** Enough for any start on the sliders. */
const MAX_STEPS = 1000;

const trace = () => backpropagation({ w: w.value, b: b.value });

/** A formula of code with the signs of mathematics. */
const written = (formula: string) =>
  withMinus(formula.replaceAll("*", "×").replaceAll(" ^ 2", "²"));

/** The shown loss is zero at two decimals. */
const isDone = () => fixed(trace().values.at(-1)!.data, 2) === "0.00";

function takeStep(): void {
  ({ w: w.value, b: b.value } = trace());
  taken.value++;
}

function start(newW: number, newB: number): void {
  w.value = newW;
  b.value = newB;
  taken.value = 0;
  place.value = -1;
}

/** The numbers of a step, and how far the walk through the graph has come. */
interface View extends ReturnType<typeof backpropagation> {
  /** Data and gradient of each value, as they are shown. */
  readonly shown: ReadonlyMap<string, readonly [data: string, gradient: string]>;
  /** The visits so far: `w forward`. */
  readonly visited: ReadonlySet<string>;
  /** Whether a value is known: without a walk all are. */
  readonly isKnown: (name: string, pass: Pass) => boolean;
}

function viewNow(): View {
  const traced = trace();
  const visited = new Set(walk.slice(0, place.value + 1).map((visit) => visit.join(" ")));
  const isWalking = walk[place.value] !== undefined;
  return {
    ...traced,
    shown: new Map(
      traced.values.map(({ name, data, grad }) => [name, [fixed(data, 2), fixed(grad, 2)]]),
    ),
    visited,
    isKnown: (name, pass) => !isWalking || visited.has(`${name} ${pass}`),
  };
}

/** The graph, through which the reader walks value by value: forward, then backward. */
function GraphWalk({ values, shown, visited, isKnown }: View): JSX.Element {
  const [now, pass] = walk[place.value] ?? [null, null];
  const markOf = (start: string, end: string): Mark | undefined =>
    visited.has(`${start} backward`)
      ? "backward"
      : visited.has(`${end} forward`)
      ? "forward"
      : undefined;
  const boxOf = (name: string): Box => {
    const [data, gradient] = shown.get(name)!;
    const lines = [
      name,
      isKnown(name, "forward") ? data : "",
      isKnown(name, "backward") ? text.gradient(gradient) : "",
    ];
    const mark = name === now ? "now" : markOf(name, name);
    return { lines, mark, inputs: given.includes(name) ? [] : undefined, part: name };
  };
  const rule = written(values.find(({ name }) => name === now)?.chainRule ?? "");
  return (
    <>
      <Graph
        title={text.graph}
        columns={columns.map((names) => names.map(boxOf))}
        markOf={markOf}
      />
      <p class="buttons">
        <Button onClick={() => place.value--} disabled={place.value < 0}>
          {words.actions.back}
        </Button>
        <Button
          class="primary"
          onClick={() => place.value = place.value === walk.length - 1 ? -1 : place.value + 1}
        >
          {words.actions.next}
        </Button>
      </p>
      <p aria-live="polite" data-walk={now === null ? "" : `${now} ${pass}`}>
        {now === null ? text.whole : text.visit(now, pass === "backward", rule)}
      </p>
    </>
  );
}

/** Each number with its calculation. */
function Numbers({ shown, isKnown, w: newW, b: newB }: View): JSX.Element {
  const [shownW, dw] = shown.get("w")!, [shownB, db] = shown.get("b")!;
  const [p, dPrediction] = shown.get("prediction")!, [loss] = shown.get("loss")!;
  // Values that the walk has not reached yet are shown as a question to the reader.
  const known = (name: string, data: string) =>
    isKnown(name, "forward") ? data : words.forward.unknown;
  const found = (name: string, data: string) =>
    isKnown(name, "backward") ? data : words.forward.unknown;
  return (
    <Rows
      of="backpropagation"
      rows={[
        ["prediction", text.prediction, known("prediction", p), `${shownW} × 2 + ${shownB}`],
        ["loss", text.loss, known("loss", loss), `(${p} − 10)²`],
        ["dPrediction", text.dPrediction, found("prediction", dPrediction), `2 × (${p} − 10)`],
        ["dPredictionDw", text.dPredictionDw, "2", "x"],
        ["dw", text.dw, found("w", dw), `${dPrediction} × 2`],
        ["db", text.db, found("b", db), `${dPrediction} × 1`],
        ["newW", text.newW, found("w", fixed(newW, 4)), `${shownW} − 0.01 × ${dw}`],
        ["newB", text.newB, found("b", fixed(newB, 4)), `${shownB} − 0.01 × ${db}`],
      ]}
    />
  );
}

export function BackpropagationWidget(): JSX.Element {
  const view = viewNow();
  const { values, shown } = view;
  return (
    <>
      <Controls of={[w, b]} />
      <GraphWalk {...view} />
      <Numbers {...view} />
      <p class="buttons">
        <Button onClick={takeStep}>{text.take}</Button>
        <Button
          onClick={() => {
            for (let i = 0; i < MAX_STEPS && !isDone(); i++) takeStep();
          }}
        >
          {text.run}
        </Button>
      </p>
      <p class="buttons">
        {text.startAt}
        <Button onClick={() => start(3.75, 3.5)}>{text.start}</Button>
        <Button onClick={() => start(3, 1)}>{text.first}</Button>
      </p>
      <p role="status">
        {text.taken(taken.value, shown.get("loss")![0])}
        {isDone() && text.cheer}
      </p>
      <details>
        <summary>{text.table}</summary>
        <Table
          isNamed
          id="backpropagation"
          label={text.table}
          head={text.columns}
          rows={values.map(({ name, formula, chainRule }) => [
            name,
            written(formula),
            ...shown.get(name)!,
            written(chainRule),
          ])}
        />
      </details>
    </>
  );
}
