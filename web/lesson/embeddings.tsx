/** @jsxImportSource npm:preact@11.2.0 */

/** Embeddings and positions: a row of a table, and arrows that turn. @module */

import { lookUp, sixWords } from "../../lessons/embedding.ts";
import { frequencies, positions } from "../../lessons/positions.ts";
import { type JSX, signal, type TargetedPointerEvent } from "../deps.ts";
import { Bars } from "../parts/bars.tsx";
import { Button, Controls } from "../parts/controls.tsx";
import { MatrixGrid } from "../parts/matrix.tsx";
import { decimal, fixed } from "../parts/number.ts";
import { Plot } from "../parts/plot.tsx";
import { Rows } from "../parts/rows.tsx";
import { reset, setting, slider, type SliderSetting } from "../state.ts";
import { words as text } from "../words/embeddings.ts";
import { words } from "../words/lesson.ts";

const { words: tokens, features, table } = sixWords;
/** The number of the word that is looked up. */
const word = setting<number>("word", 0);

/** The table of words: choosing a cell looks its row up. */
export function EmbeddingWidget(): JSX.Element {
  const id = Math.max(0, Math.min(Math.round(word.value), tokens.length - 1));
  const { row, similarities } = lookUp(id);
  const shown = row.map((x) => fixed(x, 1)).join(", ");
  return (
    <>
      <p role="status">{text.table.status(tokens[id]!, id, shown)}</p>
      <p class="buttons" role="group" aria-label={text.table.word}>
        {tokens.map((token, i) => (
          <Button
            key={i}
            aria-pressed={i === id}
            onClick={() => word.value = i}
          >
            {token}
          </Button>
        ))}
      </p>
      <div class="matrices">
        <MatrixGrid
          id="table"
          title={text.table.title}
          rows={tokens.map((token, i) => `${i} ${token}`)}
          columns={features}
          values={table}
          digits={1}
          chosen={[id, 0]}
          markOf={(i) => i === id ? "source" : ""}
          onChoose={(i) => word.value = i}
        />
        <MatrixGrid
          id="row"
          title={text.table.row}
          rows={[tokens[id]!]}
          columns={features}
          values={[row]}
          digits={1}
          most={1}
          chosen={null}
          onChoose={() => {}}
        />
      </div>
      <p class="work">{text.table.work}</p>
      <Bars
        id="similar"
        caption={text.table.similar(tokens[id]!)}
        bars={tokens.map((token, i) => [token, similarities[i]!])}
      />
    </>
  );
}

const { positions: place } = text;
const MOST = 30;
const asks = slider("asks", place.asks, 8, [0, MOST, 1]);
const answers = slider("answers", place.answers, 5, [0, MOST, 1]);
const speeds = frequencies(4);

/** The arrow that a pointer drags, by its dial. */
const dragged = signal<SliderSetting | null>(null);

/** The place at which an arrow points at an angle: of several, the nearest one. */
function placeAt(angle: number, speed: number, now: number): number {
  let best = now, bestGap = Infinity;
  for (let at = 0; at <= MOST; at++) {
    const off = Math.abs(Math.atan2(Math.sin(at * speed - angle), Math.cos(at * speed - angle)));
    // A fast arrow comes by often: near places first.
    const gap = off + 0.004 * Math.abs(at - now);
    if (gap < bestGap) [best, bestGap] = [at, gap];
  }
  return best;
}

