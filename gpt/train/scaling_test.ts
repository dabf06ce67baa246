import { assertEquals, assertThrows } from "@std/assert";
import { parseArgs } from "@std/cli/parse_args.js";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { paddedVocabSize, windowSizes } from "../model/config.ts";
import { optimizerGroups } from "../model/optimizer_groups.ts";
import { matmulParameters, parameterCounts, parameterShapes } from "../model/parameters.ts";
import { configForDepth, planTraining, scalingDefaults, type ScalingOptions } from "./scaling.ts";

interface GoldenPlan {
  depth: number;
  argv: string[];
  model_config: Record<string, number | string>;
  padded_vocab: number;
  window_sizes: number[];
  param_counts: Record<string, number>;
  num_params: number;
  num_matmul_params: number;
  num_scaling_params: number;
  num_flops_per_token: number;
  target_tokens: number;
  D_REF?: number;
  B_REF?: number;
  predicted_batch_size: number | null;
  total_batch_size: number;
  batch_lr_scale: number;
  weight_decay_scaled: number;
  num_iterations: number;
  total_tokens: number;
  grad_accum_steps_1gpu: number;
  total_training_flops: number;
  optimizer_groups: Record<string, unknown>[];
}

interface GoldenScaling {
  args_defaults: Record<string, unknown>;
  scaling: GoldenPlan[];
  scaling_variants: GoldenPlan[];
}

/** nanochat's flags as our options: `--max-seq-len=512` is `maxSeqLen: 512`. */
function optionsOf({ depth, argv }: GoldenPlan): ScalingOptions {
  const { _, ...flags } = parseArgs(argv);
  const options = Object.entries(flags).map(([name, value]) => [camelCase(name, "-"), value]);
  return { depth, vocabSize: 32768, ...Object.fromEntries(options) };
}

function camelCase(name: string, separator: string): string {
  return name.split(separator).map((word, i) =>
    i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)
  ).join("");
}

function goldenPlanOf(golden: GoldenPlan): GoldenPlan {
  const plan = planTraining(optionsOf(golden));
  const { config } = plan;
  const counts = parameterCounts(config);
  const shapes = parameterShapes(config);
  return {
    depth: golden.depth,
    argv: golden.argv,
    model_config: {
      sequence_len: config.sequenceLen,
      vocab_size: config.vocabSize,
      n_layer: config.nLayer,
      n_head: config.nHead,
      n_kv_head: config.nKvHead,
      n_embd: config.nEmbd,
      window_pattern: config.windowPattern,
    },
    padded_vocab: paddedVocabSize(config),
    window_sizes: windowSizes(config),
    param_counts: {
      wte: counts.wte,
      value_embeds: counts.valueEmbeds,
      lm_head: counts.lmHead,
      transformer_matrices: counts.transformerMatrices,
      scalars: counts.scalars,
      total: counts.total,
    },
    num_params: counts.total,
    num_matmul_params: matmulParameters(config),
    num_scaling_params: plan.scalingParameters,
    num_flops_per_token: plan.flopsPerToken,
    target_tokens: plan.targetTokens,
    // nanochat predicts a batch size only if none is given.
    predicted_batch_size: golden.predicted_batch_size === null ? null : plan.predictedBatchSize,
    total_batch_size: plan.totalBatchSize,
    batch_lr_scale: plan.batchLrScale,
    weight_decay_scaled: plan.learningRates.weightDecay,
    num_iterations: plan.numIterations,
    total_tokens: plan.totalTokens,
    grad_accum_steps_1gpu: plan.gradAccumSteps,
    total_training_flops: plan.totalFlops,
    optimizer_groups: optimizerGroups(config, plan.learningRates).map((group) => {
      const common = {
        kind: group.kind,
        lr: group.lr,
        initial_lr: group.lr,
        weight_decay: group.weightDecay,
        n_params: group.names.length,
        first: group.names[0],
        shape: shapes.get(group.names[0]!),
      };
      return group.kind === "adamw" ? { ...common, betas: group.betas, eps: group.eps } : {
        ...common,
        momentum: group.momentum,
        ns_steps: group.orthogonalizationSteps,
        beta2: group.beta2,
      };
    }),
  };
}

