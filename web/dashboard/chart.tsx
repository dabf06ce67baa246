/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Curves of several runs over one axis, which may be long. @module */

import { uPlot } from "../curve_deps.ts";
import { type JSX, useEffect, useRef } from "../deps.ts";

/** A curve. */
export interface Line {
  readonly name: string;
  /** `a` to `d`: its color. */
  readonly color: "a" | "b" | "c" | "d";
  /** Whether it stands behind another one, or is broken. */
  readonly look: "thin" | "dashed" | "plain";
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

const HEIGHT = 240;

/** Draws curves on a canvas; `title` says what they show for who does not see them. */
export function Chart({ title, lines, isLog, xName, onPoint, onPick }: {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly isLog: boolean;
  readonly xName: string;
  /** Is told where the pointer is on the axis; `null` when it has left. */
  readonly onPoint: (x: number | null) => void;
  /** Is told of a click. */
  readonly onPick: (x: number) => void;
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const plotted = useRef<readonly Line[] | null>(null);
  // What makes another chart, and not another curve.
  const shape = JSON.stringify([
    isLog,
    xName,
    lines.map(({ name, color, look }) => [name, color, look]),
  ]);
  const data = () =>
    lines.every(({ x }) => x === lines[0]!.x)
      ? [lines[0]!.x, ...lines.map(({ y }) => y)] as unknown as uPlot.AlignedData
      : uPlot.join(lines.map(({ x, y }) => [x, y] as unknown as uPlot.AlignedData));
  const handlers = useRef({ onPoint, onPick });
  handlers.current = { onPoint, onPick };
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let observer: ResizeObserver | null = null;
    const draw = () => {
      plot.current?.destroy();
      plotted.current = lines;
      plot.current = new uPlot(options(element, lines, isLog, xName), data(), element);
      const { over } = plot.current;
      const at = (left: number) => plot.current!.posToVal(left, "x");
      over.addEventListener("mousemove", ({ offsetX }) => handlers.current.onPoint(at(offsetX)));
      over.addEventListener("mouseleave", () => handlers.current.onPoint(null));
      over.addEventListener("click", ({ offsetX }) => handlers.current.onPick(at(offsetX)));
      element.dataset.points = `${lines.reduce((sum, { x }) => sum + x.length, 0)}`;
    };
    draw();
    observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    // Canvases do not follow the colors of the page by themselves.
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      observer?.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    if (plot.current === null || plotted.current === lines) return;
    plot.current.setData(data());
    place.current!.dataset.points = `${lines.reduce((sum, { x }) => sum + x.length, 0)}`;
  }, [lines]);
  return <div ref={place} class="chart" role="img" aria-label={title} />;
}

function options(
  element: HTMLElement,
  lines: readonly Line[],
  isLog: boolean,
  xName: string,
): uPlot.Options {
  const color = (name: string) => colorOf(element, name);
  const axis = {
    stroke: color("soft"),
    grid: { stroke: color("line"), width: 1 },
    ticks: { stroke: color("line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: true }, points: { size: 6 } },
    scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
    axes: [
      { ...axis, label: xName, labelFont: axis.font, labelSize: 18 },
      { ...axis, size: 62 },
    ],
    series: [
      {},
      ...lines.map(({ name, color: of, look }) => ({
        label: name,
        stroke: color(of),
        alpha: look === "thin" ? 0.4 : 1,
        width: look === "thin" ? 1 : 2,
        spanGaps: true,
        ...(look === "dashed" ? { dash: [6, 4] } : {}),
      })),
    ],
  };
}

/** What a custom property is as a color: canvases do not know `light-dark()`. */
function colorOf(element: HTMLElement, name: string): string {
  const probe = element.ownerDocument.createElement("i");
  probe.className = `color-${name}`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