/** Two arrows that turn: the query's and the key's. */
function Dial({ i, arrows: [query, key] }: {
  readonly i: number;
  readonly arrows: readonly [query: readonly [number, number], key: readonly [number, number]];
}): JSX.Element {
  const speed = speeds[i]!;
  const title = place.dials[i]!;
  const angleOf = ({ currentTarget, clientX, clientY }: TargetedPointerEvent<SVGSVGElement>) => {
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    // Clockwise from the right, as the arrows turn.
    return Math.atan2(clientY - top - height / 2, clientX - left - width / 2);
  };
  const drag = (event: TargetedPointerEvent<SVGSVGElement>) => {
    const one = dragged.value;
    if (one !== null) one.value = placeAt(angleOf(event), speed, one.value);
  };
  const arrows = [
    { name: place.key, look: "b", at: key, length: 62 },
    { name: place.query, look: "a", at: query, length: 78 },
  ];
  return (
    <div class="dial">
      <p class="work">{title}</p>
      <svg
        viewBox="-100 -100 200 200"
        role="img"
        aria-label={place.dial(title, asks.value, answers.value)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const angle = angleOf(event);
          const off = (one: SliderSetting) => Math.abs(Math.sin((one.value * speed - angle) / 2));
          dragged.value = off(asks) <= off(answers) ? asks : answers;
          drag(event);
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) drag(event);
        }}
        onPointerUp={() => dragged.value = null}
      >
        <circle class="rim" r="90" />
        {arrows.map(({ name, look, at: [x, y], length }) => {
          // Numbers that grow go up; the drawing's go down.
          const [right, down] = [length * x, -length * y];
          const turn = Math.atan2(down, right) * 180 / Math.PI;
          return (
            <g key={name} class={`arrow ${look}`}>
              <path d={`M0 0L${decimal(right, 1)} ${decimal(down, 1)}`} />
              <path
                class="tip"
                d="M0 -7L14 0L0 7Z"
                transform={`translate(${decimal(right, 1)} ${decimal(down, 1)}) rotate(${
                  decimal(turn, 1)
                })`}
              />
            </g>
          );
        })}
      </svg>
    </div>
  );
}

const distances = Array.from({ length: 2 * MOST + 1 }, (_, i) => i - MOST);
const scores = distances.map((distance) =>
  [distance, positions([Math.max(0, distance), Math.max(0, -distance)]).score] as const
);

/** Arrows that turn by their places. */
export function PositionsWidget(): JSX.Element {
  const { query, key, products, score } = positions([asks.value, answers.value]);
  const distance = asks.value - answers.value;
  const arrowOf = (head: readonly number[], i: number) => [head[i]!, head[i + 2]!] as const;
  return (
    <>
      <Controls of={[asks, answers]} />
      <p class="buttons">
        <Button
          onClick={() => [asks.value, answers.value] = [asks.value + 1, answers.value + 1]}
          disabled={Math.max(asks.value, answers.value) >= MOST}
        >
          {place.both}
        </Button>
        <Button onClick={() => [asks.value, answers.value] = [answers.value, asks.value]}>
          {place.swap}
        </Button>
        <Button onClick={() => reset(asks, answers)}>{words.actions.reset}</Button>
      </p>
      <div class="dials">
        {speeds.map((_, i) => <Dial key={i} i={i} arrows={[arrowOf(query, i), arrowOf(key, i)]} />)}
      </div>
      <ul class="legend">
        <li class="key a">{place.query}</li>
        <li class="key b">{place.key}</li>
      </ul>
      <p role="status">{place.status(distance)}</p>
      <Rows
        of="positions"
        rows={[
          ["distance", place.distance, fixed(distance, 0), `${asks.value} − ${answers.value}`],
          ["fastArrows", place.fast, fixed(products[0]!, 4)],
          ["slowArrows", place.slow, fixed(products[1]!, 4)],
          [
            "rotaryScore",
            place.score,
            fixed(score, 4),
            `${fixed(products[0]!, 4)} + ${fixed(products[1]!, 4)}`,
          ],
        ]}
      />
      <Plot
        title={place.plot}
        xName={place.distance}
        x={[-MOST, MOST]}
        y={[-2.2, 2.2]}
        curves={[
          { name: place.score, color: "a", points: scores },
          { name: place.now, color: "b", look: "dots", points: [[distance, score]] },
        ]}
      />
    </>
  );
}
