/**
 * The lesson's widgets by name, but for those of `labs.tsx`: the builder renders them, the page brings them
 * to life.
 *
 * @module
 */

import type { JSX } from "../deps.ts";
import { BackpropagationWidget } from "./backpropagation.tsx";
import { LettersWidget } from "./letters.tsx";
import { LoopWidget } from "./loop.tsx";
import { LossWidget, NudgeWidget, SlopeWidget } from "./loss.tsx";
import { NetworkWidget } from "./network.tsx";
import { Opening } from "./opening.tsx";
import { ForwardWidget, LayersWidget, NeuronWidget } from "./neurons.tsx";

export const widgets = {
  opening: Opening,
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
} as const satisfies Readonly<Record<string, () => JSX.Element>>;
