/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The second script of the lesson: the widgets below the first screens. @module */

import { InsideWidget } from "../inside/inside.tsx";
import { BackpropagationWidget } from "./backpropagation.tsx";
import { GptWidget } from "./gpt.tsx";
import { LettersWidget } from "./letters.tsx";
import { LoopWidget } from "./loop.tsx";
import { LossWidget, NudgeWidget, SlopeWidget } from "./loss.tsx";
import { NetworkWidget } from "./network.tsx";
import { SenseWidget } from "./sense.tsx";
import { SoftmaxWidget } from "./softmax.tsx";

/** Their widgets, by name. */
export const labs = {
  loss: LossWidget,
  slope: SlopeWidget,
  nudge: NudgeWidget,
  backpropagation: BackpropagationWidget,
  loop: LoopWidget,
  network: NetworkWidget,
  softmax: SoftmaxWidget,
  letters: LettersWidget,
  gpt: GptWidget,
  sense: SenseWidget,
  inside: () => <InsideWidget />,
} as const;

Reflect.set(globalThis, "nanodinoLabs", labs);
