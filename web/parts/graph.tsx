/** @jsxImportSource npm:preact@11.2.0 */

/**
 * A graph of boxes in layers, with lines from each layer to the next: from left to right where there is
 * room for that, from top to bottom on a phone.
 *
 * @module
 */

import type { JSX } from "../deps.ts";

/** How a box or a line stands out: visited forward, visited backward, or now. */
export type Mark = "forward" | "backward" | "now";

/** A box with lines of text, of which the first is its name. */
export interface Box {
  readonly lines: readonly string[];
  readonly mark?: Mark | undefined;
  /** The names by which words in the text light it up. */
  readonly part?: string | undefined;
  /** The boxes of the layer before, by number, from which lines lead to it. @default {all} */
  readonly inputs?: readonly number[] | undefined;
}

/** Properties of {@linkcode Graph}. */
interface GraphProps {
  /** A description for screen readers. */
  readonly title: string;
  /** The boxes, layer by layer. */
  readonly columns: readonly (readonly Box[])[];
  /** The mark of a line. @default {that of the box that it leads to} */
  readonly markOf?: (from: string, to: string) => Mark | undefined;
  /** The weight of a line, which is its width; its sign is its color. @default {none} */
  readonly weightOf?: (from: string, to: string) => number | undefined;
  /** The name by which words in the text light a line up. @default {none} */
  readonly partOf?: (from: string, to: string) => string | undefined;
  /** Pixels from layer to layer, where the drawing goes from top to bottom. @default {34} */
  readonly fall?: number;
}

/** A box that has its place. */
interface Placed extends Box {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** Where boxes are, and how a line goes from one to the next. */
interface Layout {
  readonly look: "across" | "down";
  readonly width: number;
  readonly height: number;
  readonly box: { readonly width: number; readonly height: number };
  readonly layers: readonly (readonly Placed[])[];
  readonly line: (from: Placed, to: Placed) => string;
}

const [LINE, SPACE, BOX] = [19, 16, 104];
/** The widths of the two layouts, at which their text has its size. */
const [ACROSS, DOWN] = [640, 300];
/** The width of a line of weight 1, and the most. */
const [UNIT, THICKEST] = [4, 9];

const nameOf = ({ lines }: Box) => lines[0]!;

function boxHeight(layers: GraphProps["columns"]): number {
  return LINE * Math.max(...layers.flat().map(({ lines }) => lines.length)) + 10;
}

function across(columns: GraphProps["columns"]): Layout {
  const tall = boxHeight(columns);
  const height = (tall + SPACE) * Math.max(...columns.map(({ length }) => length)) + SPACE;
  const step = (ACROSS - BOX - SPACE) / (columns.length - 1);
  return {
    look: "across",
    width: ACROSS,
    height,
    box: { width: BOX, height: tall },
    layers: columns.map((boxes, column) =>
      boxes.map((box, i) => ({
        ...box,
        name: nameOf(box),
        x: Math.round((SPACE + BOX) / 2 + step * column),
        y: height / 2 + (tall + SPACE) * (i - (boxes.length - 1) / 2),
      }))
    ),
    line: (from, to) => {
      const [start, end] = [from.x + BOX / 2, to.x - BOX / 2];
      const middle = (start + end) / 2;
      return `M${start} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${end} ${to.y}`;
    },
  };
}

function down(columns: GraphProps["columns"], fall: number): Layout {
  const tall = boxHeight(columns);
  const most = Math.max(...columns.map(({ length }) => length));
  const wide = Math.min(BOX, Math.floor((DOWN - 4 - 6 * (most - 1)) / most));
  const step = tall + fall;
  return {
    look: "down",
    width: DOWN,
    height: step * columns.length - fall + 4,
    box: { width: wide, height: tall },
    layers: columns.map((boxes, layer) =>
      boxes.map((box, i) => ({
        ...box,
        name: nameOf(box),
        x: Math.round(DOWN * (i + 0.5) / boxes.length),
        y: 2 + tall / 2 + step * layer,
      }))
    ),
    line: (from, to) => {
      const [start, end] = [from.y + tall / 2, to.y - tall / 2];
      const middle = (start + end) / 2;
      return `M${from.x} ${start}C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${end}`;
    },
  };
}

/** The width of a line by its weight. */
function strokeWidth(weight: number): string {
  return Math.min(THICKEST, Math.max(0.75, UNIT * Math.abs(weight))).toFixed(2);
}

function Drawing(
  { of, title, markOf, weightOf, partOf }: GraphProps & { readonly of: Layout },
): JSX.Element {
  const { look, width, height, box, layers, line } = of;
  const lines = layers.slice(1).flatMap((boxes, layer) =>
    boxes.flatMap((to) =>
      layers[layer]!.filter((_, i) => to.inputs?.includes(i) ?? true)
        .map((from) => [from, to] as const)
    )
  );
  return (
    <svg class={`graph ${look}`} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
      {lines.map(([from, to]) => {
        const mark = markOf === undefined ? to.mark : markOf(from.name, to.name);
        const weight = weightOf?.(from.name, to.name);
        const sign = weight === undefined ? "" : weight < 0 ? "minus" : "plus";
        return (
          <path
            key={`${from.name} ${to.name}`}
            class={`edge ${sign} ${mark ?? ""}`}
            d={line(from, to)}
            stroke-width={weight === undefined ? undefined : strokeWidth(weight)}
            data-weight={weight}
            data-part={partOf?.(from.name, to.name)}
          />
        );
      })}
      {layers.flat().map(({ name, x, y, lines, mark, part }) => (
        <g key={name} class={`node ${mark ?? ""}`} data-node={name} data-part={part}>
          <rect
            x={x - box.width / 2}
            y={y - box.height / 2}
            width={box.width}
            height={box.height}
            rx="8"
          />
          {lines.map((text, i) => (
            <text
              key={i}
              x={x}
              y={y + (i - (lines.length - 1) / 2) * LINE}
              class={i === 0 ? "name" : ""}
            >
              {text}
            </text>
          ))}
        </g>
      ))}
    </svg>
  );
}

/** Draws boxes and lines. A table beside it has the same numbers. */
export function Graph(props: GraphProps): JSX.Element {
  return (
    <div class="graphs">
      <Drawing {...props} of={across(props.columns)} />
      <Drawing {...props} of={down(props.columns, props.fall ?? 34)} />
    </div>
  );
}
