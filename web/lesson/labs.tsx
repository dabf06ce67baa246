/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The second script of the lesson: the sections in which a GPT is trained and looked into. @module */

import { InsideWidget } from "../inside/inside.tsx";
import { GptWidget } from "./gpt.tsx";

/** Their widgets, by name. */
export const labs = { gpt: GptWidget, inside: InsideWidget } as const;

Reflect.set(globalThis, "nanodinoLabs", labs);
