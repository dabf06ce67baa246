/** Jobs that measure TensorFlow.js, on Wasm or WebGPU, each in its own process. */

import {
  ADAMW,
  batchOf,
  CHAIN_LENGTH,
  CHAIN_PAIRS,
  CHECKED_STEPS,
  convolutionValues,
  IMAGES,
  LAYER_PARTS,
  matmulOperands,
  NORM_EPSILON,
  SIZES,
  someOf,
  startingValues,
  transposed,
} from "./plain_problem.ts";
import { type Job, type JobOptions, MIN_MS_ON_WEBGPU, serve, timer } from "./protocol.ts";

interface Tensor {
  add(other: Tensor | number): Tensor;
  sub(other: Tensor | number): Tensor;
  mul(other: Tensor | number): Tensor;
  div(other: Tensor | number): Tensor;
  square(): Tensor;
  sqrt(): Tensor;
  relu(): Tensor;
  neg(): Tensor;
  mean(axis?: number, keepDims?: boolean): Tensor;
  sum(axis?: number): Tensor;
  softmax(axis?: number): Tensor;
  logSoftmax(axis?: number): Tensor;
  reshape(shape: readonly number[]): Tensor;
  transpose(order: readonly number[]): Tensor;
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Variable extends Tensor {
  readonly name: string;
  assign(value: Tensor): void;
}

/** The used part of the library; its own types would be a download of 150 MB for type checking. */
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { set(name: string, value: boolean): void };
  tensor(values: Float32Array | Int32Array, shape: readonly number[], dtype: string): Tensor;
  variable(value: Tensor, trainable: boolean, name: string): Variable;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  oneHot(ids: Tensor, depth: number): Tensor;
  conv2d(x: Tensor, kernel: Tensor, stride: number, padding: "same" | "valid"): Tensor;
  maxPool(x: Tensor, size: number, stride: number, padding: "same" | "valid"): Tensor;
  cast(x: Tensor, dtype: string): Tensor;
  tidy<Result>(run: () => Result): Result;
  variableGrads(f: () => Tensor): { value: Tensor; grads: Record<string, Tensor> };
  readonly train: {
    adam(lr: number, beta1: number, beta2: number, epsilon: number): {
      applyGradients(gradients: Record<string, Tensor>): void;
    };
  };
}

/** The version of the library and of both of its backends. */
const VERSION = "4.22.0";

async function open({ backend }: JobOptions): Promise<TensorFlow> {
  const name = backend === "webgpu" ? "webgpu" : "wasm";
  const library: string = `npm:@tensorflow/tfjs@${VERSION}`;
  const tf: TensorFlow = await import(library);
  const plugin: string = `npm:@tensorflow/tfjs-backend-${name}@${VERSION}`;
  await import(plugin);
  if (!await tf.setBackend(name)) throw new Error(`Cannot open TensorFlow.js on ${name}`);
  await tf.ready();
  // Otherwise small tensors are computed in JavaScript, not on the measured device.
  if (name === "webgpu") tf.env().set("WEBGPU_CPU_FORWARD", false);
  return tf;
}

/** Mean cross-entropy. Embedding lookup is a one-hot matmul: Wasm cannot differentiate `gather`. */
function loss(
  tf: TensorFlow,
  parameters: readonly Variable[],
  mask: Tensor,
  inputs: Tensor,
  targets: Tensor,
): Tensor {
  const { batch, tokens, width, heads, vocabSize } = SIZES;
  const norm = (x: Tensor) => x.div(x.square().mean(-1, true).add(NORM_EPSILON).sqrt());
  const ones = (ids: Tensor) => tf.cast(tf.oneHot(ids, vocabSize), "float32");
  const [embedding, ...rest] = parameters as [Variable, ...Variable[]];
  const head = rest.pop()!;
  const size = width / heads;
  let x = tf.matMul(ones(inputs), embedding);
  while (rest.length > 0) {
    const layer = Object.fromEntries(
      Object.keys(LAYER_PARTS).map((name) => [name, rest.shift()!]),
    ) as Record<keyof typeof LAYER_PARTS, Variable>;
    const normed = norm(x);
    const toHeads = (matrix: Variable) =>
      tf.matMul(normed, matrix).reshape([batch, tokens, heads, size]).transpose([0, 2, 1, 3]);
    const [query, key, value] = [toHeads(layer.query), toHeads(layer.key), toHeads(layer.value)];
    const scores = tf.matMul(query, key, false, true).mul(1 / Math.sqrt(size)).add(mask);
    const attended = tf.matMul(scores.softmax(-1), value).transpose([0, 2, 1, 3]);
    x = x.add(tf.matMul(attended.reshape([batch * tokens, width]), layer.output));
    const inside = tf.matMul(norm(x), layer.up).relu().square();
    x = x.add(tf.matMul(inside, layer.down));
  }
  const logarithms = tf.matMul(norm(x), head).logSoftmax(-1);
  return logarithms.mul(ones(targets)).sum().div(-batch * tokens);
}

