import { findChromium } from "./browser/chromium.ts";
import type { TestResult } from "./browser/deno_tests.ts";
import { type Selection, TestBrowser } from "./browser/run.ts";
import { hasGolden } from "./golden.ts";

/**
 * Tests that also run in a browser, on both devices.
 *
 * Browsers compile WGSL in their own way, and run WebAssembly in pages and workers: that each kind of kernel
 * compiles there, and computes the same forward and backward, is what this proves. Training a model compiles
 * most of them: attention, the loss, norms, the optimizer. Further sizes, layouts, limits and refusals are left
 * to Deno, where the same code runs on both devices: compiling shaders takes most of the time. On the CPU two
 * threads are enough, and a BLAS there is none.
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
    file: "tensor/fast/webgpu/matmul_test.ts",
    only: "^each kernel that fits a device agrees with",
  },
  {
    file: "gpt/generate/kernels/attention_step_test.ts",
    only: "^a step in one kernel.*operations$",
  },
  { file: "gpt/generate/kernels/linears_test.ts", only: "rows meet.*webgpu|^gradients" },
  { file: "gpt/generate/kernels/fused_linears_test.ts" },
  {
    file: "tensor/ops/sampling/sampling_test.ts",
    only: "^(topK works|multinomial samples the index).*(two|webgpu)|^the CPU and WebGPU",
  },
  { file: "tensor/ops/integers_test.ts", only: "(wraps?|exactly|truncated).*webgpu" },
  { file: "tensor/ops/extremes_test.ts", only: "webgpu" },
  {
    file: "tensor/ops/gather/gather_test.ts",
    only: "^(an embedding gathers|gather works).*(two|webgpu)",
  },
  { file: "tensor/ops/scan/scan_test.ts", only: "double precision.*(two|webgpu)" },
  { file: "tensor/ops/creation_test.ts", only: "(bits|moments).*(two|webgpu)" },
  { file: "tensor/ops/sort/sort_test.ts", only: "two|webgpu" },
  { file: "tensor/devices/webgpu/device_test.ts" },
  // Waiting, losing and closing: what workers do in their own way.
  { file: "tensor/devices/webgpu/device_test.ts", only: "read|lost|closed|compile", worker: true },
  { file: "tensor/scope_test.ts", only: "cpu" },
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
