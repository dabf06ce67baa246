/** Jobs that measure jax-js, on Wasm or WebGPU, each in its own process. */

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

// Loaded only by the process that measures it.
const jax = await import("npm:@jax-js/jax@0.1.25");
const { lax, numpy: np, nn } = jax;

/** An array of jax-js. Functions consume their arguments; pass `ref` to keep one. */
type Array_ = InstanceType<typeof jax.Array>;

async function open({ backend }: JobOptions): Promise<"wasm" | "webgpu"> {
  const device = backend === "webgpu" ? "webgpu" : "wasm";
  const found = await jax.init(device);
  if (!found.includes(device)) throw new Error(`Cannot measure jax-js: it finds no ${device}`);
  jax.defaultDevice(device);
  return device;
}

/** Times a computation. Arrays are lazy, so all results are kept until they are awaited. */
function timeArrays(
  compute: () => Array_,
  backend: "wasm" | "webgpu",
): Promise<() => Promise<number>> {
  let results: Array_[] = [];
  const least = backend === "webgpu" ? MIN_MS_ON_WEBGPU : undefined;
  return timer(
    async () => {
      results.push(compute());
      if (results.length >= MAX_RESULTS) await settle();
    },
    () => settle(),
    least,
  );
  async function settle(): Promise<void> {
    await Promise.all(results.map((result) => result.blockUntilReady()));
    for (const result of results) result.dispose();
    results = [];
  }
}

const MAX_RESULTS = 64;

function norm(x: Array_): Array_ {
  const meanSquare = np.square(x.ref).mean(-1, { keepdims: true });
  return x.div(np.sqrt(meanSquare.add(NORM_EPSILON)));
}

const partNames = Object.keys(LAYER_PARTS) as (keyof typeof LAYER_PARTS)[];

/** Composed causal attention: its backward pass is three times as fast as `nn.dotProductAttention`'s. */
function attention(query: Array_, key: Array_, value: Array_): Array_ {
  const { tokens, width, heads } = SIZES;
  const [q, k, v] = [query, key, value].map((x) => x.transpose([0, 2, 1, 3])) as [
    Array_,
    Array_,
    Array_,
  ];
  const scores = np.matmul(q, np.matrixTranspose(k)).mul(1 / Math.sqrt(width / heads));
  const mask = np.tril(np.ones([tokens, tokens])).sub(1).mul(1e30);
  return np.matmul(nn.softmax(scores.add(mask), -1), v).transpose([0, 2, 1, 3]);
}

/** Embedding lookup: by id, or by matmul where `ids` are one-hot. */
function embed(embedding: Array_, ids: Array_): Array_ {
  return ids.ndim === 2 ? np.matmul(ids, embedding) : np.take(embedding, ids, 0);
}

function loss(parameters: Array_[], inputs: Array_, targets: Array_): Array_ {
  const { batch, tokens, width, heads, vocabSize } = SIZES;
  const [embedding, ...rest] = parameters as [Array_, ...Array_[]];
  const head = rest.pop()!;
  let x = embed(embedding, inputs);
  while (rest.length > 0) {
    const layer = Object.fromEntries(
      partNames.map((name, i) => [name, rest[i]!]),
    ) as Record<keyof typeof LAYER_PARTS, Array_>;
    rest.splice(0, partNames.length);
    const normed = norm(x.ref);
    const toHeads = (matrix: Array_): Array_ =>
      np.matmul(normed.ref, matrix).reshape([batch, tokens, heads, width / heads]);
    const [query, key, value] = [toHeads(layer.query), toHeads(layer.key), toHeads(layer.value)];
    normed.dispose();
    const attended = attention(query, key, value);
    x = x.add(np.matmul(attended.reshape([batch * tokens, width]), layer.output));
    const inside = np.square(nn.relu(np.matmul(norm(x.ref), layer.up)));
    x = x.add(np.matmul(inside, layer.down));
  }
  const logits = np.matmul(norm(x), head);
  const logSums = nn.logsumexp(logits.ref, -1);
  const right = logits.mul(nn.oneHot(targets, vocabSize)).sum(-1);
  return logSums.sub(right).mean();
}

/** A training step with AdamW; `corrections` are the bias corrections of the moments. */
function update(
  parameters: Array_[],
  firstMeans: Array_[],
  secondMeans: Array_[],
  corrections: Array_,
  inputs: Array_,
  targets: Array_,
): [Array_, Array_[], Array_[], Array_[]] {
  const { lr, beta1, beta2, epsilon, weightDecay } = ADAMW;
  const references = parameters.map((parameter) => parameter.ref);
  const [value, gradients] = jax.valueAndGrad(loss)(references, inputs, targets);
  const results = parameters.map((parameter, i) => {
    const gradient = gradients[i]!;
    const first = firstMeans[i]!.mul(beta1).add(gradient.ref.mul(1 - beta1));
    const second = secondMeans[i]!.mul(beta2).add(np.square(gradient).mul(1 - beta2));
    const [one, two] = [corrections.ref.slice(0), corrections.ref.slice(1)];
    const direction = first.ref.mul(one).div(np.sqrt(second.ref.mul(two)).add(epsilon));
    const next = parameter.mul(1 - lr * weightDecay).sub(direction.mul(lr));
    return [next, first, second] as const;
  });
  corrections.dispose();
  return [value, ...[0, 1, 2].map((i) => results.map((result) => result[i]!))] as [
    Array_,
    Array_[],
    Array_[],
    Array_[],
  ];
}

