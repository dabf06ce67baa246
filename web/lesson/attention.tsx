/** @jsxImportSource npm:preact@11.2.0 */

/** Attention in numbers: four words, whose every number shows where it comes from. @module */

import {
  attend,
  type AttentionTrace,
  type AttentionWeights,
  fourWords,
  type HeadTrace,
  type Matrix,
} from "../../lessons/attention.ts";
import { type JSX, signal, useEffect } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import { Button, Controls, RangeInput } from "../parts/controls.tsx";
import { type Cell, MatrixGrid } from "../parts/matrix.tsx";
import { exponential, fixed } from "../parts/number.ts";
import { choice, reset, setting } from "../state.ts";
import { words as text } from "../words/attention.ts";
import { words } from "../words/lesson.ts";

const { words: tokens, features, inputs } = fourWords;
type Projection = keyof AttentionWeights;
const projections = ["query", "key", "value"] as const;
/** The result of each projection, by its name in a trace. */
const projected = { query: "queries", key: "keys", value: "values" } as const;
type MatrixName = keyof typeof text.matrices;
type Matrices = Readonly<Record<MatrixName, Matrix>>;
type NamedCell = readonly [name: MatrixName, cell: Cell];

const heads = choice("attentionHeads", text.heads, "one", text.headCounts);
const head = choice("attentionHead", text.head, "first", text.headNames);
/** The reader's weights, as changes to those of the example: `query.3.0.1.5`. */
const changes = setting<string>("attentionWeights", "");

/** The number that is chosen, and the weight that the slider moves. */
const chosen = signal<NamedCell>(["pattern", [3, 0]]);
const moved = signal<readonly [Projection, Cell]>(["query", [3, 0]]);

const message = signal("");
const latest = new Latest("attention", message);
/** The range of a weight. */
const WEIGHTS = [-4, 4, 0.1] as const;

function changedWeights(): Map<string, number> {
  return new Map(
    changes.value.split(",").filter((one) => one !== "").map((one) => {
      const [name = "", value] = one.split(":");
      return [name, Number(value)];
    }),
  );
}

const keyOf = (projection: Projection, [row, column]: Cell) => `${projection}.${row}.${column}`;

function weightsNow(): AttentionWeights {
  const changed = changedWeights();
  const withChanges = (projection: Projection): Matrix =>
    fourWords.weights[projection].map((row, i) =>
      row.map((value, j) => {
        const own = changed.get(keyOf(projection, [i, j]));
        return own !== undefined && Number.isFinite(own) ? own : value;
      })
    );
  return { query: withChanges("query"), key: withChanges("key"), value: withChanges("value") };
}

function setWeight(projection: Projection, place: Cell, value: number): void {
  const [row, column] = place;
  const changed = changedWeights();
  const key = keyOf(projection, place);
  if (value === fourWords.weights[projection][row]![column]) changed.delete(key);
  else changed.set(key, value);
  changes.value = Array.from(changed, ([name, value]) => `${name}:${value}`).join(",");
  message.value = "";
}

/** All matrices of a head by their names, with those that all heads share. */
function matricesOf(
  weights: AttentionWeights,
  { output, heads }: AttentionTrace,
  at: number,
): Matrices {
  const { queries, keys, values, scores, masked, pattern }: HeadTrace = heads[at]!;
  return {
    inputs,
    "weights.query": weights.query,
    "weights.key": weights.key,
    "weights.value": weights.value,
    queries,
    keys,
    values,
    scores,
    masked,
    pattern,
    // Of all heads, side by side.
    output,
  };
}

/** The numbers of a head: of the weights, and of the output. */
interface HeadColumns {
  readonly first: number;
  readonly size: number;
}

/** The cells that a cell was computed from, as a test of any cell. */
function sourcesOf(
  [name, [row, column]]: NamedCell,
  { first, size }: HeadColumns,
): (name: MatrixName, row: number, column: number) => boolean {
  const isRow = (of: MatrixName, at: number) => (from: MatrixName, i: number) =>
    from === of && i === at;
  const isColumn = (of: MatrixName, at: number) => (from: MatrixName, _i: number, j: number) =>
    from === of && j === at;
  const one = projections.find((projection) => projected[projection] === name);
  const pairs: readonly ReturnType<typeof isColumn>[] = one !== undefined
    ? [isRow("inputs", row), isColumn(`weights.${one}`, first + column)]
    : name === "scores"
    ? [isRow("queries", row), isRow("keys", column)]
    : name === "masked"
    ? [(from, i, j) => from === "scores" && i === row && j === column && column <= row]
    : name === "pattern"
    ? [isRow("masked", row)]
    : name === "output" && column >= first && column < first + size
    ? [isRow("pattern", row), isColumn("values", column - first)]
    : [];
  return (from, i, j) => pairs.some((isSource) => isSource(from, i, j));
}

const show = (x: number) => fixed(x, 2);
const terms = (a: readonly number[], b: readonly number[]) =>
  a.map((x, i) => [show(x), show(b[i]!)] as const);
