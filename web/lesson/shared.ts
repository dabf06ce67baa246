/**
 * The modules that both scripts of the lesson use: the first one has them, and hands them to the second,
 * which comes when the reader moves.
 *
 * @module
 */

import * as deps from "../deps.ts";
import * as client from "../engine/client.ts";
import * as controls from "../parts/controls.tsx";
import * as graph from "../parts/graph.tsx";
import * as number from "../parts/number.ts";
import * as plot from "../parts/plot.tsx";
import * as rows from "../parts/rows.tsx";
import * as state from "../state.ts";
import * as words from "../words/lesson.ts";

/** The modules by the names of their files. */
export const shared: Readonly<Record<string, object>> = {
  "deps.ts": deps,
  // The part of Preact that compilers of JSX import.
  "jsx-runtime": deps.jsxRuntime,
  "client.ts": client,
  "controls.tsx": controls,
  "graph.tsx": graph,
  "number.ts": number,
  "plot.tsx": plot,
  "rows.tsx": rows,
  "state.ts": state,
  "lesson.ts": words,
};
