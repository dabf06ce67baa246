/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A grid of numbers from 0 to 1 as colors, on a canvas. @module */

import { type JSX, useEffect, useRef, useState } from "../deps.ts";

/** Colors of 0 and 1, readable in light and dark; white lies between. */
const ENDS = [[222, 117, 36], [255, 255, 255], [38, 110, 196]] as const;

function colorOf(x: number): readonly number[] {
  const at = 2 * Math.max(0, Math.min(1, x));
  const [from, to] = at < 1 ? [ENDS[0], ENDS[1]] : [ENDS[1], ENDS[2]];
  return from.map((start, i) => start + (to[i]! - start) * (at < 1 ? at : at - 1));
}

/** Draws a square grid; `title` says what it shows for who does not see it. */
export function HeatMap({ title, values, size, isSmooth = false, children }: {
  readonly title: string;
  /** Row by row from the top left; `null` before there is one. */
  readonly values: Float32Array | null;
  /** Rows and columns. */
  readonly size: number;
  /** Whether it shows what lies between the numbers, too. @default {false} */
  readonly isSmooth?: boolean;
  /** Elements drawn on top. */
  readonly children?: JSX.Element;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    // An old picture would be taken for the new one.
    if (values === null) return context.clearRect(0, 0, size, size);
    const image = context.createImageData(size, size);
    values.forEach((x, i) => image.data.set([...colorOf(x), 255], 4 * i));
    context.putImageData(image, 0, 0);
  }, [values, size]);
  return (
    <div class={isSmooth ? "heat smooth" : "heat"}>
      <canvas ref={canvas} width={size} height={size} role="img" aria-label={title} />
      {children}
    </div>
  );
}

/** Names closer than so many pixels cannot be told apart. */
const NAME_HEIGHT = 15;

/** A square grid whose rows and columns have the same names, with one row chosen. */
export function LabeledMap({ title, values, names, chosen }: {
  readonly title: string;
  readonly values: Float32Array;
  readonly names: readonly string[];
  readonly chosen: number;
}): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(300);
  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width));
    watcher.observe(element.current!);
    return () => watcher.disconnect();
  }, []);
  const size = names.length;
  // Where rows are close, every second or third has a name; the chosen one in any case.
  const every = Math.max(1, Math.ceil(NAME_HEIGHT * size / width));
  const isNamed = (i: number) => i === chosen || i % every === 0 && Math.abs(i - chosen) >= every;
  const places = names.flatMap((name, i) => isNamed(i) ? [{ name, i }] : []);
  const centerAt = (i: number) => `${100 * (i + 0.5) / size}%`;
  return (
    <div class="labeled">
      <div class="above" aria-hidden="true">
        {places.map(({ name, i }) => <span key={i} style={{ left: centerAt(i) }}>{name}</span>)}
      </div>
      <div class="beside" aria-hidden="true">
        {places.map(({ name, i }) => <span key={i} style={{ top: centerAt(i) }}>{name}</span>)}
      </div>
      <div ref={element}>
        <HeatMap title={title} values={values} size={size}>
          <svg
            class="points"
            viewBox={`0 0 ${size} ${size}`}
            stroke-width={Math.min(0.1, size / 140)}
            aria-hidden="true"
          >
            <rect class="row" x="0" y={chosen} width={size} height="1" />
          </svg>
        </HeatMap>
      </div>
    </div>
  );
}
