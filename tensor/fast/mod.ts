/**
 * The fast paths: everything that computes an operation faster than its plain body, for some
 * problems on one kind of device, and the native libraries that some of them call. Without this
 * folder, and the line of `tensor/mod.ts` that imports it, every operation computes the same, more
 * slowly; `deno task test:core` runs the tests that way.
 *
 * Each on the CPU has earned its place by a gain of at least 5 %; those on WebGPU are unmeasured, and say
 * so. `gains_bench.ts` measures a gain against what would run without the row: the next one that suits, or
 * the plain body. Gains are those on two cores of an Intel Xeon with AVX-512, unless a row names another
 * processor.
 *
 * @module
 */

import { registerMatmulLibraries } from "../devices/cpu/matmul_libraries.ts";
import { type AnyFastPath, registerFastPaths } from "../fast_paths.ts";
import { addRowsInOrder } from "./cpu/add_rows.ts";
import { attentionOneByOne } from "./cpu/attention_decode.ts";
import { attentionByMatmuls, attentionGradientByMatmuls } from "./cpu/attention_matmuls.ts";
import { softmaxOfVisible } from "./cpu/attention_softmax.ts";
import { cachedAttention } from "./cpu/cached_attention.ts";
import {
  bfloat16FewRows,
  bfloat16Matmul,
  blasMatmul,
  blasStripsMatmul,
} from "./cpu/blas_matmul.ts";
import { openSystemLibraries } from "./cpu/libraries.ts";
import { packedMatmul } from "./cpu/packed_matmul.ts";
import { quantizedSkinny } from "./cpu/quantized_skinny.ts";
import { skinnyMatmul } from "./cpu/skinny_matmul.ts";
import { symmetricMatmul } from "./cpu/symmetric_matmul.ts";
import { heapTopK } from "./cpu/top_k.ts";
import { quantizedPanels, quantizedPanelsOnGpu } from "./quantized_panels.ts";
import { widenedMatmul, widenedMatmulOnGpu } from "./widened_matmul.ts";
import { flashAttention } from "./webgpu/flash_attention.ts";
import { flashAttentionGradient } from "./webgpu/flash_attention_gradient.ts";
import { skinnyMatmulOnGpu, stagedMatmul } from "./webgpu/matmul.ts";
import { radixSelectTopK } from "./webgpu/top_k.ts";

/** All fast paths. Of those of an operation that suit a problem, the first is taken. */
export const FAST_PATHS: readonly AnyFastPath[] = [
  cachedAttention,
  attentionOneByOne,
  attentionByMatmuls,
  attentionGradientByMatmuls,
  softmaxOfVisible,
  flashAttention,
  flashAttentionGradient,
  symmetricMatmul,
  skinnyMatmul,
  bfloat16FewRows,
  bfloat16Matmul,
  widenedMatmul,
  blasStripsMatmul,
  blasMatmul,
  packedMatmul,
  widenedMatmulOnGpu,
  skinnyMatmulOnGpu,
  stagedMatmul,
  quantizedSkinny,
  quantizedPanels,
  quantizedPanelsOnGpu,
  addRowsInOrder,
  heapTopK,
  radixSelectTopK,
];

registerMatmulLibraries(openSystemLibraries);
registerFastPaths(FAST_PATHS);
