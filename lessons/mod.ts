/**
 * Worked examples: one neuron, layers, the forward pass, the loss, gradient descent, backpropagation,
 * the training loop, and a character-level language model.
 *
 * `examples.ts`, `training_examples.ts` and `character_model.ts` compute each example on `autograd`'s
 * `Value` and return every number, and so does `line.ts`; `attention.ts` and `induction.ts` have attention in plain numbers;
 * `tour.ts` explains them in text; `ideas.ts` names the file that
 * implements each idea in the library.
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
  attend,
  attendByHead,
  type AttentionExample,
  type AttentionTrace,
  type AttentionWeights,
  fourWords,
  type HeadTrace,
  type Matrix,
} from "./attention.ts";
export {
  type BlockExample,
  type BlockParts,
  type BlockTrace,
  ferns,
  rmsNorm,
  throughBlock,
  wholeBlock,
} from "./block.ts";
export {
  CharacterModel,
  type CharacterOptions,
  type CharacterStep,
  characterSteps,
  type CharacterTraining,
  trainCharacterModel,
} from "./character_model.ts";
export { dinosaurs } from "./dinosaurs.ts";
export { type EmbeddingTable, lookUp, type LookUpTrace, sixWords } from "./embedding.ts";
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
  type LayersOptions,
  type LossTrace,
  type NetworkTrace,
  type NeuronTrace,
  oneNeuron,
  type OneNeuronOptions,
  slope,
  type SlopeOptions,
  type SlopeTrace,
  squaredLoss,
  type ValueTrace,
} from "./examples.ts";
export { type Idea, ideas } from "./ideas.ts";
export { inductionHead, type InductionTrace } from "./induction.ts";
export {
  fitLine,
  type Line,
  lineLoss,
  type LineOptions,
  type LineStep,
  temperatures,
} from "./line.ts";
export { frequencies, positions, type PositionsTrace, turn } from "./positions.ts";
export { softmaxLoss, type SoftmaxTrace } from "./softmax.ts";
export { type Stop, stops } from "./tour.ts";
export {
  type LoopStep,
  type NetworkTraining,
  type NetworkTrainingOptions,
  trainingLoop,
  type TrainingLoopOptions,
  trainNetwork,
} from "./training_examples.ts";
export {
  singularValues,
  slopeAt,
  valleyCurvatures,
  type ValleyPlace,
  type ValleySlope,
  valleyStart,
} from "./valley.ts";
