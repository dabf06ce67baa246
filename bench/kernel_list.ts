/** The kernels that bench/kernels.ts times, each with what it replaces. */

import { AdamW } from "../optim/mod.ts";
import { polarExpress } from "../optim/polar_express.ts";
import { ComposedAdamW } from "../optim/testing/composed_adamw.ts";
import { composedPolarExpress } from "../optim/testing/composed_polar_express.ts";
import {
  attention,
  crossEntropy,
  type Device,
  embedding,
  gather,
  matmul,
  type MatmulOptions,
  normal,
  permutation,
  rmsNorm,
  stack,
  Tensor,
} from "../tensor/mod.ts";
import { describeMatmuls } from "../tensor/ops/matmul/problem.ts";
import { plainMatmul } from "../tensor/ops/matmul/plain.ts";
import { composedAttention } from "../tensor/ops/testing/composed_attention.ts";

export type Way = () => Tensor;

export interface Kernel {
  readonly name: string;
  /** The composition that `plain` computes. */
  readonly replaces: string;
  /** Floating-point operations, for a compute-bound kernel. */
  readonly flops?: number;
  /** Bytes read and written, for a memory-bound kernel. */
  readonly bytes?: number;
  /** Creates the operands, and returns the kernel and the plain computation that it replaces. */
  readonly prepare: (device: Device) => { readonly run: Way; readonly plain: Way };
}

/** The sizes of a `base` training step. */
const [BATCH, SEQUENCE, WIDTH, HEADS, VOCABULARY] = [4, 256, 256, 4, 4096];
const TOKENS = BATCH * SEQUENCE;

const floats = (count: number) => 4 * count;

function matmulKernel(
  name: string,
  [m, k, n]: readonly [number, number, number],
  options: MatmulOptions = {},
): Kernel {
  const { transposeA = false, transposeB = false } = options;
  const isRow = m === 1;
  return {
    name: `matmul, ${name}, ${m} x ${k} x ${n}`,
    replaces: "the plain kernel",
    // A matrix–vector product is bound by reading the matrix.
    ...(isRow ? { bytes: floats(k * n) } : { flops: 2 * m * k * n }),
    prepare: (device) => {
      const a = normal(device, transposeA ? [k, m] : [m, k], { seed: 1 });
      const b = normal(device, transposeB ? [n, k] : [k, n], { seed: 2 });
      return {
        run: () => matmul(a, b, options),
        plain: () => matmulByPlainKernel(a, b, m, n, options),
      };
    },
  };
}

function matmulByPlainKernel(
  a: Tensor,
  b: Tensor,
  m: number,
  n: number,
  { transposeA = false, transposeB = false }: MatmulOptions,
): Tensor {
  const { device } = a;
  const c = Tensor.zeros(device, [m, n]);
  for (const each of describeMatmuls(a, b, c, { transposeA, transposeB })) {
    plainMatmul(device, each);
  }
  return c;
}

/** A kernel with one operand, against its unfused operations. */
function fused(
  name: string,
  shape: readonly number[],
  run: (x: Tensor) => Tensor,
  plain: (x: Tensor) => Tensor,
): Kernel {
  const size = shape.reduce((count, length) => count * length);
  return {
    name: `${name}, ${shape.join(" x ")}`,
    replaces: "its unfused operations",
    bytes: floats(2 * size),
    prepare: (device) => {
      const x = normal(device, shape, { seed: 3 });
      return { run: () => run(x), plain: () => plain(x) };
    },
  };
}

const composedSoftmax = (x: Tensor): Tensor => {
  const powers = x.sub(x.max(-1, true)).exp();
  return powers.div(powers.sum(-1, true));
};

