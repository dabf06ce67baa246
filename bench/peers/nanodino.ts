/** Jobs that measure nanodino, each in its own process. */

import { AdamW } from "../../optim/mod.ts";
import {
  attention,
  conv2d,
  defineProgram,
  type Device,
  expression as ex,
  linear,
  matmul,
  maxPool2d,
  noGrad,
  openDevice,
  rmsNorm,
  rotary,
  rotaryAngles,
  runProgram,
  Tensor,
} from "../../tensor/mod.ts";
import { plainTraining } from "./plain_gpt.ts";
import {
  CHAIN_LENGTH,
  CHAIN_PAIRS,
  CHECKED_STEPS,
  convolutionValues,
  IMAGES,
  matmulOperands,
  SIZES,
  someOf,
} from "./plain_problem.ts";
import { type Job, type JobOptions, MIN_MS_ON_WEBGPU, serve, timer } from "./protocol.ts";

async function open({ backend = "cpu", threads, blas = true }: JobOptions): Promise<Device> {
  const options = { blas, ...(threads === undefined ? {} : { threads }) };
  return await openDevice(backend === "webgpu" ? "webgpu" : "cpu", options);
}

/** Times a computation whose results are discarded. */
function timeOn(device: Device, run: () => unknown): Promise<() => Promise<number>> {
  const least = device.kind === "webgpu" ? MIN_MS_ON_WEBGPU : undefined;
  return timer(
    () => {
      using _scope = device.scope();
      noGrad(run);
    },
    () => device.synchronize(),
    least,
  );
}

async function step(options: JobOptions): Promise<Job> {
  const device = await open(options);
  const train = plainTraining(device);
  const check: number[] = [];
  for (let i = 0; i < CHECKED_STEPS; i++) check.push(await train());
  const time = await timer(
    async () => {
      await train();
    },
    () => device.synchronize(),
    200,
  );
  return {
    check,
    measure: async () => ({ tokens_per_second: SIZES.batch * SIZES.tokens * 1000 / await time() }),
  };
}

async function matmulJob(options: JobOptions): Promise<Job> {
  const { size = 1024, transposes = "NN" } = options;
  const device = await open(options);
  const [a, b] = matmulOperands(size).map((values) =>
    Tensor.from(device, values, { shape: [size, size] })
  ) as [Tensor, Tensor];
  const [transposeA, transposeB] = [transposes[0] === "T", transposes[1] === "T"];
  const run = () => matmul(a, b, { transposeA, transposeB });
  const check = someOf(await noGrad(run).data());
  const time = await timeOn(device, run);
  return { check, measure: async () => ({ gflops: 2 * size ** 3 / await time() / 1e6 }) };
}

/** Matrix–vector product with a weight matrix of `size` bytes, as in decoding. */
async function matvec(options: JobOptions): Promise<Job> {
  const { size = 2 ** 20 } = options;
  const device = await open(options);
  const width = Math.sqrt(size / 4);
  const [weight] = matmulOperands(width);
  const matrix = Tensor.from(device, weight, { shape: [width, width] });
  const row = Tensor.ones(device, [1, width]);
  const run = () => matmul(row, matrix, { transposeB: true });
  const check = someOf(await noGrad(run).data());
  const time = await timeOn(device, run);
  return { check, measure: async () => ({ gigabytes_per_second: size / await time() / 1e6 }) };
}

/** An elementwise or row kernel over `size` bytes. */
async function kernel(options: JobOptions): Promise<Job> {
  const { way = "softmax", size = 2 ** 24 } = options;
  const device = await open(options);
  const columns = 1024;
  const x = Tensor.from(device, new Float32Array(size / 4).map((_, i) => Math.sin(i)), {
    shape: [size / 4 / columns, columns],
  });
  const { run, bytes } = kernelNamed(way, x);
  const time = await timeOn(device, run);
  return {
    check: [],
    measure: async () => ({ gigabytes_per_second: bytes / await time() / 1e6 }),
  };
}

function kernelNamed(name: string, x: Tensor): { run: () => unknown; bytes: number } {
  const bytes = 2 * 4 * x.size;
  switch (name) {
    case "softmax":
      return { run: () => x.softmax(), bytes };
    case "RMS norm":
      return { run: () => rmsNorm(x), bytes };
    case "ReLU²":
      return { run: () => x.reluSquared(), bytes };
    case "rotary": {
      const [tokens, headSize] = [256, 64];
      const heads = x.reshape([1, -1, tokens, headSize]).reshape([-1, tokens, 1, headSize]);
      const { cos, sin } = rotaryAngles(tokens, headSize);
      const shape = [tokens, 1, headSize / 2];
      const [c, s] = [cos, sin].map((values) => Tensor.from(x.device, values, { shape })) as [
        Tensor,
        Tensor,
      ];
      return { run: () => rotary(heads, c, s), bytes };
    }
    case "AdamW": {
      const parameter = x.contiguous().requireGrad();
      parameter.grad = Tensor.ones(x.device, x.shape).keep();
      const optimizer = new AdamW([parameter], { lr: 1e-3 });
      // Reads the parameter, its gradient and two moments, and writes all but the gradient.
      return { run: () => optimizer.step(), bytes: 7 * 4 * x.size };
    }
    default:
      throw new Error(`Cannot measure the kernel "${name}"`);
  }
}

