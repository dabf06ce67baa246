/**
 * The policy gradient: answers that are better than other answers to the same question become more
 * likely.
 *
 * Source: nanochat, `scripts/chat_rl.py`: REINFORCE (Williams, 1992) with the mean reward of a group as
 * the baseline, as in GRPO (Shao et al., "DeepSeekMath", 2024) without its ratio, its clipping, its
 * reference model and the division by the deviation. Fine-tuning along with it keeps what is not practiced:
 * "PPO-ptx" of Ouyang et al., "Training language models to follow instructions with human feedback" (2022).
 *
 * @module
 */

import type { TrainableModel } from "../../gpt/browser.ts";
import { mean } from "../../gpt/train/readback.ts";
import { crossEntropy, Tensor } from "../../tensor/mod.ts";

/** One sampled answer. */
export interface Rollout {
  /** The tokens of the answer. */
  readonly ids: readonly number[];
  /** 1 where a token was sampled, 0 where the output of a tool was forced. */
  readonly mask: readonly number[];
  /** How good the answer is: 0 for a wrong one, 1 for a right one, or on average. */
  readonly reward: number;
}

/** A sampled answer with its question. */
export interface RolloutRow extends Pick<Rollout, "ids" | "mask"> {
  /** The tokens of the question. */
  readonly prompt: readonly number[];
}

/** Answers with their questions, as rows of the same length. */
export interface RolloutBatch {
  /** `[rows, tokens]`, row-major. */
  readonly inputs: Int32Array<ArrayBuffer>;
  /** The token after each input; −1 if it was not sampled. `[rows, tokens]`, row-major. */
  readonly targets: Int32Array<ArrayBuffer>;
  /** `[rows, tokens]`. */
  readonly shape: [rows: number, tokens: number];
}

/**
 * How much better each reward is than the mean of the group.
 *
 * @example
 * ```ts
 * import { computeAdvantages } from "./policy_gradient.ts";
 *
 * if (computeAdvantages([1, 0, 0, 0]).join() !== "0.75,-0.25,-0.25,-0.25") throw new Error("wrong");
 * ```
 */
export function computeAdvantages(rewards: readonly number[]): number[] {
  const baseline = mean(rewards);
  return rewards.map((reward) => reward - baseline);
}

/**
 * Puts answers with their questions into rows.
 *
 * @param padding The token that fills shorter rows: `<|assistant_end|>`.
 * @param width The tokens of a row, by default those of the longest one.
 * @throws {RangeError} If a row is longer than `width`.
 */
export function rolloutBatch(
  rollouts: readonly RolloutRow[],
  padding: number,
  width?: number,
): RolloutBatch {
  const longest = Math.max(...rollouts.map(({ prompt, ids }) => prompt.length + ids.length));
  const tokens = (width ?? longest) - 1;
  if (longest > tokens + 1) {
    throw new RangeError(`Cannot batch rollouts: wanted at most ${width} tokens, got ${longest}`);
  }
  const inputs = new Int32Array(rollouts.length * tokens).fill(padding);
  const targets = new Int32Array(rollouts.length * tokens).fill(-1);
  for (const [row, { prompt, ids, mask }] of rollouts.entries()) {
    const start = row * tokens;
    inputs.set([...prompt, ...ids].slice(0, tokens), start);
    ids.forEach((id, i) => {
      if (mask[i] === 1) targets[start + prompt.length + i - 1] = id;
    });
  }
  return { inputs, targets, shape: [rollouts.length, tokens] };
}

/**
 * The loss of a batch: −Σ log p(target) · weight.
 *
 * If the weight of an answer is its advantage over the number of sampled tokens, its gradient is that of the
 * mean advantage if every token could be sampled, since the probabilities are those of sampling (nanochat's
 * are those at temperature 1). Tokens that top-k left out become likelier with each wrong answer, and nothing
 * makes them less likely.
 *
 * @param weights One for each row.
 * @param temperature That of the sampled answers, above 0.
 * @returns A scalar.
 */
export function policyGradientLoss(
  model: TrainableModel,
  { inputs, targets, shape }: RolloutBatch,
  weights: readonly number[],
  temperature = 1,
): Tensor {
  const { device } = model;
  const ids = Tensor.from(device, inputs, { shape });
  const wanted = Tensor.from(device, targets, { shape });
  // The logits need not be kept where nothing divides them.
  const losses = temperature === 1
    ? model.forward(ids, wanted, { reduction: "none" })
    : crossEntropy(model.forward(ids).div(temperature), wanted, { reduction: "none" });
  const factors = Tensor.from(device, Float32Array.from(weights), { shape: [shape[0], 1] });
  return losses.reshape(shape).mul(factors).sum();
}
