/** The lesson's widgets by name: the builder renders them, the page brings them to life. @module */

import type { JSX } from "../deps.ts";
import { InsideWidget } from "../inside/inside.tsx";
import { BackpropagationWidget } from "./backpropagation.tsx";
import { GptWidget } from "./gpt.tsx";
import { LettersWidget } from "./letters.tsx";
import { LoopWidget } from "./loop.tsx";
import { LossWidget, NudgeWidget, SlopeWidget } from "./loss.tsx";
import { NetworkWidget } from "./network.tsx";
import { ForwardWidget, LayersWidget, NeuronWidget } from "./neurons.tsx";

export const widgets = {
  neuron: NeuronWidget,
  layers: LayersWidget,
  forward: ForwardWidget,
  loss: LossWidget,
  slope: SlopeWidget,
  nudge: NudgeWidget,
  backpropagation: BackpropagationWidget,
  loop: LoopWidget,
  network: NetworkWidget,
  letters: LettersWidget,
  gpt: GptWidget,
  inside: InsideWidget,
} as const satisfies Readonly<Record<string, () => JSX.Element>>;
