/**
 * The widgets of the first screens by name; `labs.tsx` has the others. The builder renders them, the page
 * brings them to life.
 *
 * @module
 */

import type { JSX } from "../deps.ts";
import { DialsWidget } from "./dials.tsx";
import { Opening } from "./opening.tsx";
import { ForwardWidget, LayersWidget, NeuronWidget } from "./neurons.tsx";

export const widgets = {
  opening: Opening,
  dials: DialsWidget,
  neuron: NeuronWidget,
  layers: LayersWidget,
  forward: ForwardWidget,
} as const satisfies Readonly<Record<string, () => JSX.Element>>;
