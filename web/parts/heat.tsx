/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A grid of numbers from 0 to 1 as colors, on a canvas. @module */

import { type JSX, useEffect, useRef } from "../deps.ts";

/** Colors of 0 and 1, readable in light and dark; white lies between. */
const ENDS = [[222, 117, 36], [255, 255, 255], [38, 110, 196]] as const;

function colorOf(x: number): readonly number[] {
  const at = 2 * Math.max(0, Math.min(1, x));
  const [from, to] = at < 1 ? [ENDS[0], ENDS[1]] : [ENDS[1], ENDS[2]];
  return from.map((start, i) => start + (to[i]! - start) * (at < 1 ? at : at - 1));
}

/** Draws a square grid; `title` says what it shows for who does not see it. */
export function HeatMap({ title, values, size, children }: {
  readonly title: string;
  /** Row by row from the top left; `null` before there is one. */
  readonly values: Float32Array | null;
  /** Rows and columns. */
  readonly size: number;
  /** What lies on top. */
  readonly children?: JSX.Element;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || values === null) return;
    const image = context.createImageData(size, size);
    values.forEach((x, i) => image.data.set([...colorOf(x), 255], 4 * i));
    context.putImageData(image, 0, 0);
  }, [values]);
  return (
    <div class="heat">
      <canvas ref={canvas} width={size} height={size} role="img" aria-label={title} />
      {children}
    </div>
  );
}
