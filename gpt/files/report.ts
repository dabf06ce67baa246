/** The report of a run: a table, and loss curves. @module */

import { escapeXml, type PictureSize, svgDocument } from "./svg.ts";

/** A row of a table. */
export type ReportRow = readonly [name: string, value: string];

/** A point of a curve. */
export interface CurvePoint {
  /** The value on the horizontal axis, such as the step. */
  readonly x: number;
  /** The value on the vertical axis, such as the loss. */
  readonly y: number;
}

/** A curve and its style. */
export interface Curve {
  /** The name in the legend; curves with an empty name are not in it. */
  readonly name: string;
  /** A CSS color that is visible on white and on black. */
  readonly color: string;
  /** Points by ascending x. */
  readonly points: readonly CurvePoint[];
  /** Whether points are joined by a line, or shown as separate dots. @default {"line"} */
  readonly mark?: "line" | "dashes" | "dots";
}

/** The axes of a chart. */
export interface ChartAxes {
  /** The quantity of the horizontal axis. @default {"step"} */
  readonly x?: string;
  /** Axes with a logarithmic scale, whose values are above 0. @default {[]} */
  readonly logarithmic?: readonly ("x" | "y")[];
}

/** Content of {@linkcode markdownReport}. */
export interface Report {
  /** Heading. */
  readonly title: string;
  /** Table. */
  readonly rows: readonly ReportRow[];
  /** Paths of the pictures of its curves, relative to the report: loss, then right answers. */
  readonly curves: readonly string[];
  /** Sampled text. */
  readonly samples: readonly string[];
}

/**
 * Draws curves as an SVG for browsers and Markdown viewers: axes, grid lines, a legend.
 *
 * @throws {RangeError} If there is no point, or a value is not finite, or has no logarithm.
 *
 * @example
 * ```ts
 * import { curvesAsSvg } from "./report.ts";
 *
 * const points = [{ x: 0, y: 8.3 }, { x: 10, y: 6.1 }];
 * const svg = curvesAsSvg("Loss", [{ name: "training", color: "steelblue", points }]);
 * if (!svg.includes("<polyline")) throw new Error("expected a curve");
 * ```
 */
export function curvesAsSvg(
  title: string,
  curves: readonly Curve[],
  axes: ChartAxes = {},
): string {
  const size = { width: 720, height: 360 };
  return svgDocument(size, title, drawCurves(title, curves, size, axes));
}

/**
 * The elements of {@linkcode curvesAsSvg}, for a larger picture.
 *
 * @param size The size of title, axes, legend and curves together.
 * @throws {RangeError} If there is no point, or a value is not finite, or has no logarithm.
 */
export function drawCurves(
  title: string,
  curves: readonly Curve[],
  { width, height }: PictureSize,
  { x: quantity = "step", logarithmic = [] }: ChartAxes = {},
): string[] {
  const all = curves.flatMap(({ points }) => points);
  const isFine = (name: "x" | "y") => (point: CurvePoint) =>
    Number.isFinite(logarithmic.includes(name) ? Math.log10(point[name]) : point[name]);
  const wrong = all.find((point) => !isFine("x")(point) || !isFine("y")(point));
  if (all.length === 0 || wrong !== undefined) {
    const got = wrong === undefined ? "none" : `${wrong.y} at ${quantity} ${wrong.x}`;
    throw new RangeError(`Cannot draw curves: wanted finite points, got ${got}`);
  }
  const named = curves.filter(({ name }) => name !== "");
  const rows = named.length > CORNER_NAMES ? flow(named, width - 72) : [];
  const area = { left: 56, right: width - 16, top: 40 + 18 * rows.length, bottom: height - 40 };
  const axisOf = (name: "x" | "y", from: number, to: number) =>
    (logarithmic.includes(name) ? logarithmicAxis : axis)(
      all.map((point) => point[name]),
      from,
      to,
    );
  const x = axisOf("x", area.left, area.right);
  const y = axisOf("y", area.bottom, area.top);
  const text = (content: string | number, place: string, attributes = 'class="muted"') =>
    `<text ${place} ${attributes}>${escapeXml(`${content}`)}</text>`;

  const grid = y.ticks.flatMap((tick) => [
    `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${y.at(tick)}" y2="${
      y.at(tick)
    }"/>`,
    text(y.format(tick), `x="${area.left - 8}" y="${y.at(tick)}" dy="4" text-anchor="end"`),
  ]);
  const below = [
    ...x.ticks.map((tick) =>
      text(x.format(tick), `x="${x.at(tick)}" y="${area.bottom + 18}" text-anchor="middle"`)
    ),
    text(quantity, `x="${(area.left + area.right) / 2}" y="${height - 6}" text-anchor="middle"`),
  ];
  const lines = curves.flatMap(({ color, points, mark = "line" }) => {
    const places = points.map((point) => [x.at(point.x), y.at(point.y)] as const);
    if (mark === "dots") {
      return places.map(([cx, cy]) => `<circle fill="${color}" cx="${cx}" cy="${cy}" r="4"/>`);
    }
    const dashes = mark === "dashes" ? ' stroke-dasharray="5 4"' : "";
    return [
      `<polyline fill="none" stroke="${color}" stroke-width="1.5"${dashes} points="${
        places.map((place) => place.join()).join(" ")
      }"/>`,
    ];
  });
  const line = (from: number, to: number, y: number, color: string) =>
    `<line x1="${from}" x2="${to}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="3"/>`;
  const legend = rows.length > 0
    ? rows.flatMap((row, i) =>
      row.flatMap(({ name, color, left }) => [
        line(area.left + left, area.left + left + 18, 40 + 18 * i, color),
        text(name, `x="${area.left + left + 24}" y="${44 + 18 * i}"`, ""),
      ])
    )
    : named.flatMap(({ name, color }, i) => [
      text(name, `x="${area.right - 24}" y="${area.top + 16 * i + 4}" text-anchor="end"`, ""),
      line(area.right - 18, area.right, area.top + 16 * i, color),
    ]);
  return [
    text(title, `x="${area.left}" y="22"`, 'font-size="15"'),
    ...grid,
    ...below,
    ...lines,
    ...legend,
  ];
}

