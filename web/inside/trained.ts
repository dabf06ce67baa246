/** The model that was trained in the page. @module */

import { type Signal, signal } from "../deps.ts";
import type { ModelFiles } from "../engine/inside.ts";

/** The files; `null` before there is one. */
export const trained: Signal<ModelFiles | null> = signal(null);
