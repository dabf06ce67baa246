/**
 * From a base model to one that talks, and what both can do: evaluation, tools, conversations.
 *
 * `core/` is the CORE metric of base models; `random/` has the generators of numbers that the order of
 * examples rests on.
 *
 * @module
 */

export {
  type CoreBundle,
  type CoreExamples,
  type CoreTask,
  type LanguageModelingExample,
  type MultipleChoiceExample,
  readCoreBundle,
  type SchemaExample,
} from "./core/bundle.ts";
export {
  answerTask,
  type CoreAnswer,
  type CoreResults,
  evaluateCore,
  type EvaluateCoreOptions,
} from "./core/evaluate.ts";
export { calculate } from "../gpt/generate/calculator.ts";
export { numpyPermutation } from "./random/numpy_permutation.ts";
export { PythonRandom } from "./random/python_random.ts";
