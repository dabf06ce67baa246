/** @jsxImportSource npm:preact@11.2.0 */

/** The mark of nanodino: a dinosaur with a small network inside. @module */

import type { JSX } from "../deps.ts";

/** The back, neck and legs of the dinosaur, on a square of 48. */
export const MARK =
  "M3 33c3 1 6 0 9-3 4-4 8-6 12-6 5 0 8-3 9-8l1-7c0-4 3-6 6-6 3 0 5 2 5 4 0 3-3 4-6 4l-1 8c-1 9-3 " +
  "13-7 15v9h-5v-8H18v8h-5v-9C9 36 5 36 3 33z";

/** Where the neurons of the dinosaur are, on the same square. */
const MARK_NEURONS = [[15, 31], [21, 28], [27, 31], [32, 25], [35, 16], [39, 9]] as const;

/** The mark: a dinosaur, with a small network inside. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 48 48" aria-hidden="true">
      <path d={MARK} fill="currentColor" />
      <g fill="var(--ground)" stroke="var(--ground)">
        <path fill="none" d={`M${MARK_NEURONS.map((at) => at.join(" ")).join("L")}`} />
        {MARK_NEURONS.map(([x, y]) => <circle key={x} cx={x} cy={y} r="1.6" />)}
      </g>
    </svg>
  );
}
