/** @jsxImportSource npm:preact@11.2.0 */

/** A graph of boxes and arrows, laid out by hand. @module */

import type { JSX } from "../deps.ts";

/** How a box or an arrow stands out: visited forward, visited backward, or now. */
export type Mark = "forward" | "backward" | "now";

/** A box with lines of text, centered at a place. */
export interface GraphNode {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly lines: readonly string[];
  readonly mark?: Mark | undefined;
}

/** An arrow between two boxes. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly mark?: Mark | undefined;
}

/** An arrow from its ends: "x0 y0". */
export function edge(ends: string): GraphEdge {
  const [from = "", to = ""] = ends.split(" ");
  return { from, to };
}

const WIDTH = 104;
const LINE = 18;

/** Draws boxes and arrows from left to right. A table beside it has the same numbers. */
export function Graph({ title, nodes, edges, width, height }: {
  /** What it shows, for who does not see it. */
  readonly title: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly width: number;
  readonly height: number;
}): JSX.Element {
  const places = new Map(nodes.map((node) => [node.id, node]));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title}>
      <svg class="graph" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
        {edges.map(({ from, to, mark }) => {
          const [a, b] = [places.get(from)!, places.get(to)!];
          const [x, end] = [a.x + WIDTH / 2, b.x - WIDTH / 2];
          return (
            <path
              key={`${from}-${to}`}
              class={`edge ${mark ?? ""}`}
              d={`M${x} ${a.y} C${(x + end) / 2} ${a.y} ${(x + end) / 2} ${b.y} ${end} ${b.y}`}
            />
          );
        })}
        {nodes.map(({ id, x, y, lines, mark }) => {
          const tall = lines.length * LINE + 10;
          return (
            <g key={id} class={`node ${mark ?? ""}`} data-node={id}>
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
          );
        })}
      </svg>
    </div>
  );
}