const columnOf = (matrix: Matrix, column: number) => matrix.map((row) => row[column]!);

/** How a number was computed, in a sentence. */
function explain(
  [name, [row, column]]: NamedCell,
  all: Matrices,
  { first, size }: HeadColumns,
): string {
  const word = tokens[row]!, other = tokens[column]!, feature = features[row]!;
  const value = show(all[name][row]![column]!);
  for (const projection of projections) {
    const called = text.projections[projection];
    if (name === `weights.${projection}`) {
      return text.explain.weights(called, feature, column, value);
    }
    if (name === projected[projection]) {
      const weights = columnOf(all[`weights.${projection}`], first + column);
      const sum = terms(inputs[row]!, weights);
      return text.explain.projected(called, word, first + column, sum, value);
    }
  }
  switch (name) {
    case "scores":
      return text.explain.scores(word, other, terms(all.queries[row]!, all.keys[column]!), value);
    case "masked":
      return column > row
        ? text.explain.future(word, other)
        : text.explain.masked(show(all.scores[row]![column]!), size, value);
    case "pattern": {
      if (column > row) return text.explain.future(word, other);
      const exponentials = all.masked[row]!.map(Math.exp);
      const total = exponentials.reduce((sum, x) => sum + x);
      return text.explain.pattern(word, other, show(exponentials[column]!), show(total), value);
    }
    case "output": {
      const values = columnOf(all.values, column - first);
      return text.explain.output(word, column, terms(all.pattern[row]!, values), value);
    }
    default:
      return text.explain.inputs(word, features[column]!, value);
  }
}

/** Compares with what the library's operation says. */
async function askEngine(weights: AttentionWeights, trace: AttentionTrace): Promise<void> {
  message.value = text.asking;
  try {
    const told = await latest.ask({ inputs, weights, heads: trace.heads.length }, "cpu");
    const mine = [...trace.heads.flatMap(({ pattern }) => pattern.flat()), ...trace.output.flat()];
    const difference = Math.max(...mine.map((x, i) => Math.abs(x - told[i]!)));
    const shown = exponential(difference, 0);
    message.value = difference < 1e-5 ? text.same(shown) : text.differs(shown);
  } catch (error) {
    message.value = (error as Error).message;
  }
}

/** Whether there is room for one thing at a time only. */
const isNarrow = signal(false);

/** The matrices of the chosen head, by the weights as they are now. */
interface View extends HeadColumns {
  readonly weights: AttentionWeights;
  readonly trace: AttentionTrace;
  readonly all: Matrices;
  /** The chosen cell, which is one of the matrices. */
  readonly now: NamedCell;
  /** Whether a number is another than with the weights of the example. */
  readonly isChanged: (name: MatrixName, row: number, column: number) => boolean;
}

function viewNow(): View {
  const count = heads.value === "one" ? 1 : 2;
  const at = count === 2 && head.value === "second" ? 1 : 0;
  const size = features.length / count, first = at * size;
  const weights = weightsNow();
  const trace = attend(inputs, weights, count);
  const all = matricesOf(weights, trace, at);
  const before = matricesOf(fourWords.weights, attend(inputs, fourWords.weights, count), at);
  return {
    first,
    size,
    weights,
    trace,
    all,
    now: chosenOf(all, { first, size }),
    isChanged: (name, row, column) =>
      show(all[name][row]![column]!) !== show(before[name][row]![column]!),
  };
}

/** The chosen cell. Another head may have fewer numbers, and of the output it has others. */
function chosenOf(all: Matrices, { first, size }: HeadColumns): NamedCell {
  const [name, [row, column]] = chosen.value;
  const [least, end] = name === "output" ? [first, first + size] : [0, all[name][0]!.length];
  return [name, [row, Math.max(least, Math.min(column, end - 1))]];
}

/** The word whose reading the chosen cell is of; a weight is of none, and then it is the last word. */
function readerOf([name, [row]]: NamedCell): number {
  return name.startsWith("weights.") ? tokens.length - 1 : row;
}

/** How many of the numbers have changed. */
function countChanged({ all, isChanged }: View): number {
  const names = Object.keys(all) as MatrixName[];
  const changed = names.flatMap((name) =>
    all[name].flatMap((values, row) => values.filter((_, column) => isChanged(name, row, column)))
  );
  return changed.length;
}

/** A matrix whose cells say what they were computed from, and of which a weight can be chosen. */
function HeadMatrix({ name, view }: { readonly name: MatrixName; readonly view: View }) {
  const { first, size, all, now, isChanged } = view;
  const isWeights = name.startsWith("weights.");
  const isPair = name === "scores" || name === "masked" || name === "pattern";
  const title = text.matrices[name];
  const firstNumber = isWeights || name === "output" ? 0 : first;
  const numbers = all[name][0]!.map((_, i) => text.number(firstNumber + i));
  const isSource = sourcesOf(now, { first, size });
  return (
    <MatrixGrid
      id={name}
      title={typeof title === "string" ? title : title(size)}
      rows={isWeights ? features : tokens}
      columns={name === "inputs" ? features : isPair ? tokens : numbers}
      values={all[name]}
      digits={isWeights || name === "inputs" ? 1 : 2}
      {...name === "pattern" && { most: 1 }}
      chosen={name === now[0] ? now[1] : null}
      markOf={(row, column) =>
        [
          isSource(name, row, column) ? "source" : "",
          isChanged(name, row, column) ? "changed" : "",
        ].join(" ").trim()}
      onChoose={(row, column) => {
        chosen.value = [name, [row, column]];
        const projection = projections.find((one) => name === `weights.${one}`);
        if (projection !== undefined) moved.value = [projection, [row, column]];
      }}
    />
  );
}