goldenTest("a depth derives exactly what it derives in the original", () => {
  const { scaling, scaling_variants } = readGoldenJson<GoldenScaling>("golden-scaling");
  for (const golden of [...scaling, ...scaling_variants]) {
    const { D_REF: _, B_REF: __, ...wanted } = golden;
    assertEquals(goldenPlanOf(golden), wanted, `depth ${golden.depth} ${golden.argv}`);
  }
});

goldenTest("the defaults are those of the original's flags", () => {
  const { args_defaults } = readGoldenJson<GoldenScaling>("golden-scaling");
  const defaults = Object.fromEntries(
    Object.entries(args_defaults).map(([name, value]) => [camelCase(name, "_"), value]),
  );
  for (const [name, value] of Object.entries(scalingDefaults)) {
    assertEquals<unknown>(value, defaults[name], name);
  }
});

Deno.test("the width is rounded up to whole heads", () => {
  const config = configForDepth({ depth: 3, vocabSize: 97, aspectRatio: 50, headDim: 64 });
  assertEquals([config.nHead, config.nEmbd], [3, 192]);
});

Deno.test("without a data ratio the given length counts, and the batch size stays", () => {
  const options = { depth: 4, vocabSize: 32768, numIterations: 20 };
  const plan = planTraining({ ...options, targetParamDataRatio: -1 });
  assertEquals(plan, planTraining(options));
});

Deno.test("options that make no sense are refused, with what was wanted and what came", () => {
  const refusals: [Partial<ScalingOptions>, string][] = [
    [{ depth: 0 }, "wanted depth to be a whole number of at least 1, got 0"],
    [{ depth: 2.5 }, "wanted depth to be a whole number of at least 1, got 2.5"],
    [{ headDim: 0 }, "wanted headDim to be a whole number of at least 1, got 0"],
    [{ headDim: 33 }, "wanted an even head size nEmbd / nHead, got 264 / 8 = 33"],
    [{ aspectRatio: NaN }, "wanted aspectRatio to be a whole number of at least 1, got NaN"],
    [{ maxSeqLen: 1 }, "wanted sequenceLen to be a whole number of at least 2, got 1"],
    [{ windowPattern: "Q" }, `wanted windowPattern to be made of S and L, got "Q"`],
    [{ deviceBatchSize: 0 }, "wanted deviceBatchSize to be a whole number of at least 1, got 0"],
    [
      { totalBatchSize: 0 },
      "wanted totalBatchSize to be a whole number of at least 1 or -1, got 0",
    ],
    [{ numIterations: 0 }, "wanted numIterations to be a whole number of at least 1 or -1, got 0"],
    [{ targetFlops: -2 }, "wanted targetFlops to be a number above 0 or -1, got -2"],
    [
      { targetParamDataRatio: 0 },
      "wanted targetParamDataRatio to be a number above 0 or -1, got 0",
    ],
    [{ targetParamDataRatio: -1 }, "wanted one of numIterations, targetFlops and"],
    [{ matrixLr: Infinity }, "wanted matrixLr to be a number above 0, got Infinity"],
    [{ weightDecay: -1 }, "wanted weightDecay to be a number from 0, got -1"],
    [{ targetFlops: 1 }, "wanted a run of at least one step of 262144 tokens, got a shorter one"],
    [
      { totalBatchSize: 1000 },
      "wanted totalBatchSize to be a multiple of deviceBatchSize × maxSeqLen = 32 × 2048 = 65536, " +
      "got 1000",
    ],
  ];
  for (const [change, message] of refusals) {
    assertThrows(
      () => planTraining({ depth: 4, vocabSize: 32768, ...change }),
      RangeError,
      message,
    );
  }
});
