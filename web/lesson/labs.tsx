/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** The second script of the lesson: the widgets below the first screens. @module */

import { InsideWidget } from "../inside/inside.tsx";
import { AnsweringWidget } from "./answering.tsx";
import { AttentionWidget } from "./attention.tsx";
import { BackpropagationWidget } from "./backpropagation.tsx";
import { BlockWidget } from "./block.tsx";
import { EmbeddingWidget, PositionsWidget } from "./embeddings.tsx";
import { GptWidget } from "./gpt.tsx";
import { InductionWidget } from "./induction.tsx";
import { LettersWidget } from "./letters.tsx";
import { LoopWidget } from "./loop.tsx";
import { LossWidget, NudgeWidget, SlopeWidget } from "./loss.tsx";
import { NetworkWidget } from "./network.tsx";
import { MuonWidget, OptimizerWidget, RuleWidget } from "./optimizer.tsx";
import { OverfittingWidget } from "./overfitting.tsx";
import { RewardWidget } from "./reward.tsx";
import { SenseWidget } from "./sense.tsx";
import { ServingWidget } from "./serving.tsx";
import { SoftmaxWidget } from "./softmax.tsx";
import { TokensWidget } from "./tokens.tsx";
import { ToolWidget } from "./tool.tsx";

/** Their widgets, by name. */
export const labs = {
  loss: LossWidget,
  slope: SlopeWidget,
  nudge: NudgeWidget,
  backpropagation: BackpropagationWidget,
  loop: LoopWidget,
  network: NetworkWidget,
  softmax: SoftmaxWidget,
  letters: LettersWidget,
  tokens: TokensWidget,
  embedding: EmbeddingWidget,
  positions: PositionsWidget,
  attention: AttentionWidget,
  induction: InductionWidget,
  block: BlockWidget,
  optimizer: OptimizerWidget,
  muon: MuonWidget,
  rule: RuleWidget,
  overfitting: OverfittingWidget,
  gpt: GptWidget,
  sense: SenseWidget,
  inside: () => <InsideWidget />,
  answering: AnsweringWidget,
  tool: ToolWidget,
  reward: RewardWidget,
  serving: ServingWidget,
} as const;

Reflect.set(globalThis, "nanodinoLabs", labs);