async function step(options: JobOptions): Promise<Job> {
  const tf = await open(options);
  const { lr, beta1, beta2, epsilon, weightDecay } = ADAMW;
  const { tokens } = SIZES;
  const parameters = startingValues().map((matrix) => {
    const { name, data, shape } = matrix.name === "embedding" ? matrix : transposed(matrix);
    return tf.variable(tf.tensor(data, shape, "float32"), true, name);
  });
  const mask = tf.tensor(
    Float32Array.from({ length: tokens * tokens }, (_, i) => i % tokens > i / tokens ? -1e30 : 0),
    [tokens, tokens],
    "float32",
  );
  const optimizer = tf.train.adam(lr, beta1, beta2, epsilon);
  let count = 0;
  const train = async (): Promise<number> => {
    const { inputs, targets } = batchOf(count++);
    const [value] = tf.tidy(() => {
      const [x, y] = [inputs, targets].map((ids) => tf.tensor(ids, [ids.length], "int32")) as [
        Tensor,
        Tensor,
      ];
      const { value, grads } = tf.variableGrads(() => loss(tf, parameters, mask, x, y));
      for (const parameter of parameters) parameter.assign(parameter.mul(1 - lr * weightDecay));
      optimizer.applyGradients(grads);
      return [value];
    });
    const [number] = await value!.data();
    value!.dispose();
    return number!;
  };
  const check: number[] = [];
  for (let i = 0; i < CHECKED_STEPS; i++) check.push(await train());
  // The loss is ready long before the new parameters; this is the last of them.
  const time = await timer(
    async () => {
      await train();
    },
    async () => {
      await parameters.at(-1)!.data();
    },
    200,
  );
  return {
    check,
    measure: async () => ({ tokens_per_second: SIZES.batch * SIZES.tokens * 1000 / await time() }),
  };
}

function timeTensors(
  compute: () => Tensor,
  { backend }: JobOptions,
): Promise<() => Promise<number>> {
  let last: Tensor | null = null;
  const least = backend === "webgpu" ? MIN_MS_ON_WEBGPU : undefined;
  return timer(
    () => {
      last?.dispose();
      last = compute();
    },
    async () => {
      await last?.data();
    },
    least,
  );
}

async function matmul(options: JobOptions): Promise<Job> {
  const tf = await open(options);
  const { size = 1024 } = options;
  const [a, b] = matmulOperands(size).map((values) =>
    tf.tensor(values, [size, size], "float32")
  ) as [Tensor, Tensor];
  const run = () => tf.matMul(a, b);
  const check = someOf(await run().data());
  const time = await timeTensors(run, options);
  return { check, measure: async () => ({ gflops: 2 * size ** 3 / await time() / 1e6 }) };
}

/** Twenty elementwise operations on 2²⁰ elements, eager. */
async function chain(options: JobOptions): Promise<Job> {
  const tf = await open(options);
  const values = new Float32Array(CHAIN_LENGTH).map((_, i) => i / CHAIN_LENGTH);
  const x = tf.tensor(values, [CHAIN_LENGTH], "float32");
  const run = () =>
    tf.tidy(() => {
      let y = x;
      for (let i = 0; i < CHAIN_PAIRS; i++) y = y.mul(1.01).add(0.5);
      return y;
    });
  const check = someOf(await run().data());
  const time = await timeTensors(run, options);
  return { check, measure: async () => ({ ms: await time() }) };
}

/** The overhead of an operation: a chain of dependent operations on 4 elements. */
async function overhead(options: JobOptions): Promise<Job> {
  const tf = await open(options);
  const calls = 2_000;
  const x = tf.tensor(new Float32Array([1, 2, 3, 4]), [4], "float32");
  const time = await timer(async () => {
    const last = tf.tidy(() => {
      let y = x;
      for (let i = 0; i < calls; i++) y = y.add(1);
      return y;
    });
    await last.data();
    last.dispose();
  }, () => {});
  return { check: [], measure: async () => ({ us: await time() * 1000 / calls }) };
}

/** The forward pass of a convolutional network, with channels last, as the library has them. */
async function convolution(options: JobOptions): Promise<Job> {
  const tf = await open(options);
  const { conv1, conv2, fc1, fc2, images } = convolutionValues();
  const kernel = (values: Float32Array, outputs: number, inputs: number) =>
    tf.tensor(values, [outputs, inputs, 3, 3], "float32").transpose([2, 3, 1, 0]);
  const [first, second] = [kernel(conv1, 32, 1), kernel(conv2, 64, 32)];
  // Rows of the first matrix are in the order of what is flattened: channels last.
  const wide = tf.tensor(fc1, [128, 64, 49], "float32").transpose([2, 1, 0]).reshape([
    64 * 49,
    128,
  ]);
  const narrow = tf.tensor(fc2, [10, 128], "float32");
  const x = tf.tensor(images, [IMAGES, 28, 28, 1], "float32");
  const forward = () =>
    tf.tidy(() => {
      const once = tf.maxPool(tf.conv2d(x, first, 1, "same").relu(), 2, 2, "valid");
      const twice = tf.maxPool(tf.conv2d(once, second, 1, "same").relu(), 2, 2, "valid");
      const hidden = tf.matMul(twice.reshape([IMAGES, 64 * 49]), wide).relu();
      return tf.matMul(hidden, narrow, false, true);
    });
  const check = someOf(await forward().data());
  const time = await timeTensors(forward, options);
  return { check, measure: async () => ({ ms: await time() }) };
}

await serve({ step, matmul, chain, overhead, convolution });
