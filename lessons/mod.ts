/**
 * The worked examples that the project began with: one neuron, layers, the forward pass, the loss,
 * backpropagation, gradient descent, the training loop, and a small character model.
 *
 * `examples.ts` and `training_examples.ts` compute each example on `autograd`'s `Value` and return
 * every number on the way; `tour.ts` prints them one after the other; `ideas.ts` names the file in
 * which each idea lives in the rest of the library.
 *
 * @example One neuron
 * ```ts
 * import { oneNeuron } from "./mod.ts";
 *
 * const { sum, output } = oneNeuron();
 * if (Math.abs(output - Math.tanh(sum)) > 1e-12) throw new Error(`got ${output}`);
 * ```
 *
 * @module
 */

export {
  CharacterModel,
  type CharacterOptions,
  type CharacterTraining,
  dinosaurs,
  trainCharacterModel,
} from "./character_model.ts";
export {
  backpropagation,
  type BackpropagationTrace,
  descent,
  type DescentOptions,
  type DescentStep,
  type FitOptions,
  forwardPass,
  type ForwardTrace,
  type LayerCount,
  layersOfNeurons,
  type LossTrace,
  type NetworkOptions,
  type NetworkTrace,
  type NeuronOptions,
  type NeuronTrace,
  oneNeuron,
  slope,
  type SlopeOptions,
  type SlopeTrace,
  squaredLoss,
  type ValueTrace,
} from "./examples.ts";
export { type Idea, ideas } from "./ideas.ts";
export { type Stop, stops } from "./tour.ts";
export {
  type LoopOptions,
  type LoopStep,
  type NetworkTraining,
  type NetworkTrainingOptions,
  trainingLoop,
  trainNetwork,
} from "./training_examples.ts";
