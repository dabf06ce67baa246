import { findChromium } from "./browser/chromium.ts";
import type { TestResult } from "./browser/deno_tests.ts";
import { type Selection, TestBrowser } from "./browser/run.ts";
import { hasGolden } from "./golden.ts";

/**
 * Tests that also run in a browser, on both devices. Each page recompiles its shaders. On the CPU a
 * browser has the engine that Deno has: two threads are enough, and a BLAS there is none.
 */
const selections: readonly Selection[] = [
  { file: "tensor/devices/webgpu/device_test.ts" },
  { file: "tensor/devices/webgpu/device_test.ts", worker: true },
  { file: "tensor/scope_test.ts" },
  // How tensors are split among bindings is no browser's affair.
  { file: "tensor/ops/ops_test.ts", only: "two threads|WebGPU in float(32|16)$" },
  { file: "tensor/ops/integers_test.ts", only: "webgpu|limits|exceed" },
  { file: "tensor/ops/extremes_test.ts", only: "webgpu" },
  { file: "tensor/ops/creation_test.ts" },
  { file: "tensor/ops/gather/gather_test.ts" },
  { file: "tensor/ops/scan/scan_test.ts" },
  { file: "gpt/generate/kernels/linears_test.ts" },
  { file: "gpt/generate/kernels/fused_linears_test.ts" },
  { file: "gpt/generate/kernels/attention_step_test.ts" },
  { file: "tensor/ops/losses/linear_cross_entropy_test.ts", only: "WebGPU|webgpu" },
  { file: "tensor/ops/sort/sort_test.ts" },
  { file: "tensor/ops/matmul/multiply_test.ts", only: "^matmuls (on WebGPU|in half)" },
  { file: "tensor/fast/webgpu/matmul_test.ts" },
  { file: "tensor/ops/sampling/sampling_test.ts", only: "^(?!.*as often as its weight says)" },
  {
    file: "tensor/ops/attention/attention_test.ts",
    only: "^attention and its gradient agree.*(two|webgpu)",
  },
  { file: "tensor/ops/long_rows_test.ts", only: "^(softmax|argmax|a loss).*webgpu" },
  { file: "tensor/kernel/split_test.ts", only: "^(the largest|a table|copies)" },
  { file: "gpt/train/learning_test.ts", only: "webgpu" },
  { file: "gpt/train/learning_test.ts", only: "cpu", worker: true },
  ...(hasGolden
    ? [
      { file: "gpt/model/golden_test.ts", only: "WebGPU|real GPU|(two threads|plain SIMD) \\(" },
      { file: "models/files_test.ts" },
    ]
    : []),
];

const chromium = findChromium();
const ignore = chromium === null && Deno.env.get("NANODINO_REQUIRE_BROWSER") !== "1";
const name = "operations, the model and training are right in a browser, on both devices";

Deno.test({
  name: ignore ? `${name} (ignored: Chromium is not installed)` : name,
  ignore,
  fn: async (t) => {
    if (chromium === null) throw new Error("wanted Chromium on the PATH, got none");
    await using browser = await TestBrowser.start(chromium);
    const outcomes: PromiseSettledResult<TestResult[]>[] = [];
    const left = selections.entries();
    const runLeft = async () => {
      for (const [i, selection] of left) {
        [outcomes[i]] = await Promise.allSettled([browser.run(selection)]);
      }
    };
    // Two pages at a time: while one compiles its shaders, the other one computes.
    await Promise.all([runLeft(), runLeft()]);
    for (const [i, { file, worker = false }] of selections.entries()) {
      await t.step(worker ? `${file} in a worker` : file, async (t) => {
        const outcome = outcomes[i]!;
        if (outcome.status === "rejected") throw outcome.reason;
        for (const { name, failure, ignored } of outcome.value) {
          await t.step({
            name,
            ignore: ignored,
            fn: () => {
              if (failure !== null) throw new Error(failure);
            },
          });
        }
      });
    }
  },
});
