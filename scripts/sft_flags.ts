/** The flags of `chat_sft`. */

import { deviceFlags, trainingPrecision, tuningType } from "./device.ts";
import { decimal, integer, list, optional, runName, text, toggle, type Values } from "./flags.ts";
import { fromFlags } from "./models.ts";
import { parallelFlags } from "./parallel.ts";
import { overwriteFlags } from "./run_folder.ts";

/** The flags of `chat_sft`, under nanochat's names. */
export const flags = {
  task: list(
    "Tasks, with commas: rules, spelling or spellingbee, each with :COUNT; nanochat's smoltalk, " +
      "mmlu, gsm8k, arc-easy or arc-challenge, each with :EPOCHS; identity=FILE",
    "NAME",
  ),
  mmluEpochs: integer(3, "Number of times mmlu is in the mixture, unless given as mmlu:N"),
  gsm8kEpochs: integer(4, "Number of times gsm8k is in the mixture, unless given as gsm8k:N"),
  conversations: list("A JSON Lines file of conversations; may be given several times", "FILE"),
  documents: list(
    "Texts to talk about, .md or .txt: pretraining continues on them first; may be given several times",
    "GLOB",
  ),
  documentEpochs: integer(10, "Number of times every document is read"),
  name: text("Dino", "The name that the model goes by in the synthetic conversations"),
  epochs: integer(1, "Number of times every conversation is seen"),
  numIterations: integer(-1, "Steps with conversations, -1 to derive them from the epochs", {
    or: -1,
  }),
  baseTag: runName("The base model's run, by default the latest one"),
  baseStep: optional(integer(0, "The step of the base model, by default the latest", { least: 0 })),
  ...fromFlags,
  loadOptimizer: integer(1, "1 begins with the base model's optimizer state, 0 does not", {
    least: 0,
  }),
  maxSeqLen: integer(256, "Tokens of a row, if the base model's run says none"),
  deviceBatchSize: integer(4, "Rows per batch, if the base model's run says none"),
  totalBatchSize: integer(1024, "Tokens of a step, if the base model's run says none"),
  embeddingLr: decimal(
    0.3,
    "The learning rate of the embeddings, if the base model's run says none",
  ),
  unembeddingLr: decimal(0.008, "The learning rate of the head, if the base model's run says none"),
  matrixLr: decimal(0.02, "The learning rate of the matrices, if the base model's run says none"),
  scalarLr: decimal(0.5, "The learning rate of the scalars"),
  loraRank: integer(0, "Train adapters of this rank instead of all parameters; 0 trains all", {
    least: 0,
  }),
  loraLr: decimal(0.005, "The learning rate of adapters"),
  initLrFrac: decimal(0.8, "The fraction of these learning rates to begin with", { most: 1 }),
  warmupRatio: decimal(0, "The fraction of the run in which the learning rate rises", { most: 1 }),
  warmdownRatio: decimal(0.5, "The fraction of the run in which the learning rate falls", {
    most: 1,
  }),
  finalLrFrac: decimal(0, "The final fraction of the learning rate", { most: 1 }),
  evalEvery: integer(200, "Steps between evaluations, -1 for none", { or: -1 }),
  evalTokens: integer(
    65_536,
    "Maximum tokens predicted in an evaluation, which has at least a batch",
  ),
  chatcoreEvery: integer(
    200,
    "Steps between examinations, if nanochat's tasks are learned and their data is here",
    { or: -1 },
  ),
  chatcoreMaxCat: integer(-1, "Questions of each multiple-choice examination, -1 for all", {
    or: -1,
  }),
  chatcoreMaxSample: integer(24, "Questions of each examination with answers in words"),
  saveEvery: integer(-1, "Steps between checkpoints, -1 for one every ten minutes", { or: -1 }),
  seed: integer(42, "The seed of the order of the conversations", { least: 0 }),
  modelTag: runName("The name of the run's folder, by default that of the base model"),
  resume: toggle("Resume from the latest checkpoint, with the flags of its run"),
  ...parallelFlags,
  ...overwriteFlags,
  ...deviceFlags,
  ...trainingPrecision,
  ...tuningType,
};

/** The values of the flags. */
export type FineTuneValues = Values<typeof flags>;