/**
 * The matrices in the order of their computation, in stages of one or three: weights stand above what they
 * make.
 */
const stages: readonly (readonly (readonly MatrixName[])[])[] = [
  [["inputs"]],
  projections.map((one) => [`weights.${one}`, projected[one]] as const),
  [["scores"], ["masked"], ["pattern"]],
  [["output"]],
];

function Stages({ view }: { readonly view: View }) {
  const matrix = (name: MatrixName) => <HeadMatrix key={name} name={name} view={view} />;
  return (
    <div class="stages">
      {stages.map((groups, i) => (
        <div key={i} class={groups.length > 1 ? "stage three" : "stage"}>
          <h3>{`${i + 1}. ${text.stages[i]}`}</h3>
          <div class="matrices">
            {groups.map((names, j) =>
              names.length === 1
                ? matrix(names[0]!)
                : (
                  <details key={j} open={!isNarrow.value || j === 0}>
                    <summary>{text.projections[projections[j]!]}</summary>
                    <div class="matrices">{names.map(matrix)}</div>
                  </details>
                )
            )}
          </div>
        </div>
      ))}
    </div>
  );
}

/** Pixels from word to word in the picture of who reads whom, from its top to the words, and in all. */
const [WORD, SKY, HEIGHT] = [96, 112, 168];

/** A picture of who reads whom, in the row of the chosen cell: lines as wide as the shares of the words. */
function Arcs({ reader, shares }: { readonly reader: number; readonly shares: readonly number[] }) {
  const xOf = (i: number) => WORD * (i + 0.5);
  const said = tokens.slice(0, reader + 1).map((word, i) => `“${word}” ${show(shares[i]!)}`);
  return (
    <svg
      class="arcs"
      viewBox={`0 0 ${WORD * tokens.length} ${HEIGHT}`}
      role="img"
      aria-label={text.arcs(tokens[reader]!, said)}
      data-reader={reader}
    >
      {shares.slice(0, reader + 1).map((share, i) => {
        // A word that reads itself: from one side of it to the other.
        const [from, to] = i < reader ? [xOf(reader), xOf(i)] : [xOf(i) - 22, xOf(i) + 22];
        const top = SKY - 32 - 36 * (reader - i);
        return (
          <path
            key={i}
            d={`M${from} ${SKY}C${from} ${top} ${to} ${top} ${to} ${SKY}`}
            stroke-width={(1 + 15 * share).toFixed(2)}
            data-share={show(share)}
          />
        );
      })}
      {tokens.map((word, i) => (
        <g key={word} class={i === reader ? "reader" : ""}>
          <text x={xOf(i)} y={SKY + 24}>{word}</text>
          {i <= reader && <text x={xOf(i)} y={SKY + 48} class="share">{show(shares[i]!)}</text>}
        </g>
      ))}
    </svg>
  );
}

/** The widget. */
export function AttentionWidget(): JSX.Element {
  useEffect(() => void (isNarrow.value = matchMedia("(max-width: 40rem)").matches), []);
  const view = viewNow();
  const { weights, trace, all, now } = view;
  const [projection, [row, column]] = moved.value;
  const reader = readerOf(now);
  const shares = all.pattern[reader]!;
  const most = shares.indexOf(Math.max(...shares));
  return (
    <>
      <div class="pair">
        <div>
          <Arcs reader={reader} shares={shares} />
          <p class="middle" data-attention="reads">
            {text.reads(tokens[reader]!, tokens[most]!, show(shares[most]!))}
          </p>
        </div>
        <div>
          <Controls of={trace.heads.length === 2 ? [heads, head] : [heads]} />
          <RangeInput
            id="attentionWeight"
            label={text.weight(text.projections[projection], features[row]!, column)}
            value={weights[projection][row]![column]!}
            range={WEIGHTS}
            onValue={(value) => setWeight(projection, [row, column], value)}
          />
          <p class="work" data-attention="changed">{text.changed(countChanged(view))}</p>
          <p class="buttons">
            <Button onClick={() => void askEngine(weights, trace)}>{text.ask}</Button>
            <Button
              onClick={() => {
                reset(heads, head, changes);
                message.value = "";
              }}
            >
              {words.actions.reset}
            </Button>
          </p>
          {message.value !== "" && <p class="work" data-attention="engine">{message.value}</p>}
        </div>
      </div>
      <p class="explained" role="status">{explain(now, all, view)}</p>
      <Stages view={view} />
    </>
  );
}
