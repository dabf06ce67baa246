/** The sections of the lesson in order, and the words around them; their text is in `prose.md`. @module */

import type { widgets } from "./widgets.ts";

export interface Section {
  /** Its address within the page, and the one of its text. */
  readonly id: string;
  /** Its widgets, in order. */
  readonly widgets: readonly (keyof typeof widgets)[];
  /** The code that computes them, as `path#symbol`. */
  readonly code: readonly string[];
}

export const sections: readonly Section[] = [
  { id: "rules", widgets: [], code: [] },
  {
    id: "neuron",
    widgets: ["neuron"],
    code: ["lessons/examples.ts#traceNeuron", "autograd/neuron.ts#Neuron.call"],
  },
  {
    id: "layers",
    widgets: ["layers"],
    code: ["autograd/mlp.ts#Layer.call", "autograd/mlp.ts#MLP.call"],
  },
  { id: "forward", widgets: ["forward"], code: ["lessons/examples.ts#forwardPass"] },
  { id: "loss", widgets: ["loss"], code: ["lessons/examples.ts#squaredLoss"] },
  {
    id: "gradient",
    widgets: ["slope", "nudge"],
    code: ["lessons/examples.ts#slope", "autograd/value.ts#Value.pow"],
  },
  {
    id: "backpropagation",
    widgets: ["backpropagation"],
    code: ["lessons/examples.ts#backpropagation", "autograd/tape.ts#backward"],
  },
  { id: "loop", widgets: ["loop"], code: ["lessons/training_examples.ts#trainingLoop"] },
  {
    id: "network",
    widgets: ["network"],
    code: ["web/engine/network.ts#trainNetwork", "nn/mlp.ts#MLP.forward"],
  },
  { id: "letters", widgets: ["letters"], code: ["lessons/character_model.ts#CharacterModel.loss"] },
  {
    id: "gpt",
    widgets: ["gpt"],
    code: [
      "web/engine/gpt.ts#trainGpt",
      "gpt/train/loop.ts#trainingLoop",
      "gpt/model/block.ts#Block.forward",
    ],
  },
  {
    id: "inside",
    widgets: ["inside"],
    code: [
      "gpt/generate/inspect.ts#inspect",
      "gpt/model/block.ts#CausalSelfAttention.forward",
      "gpt/model/model.ts#GPT.logits",
    ],
  },
];

/** All code that the lesson shows, as `path#symbol`. */
export const shownCode: readonly string[] = sections.flatMap(({ code }) => code);

export const words = {
  skip: "Skip to the lesson",
  contents: "Contents",
  code: "The code that computes this",
  line: (path: string, line: number) => `${path}, line ${line}`,
  noscript:
    "Without JavaScript the numbers stay as they are; all text, code and formulas are here.",
  ideas: ["Idea", "File", "Becomes"],
};