const chainProgram = defineProgram({ name: "chain", inputs: ["x"] }, ({ x }) => {
  let y = x;
  for (let i = 0; i < CHAIN_PAIRS; i++) y = ex.add(ex.multiply(y, 1.01), 0.5);
  return [y];
});

/** Twenty elementwise operations on 2²⁰ elements, fused or eager. */
async function chain(options: JobOptions): Promise<Job> {
  const device = await open(options);
  const x = Tensor.from(device, new Float32Array(CHAIN_LENGTH).map((_, i) => i / CHAIN_LENGTH));
  const fused = () => runProgram(chainProgram, [x]);
  const eager = () => {
    let y = x;
    for (let i = 0; i < CHAIN_PAIRS; i++) y = y.mul(1.01).add(0.5);
    return y;
  };
  const run = options.way === "eager" ? eager : fused;
  const check = someOf(await noGrad(run).data());
  const time = await timeOn(device, run);
  return { check, measure: async () => ({ ms: await time() }) };
}

/** The overhead of an operation: a chain of dependent operations on 4 elements. */
async function overhead(options: JobOptions): Promise<Job> {
  const device = await open(options);
  const x = Tensor.from(device, [1, 2, 3, 4]);
  const calls = 2_000;
  const run = () => {
    let y = x;
    for (let i = 0; i < calls; i++) y = y.add(1);
    void y.allocation;
  };
  // Waiting for a GPU takes 11 ms in Deno, whatever the work, so one wait covers many operations.
  const time = await timer(async () => {
    using _scope = device.scope();
    noGrad(run);
    await device.synchronize();
  }, () => {});
  return { check: [], measure: async () => ({ us: await time() * 1000 / calls }) };
}

/** Attention of 4 × 4 heads × 1,024 × 64, forward and backward: fused or composed. */
async function attentionJob(options: JobOptions): Promise<Job> {
  const device = await open(options);
  const [batch, tokens, heads, size] = [4, 1024, 4, 64];
  const [q, k, v] = [1, 2, 3].map((factor) =>
    Tensor.from(
      device,
      new Float32Array(batch * tokens * heads * size).map((_, i) => Math.sin(i * factor)),
      { shape: [batch, tokens, heads, size], requiresGrad: true },
    )
  ) as [Tensor, Tensor, Tensor];
  const mask = Tensor.from(
    device,
    Float32Array.from({ length: tokens * tokens }, (_, i) => i % tokens > i / tokens ? -1e30 : 0),
    { shape: [tokens, tokens] },
  ).keep();
  const composed = () => {
    const [query, key, value] = [q, k, v].map((x) => x.transpose(1, 2)) as [Tensor, Tensor, Tensor];
    const scores = matmul(query, key, { transposeB: true }).div(Math.sqrt(size)).add(mask);
    return matmul(scores.softmax(), value).transpose(1, 2);
  };
  const forward = options.way === "composed" ? composed : () => attention(q, k, v);
  const run = () => {
    using _scope = device.scope();
    forward().square().sum().backward();
    for (const x of [q, k, v]) x.zeroGrad();
  };
  const before = device.memory.liveBytes;
  run();
  await device.synchronize();
  const megabytes = (device.memory.peakBytes - before) / 2 ** 20;
  const check = someOf(await noGrad(forward).data());
  const time = await timer(run, () => device.synchronize());
  return { check, measure: async () => ({ ms: await time(), megabytes }) };
}

/** The forward pass of a convolutional network. */
async function convolution(options: JobOptions): Promise<Job> {
  const device = await open(options);
  const values = convolutionValues();
  const tensor = (name: keyof typeof values, shape: readonly number[]) =>
    Tensor.from(device, values[name], { shape }).keep();
  const conv1 = tensor("conv1", [32, 1, 3, 3]);
  const conv2 = tensor("conv2", [64, 32, 3, 3]);
  const [fc1, fc2] = [tensor("fc1", [128, 64 * 49]), tensor("fc2", [10, 128])];
  const x = tensor("images", [IMAGES, 1, 28, 28]);
  const forward = () => {
    const first = maxPool2d(conv2d(x, conv1, { padding: 1 }).relu(), 2);
    const second = maxPool2d(conv2d(first, conv2, { padding: 1 }).relu(), 2);
    return linear(linear(second.reshape([IMAGES, -1]), fc1).relu(), fc2);
  };
  const check = someOf(await noGrad(forward).data());
  const time = await timeOn(device, forward);
  return { check, measure: async () => ({ ms: await time() }) };
}

if (import.meta.main) {
  await serve({
    convolution,
    step,
    matmul: matmulJob,
    matvec,
    kernel,
    chain,
    overhead,
    attention: attentionJob,
  });
}