export const kernels: readonly Kernel[] = [
  matmulKernel("widening", [TOKENS, WIDTH, 4 * WIDTH], { transposeB: true }),
  matmulKernel("head", [TOKENS, WIDTH, VOCABULARY], { transposeB: true }),
  matmulKernel("gradient of the input", [TOKENS, 4 * WIDTH, WIDTH]),
  matmulKernel("gradient of a weight", [4 * WIDTH, TOKENS, WIDTH], { transposeA: true }),
  matmulKernel("large", [1024, 1024, 1024]),
  matmulKernel("one token", [1, WIDTH, VOCABULARY], { transposeB: true }),
  {
    name: `attention, ${BATCH} x ${HEADS} x ${SEQUENCE} x ${WIDTH / HEADS}`,
    replaces: "matmuls and a softmax",
    // Two matmuls, halved by the causal mask.
    flops: 2 * BATCH * SEQUENCE * SEQUENCE * WIDTH,
    prepare: (device) => {
      const shape = [BATCH, SEQUENCE, HEADS, WIDTH / HEADS];
      const [q, k, v] = [1, 2, 3].map((seed) => normal(device, shape, { seed })) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const composed = composedAttention(device, SEQUENCE, SEQUENCE);
      return { run: () => attention(q, k, v), plain: () => composed(q, k, v) };
    },
  },
  fused("softmax", [TOKENS, VOCABULARY], (x) => x.softmax(), composedSoftmax),
  {
    name: `cross-entropy, ${TOKENS} x ${VOCABULARY}`,
    replaces: "softmax, gather and log",
    bytes: floats(TOKENS * VOCABULARY),
    prepare: (device) => {
      const logits = normal(device, [TOKENS, VOCABULARY], { seed: 4 });
      const targets = permutation(device, VOCABULARY, { seed: 5 }).slice(0, 0, TOKENS);
      const column = targets.unsqueeze(-1);
      return {
        run: () => crossEntropy(logits, targets),
        plain: () => gather(composedSoftmax(logits), 1, column).log().mean().neg(),
      };
    },
  },
  fused(
    "RMS norm",
    [TOKENS, WIDTH],
    (x) => rmsNorm(x),
    (x) => x.div(x.square().mean(-1, true).add(2 ** -23).sqrt()),
  ),
  fused("ReLU²", [TOKENS, 4 * WIDTH], (x) => x.reluSquared(), (x) => x.relu().square()),
  fused("softcap", [TOKENS, VOCABULARY], (x) => x.softcap(15), (x) => x.div(15).tanh().mul(15)),
  {
    name: `embedding, ${TOKENS} of ${VOCABULARY} x ${WIDTH}`,
    replaces: "a matmul with one-hot rows",
    bytes: floats(2 * TOKENS * WIDTH),
    prepare: (device) => {
      const weight = normal(device, [VOCABULARY, WIDTH], { seed: 6 });
      const ids = permutation(device, VOCABULARY, { seed: 7 }).slice(0, 0, TOKENS);
      const every = Tensor.arange(device, 0, VOCABULARY, 1, "float32");
      const column = ids.to("float32").unsqueeze(-1);
      return {
        run: () => embedding(weight, ids),
        plain: () => matmul(column.eq(every), weight),
      };
    },
  },
  {
    name: "AdamW, 1,048,576 parameters",
    replaces: "its unfused operations",
    // Reads the parameter, its gradient and two moments, and writes all but the gradient.
    bytes: floats(7 * 2 ** 20),
    prepare: (device) => {
      const numbers = { lr: 1e-3, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0.1 } as const;
      const [one, other] = [1, 2].map(() => {
        const parameter = normal(device, [1024, 1024], { seed: 8, requiresGrad: true });
        parameter.grad = normal(device, [1024, 1024], { seed: 9 });
        return parameter;
      }) as [Tensor, Tensor];
      const optimizer = new AdamW([one], numbers);
      const composed = new ComposedAdamW(other, numbers);
      return {
        run: () => (optimizer.step(), one.detach()),
        plain: () => (composed.step(), other.detach()),
      };
    },
  },
  {
    name: `Polar Express, 4 of ${WIDTH} x ${4 * WIDTH}`,
    replaces: "its unfused operations, one matrix at a time",
    flops: 4 * 5 * (2 * 2 * WIDTH * WIDTH * 4 * WIDTH + 2 * WIDTH ** 3),
    prepare: (device) => {
      const random = normal(device, [4, WIDTH, 4 * WIDTH], { seed: 10 });
      const norms = random.square().sum([1, 2], true).sqrt();
      const matrices = random.div(norms.mul(1.01));
      return {
        // It overwrites its input.
        run: () => polarExpress(matrices.mul(1), 5),
        plain: () => {
          const each = Array.from(
            { length: 4 },
            (_, i) => composedPolarExpress(matrices.slice(0, i, i + 1).squeeze(0)),
          );
          return stack(each);
        },
      };
    },
  },
];
