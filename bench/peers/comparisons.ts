/** All that is compared. */

import { configForDepth } from "../../gpt/mod.ts";
import { matmulParameters } from "../../gpt/model/parameters.ts";
import { polarExpressFlops } from "../../optim/mod.ts";
import { job, limit, parameterCount, program, readReport, type Side } from "./contestant.ts";
import { firstStep, firstToken } from "./launch.ts";
import { installLlama } from "./llama.ts";
import type { Comparison, Quantity } from "./measure.ts";
import type { JobOptions } from "./protocol.ts";
import { eagerTorch, eagerTorchBf16, torchAllWays, torchConvolution } from "./torch.ts";

/** Tolerance of losses: equal to four decimals. */
const FOUR_DECIMALS = 5e-5;

const tokensPerSecond = (name: string, wanted: number | null): Quantity => ({
  name,
  key: "tokens_per_second",
  unit: "tokens/s",
  wanted,
});
const bandwidth = (name: string, wanted: number): Quantity => ({
  name,
  key: "gigabytes_per_second",
  unit: "GB/s",
  wanted,
});
const milliseconds = (name: string, wanted: number | null): Quantity => ({
  name,
  key: "ms",
  unit: "ms",
  lessIsBetter: true,
  wanted,
});
const gigaflops = (name: string, wanted: number | null): Quantity => ({
  name,
  key: "gflops",
  unit: "GFLOP/s",
  wanted,
});

// --- The sides ------------------------------------------------------------------------------

const ours = (name: string, options: JobOptions = {}, library = "nanodino"): Side =>
  job(library, "nanodino.ts", name, options);
const machine = (library: string, name: string, options: JobOptions = {}): Side =>
  job(library, "machine.ts", name, options);
const jax = (name: string, backend: "wasm" | "webgpu", options: JobOptions = {}): Side =>
  job(`jax-js ${options.way ?? ""}`.trim(), "jax.ts", name, { backend, ...options });
const tensorflow = (name: string, backend: "wasm" | "webgpu", options: JobOptions = {}): Side =>
  job("TensorFlow.js", "tensorflow.ts", name, { backend, ...options });

function bench(name: string, args: readonly string[], library = "nanodino"): Side {
  const place = new URL(`../${name}.ts`, import.meta.url).href;
  const command = [Deno.execPath(), "run", "-A", "--no-lock", "--quiet", place, ...args] as const;
  return program(library, command, readReport, { check: parameterCount });
}

// --- The CPU --------------------------------------------------------------------------------

const BASE = ["--depth", "4", "--vocab-size", "4096", "--max-seq-len", "256"];
const BASE_STEP = [...BASE, "--device-batch-size", "4", "--steps", "6"];
const LARGE_STEP =
  "--depth 6 --vocab-size 32768 --max-seq-len 512 --device-batch-size 4 --steps 2 --warmup 1".split(
    " ",
  );
const TORCH_BASE =
  "--depth 4 --n-embd 256 --n-head 4 --vocab-size 4096 --seq 256 --batch 4 --steps 6".split(" ");
const TORCH_LARGE =
  "--depth 6 --n-embd 384 --n-head 6 --vocab-size 32768 --seq 512 --batch 4 --steps 3 --warmup 1"
    .split(" ");

/**
 * Floating-point operations of matmul in a `base` step with MuonAdamW, counting only necessary ones: the
 * causal mask halves those of attention.
 */
function stepOperations(): number {
  const config = configForDepth({
    depth: 4,
    aspectRatio: 64,
    headDim: 64,
    vocabSize: 4096,
    maxSeqLen: 256,
    windowPattern: "L",
  });
  const { nEmbd: m, nLayer, sequenceLen } = config;
  const perToken = 6 * matmulParameters(config) + 6 * nLayer * m * sequenceLen;
  const muon = (n: number) => polarExpressFlops(m, n, 5);
  return 4 * sequenceLen * perToken + nLayer * (4 * muon(m) + 2 * muon(4 * m));
}

