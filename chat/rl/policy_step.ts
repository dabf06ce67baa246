/** A step of the policy gradient: the gradients of the questions, and the update of the parameters. @module */

import type { TrainableModel } from "../../gpt/browser.ts";
import { chunked } from "../../gpt/browser_internals.ts";
import type { MuonAdamW, ShardedMuonAdamW } from "../../optim/mod.ts";
import { Tensor } from "../../tensor/mod.ts";
import type { ChatFormat } from "../format/format.ts";
import type { Group } from "./answer_sampler.ts";
import {
  computeAdvantages,
  policyGradientLoss,
  rolloutBatch,
  type RolloutRow,
} from "./policy_gradient.ts";

/** Whether all answers have the same reward, or there is no room for the shown one, so that the gradient is 0. */
export function hasNoSignal({ rollouts, shown }: Group): boolean {
  if (shown !== undefined) return !shown.mask.includes(1);
  return rollouts.every(({ reward }) => reward === rollouts[0]!.reward);
}

/** An answer to learn from. */
interface WeightedRow extends RolloutRow {
  /** The advantage, 1 for a shown answer, over the number of tokens and answers that share the step. */
  readonly weight: number;
}

/**
 * Adds the gradients of the questions of a step, a batch of answers at a time; a group without a signal has
 * none. The mean is over the sampled tokens of `deviceBatchSize` answers to a question, as in nanochat, and
 * then over these; of a shown answer it is over its tokens, as in fine-tuning. Which answers are computed
 * together makes no difference, so those of about one length are: shorter ones are padded.
 */
export function addGradients(
  model: TrainableModel,
  groups: readonly Group[],
  { deviceBatchSize, examplesPerStep, temperature, format }: {
    readonly deviceBatchSize: number;
    readonly examplesPerStep: number;
    readonly temperature: number;
    readonly format: Pick<ChatFormat, "ends">;
  },
): void {
  const rows = groups.flatMap((group): WeightedRow[] => {
    if (hasNoSignal(group)) return [];
    const { prompt, rollouts, shown } = group;
    if (shown !== undefined) {
      return [{ prompt, ...shown, weight: 1 / (count(shown.mask) * examplesPerStep) }];
    }
    const advantages = computeAdvantages(rollouts.map(({ reward }) => reward));
    const passes = chunked([...rollouts.entries()], deviceBatchSize);
    return passes.flatMap((pass) => {
      const sampled = pass.reduce((sum, [, { mask }]) => sum + count(mask), 0);
      const share = 1 / (Math.max(1, sampled) * passes.length * examplesPerStep);
      return pass.map(([i, { ids, mask }]) => ({
        prompt,
        ids,
        mask,
        weight: advantages[i]! * share,
      }));
    });
  });
  rows.sort((a, b) => a.prompt.length + a.ids.length - b.prompt.length - b.ids.length);
  for (const batch of chunked(rows, deviceBatchSize)) {
    using _scope = model.device.scope();
    const weights = batch.map(({ weight }) => weight);
    const rollouts = rolloutBatch(batch, format.ends[0]!);
    policyGradientLoss(model, rollouts, weights, temperature).backward();
  }
}

const count = (mask: readonly number[]) => mask.reduce((sum, one) => sum + one, 0);

/**
 * Updates the parameters by the gradients of all questions, and clears these.
 *
 * @param fraction The fraction of the optimizer's initial learning rates.
 */
export async function updatePolicy(
  model: TrainableModel,
  optimizer: MuonAdamW | ShardedMuonAdamW,
  fraction: number,
): Promise<void> {
  for (const parameter of model.parameters().values()) {
    // If this rank has no gradients, another one has.
    parameter.grad ??= Tensor.zeros(parameter.device, parameter.shape).keep();
  }
  for (const group of optimizer.groups) group.lr = group.initialLr * fraction;
  await optimizer.step();
  optimizer.zeroGrad();
}