/**
 * Up to this many names stand in the upper right corner, where falling losses leave room; more of
 * them stand above the chart.
 */
const CORNER_NAMES = 2;

/** Names of curves from left to right in rows, and where in its row each begins. */
function flow(curves: readonly Curve[], width: number): (Curve & { readonly left: number })[][] {
  const rows: (Curve & { readonly left: number })[][] = [[]];
  let left = 0;
  for (const curve of curves) {
    // Letters of 12 pixels are about 6.5 pixels wide; the line and the gaps take 40.
    const needed = 6.5 * curve.name.length + 40;
    if (left > 0 && left + needed > width) {
      rows.push([]);
      left = 0;
    }
    rows.at(-1)!.push({ ...curve, left });
    left += needed;
  }
  return rows;
}

/**
 * Formats a table in columns, for a terminal.
 *
 * @example
 * ```ts
 * import { tableAsText } from "./report.ts";
 *
 * const table = tableAsText([["steps", "400"], ["tokens", "819,200"]]);
 * if (table !== "steps   400\ntokens  819,200") throw new Error(table);
 * ```
 */
export function tableAsText(rows: readonly ReportRow[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/**
 * Writes a report in Markdown.
 *
 * @example
 * ```ts
 * import { markdownReport } from "./report.ts";
 *
 * const rows = [["steps", "400"]] as const;
 * const report = markdownReport({ title: "A run", rows, curves: ["loss.svg"], samples: ["We must"] });
 * if (!report.includes("| steps | 400 |")) throw new Error(report);
 * ```
 */
export function markdownReport({ title, rows, curves, samples }: Report): string {
  return [
    `# ${title}`,
    "",
    "| | |",
    "| --- | --- |",
    ...rows.map(([name, value]) => `| ${name} | ${value.replaceAll("|", "\\|")} |`),
    "",
    ...curves.flatMap((path, i) => [
      `![${i === 0 ? "The loss" : "Right answers"} over the steps](${path})`,
      "",
    ]),
    "## What it writes",
    "",
    ...samples.flatMap((sample) => [
      ...sample.split("\n").map((line) => `> ${escapeXml(line)}`.trimEnd()),
      "",
    ]),
  ].join("\n");
}

/** An axis: its ticks, and the position of a value. */
interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
  format(tick: number): string;
}

function axis(values: readonly number[], from: number, to: number): Axis {
  const [low, high] = rangeOf(values);
  const span = high - low || 1;
  // The largest of 1, 2, 5, 10, 20, … with at least four intervals.
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const interval = power * ([5, 2].find((factor) => span / (power * factor) >= 4) ?? 1);
  const first = Math.ceil(low / interval);
  const count = Math.floor(high / interval) - first + 1;
  const digits = Math.max(0, -Math.floor(Math.log10(interval)));
  return {
    ticks: Array.from(
      { length: count },
      (_, i) => Number(((first + i) * interval).toFixed(digits)),
    ),
    at: (value) => Math.round((from + (to - from) * (value - low) / span) * 10) / 10,
    format: (tick) => `${tick}`,
  };
}

/**
 * An axis of logarithms, with ticks at 1, 2 and 5 times powers of ten, or at powers of ten only if
 * there are many of these.
 */
function logarithmicAxis(values: readonly number[], from: number, to: number): Axis {
  const plain = axis(values.map(Math.log10), from, to);
  const [low, high] = rangeOf(values);
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of [1, 2, 5]) ticks.push(factor * 10 ** power);
  }
  const within = ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  const powers = within.filter((tick) => Number.isInteger(Math.log10(tick)));
  return {
    ticks: within.length > 10 ? powers : within,
    at: (value) => plain.at(Math.log10(value)),
    format: (tick) => tick.toLocaleString("en-US", { notation: "compact" }),
  };
}

function rangeOf(values: readonly number[]): [low: number, high: number] {
  return [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
}
