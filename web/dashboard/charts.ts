/** Which figures share a chart, and what its vertical axis shows. @module */

import type { Point } from "../parts/plot.tsx";

/** Figures that share a chart, by their names; `null` for those that have none. */
const shared: readonly (readonly [chart: string, figures: RegExp])[] = [
  ["passAtK", /^pass@\d+$/],
  ["memory", /^(live|peak)Bytes$/],
];

/** Figures that have no chart of their own: a slider smooths the loss. */
const WITHOUT_CHART = ["smoothLoss", "seconds"];

/** Plots of these begin at 0, and those of shares reach from 0 to 1. */
const FROM_ZERO = /^(memory|tokensPerSecond|learningRateMultiplier|sequenceLength)$/;
const SHARES = /^(passAtK|questionsRight|withoutSignal)$/;

/** A chart, and the figures that it shows. */
export interface Chart {
  readonly name: string;
  readonly figures: readonly string[];
}

/**
 * Puts figures into charts, in their order. Of pass@k it shows the powers of two, whose curves do not lie
 * on each other.
 *
 * @example
 * ```ts
 * import { chartsOf } from "./charts.ts";
 *
 * const charts = chartsOf(["loss", "pass@1", "pass@2", "pass@3", "seconds"]);
 * const text = charts.map(({ name, figures }) => `${name}: ${figures}`).join("; ");
 * if (text !== "loss: loss; passAtK: pass@1,pass@2") throw new Error(text);
 * ```
 */
export function chartsOf(figures: readonly string[]): Chart[] {
  const charts = new Map<string, string[]>();
  for (const figure of figures) {
    if (WITHOUT_CHART.includes(figure)) continue;
    const name = shared.find(([, names]) => names.test(figure))?.[0] ?? figure;
    const found = charts.get(name) ?? [];
    charts.set(name, found);
    const k = Number(/^pass@(\d+)$/.exec(figure)?.[1] ?? 1);
    if (Number.isInteger(Math.log2(k))) found.push(figure);
  }
  return [...charts].map(([name, figures]) => ({ name, figures }));
}

/** A curve of fewer points is shown whole. */
const MIN_POINTS = 20;
/** The part of the horizontal axis, from its start, that does not decide about the vertical one. */
const START = 0.05;
/** The least that an axis spans, in relation to its values: less would be noise. */
const MIN_SPAN = 0.02;

/** A vertical axis. */
export interface VerticalAxis {
  readonly ends: readonly [low: number, high: number];
  /** Where a curve starts, if that is above the axis. */
  readonly startsAt: number | null;
}

/**
 * The vertical axis on which curves can be seen.
 *
 * A loss falls by more in its first steps than in all others: where these would take more than half of
 * the axis, it does not reach up to them.
 *
 * @param chart The name of the chart.
 * @param curves The points that are shown.
 * @param isLog Whether the axis is logarithmic, which shows all.
 */
export function verticalAxis(
  chart: string,
  curves: readonly (readonly Point[])[],
  isLog = false,
): VerticalAxis {
  const all = curves.flat();
  const [low, high] = endsOf(all);
  if (isLog) return { ends: [low / 1.05, high * 1.05], startsAt: null };
  if (SHARES.test(chart)) return { ends: [0, 1], startsAt: null };
  if (FROM_ZERO.test(chart)) return { ends: [Math.min(0, low), 1.05 * high || 1], startsAt: null };
  const [first, last] = endsOf(all.map(([x]) => [0, x]));
  const later = all.filter(([x]) => x >= first + START * (last - first));
  const [laterLow, laterHigh] = endsOf(later);
  const isSteep = later.length >= MIN_POINTS && laterHigh - laterLow < 0.5 * (high - low);
  // Only values above the later ones are cut, never those below.
  const top = isSteep && high > laterHigh ? laterHigh : high;
  const span = Math.max(top - low, MIN_SPAN * Math.abs(top)) || 1;
  const middle = (low + top) / 2;
  const half = 0.54 * span;
  return { ends: [middle - half, middle + half], startsAt: top < high ? high : null };
}

function endsOf(points: readonly Point[]): [least: number, most: number] {
  let [least, most] = [Infinity, -Infinity];
  for (const [, y] of points) {
    least = Math.min(least, y);
    most = Math.max(most, y);
  }
  return [least, most];
}
