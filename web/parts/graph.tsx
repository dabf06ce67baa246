/** @jsxImportSource npm:preact@11.2.0 */

/** A graph of boxes in columns, with arrows from left to right. @module */

import type { JSX } from "../deps.ts";

/** How a box or an arrow stands out: visited forward, visited backward, or now. */
export type Mark = "forward" | "backward" | "now";

/** A box with lines of text, of which the first is its name. */
export interface Box {
  readonly lines: readonly string[];
  readonly mark?: Mark | undefined;
  /** The boxes of the column before, by number, from which arrows lead to it. @default {all} */
  readonly inputs?: readonly number[] | undefined;
}

const WIDTH = 104;
const LINE = 18;
/** The space around boxes. */
const SPACE = 16;

/** Draws boxes and arrows. A table beside it has the same numbers. */
export function Graph({ title, width, columns, markOf }: {
  /** What it shows, for who does not see it. */
  readonly title: string;
  readonly width: number;
  readonly columns: readonly (readonly Box[])[];
  /** The mark of an arrow. @default {that of the box that it leads to} */
  readonly markOf?: (from: string, to: string) => Mark | undefined;
}): JSX.Element {
  const tall = LINE * Math.max(...columns.flat().map(({ lines }) => lines.length)) + 10;
  const height = (tall + SPACE) * Math.max(...columns.map(({ length }) => length)) + SPACE;
  const placed = columns.map((boxes, column) =>
    boxes.map((box, i) => ({
      ...box,
      name: box.lines[0]!,
      x: SPACE + WIDTH / 2 + (width - WIDTH - 2 * SPACE) * column / (columns.length - 1),
      y: height / 2 + (tall + SPACE) * (i - (boxes.length - 1) / 2),
    }))
  );
  const arrows = placed.slice(1).flatMap((boxes, column) =>
    boxes.flatMap((to) =>
      placed[column]!.filter((_, i) => to.inputs?.includes(i) ?? true)
        .map((from) => [from, to] as const)
    )
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title}>
      <svg class="graph" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
        {arrows.map(([from, to]) => {
          const [x, end] = [from.x + WIDTH / 2, to.x - WIDTH / 2];
          const mark = markOf === undefined ? to.mark : markOf(from.name, to.name);
          return (
            <path
              key={`${from.name} ${to.name}`}
              class={`edge ${mark ?? ""}`}
              d={`M${x} ${from.y} C${(x + end) / 2} ${from.y} ${
                (x + end) / 2
              } ${to.y} ${end} ${to.y}`}
            />
          );
        })}
        {placed.flat().map(({ name, x, y, lines, mark }) => (
          <g key={name} class={`node ${mark ?? ""}`} data-node={name}>
            <rect x={x - WIDTH / 2} y={y - tall / 2} width={WIDTH} height={tall} rx="6" />
            {lines.map((line, i) => (
              <text
                key={i}
                x={x}
                y={y + (i - (lines.length - 1) / 2) * LINE}
                class={i === 0 ? "name" : ""}
              >
                {line}
              </text>
            ))}
          </g>
        ))}
      </svg>
    </div>
  );
}
