/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Curves and points on two axes. @module */

import type { JSX, TargetedPointerEvent } from "../deps.ts";
import { withMinus } from "./number.ts";

/** A place on the axes. */
export type Point = readonly [x: number, y: number];

/** Pointer event handlers of a plot. */
export type PointerHandlers = Readonly<
  Partial<Record<`onPointer${string}`, (event: TargetedPointerEvent<SVGSVGElement>) => void>>
>;

/** A curve through points. */
export interface Curve {
  readonly name: string;
  /** `a` to `d`: its color. */
  readonly color: "a" | "b" | "c" | "d";
  readonly points: readonly Point[];
  /** `dots` are the points alone; `thin` stands behind another curve, which the legend names. */
  readonly look?: "plain" | "dashed" | "thin" | "dots";
}

/** The radius of a dot, which is whole at the ends of the horizontal axis. */
const DOT = 7;
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [480, 276, 62, 462, 30, 226];

/** The value on the horizontal axis of a plot that fills a box, at a place in the window. */
export function valueAtPixel(
  box: DOMRect,
  clientX: number,
  [from, to]: readonly [number, number],
): number {
  const pixel = (clientX - box.left) / box.width * WIDTH;
  return from + (pixel - LEFT) / (RIGHT - LEFT) * (to - from);
}

/** A plot's axes and curves. */
interface PlotProps extends PointerHandlers {
  /** A description for screen readers. */
  readonly title: string;
  readonly xName: string;
  readonly yName?: string;
  /** The ends of the axes. */
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly curves: readonly Curve[];
  /** Whether the vertical axis is logarithmic. @default {false} */
  readonly isLog?: boolean;
  /** Where a line marks the horizontal axis. */
  readonly at?: number;
}

/** Places in the drawing: of a value to the right, and of one up. */
interface Scale {
  right(value: number): number;
  up(value: number): number;
}

function scaleOf({ x, y, isLog = false }: Pick<PlotProps, "x" | "y" | "isLog">): Scale {
  const height = isLog ? Math.log10 : (value: number) => value;
  const [low, high] = [height(y[0]), height(y[1])];
  return {
    right: (value) => LEFT + (value - x[0]) / (x[1] - x[0] || 1) * (RIGHT - LEFT),
    up: (value) => {
      const at = BOTTOM - (height(value) - low) / (high - low || 1) * (BOTTOM - TOP);
      return Math.max(-HEIGHT, Math.min(2 * HEIGHT, at));
    },
  };
}

/** The rectangle that shows curves: the axes, and a margin beside them. */
function frame(margin: number) {
  const [x, width] = [LEFT - margin, RIGHT - LEFT + 2 * margin];
  const height = BOTTOM - TOP;
  return { x, y: TOP, width, height, viewBox: `${x} ${TOP} ${width} ${height}` };
}