/** Training of the plain GPT; the whole step is compiled by `jit`. */
async function step(options: JobOptions): Promise<Job> {
  const device = await open(options);
  const matrices = startingValues().map((matrix) =>
    matrix.name === "embedding" ? matrix : transposed(matrix)
  );
  let parameters: Array_[] = matrices.map(({ data, shape }) => np.array(data).reshape([...shape]));
  let first: Array_[] = matrices.map(({ shape }) => np.zeros([...shape]));
  let second: Array_[] = matrices.map(({ shape }) => np.zeros([...shape]));
  const compiled = jax.jit(update);
  // The gradient of a lookup by id does not compile on every WebGPU implementation.
  const choose = device === "webgpu"
    ? jax.jit((ids: Array_) => nn.oneHot(ids, SIZES.vocabSize))
    : (ids: Array_) => ids;
  let count = 0;
  const train = async (): Promise<number> => {
    const { inputs, targets } = batchOf(count++);
    const corrections = new Float32Array([
      1 / (1 - ADAMW.beta1 ** count),
      1 / (1 - ADAMW.beta2 ** count),
    ]);
    const result = compiled(
      parameters,
      first,
      second,
      np.array(corrections),
      choose(np.array(inputs)),
      np.array(targets),
    );
    let value: Array_;
    [value, parameters, first, second] = result;
    return (await value.data())[0]!;
  };
  const check: number[] = [];
  for (let i = 0; i < CHECKED_STEPS; i++) check.push(await train());
  // The loss is ready long before the new parameters.
  const time = await timer(
    async () => {
      await train();
    },
    async () => {
      const state = [...parameters, ...first, ...second];
      await Promise.all(state.map((array) => array.blockUntilReady()));
    },
    200,
  );
  return {
    check,
    measure: async () => ({ tokens_per_second: SIZES.batch * SIZES.tokens * 1000 / await time() }),
  };
}

async function matmul(options: JobOptions): Promise<Job> {
  const backend = await open(options);
  const { size = 1024 } = options;
  const [a, b] = matmulOperands(size).map((values) => np.array(values).reshape([size, size])) as [
    Array_,
    Array_,
  ];
  const multiply = jax.jit((x: Array_, y: Array_) => np.matmul(x, y));
  const check = someOf(await multiply(a.ref, b.ref).data());
  const time = await timeArrays(() => multiply(a.ref, b.ref), backend);
  return { check, measure: async () => ({ gflops: 2 * size ** 3 / await time() / 1e6 }) };
}

/** Twenty elementwise operations on 2²⁰ elements, compiled by `jit` or eager. */
async function chain(options: JobOptions): Promise<Job> {
  const backend = await open(options);
  const x: Array_ = np.array(new Float32Array(CHAIN_LENGTH).map((_, i) => i / CHAIN_LENGTH));
  await x.blockUntilReady();
  const eager = (input: Array_): Array_ => {
    let y = input;
    for (let i = 0; i < CHAIN_PAIRS; i++) y = y.mul(1.01).add(0.5);
    return y;
  };
  const compute = options.way === "eager" ? eager : jax.jit(eager);
  const check = someOf(await compute(x.ref).data());
  const time = await timeArrays(() => compute(x.ref), backend);
  return { check, measure: async () => ({ ms: await time() }) };
}

/** The overhead of an operation: a chain of dependent operations on 4 elements. */
async function overhead(options: JobOptions): Promise<Job> {
  await open(options);
  const calls = 2_000;
  const time = await timer(async () => {
    let x: Array_ = np.array(new Float32Array([1, 2, 3, 4]));
    for (let i = 0; i < calls; i++) x = x.add(1);
    await x.blockUntilReady();
    x.dispose();
  }, () => {});
  return { check: [], measure: async () => ({ us: await time() * 1000 / calls }) };
}

/** The forward pass of a convolutional network, compiled by `jit`. */
async function convolution(options: JobOptions): Promise<Job> {
  const backend = await open(options);
  const values = convolutionValues();
  const array = (name: keyof typeof values, shape: number[]): Array_ =>
    np.array(values[name]).reshape(shape);
  const operands = [
    array("conv1", [32, 1, 3, 3]),
    array("conv2", [64, 32, 3, 3]),
    array("fc1", [128, 64 * 49]),
    array("fc2", [10, 128]),
    array("images", [IMAGES, 1, 28, 28]),
  ] as const;
  const layer = (x: Array_, kernel: Array_): Array_ => {
    const y = nn.relu(lax.conv(x, kernel, [1, 1], "SAME"));
    return lax.reduceWindow(y, (window) => np.max(window), [2, 2], [2, 2]);
  };
  const forward = jax.jit(
    (first: Array_, second: Array_, wide: Array_, narrow: Array_, x: Array_): Array_ => {
      const flat = layer(layer(x, first), second).reshape([IMAGES, 64 * 49]);
      const hidden = nn.relu(np.matmul(flat, np.matrixTranspose(wide)));
      return np.matmul(hidden, np.matrixTranspose(narrow));
    },
  );
  const run = () => {
    const [first, second, wide, narrow, x] = operands;
    return forward(first.ref, second.ref, wide.ref, narrow.ref, x.ref);
  };
  const check = someOf(await run().data());
  const time = await timeArrays(run, backend);
  return { check, measure: async () => ({ ms: await time() }) };
}

await serve({ step, matmul, chain, overhead, convolution });