/** The matmul throughput of a `base` step, with all of its time counted as matmul. */
const stepAsMatmul: Side = (() => {
  const side = bench("step", BASE_STEP);
  return {
    ...side,
    start: async () => {
      const contestant = await side.start();
      return {
        ...contestant,
        measure: async () => {
          const { ms = NaN } = await contestant.measure();
          return { gflops: stepOperations() / ms / 1e6 };
        },
      };
    },
  };
})();

const training: Comparison[] = [
  {
    name: "step MuonAdamW",
    device: "cpu",
    rounds: 5,
    tolerance: 0,
    ours: bench("step", BASE_STEP),
    others: torchAllWays(["step", ...TORCH_BASE]),
    quantities: [tokensPerSecond("`base` step, MuonAdamW, BLAS", 1.5)],
  },
  {
    name: "step AdamW",
    device: "cpu",
    rounds: 5,
    tolerance: 0,
    ours: bench("step", [...BASE_STEP, "--optimizer", "adamw"]),
    others: torchAllWays(["step", ...TORCH_BASE, "--adamw"]),
    quantities: [tokensPerSecond("`base` step, plain AdamW, BLAS", 1.15)],
  },
  ...([["MuonAdamW", [], 2.5, 2.5], ["AdamW", ["--adamw"], 1.7, 1.8]] as const).flatMap(
    ([optimizer, torch, wantedOverTorch, wantedOverF32]): Comparison[] => {
      const step = torch.length === 0 ? BASE_STEP : [...BASE_STEP, "--optimizer", "adamw"];
      const ours = bench("step", [...step, "--dtype", "bf16"]);
      const args = ["step", ...TORCH_BASE, ...torch];
      const name = `\`base\` step, ${optimizer}, bf16`;
      return [
        {
          name: `step ${optimizer} bf16`,
          device: "cpu",
          rounds: 5,
          tolerance: 0,
          ours,
          others: [...torchAllWays(args), eagerTorchBf16(args)],
          quantities: [tokensPerSecond(name, wantedOverTorch)],
        },
        {
          name: `step ${optimizer} bf16 over f32`,
          device: "cpu",
          rounds: 5,
          tolerance: 0,
          ours,
          others: [bench("step", [...step, "--no-one-dnn"], "f32, OpenBLAS")],
          quantities: [tokensPerSecond(`${name}, over f32`, wantedOverF32)],
        },
      ];
    },
  ),
  {
    name: "step convolution",
    device: "cpu",
    rounds: 5,
    tolerance: 0,
    ours: bench("convolution", []),
    others: [torchConvolution()],
    quantities: [milliseconds("step of a convolutional network, 64 images, BLAS", 1 / 1.3)],
  },
  {
    name: "forward convolution",
    device: "cpu",
    rounds: 7,
    tolerance: 1e-3,
    ours: ours("convolution", { blas: false }),
    others: [tensorflow("convolution", "wasm")],
    quantities: [milliseconds("forward pass of a convolutional network, no BLAS", 1.2)],
  },
  {
    name: "forward convolution jax-js",
    device: "cpu",
    rounds: 3,
    tolerance: 1e-3,
    ours: ours("convolution", { blas: false }),
    others: [jax("convolution", "wasm")],
    quantities: [milliseconds("forward pass of a convolutional network, no BLAS, jax-js", 20)],
  },
  {
    name: "step plain",
    device: "cpu",
    rounds: 7,
    tolerance: FOUR_DECIMALS,
    ours: ours("step", { blas: false }),
    others: [jax("step", "wasm")],
    quantities: [tokensPerSecond("step of the plain GPT, AdamW, no BLAS, jax-js", 2)],
  },
  {
    name: "step plain TensorFlow.js",
    device: "cpu",
    rounds: 1,
    tolerance: FOUR_DECIMALS,
    ours: ours("step", { blas: false }),
    others: [tensorflow("step", "wasm")],
    isLong: true,
    quantities: [tokensPerSecond("step of the plain GPT, AdamW, no BLAS, TensorFlow.js", null)],
  },
  {
    name: "step large",
    device: "cpu",
    rounds: 2,
    tolerance: 0,
    isLong: true,
    ours: bench("step", LARGE_STEP),
    others: torchAllWays(["step", ...TORCH_LARGE]),
    quantities: [
      tokensPerSecond("step, depth 6, vocabulary 32,768, 4 × 512, MuonAdamW, BLAS", 1.5),
      {
        name: "peak memory, depth 6, vocabulary 32,768, 4 × 512",
        key: "megabytes",
        unit: "MB",
        lessIsBetter: true,
        wanted: 1 / 0.6,
      },
    ],
  },
  {
    name: "step of peak",
    device: "cpu",
    rounds: 5,
    ours: stepAsMatmul,
    others: [ours("matmul", {}, "matmul 1,024")],
    quantities: [gigaflops("matmul throughput of a whole `base` step, MuonAdamW, BLAS", 0.6)],
  },
  {
    name: "step threads",
    device: "cpu",
    tolerance: FOUR_DECIMALS,
    ours: ours("step", { blas: false, threads: 2 }),
    others: [ours("step", { blas: false, threads: 1 }, "1 thread")],
    quantities: [tokensPerSecond("2 threads over 1: step of the plain GPT, no BLAS", 1.6)],
  },
];

