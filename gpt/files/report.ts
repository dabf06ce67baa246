/**
 * What a run came to: a table, and the loss as a curve.
 *
 * @module
 */

/** A row of a table: what it is, and how much. */
export type ReportRow = readonly [name: string, value: string];

/** A point of a curve. */
export interface CurvePoint {
  /** Where it is on the horizontal axis: the step. */
  readonly step: number;
  /** Where it is on the vertical axis. */
  readonly value: number;
}

/** A curve and how it is drawn. */
export interface Curve {
  /** What the legend calls it. */
  readonly name: string;
  /** A colour of CSS. */
  readonly color: string;
  /** The points, by rising step. */
  readonly points: readonly CurvePoint[];
}

/** What {@linkcode markdownReport} puts together. */
export interface Report {
  /** The heading. */
  readonly title: string;
  /** The table. */
  readonly rows: readonly ReportRow[];
  /** The path of the picture of the loss, relative to the report. */
  readonly curve: string;
  /** What the model wrote. */
  readonly samples: readonly string[];
}

/**
 * Draws curves as an SVG that a browser and a Markdown viewer show: axes, grid lines, a legend.
 *
 * @param title What stands above.
 * @param curves At least one point in all.
 * @throws {RangeError} If there is no point, or a value is not finite.
 *
 * @example
 * ```ts
 * import { curvesAsSvg } from "./report.ts";
 *
 * const points = [{ step: 0, value: 8.3 }, { step: 10, value: 6.1 }];
 * const svg = curvesAsSvg("Loss", [{ name: "training", color: "steelblue", points }]);
 * if (!svg.includes("<polyline")) throw new Error("expected a curve");
 * ```
 */
export function curvesAsSvg(title: string, curves: readonly Curve[]): string {
  const all = curves.flatMap(({ points }) => points);
  const wrong = all.find(({ step, value }) => !Number.isFinite(step) || !Number.isFinite(value));
  if (all.length === 0 || wrong !== undefined) {
    const got = wrong === undefined ? "none" : `${wrong.value} at step ${wrong.step}`;
    throw new RangeError(`Cannot draw curves: wanted finite points, got ${got}`);
  }
  const [width, height] = [720, 360];
  const area = { left: 56, right: width - 16, top: 40, bottom: height - 40 };
  const x = axis(all.map(({ step }) => step), area.left, area.right);
  const y = axis(all.map(({ value }) => value), area.bottom, area.top);

  const grid = [
    ...y.ticks.map((tick) =>
      `<line x1="${area.left}" x2="${area.right}" y1="${y.at(tick)}" y2="${
        y.at(tick)
      }" stroke="#ddd"/>` +
      `<text x="${area.left - 8}" y="${y.at(tick)}" dy="4" text-anchor="end">${tick}</text>`
    ),
    ...x.ticks.map((tick) =>
      `<text x="${x.at(tick)}" y="${area.bottom + 18}" text-anchor="middle">${tick}</text>`
    ),
    `<text x="${(area.left + area.right) / 2}" y="${height - 6}" text-anchor="middle">step</text>`,
  ];
  const lines = curves.map(({ color, points }) =>
    `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${
      points.map(({ step, value }) => `${x.at(step)},${y.at(value)}`).join(" ")
    }"/>`
  );
  const legend = curves.map(({ name, color }, i) =>
    `<text x="${area.right}" y="${area.top + 16 * i}" text-anchor="end" fill="${color}">${
      escapeXml(name)
    }</text>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${area.left}" y="22" font-size="15">${escapeXml(title)}</text>`,
    ...grid,
    ...lines,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

/**
 * Lays a table out in columns, for a terminal.
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
 * const report = markdownReport({ title: "A run", rows, curve: "loss.svg", samples: ["We must"] });
 * if (!report.includes("| steps | 400 |")) throw new Error(report);
 * ```
 */
export function markdownReport({ title, rows, curve, samples }: Report): string {
  return [
    `# ${title}`,
    "",
    "| | |",
    "| --- | --- |",
    ...rows.map(([name, value]) => `| ${name} | ${value.replaceAll("|", "\\|")} |`),
    "",
    `![The loss over the steps](${curve})`,
    "",
    "## What it writes",
    "",
    ...samples.flatMap((sample) => [
      ...sample.split("\n").map((line) => `> ${escapeXml(line)}`.trimEnd()),
      "",
    ]),
  ].join("\n");
}

/** One axis of a picture: round numbers to write at it, and where a number lies. */
interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

function axis(values: readonly number[], from: number, to: number): Axis {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const span = high - low || 1;
  // The largest of 1, 2, 5, 10, 20, … that gives at least four intervals.
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
  };
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
