/** @jsxImportSource npm:preact@11.2.0 */

/** A block: the river of numbers that attention and the MLP add to, with a switch for each part. @module */

import { type BlockParts, ferns, throughBlock, wholeBlock } from "../../lessons/block.ts";
import type { JSX } from "../deps.ts";
import { Bars } from "../parts/bars.tsx";
import { Button } from "../parts/controls.tsx";
import { MatrixGrid } from "../parts/matrix.tsx";
import { decimal, fixed } from "../parts/number.ts";
import { reset, setting } from "../state.ts";
import { words as text } from "../words/block.ts";
import { words } from "../words/lesson.ts";

const { features, next } = ferns;
const partNames = Object.keys(wholeBlock) as (keyof BlockParts)[];
/** The parts that are off, by name. */
const off = setting<string>("blockOff", "");

function partsNow(): BlockParts {
  const names = off.value.split(",");
  return {
    norm: !names.includes("norm"),
    attention: !names.includes("attention"),
    mlp: !names.includes("mlp"),
    square: !names.includes("square"),
  };
}

function toggle(part: keyof BlockParts): void {
  const parts = partsNow();
  off.value = partNames.filter((name) => name === part ? parts[name] : !parts[name]).join(",");
}

/** The size of the drawing, where the river is measured, and the room between its strands. */
const WIDTH = 480, HEIGHT = 190, PLACES = [10, 215, 420] as const, GAP = 3;
/** The middle of the river, and its width where it is widest. */
const MIDDLE = 78, WIDEST = 130;

/** The middles of strands that lie below each other. */
function middles(widths: readonly number[]): number[] {
  const total = widths.reduce((sum, x) => sum + x + GAP, -GAP);
  let top = MIDDLE - total / 2;
  return widths.map((width) => {
    const middle = top + width / 2;
    top += width + GAP;
    return middle;
  });
}

/** The outline of a strand from one place to another, whose width changes. */
function strand(
  [x0, x1]: readonly [number, number],
  [y0, y1]: readonly [number, number],
  [w0, w1]: readonly [number, number],
): string {
  const bend = (x0 + x1) / 2;
  const at = (y: number) => decimal(y, 1);
  return `M${x0} ${at(y0 - w0 / 2)}C${bend} ${at(y0 - w0 / 2)} ${bend} ${at(y1 - w1 / 2)} ${x1} ${
    at(y1 - w1 / 2)
  }L${x1} ${at(y1 + w1 / 2)}C${bend} ${at(y1 + w1 / 2)} ${bend} ${at(y0 + w0 / 2)} ${x0} ${
    at(y0 + w0 / 2)
  }Z`;
}

/** The river: a strand for each feature, and what flows in from below. */
function River({ stream, added, said }: {
  readonly stream: readonly (readonly number[])[];
  readonly added: readonly (readonly number[])[];
  readonly said: readonly string[];
}): JSX.Element {
  const sums = stream.map((row) => row.reduce((sum, x) => sum + Math.abs(x), 0));
  const scale = WIDEST / Math.max(9, ...sums);
  const widths = stream.map((row) => row.map((x) => scale * Math.abs(x)));
  const ys = widths.map(middles);
  const pieces = [0, 1].flatMap((piece) =>
    features.map((_, i) => {
      const [from, to] = [widths[piece]![i]!, widths[piece + 1]![i]!];
      return {
        i,
        d: strand(
          [PLACES[piece]!, PLACES[piece + 1]!],
          [ys[piece]![i]!, ys[piece + 1]![i]!],
          [from, to],
        ),
      };
    })
  );
  const ends = features.map((_, i) => ({
    i,
    d: strand([PLACES[2], WIDTH], [ys[2]![i]!, ys[2]![i]!], [widths[2]![i]!, widths[2]![i]!]),
  }));
  const inflows = added.flatMap((row, piece) => {
    const [mouth, to] = [PLACES[piece]! + 60, PLACES[piece + 1]!];
    return row.map((x, i) => ({
      i,
      width: decimal(scale * Math.abs(x), 1),
      d: `M${mouth + 16 * i} ${HEIGHT}C${mouth + 16 * i} ${HEIGHT - 60} ${to - 70} ${
        decimal(ys[piece + 1]![i]!, 1)
      } ${to} ${decimal(ys[piece + 1]![i]!, 1)}`,
    }));
  });
  return (
    <svg
      class="river"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={text.river(text.stages.map((stage, i) => `${stage} ${said[i]}`))}
    >
      {inflows.map(({ i, width, d }, j) => (
        <path key={j} class={`inflow strand${i}`} stroke-width={width} d={d} />
      ))}
      {[...pieces, ...ends].map(({ i, d }, j) => <path key={j} class={`strand${i}`} d={d} />)}
    </svg>
  );
}

function verdictOf({ norm, attention, mlp, square }: BlockParts): string {
  const { verdict } = text;
  if (!attention) return mlp ? verdict.noAttention : verdict.nothing;
  if (!mlp) return verdict.noMlp;
  if (!square) return verdict.noSquare;
  return norm ? verdict.whole : verdict.noNorm;
}

/** The widget. */
export function BlockWidget(): JSX.Element {
  const parts = partsNow();
  const { stream, added, neurons, next: shares } = throughBlock(parts);
  const said = shares.map((row) => {
    const best = row.indexOf(Math.max(...row));
    return { word: next[best]!, share: fixed(row[best]!, 2) };
  });
  const end = said[2]!;
  const rms = Math.sqrt(stream[2].reduce((sum, x) => sum + x * x, 0) / features.length);
  return (
    <>
      <p class="buttons" role="group" aria-label={text.partsLabel}>
        {partNames.map((name) => (
          <Button
            key={name}
            aria-pressed={parts[name]}
            onClick={() => toggle(name)}
          >
            {text.state(text.parts[name], parts[name])}
          </Button>
        ))}
        <Button onClick={() => reset(off)}>{words.actions.reset}</Button>
      </p>
      <p role="status">{text.status(end.word, end.share)}</p>
      <p data-verdict>{verdictOf(parts)}</p>
      <River
        stream={stream}
        added={added}
        said={said.map(({ word, share }) => text.says(word, share))}
      />
      <ol class="river-stages">
        {text.stages.map((stage, i) => (
          <li key={stage}>
            <span>{stage}</span> <strong>{text.says(said[i]!.word, said[i]!.share)}</strong>
          </li>
        ))}
      </ol>
      <ul class="legend">
        {features.map((name, i) => <li key={name} class={`key strand${i}`}>{name}</li>)}
      </ul>
      <div class="matrices">
        <MatrixGrid
          id="stream"
          title={text.stream}
          rows={text.streamRows}
          columns={features}
          values={[stream[0], added[0], stream[1], added[1], stream[2]]}
          chosen={null}
          onChoose={() => {}}
        />
        <MatrixGrid
          id="neurons"
          title={text.neurons}
          rows={text.neuronRows}
          columns={ferns.neurons}
          values={neurons}
          chosen={null}
          onChoose={() => {}}
        />
      </div>
      <p class="work" data-size>{text.size(fixed(rms, 2))}</p>
      <Bars
        id="nextWords"
        caption={text.next}
        bars={next.map((word, i) => [word, shares[2][i]!])}
      />
    </>
  );
}