const loading: Comparison[] = [
  {
    name: "loader",
    device: "cpu",
    rounds: 3,
    ours: job("nanodino", "loader.ts", "wait"),
    others: [limit("limit", { percent: 1 })],
    quantities: [{
      name: "share of a `base` step spent waiting for its batch",
      key: "percent",
      unit: "%",
      lessIsBetter: true,
      wanted: 1,
    }],
  },
];

const decoding: Comparison[] = [
  {
    name: "decode PyTorch",
    device: "cpu",
    rounds: 5,
    ours: bench("decode", BASE),
    others: [eagerTorch(["decode", ...TORCH_BASE])],
    quantities: [
      tokensPerSecond("decoding, batch 1, context 256", 3),
      {
        name: "prefill, 128 tokens",
        key: "prefill_tokens_per_second",
        unit: "tokens/s",
        wanted: 1,
      },
    ],
  },
  {
    name: "decode llama.cpp",
    device: "cpu",
    rounds: 5,
    ours: bench("decode", BASE),
    others: [job("llama.cpp", "llama.ts", "decode", {}, installLlama)],
    quantities: [tokensPerSecond("decoding, batch 1, f32, same widths", 1)],
  },
  {
    name: "decode 16 PyTorch",
    device: "cpu",
    rounds: 5,
    ours: bench("decode", [...BASE, "--samples", "16"]),
    others: [eagerTorch(["decode", ...TORCH_BASE, "--samples", "16"])],
    quantities: [tokensPerSecond("decoding, batch 16, context 256", 1.5)],
  },
  {
    name: "decode 16 llama.cpp",
    device: "cpu",
    rounds: 5,
    ours: bench("decode", [...BASE, "--samples", "16"]),
    others: [job("llama.cpp", "llama.ts", "decodeTogether", { size: 16 }, installLlama)],
    quantities: [tokensPerSecond("decoding, batch 16, f32, same widths", 1.5)],
  },
];

