import { findChromium } from "./browser/chromium.ts";
import type { TestResult } from "./browser/deno_tests.ts";
import { type Selection, TestBrowser } from "./browser/run.ts";
import { hasGolden } from "./golden.ts";

/**
 * Tests that also run in a browser, on both devices, the longest first.
 *
 * Browsers compile WGSL in their own way, and run JavaScript in pages and workers: each operation, each
 * gradient and each kind of kernel is run there once, its numbers compared with the same references. A test
 * whose shaders others compile, and further sizes, layouts and limits, are left to Deno, where the same
 * code runs on both devices: compiling shaders takes most of the time. On the CPU two threads are enough,
 * and a BLAS there is none.
 */
const selections: readonly Selection[] = [
  ...(hasGolden
    ? [{
      file: "gpt/model/golden_test.ts",
      only: "WebGPU \\(golden-g2|real GPU|(two threads|plain SIMD) \\(",
    }]
    // Losses recorded from the original say more, and the kernels are the same.
    : [{ file: "gpt/train/learning_test.ts", only: "webgpu" }]),
  { file: "tensor/ops/ops_test.ts", only: "two threads|WebGPU in float(32|16)$" },
  {
    file: "tensor/ops/attention/attention_test.ts",
    only: "^attention and its gradient agree with double precision \\(.*(two|webgpu)",
  },
  {
    file: "tensor/fast/webgpu/matmul_test.ts",
    only: "^(each kernel that fits a device agrees with|a batch)",
  },
  { file: "gpt/generate/kernels/attention_step_test.ts", only: "^(?!.*(tiny device|other sizes))" },
  { file: "tensor/ops/losses/linear_cross_entropy_test.ts", only: "^in chunks.*webgpu" },
  { file: "tensor/ops/sampling/sampling_test.ts", only: "^(?!.*(as its weight says|one thread))" },
  { file: "tensor/ops/integers_test.ts", only: "webgpu|exceed" },
  { file: "tensor/ops/long_rows_test.ts", only: "^(softmax|argmax).*webgpu" },
  { file: "tensor/kernel/split_test.ts", only: "^(a table of embeddings|copies)" },
  { file: "tensor/ops/extremes_test.ts", only: "webgpu" },
  { file: "tensor/ops/gather/gather_test.ts", only: "^(?!.*one thread)" },
  { file: "tensor/ops/scan/scan_test.ts", only: "^(?!.*one thread)" },
  { file: "tensor/ops/creation_test.ts", only: "^(?!.*one thread)" },
  { file: "tensor/ops/sort/sort_test.ts", only: "^(?!.*one thread)" },
  { file: "gpt/generate/kernels/linears_test.ts" },
  { file: "gpt/generate/kernels/fused_linears_test.ts" },
  { file: "tensor/devices/webgpu/device_test.ts" },
  { file: "tensor/devices/webgpu/device_test.ts", worker: true },
  { file: "tensor/scope_test.ts" },
  { file: "gpt/train/learning_test.ts", only: "cpu", worker: true },
  ...(hasGolden ? [{ file: "models/files_test.ts" }] : []),
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
    // Two pages, which take one file after the other: while one compiles its shaders, the other computes.
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
