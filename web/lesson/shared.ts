/**
 * The modules that both scripts of the lesson use: the first one has them, and hands them to the second,
 * which comes when the page stands.
 *
 * @module
 */

import * as deps from "../deps.ts";
import * as client from "../engine/client.ts";
import * as controls from "../parts/controls.tsx";
import * as heat from "../parts/heat.tsx";
import * as number from "../parts/number.ts";
import * as rows from "../parts/rows.tsx";
import * as state from "../state.ts";
import * as loop from "./loop.tsx";
import * as words from "./words.ts";

/** The modules by the names of their files. */
export const shared: Readonly<Record<string, object>> = {
  "deps.ts": deps,
  // What compilers of JSX import, which is a part of Preact.
  "jsx-runtime": deps.jsxRuntime,
  "client.ts": client,
  "controls.tsx": controls,
  "heat.tsx": heat,
  "number.ts": number,
  "rows.tsx": rows,
  "state.ts": state,
  "loop.tsx": loop,
  "words.ts": words,
};