const matmuls: Comparison[] = [
  ...[512, 1024, 2048].flatMap((size) =>
    ["NN", "NT", "TN", "TT"].map((transposes): Comparison => ({
      name: `matmul ${size} ${transposes}`,
      device: "cpu",
      ours: ours("matmul", { size, transposes, blas: false }),
      others: [machine("threads × micro-kernel", "microKernel")],
      quantities: [gigaflops(`matmul ${size} ${transposes}, no BLAS`, 0.8)],
    }))
  ),
  ...[256, 512, 1024].map((size): Comparison => ({
    name: `matmul ${size} jax-js`,
    device: "cpu",
    tolerance: 1e-6 * size,
    ours: ours("matmul", { size, blas: false }),
    others: [jax("matmul", "wasm", { size }), tensorflow("matmul", "wasm", { size })],
    quantities: [gigaflops(`matmul ${size}, no BLAS, JavaScript libraries`, null)],
  })),
  ...[512, 1024, 2048].map((size): Comparison => ({
    name: `matmul ${size} BLAS`,
    device: "cpu",
    tolerance: 1e-6 * size,
    ours: ours("matmul", { size }),
    others: [machine("OpenBLAS", "blas", { size })],
    quantities: [gigaflops(`matmul ${size}, BLAS`, 0.95)],
  })),
  ...[1, 4, 64].flatMap((megabytes) =>
    [false, true].map((blas): Comparison => {
      const size = megabytes * 2 ** 20;
      const name = `matrix–vector product, ${megabytes} MB, ${blas ? "BLAS" : "no BLAS"}`;
      return {
        name,
        device: "cpu",
        ours: ours("matvec", { size, blas }),
        others: [machine("memory read", "read", { size })],
        quantities: [bandwidth(name, 0.7)],
      };
    })
  ),
  {
    name: "matmul threads",
    device: "cpu",
    tolerance: 1e-3,
    ours: ours("matmul", { blas: false, threads: 2 }),
    others: [ours("matmul", { blas: false, threads: 1 }, "1 thread")],
    quantities: [gigaflops("2 threads over 1: matmul 1,024, no BLAS", 1.85)],
  },
];

const kernels: Comparison[] = ["softmax", "RMS norm", "ReLU²", "rotary", "AdamW"].map(
  (way): Comparison => ({
    name: `kernel ${way}`,
    device: "cpu",
    ours: ours("kernel", { way }),
    // As much memory as the kernel uses: AdamW has four arrays, the others two.
    others: [machine("memory copy", "copy", { size: way === "AdamW" ? 2 ** 25 : 2 ** 24 })],
    quantities: [bandwidth(`${way} over 16 MB`, 0.7)],
  }),
);

const megabytesPerSecond = (name: string, wanted: number): Quantity => ({
  name,
  key: "megabytes_per_second",
  unit: "MB/s",
  wanted,
});
const bpe = (way: string, text = "addresses", library = way): Side =>
  job(library, "bpe.ts", "encode", { way, text });

const tokenizing: Comparison[] = [
  ...([["gpt-tokenizer", 1.3], ["tiktoken", 2]] as const).map(([library, wanted]): Comparison => ({
    name: `encode ${library}`,
    device: "cpu",
    rounds: 7,
    tolerance: 0,
    ours: bpe("nanodino"),
    others: [bpe(library)],
    quantities: [megabytesPerSecond(`BPE encoding, against ${library}`, wanted)],
  })),
  ...["text without spaces", "one letter", "random bytes"].map((text): Comparison => ({
    name: `encode ${text}`,
    device: "cpu",
    rounds: 7,
    ours: bpe("nanodino", text),
    others: [bpe("nanodino", "addresses", "prose")],
    quantities: [megabytesPerSecond(`BPE encoding, 1 MB of ${text}`, 0.25)],
  })),
  {
    name: "BPE training",
    device: "cpu",
    rounds: 3,
    ours: job("nanodino", "bpe.ts", "train", { vocabSize: 4096 }),
    others: [limit("limit", { seconds: 2 })],
    quantities: [{
      name: "BPE training, 4,096 tokens on the addresses",
      key: "seconds",
      unit: "s",
      lessIsBetter: true,
      wanted: 1,
    }],
  },
  {
    name: "BPE training large",
    device: "cpu",
    rounds: 1,
    isLong: true,
    ours: job("nanodino", "bpe.ts", "train", { vocabSize: 32_768, size: 100_000_000 }),
    others: [limit("limit", { seconds: 40, megabytes: 1500 })],
    quantities: [
      {
        name: "BPE training, 32,768 tokens on 100 MB",
        key: "seconds",
        unit: "s",
        lessIsBetter: true,
        wanted: 1,
      },
      {
        name: "peak memory, BPE training, 32,768 tokens on 100 MB",
        key: "megabytes",
        unit: "MB",
        lessIsBetter: true,
        wanted: 1,
      },
    ],
  },
];

