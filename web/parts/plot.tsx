/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/** Curves and points on two linear axes. @module */

import type { JSX } from "../deps.ts";

/** A curve through points, or with `isDots` the points themselves. */
export interface Curve {
  readonly name: string;
  /** `a` to `d`: its color. */
  readonly color: "a" | "b" | "c" | "d";
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDots?: boolean;
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [480, 240, 44, 30, 10];

/** At most so many points are plotted, evenly chosen. */
const MAX_POINTS = 400;

/** Draws curves; what lies outside of the axes is cut off. */
export function Plot({ title, xName, yName, x, y, curves }: {
  /** What it shows, for who does not see it. */
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  /** The ends of the axes. */
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly curves: readonly Curve[];
}): JSX.Element {
  const right = (value: number) => LEFT + (value - x[0]) / (x[1] - x[0]) * (WIDTH - LEFT - 10);
  const up = (value: number) => {
    const height = HEIGHT - BOTTOM - TOP;
    const at = HEIGHT - BOTTOM - (value - y[0]) / (y[1] - y[0]) * height;
    return Math.max(-HEIGHT, Math.min(2 * HEIGHT, at));
  };
  const place = ([a, b]: readonly [number, number]) => `${right(a).toFixed(1)} ${up(b).toFixed(1)}`;
  return (
    <svg class="plot" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
      <path class="axis" d={`M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - 10}`} />
      <text x={WIDTH - 10} y={HEIGHT - 6} class="end">{xName}</text>
      <text x={LEFT + 6} y={TOP + 12}>{yName}</text>
      <text x={LEFT} y={HEIGHT - 6}>{x[0]}</text>
      <text x={LEFT - 6} y={HEIGHT - BOTTOM} class="end">{short(y[0])}</text>
      <text x={LEFT - 6} y={TOP + 12} class="end">{short(y[1])}</text>
      <svg
        x={LEFT}
        y={TOP}
        width={WIDTH - LEFT - 5}
        height={HEIGHT - BOTTOM - TOP}
        viewBox={`${LEFT} ${TOP} ${WIDTH - LEFT - 5} ${HEIGHT - BOTTOM - TOP}`}
      >
        {curves.filter(({ points }) => points.length > 0).map((
          { name, color, points, isDots = false },
        ) =>
          isDots
            ? points.map((point, i) => (
              <circle
                key={`${name}${i}`}
                class={`dot ${color}`}
                cx={right(point[0])}
                cy={up(point[1])}
                r="5"
              />
            ))
            : (
              <path
                key={name}
                class={`curve ${color}`}
                d={`M${thin(points).map(place).join("L")}`}
              />
            )
        )}
      </svg>
      {curves.length > 1 &&
        curves.map(({ name, color }, i) => (
          <text key={name} x={WIDTH - 14} y={TOP + 14 + 18 * i} class={`end legend ${color}`}>
            {name}
          </text>
        ))}
    </svg>
  );
}

function short(x: number): string {
  return `${Number(x.toPrecision(3))}`;
}

function thin<T>(points: readonly T[]): readonly T[] {
  const every = Math.ceil(points.length / MAX_POINTS);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