/** Draws curves, and names them below; what lies outside of the axes is cut off. */
export function Plot(props: PlotProps): JSX.Element {
  const { title, xName, yName = "", x, y, curves, isLog = false, at, ...handlers } = props;
  const scale = scaleOf(props);
  // Room for the highest number, which is large on a phone, and above it for the name of the axis.
  const above = yName === "" ? 12 : -8;
  const named = curves.filter(({ look }) => look !== "thin");
  return (
    <div class="plots">
      <svg
        class={`plot ${"onPointerDown" in handlers ? "dragged" : ""}`}
        viewBox={`0 ${above} ${WIDTH} ${HEIGHT - above}`}
        role="img"
        aria-label={title}
        {...handlers}
      >
        <Axes scale={scale} x={x} y={y} isLog={isLog} />
        <text x={RIGHT} y={HEIGHT - 6} class="end">{xName}</text>
        <text x="4" y="10">{yName}</text>
        <svg {...frame(1)}>
          {at !== undefined && <path class="at" d={`M${scale.right(at)} ${TOP}V${BOTTOM}`} />}
          {curves.filter(isLine).map((curve, i) => (
            <CurveLine key={i} curve={curve} scale={scale} x={x} />
          ))}
        </svg>
        <svg {...frame(DOT)}>
          {curves.filter((curve) => !isLine(curve)).map((curve, i) => (
            <Dots key={i} curve={curve} scale={scale} />
          ))}
        </svg>
      </svg>
      {named.length > 1 && (
        <ul class="legend">
          {named.map(({ name, color, look = "plain" }, i) => (
            <li key={i} class={`key ${color} ${look}`}>{name}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The axes, with numbers and a line for each height. */
function Axes(
  { scale: { right, up }, x, y, isLog }: Required<Pick<PlotProps, "x" | "y" | "isLog">> & {
    readonly scale: Scale;
  },
): JSX.Element {
  const heights = ticks(y, isLog);
  const rows = heights.map((tick) => up(tick).toFixed(1));
  return (
    <>
      <path class="grid-line" d={rows.map((row) => `M${LEFT} ${row}H${RIGHT}`).join("")} />
      <g class="end" transform={`translate(${LEFT - 9} 4)`}>
        {heights.map((tick, i) => <text key={tick} y={rows[i]}>{label(tick)}</text>)}
      </g>
      <g class="middle" transform={`translate(0 ${BOTTOM + 22})`}>
        {ticks(x).map((tick) =>
          // The last one would reach beyond the drawing where text is large.
          right(tick) > RIGHT - 12
            ? <text key={tick} x={WIDTH - 4} class="end">{label(tick)}</text>
            : <text key={tick} x={right(tick).toFixed(1)}>{label(tick)}</text>
        )}
      </g>
      <path class="axis" d={`M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`} />
    </>
  );
}

/** Whether a curve is a line: a single point is a dot. */
function isLine({ look, points }: Curve): boolean {
  return look !== "dots" && points.length > 1;
}

function project({ right, up }: Scale, [x, y]: Point): readonly [x: string, y: string] {
  return [right(x).toFixed(1), up(y).toFixed(1)];
}

/** A curve as a line. */
function CurveLine({ curve: { color, points, look = "plain" }, scale, x }: {
  readonly curve: Curve;
  readonly scale: Scale;
  readonly x: readonly [number, number];
}): JSX.Element {
  const places = extremes(points, x).map((point) => project(scale, point).join(" "));
  return <path class={`curve ${color} ${look}`} d={`M${places.join("L")}`} />;
}

/** A curve as dots. */
function Dots({ curve: { color, points, look }, scale }: {
  readonly curve: Curve;
  readonly scale: Scale;
}): JSX.Element {
  return (
    <>
      {points.map((point, i) => {
        const [cx, cy] = project(scale, point);
        return (
          <circle key={i} class={`dot ${color}`} cx={cx} cy={cy} r={look === "dots" ? DOT : 3} />
        );
      })}
    </>
  );
}

/** A curve has at most the lowest and the highest point of so many columns. */
const COLUMNS = 300;

/**
 * The points of a long curve that can be seen: the lowest and the highest of each column.
 *
 * @param range The part of the horizontal axis that is shown.
 */
export function extremes(
  points: readonly Point[],
  [from, to]: readonly [number, number],
): Point[] {
  const columns = new Map<number, [lowest: Point, highest: Point]>();
  for (const [i, point] of points.entries()) {
    const [x, y] = point;
    // The points just outside are kept, so that the curve reaches the edge.
    if ((points[i + 1]?.[0] ?? to) < from || (points[i - 1]?.[0] ?? from) > to) continue;
    const column = Math.floor((x - from) / (to - from || 1) * COLUMNS);
    const found = columns.get(column);
    if (found === undefined) columns.set(column, [point, point]);
    else if (y < found[0][1]) found[0] = point;
    else if (y > found[1][1]) found[1] = point;
  }
  return [...columns.values()].flatMap(([lowest, highest]) =>
    lowest === highest ? [lowest] : lowest[0] < highest[0] ? [lowest, highest] : [highest, lowest]
  );
}

/** Round values on an axis: some five, or on a logarithmic one the powers of ten. */
function ticks([from, to]: readonly [number, number], isLog = false): number[] {
  if (isLog && to / from >= 100) {
    const first = Math.ceil(Math.log10(from));
    const count = Math.floor(Math.log10(to)) - first + 1;
    return Array.from({ length: count }, (_, i) => 10 ** (first + i));
  }
  const rough = (to - from) / 5;
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999)!;
  const first = Math.ceil(from / step);
  return Array.from(
    { length: Math.floor(to / step + 1e-9) - first + 1 },
    (_, i) => (first + i) * step,
  );
}

/** Writes values beside an axis: `0.02`, `15`, `200M`. */
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const label = (value: number) => withMinus(compact.format(value));