const launches: Comparison[] = [
  {
    name: "launch sample",
    device: "cpu",
    rounds: 5,
    ours: firstToken,
    others: [limit("limit", { ms: 1000 })],
    quantities: [milliseconds("launch to exit, `sample` of one token", 1)],
  },
  {
    name: "launch step",
    device: "cpu",
    rounds: 3,
    ours: firstStep,
    others: [limit("limit", { ms: 1000 })],
    quantities: [
      milliseconds("launch to the end of the first training step, minus 3 warm steps", 1),
    ],
  },
];

// --- Both, and WebGPU -----------------------------------------------------------------------

const chains = (device: "cpu" | "webgpu"): Comparison[] => {
  const backend = device === "cpu" ? "wasm" : "webgpu";
  const common = { device, ours: ours("chain", { backend: device }), tolerance: 1e-4 };
  return [
    {
      ...common,
      name: "chain jax-js",
      others: [jax("chain", backend)],
      quantities: [milliseconds("20 elementwise operations on 2²⁰, jax-js jitted", null)],
    },
    {
      ...common,
      name: "chain TensorFlow.js",
      others: [tensorflow("chain", backend)],
      quantities: [milliseconds("20 elementwise operations on 2²⁰, TensorFlow.js", null)],
    },
    ...["jax-js", "TensorFlow.js"].map((library): Comparison => ({
      name: `overhead ${library}`,
      device,
      ours: ours("overhead", { backend: device }),
      others: [library === "jax-js" ? jax("overhead", backend) : tensorflow("overhead", backend)],
      quantities: [{
        name: `one operation on 4 elements, ${library}`,
        key: "us",
        unit: "µs",
        lessIsBetter: true,
        wanted: null,
      }],
    })),
  ];
};

/** Without targets for speed: those would be targets for an adapter in software. */
const onWebGpu: Comparison[] = [
  ...[256, 512, 1024].map((size): Comparison => ({
    name: `matmul ${size}`,
    device: "webgpu",
    tolerance: 1e-6 * size,
    ours: ours("matmul", { size, backend: "webgpu" }),
    others: [jax("matmul", "webgpu", { size }), tensorflow("matmul", "webgpu", { size })],
    quantities: [gigaflops(`matmul ${size}`, null)],
  })),
  {
    name: "step plain",
    device: "webgpu",
    rounds: 3,
    tolerance: FOUR_DECIMALS,
    isLong: true,
    ours: ours("step", { backend: "webgpu" }),
    others: [jax("step", "webgpu"), tensorflow("step", "webgpu")],
    quantities: [tokensPerSecond("step of the plain GPT, AdamW", null)],
  },
  {
    // The bench times both in one process and reports the speedup.
    name: "decode read together",
    device: "webgpu",
    rounds: 5,
    ours: bench("decode", [...BASE, "--device", "webgpu"]),
    others: [limit("one readback per token", { speedup: 1 })],
    quantities: [{
      name: "decoding, batch 1, batched readback",
      key: "speedup",
      unit: "×",
      wanted: null,
    }],
  },
  {
    name: "attention",
    device: "webgpu",
    rounds: 5,
    tolerance: 1e-4,
    ours: ours("attention", { backend: "webgpu" }),
    others: [
      ours("attention", { backend: "webgpu", way: "composed" }, "composed of plain operations"),
    ],
    quantities: [
      milliseconds("attention, 4 × 4 heads × 1,024 × 64, forward and backward", null),
      {
        name: "memory, attention, 4 × 4 heads × 1,024 × 64",
        key: "megabytes",
        unit: "MB",
        lessIsBetter: true,
        wanted: 10,
      },
    ],
  },
];

export const SECTIONS: Readonly<Record<string, readonly Comparison[]>> = {
  "Training, CPU": [...training, ...loading],
  "Decoding, CPU": decoding,
  "Matmul, CPU": matmuls,
  "Elementwise and row kernels, CPU": [...kernels, ...chains("cpu")],
  "Tokenizer": tokenizing,
  "Startup": launches,
  "WebGPU, software adapter": [...chains("webgpu"), ...onWebGpu],
};

export const COMPARISONS: readonly Comparison[] = Object.values(SECTIONS).flat();
