/** A step of the policy gradient: the gradients of the questions, and the update of the parameters. @module */

import type { TrainableModel } from "../../gpt/browser.ts";
import type { MuonAdamW, ShardedMuonAdamW } from "../../optim/mod.ts";
import { Tensor } from "../../tensor/mod.ts";
import type { ChatFormat } from "../format/format.ts";
import type { Group } from "./answer_sampler.ts";
import { computeAdvantages, policyGradientLoss, rolloutBatch } from "./policy_gradient.ts";

/** Whether all answers have the same reward, so that the gradient is 0. */
export function hasNoSignal({ rollouts }: Group): boolean {
  return rollouts.every(({ reward }) => reward === rollouts[0]!.reward);
}

/** Adds the gradients of a group, a batch of answers at a time; a group without a signal has none. */
export function addGradients(
  model: TrainableModel,
  group: Group,
  { deviceBatchSize, examplesPerStep, temperature, format }: {
    readonly deviceBatchSize: number;
    readonly examplesPerStep: number;
    readonly temperature: number;
    readonly format: Pick<ChatFormat, "ends">;
  },
): void {
  if (hasNoSignal(group)) return;
  const { prompt, rollouts } = group;
  const advantages = computeAdvantages(rollouts.map(({ reward }) => reward));
  const width = prompt.length + Math.max(...rollouts.map(({ ids }) => ids.length));
  const padding = format.ends[0]!;
  const passes = rollouts.length / deviceBatchSize;
  for (let first = 0; first < rollouts.length; first += deviceBatchSize) {
    using _scope = model.device.scope();
    const rows = rollouts.slice(first, first + deviceBatchSize);
    const batch = rolloutBatch(prompt, rows, width, padding);
    const own = advantages.slice(first, first + rows.length);
    const loss = policyGradientLoss(model, batch, own, temperature);
    loss.div(passes * examplesPerStep).backward();
  }
}

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
