import { assertEquals, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { goldenConfig } from "../testing/golden_config.ts";
import {
  checkConfig,
  type GPTConfig,
  hasValueEmbedding,
  headSize,
  paddedVocabSize,
  windowSizes,
} from "./config.ts";
import { decodeFlops, flopsPerToken, kvBytesPerToken, kvReadBytes, prefillFlops } from "./costs.ts";
import { optimizerGroups } from "./optimizer_groups.ts";
import { matmulParameters, parameterCounts, parameterShapes } from "./parameters.ts";

const small: GPTConfig = {
  sequenceLen: 256,
  vocabSize: 4096,
  nLayer: 4,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 256,
  windowPattern: "SSSL",
};

Deno.test("a shape that cannot be built is refused, with both values named", () => {
  const refusals: [Partial<GPTConfig>, string][] = [
    [{ nLayer: 0 }, "wanted nLayer to be a whole number of at least 1, got 0"],
    [{ nLayer: 1e9 }, "wanted nLayer to be at most 1000, got 1000000000"],
    [{ nEmbd: 1e9 }, "wanted nEmbd to be at most 1048576, got 1000000000"],
    [{ vocabSize: 2 ** 40 }, "wanted vocabSize to be at most 16777216, got 1099511627776"],
    [{ sequenceLen: 2 ** 40 }, "wanted sequenceLen to be at most 16777216, got 1099511627776"],
    [{ nLayer: 1.5 }, "wanted nLayer to be a whole number of at least 1, got 1.5"],
    [{ vocabSize: 0 }, "wanted vocabSize to be a whole number of at least 1, got 0"],
    [{ sequenceLen: 1 }, "wanted sequenceLen to be a whole number of at least 2, got 1"],
    [{ sequenceLen: NaN }, "wanted sequenceLen to be a whole number of at least 2, got NaN"],
    [{ nHead: 0 }, "wanted nHead to be a whole number of at least 1, got 0"],
    [{ nKvHead: -2 }, "wanted nKvHead to be a whole number of at least 1, got -2"],
    [{ nEmbd: 16 }, "wanted nEmbd to be a whole number of at least 24, got 16"],
    [{ nHead: 6 }, "wanted nEmbd to be a multiple of nHead, got 256 and 6"],
    [{ nKvHead: 3 }, "wanted nHead to be a multiple of nKvHead, got 4 and 3"],
    [{ nKvHead: 8 }, "wanted nHead to be a multiple of nKvHead, got 4 and 8"],
    [{ nEmbd: 60 }, "wanted an even head size nEmbd / nHead, got 60 / 4 = 15"],
    [{ windowPattern: "" }, `wanted windowPattern to be made of S and L, got ""`],
    [{ windowPattern: "SXL" }, `wanted windowPattern to be made of S and L, got "SXL"`],
  ];
  checkConfig(small);
  for (const [change, message] of refusals) {
    assertThrows(
      () => checkConfig({ ...small, ...change }),
      RangeError,
      `Cannot build a GPT: ${message}`,
    );
  }
});

Deno.test("the vocabulary is padded to a multiple of 64", () => {
  assertEquals(
    [1, 64, 65, 97, 4096].map((vocabSize) => paddedVocabSize({ vocabSize })),
    [64, 64, 128, 128, 4096],
  );
});

Deno.test("the window pattern repeats over the layers, and the last layer is always long", () => {
  const shape = { sequenceLen: 1024, nLayer: 5, windowPattern: "LS" };
  assertEquals(windowSizes(shape), [1024, 256, 1024, 256, 1024]);
  assertEquals(windowSizes({ ...shape, windowPattern: "s" }), [256, 256, 256, 256, 1024]);
  assertEquals(windowSizes({ ...shape, sequenceLen: 513, nLayer: 2, windowPattern: "S" }), [
    256, // a quarter of 513 is above 128
    513,
  ]);
});

Deno.test("every parameter belongs to exactly one group of the optimizer", () => {
  for (const nLayer of [1, 2, 3]) {
    const config = { ...small, nLayer };
    const grouped = optimizerGroups(config).flatMap(({ names }) => names);
    assertEquals(grouped.toSorted(), [...parameterShapes(config).keys()].sort());
  }
});

interface GoldenModel {
  config: Record<string, number | string>;
  padded_vocab_size: number;
  head_dim: number;
  window_sizes: [number, number][];
  has_ve: boolean[];
  num_scaling_params: Record<string, number>;
  num_matmul_params: number;
  estimate_flops: number;
  kv_bytes_per_token: number;
  estimate_decode_flops_at_seq_len: number;
  estimate_prefill_flops_at_seq_len: number;
  kv_read_bytes_at_seq_len: number;
  optimizer_call: Record<string, number>;
  optimizer_groups: Record<string, unknown>[];
  tensors: Record<string, [string, number[]]>;
}

goldenTest("shapes, counts and costs equal the original's for both golden models", () => {
  for (const name of ["golden-g1", "golden-g2"]) {
    const golden = readGoldenJson<GoldenModel>(name);
    const config = goldenConfig(golden.config);
    checkConfig(config);
    assertEquals(paddedVocabSize(config), golden.padded_vocab_size);
    assertEquals(headSize(config), golden.head_dim);
    assertEquals(windowSizes(config), golden.window_sizes.map(([left]) => left));
    assertEquals(
      golden.has_ve.map((_, layer) => hasValueEmbedding(layer, config.nLayer)),
      golden.has_ve,
    );

    const counts = parameterCounts(config);
    assertEquals({
      wte: counts.wte,
      value_embeds: counts.valueEmbeds,
      lm_head: counts.lmHead,
      transformer_matrices: counts.transformerMatrices,
      scalars: counts.scalars,
      total: counts.total,
    }, golden.num_scaling_params);
    assertEquals(matmulParameters(config), golden.num_matmul_params);

    const length = config.sequenceLen;
    assertEquals(flopsPerToken(config), golden.estimate_flops);
    assertEquals(decodeFlops(config, length), golden.estimate_decode_flops_at_seq_len);
    assertEquals(prefillFlops(config, length), golden.estimate_prefill_flops_at_seq_len);
    assertEquals(kvBytesPerToken(config), golden.kv_bytes_per_token);
    assertEquals(kvBytesPerToken(config, 2), golden.kv_bytes_per_token / 2);
    assertEquals(kvReadBytes(config, length), golden.kv_read_bytes_at_seq_len);

    const shapes = Object.entries(golden.tensors)
      .filter(([key]) => key.startsWith("params0/"))
      .map(([key, [, shape]]): [string, number[]] => [key.slice("params0/".length), shape]);
    assertEquals([...parameterShapes(config)], shapes);

    const call = golden.optimizer_call;
    const groups = optimizerGroups(config, {
      unembeddingLr: call.unembedding_lr!,
      embeddingLr: call.embedding_lr!,
      matrixLr: call.matrix_lr!,
      weightDecay: call.weight_decay!,
      scalarLr: call.scalar_lr!,
    });
    assertEquals(
      groups.map((group) => {
        const { kind, names, lr } = group;
        const common = { kind, params: names, lr, weight_decay: group.weightDecay };
        return group.kind === "adamw"
          ? { ...common, betas: group.betas, eps: group.eps }
          : { ...common, ns_steps: group.orthogonalizationSteps, beta2: group.beta2 };
      }),
      // The golden momentum is that of its schedule.
      golden.optimizer_groups.map(({ initial_lr: _, shape: __, momentum: ___, ...rest }) => rest),
    );
  }
});
