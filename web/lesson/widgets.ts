/** The lesson's widgets by name: the builder renders them, the page brings them to life. @module */

import type { JSX } from "../deps.ts";
import { InsideWidget } from "../inside/inside.tsx";
import { BackpropagationWidget } from "./backpropagation.tsx";
import { ForwardWidget } from "./forward.tsx";
import { GptWidget } from "./gpt.tsx";
import { LayersWidget } from "./layers.tsx";
import { LettersWidget } from "./letters.tsx";
import { LoopWidget } from "./loop.tsx";
import { LossWidget } from "./loss.tsx";
import { NetworkWidget } from "./network.tsx";
import { NeuronWidget } from "./neuron.tsx";
import { NudgeWidget, SlopeWidget } from "./slope.tsx";

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
