/**
 * The parts of an answer, and the steps of reinforcement learning, as pages, servers and scripts share
 * them. It is to `internals.ts` what `browser.ts` is to `mod.ts`: all of it runs in a browser.
 *
 * @module
 */

export { promptRoom } from "./prompt_room.ts";
export { PartReader } from "./part_reader.ts";
export { AnswerSampler, type AnswerSettings, type Group } from "./rl/answer_sampler.ts";
export {
  computeAdvantages,
  type Rollout,
  type RolloutBatch,
  rolloutBatch,
  type RolloutRow,
} from "./rl/policy_gradient.ts";
export { addGradients, hasNoSignal, updatePolicy } from "./rl/policy_step.ts";
