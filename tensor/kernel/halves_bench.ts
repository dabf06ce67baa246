/**
 * The kernels of formulas and of their gradients in `bfloat16` beside those in `float32`, on one thread
 * of the CPU: `deno run -A tensor/kernel/halves_bench.ts [TOKENS]`. 64 tokens, the default, fit its cache;
 * 8,192 do not, and then half the traffic counts.
 *
 * A load widens and a store rounds, by one instruction and by four to six, since WebAssembly has none of
 * its own for them: what computes little for each element is slower in the cache.
 *
 * Both run in turn, in every round; a ratio is the median of the rounds'. The last line names the kernels
 * that are slower in `bfloat16`.
 *
 * @module
 */

import { crossEntropy, normal, openDevice, rmsNorm, rotary, rotaryAngles, Tensor } from "../mod.ts";

const [TOKENS, HEADS, SIZE] = [Number(Deno.args[0] ?? 64), 16, 64];
const ROUNDS = TOKENS <= 256 ? 101 : 11;
/** A ratio within this of 1 is no difference. */
const NOISE = 0.05;
const DTYPES = ["float32", "bfloat16"] as const;

type Formula = (x: Tensor, y: Tensor, cos: Tensor, sin: Tensor) => Tensor;
const formulas: Readonly<Record<string, Formula>> = {
  add: (x, y) => x.add(y),
  mul: (x, y) => x.mul(y),
  div: (x, y) => x.div(y),
  maximum: (x, y) => x.maximum(y),
  relu: (x) => x.relu(),
  reluSquared: (x) => x.reluSquared(),
  exp: (x) => x.exp(),
  sigmoid: (x) => x.sigmoid(),
  silu: (x) => x.silu(),
  tanh: (x) => x.tanh(),
  softcap: (x) => x.softcap(15),
  rmsNorm: (x) => rmsNorm(x),
  softmax: (x) => x.softmax(),
  "sum along rows": (x) => x.sum(-1),
  "sum across rows": (x) => x.sum(0),
  rotary: (x, _, cos, sin) => rotary(x, cos, sin),
  crossEntropy: (x) =>
    crossEntropy(x, Tensor.full(x.device, [TOKENS, HEADS], 3, { dtype: "int32" }), {
      reduction: "none",
      softcap: 15,
    }),
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[
    values.length >> 1
  ]!;

const device = await openDevice("cpu", { threads: 1, blas: false });
const angles = rotaryAngles(TOKENS, SIZE);
const operandsIn = (dtype: typeof DTYPES[number]) => {
  const sample = (seed: number) => normal(device, [TOKENS, HEADS, SIZE], { seed }).to(dtype);
  const [cos, sin] = [angles.cos, angles.sin].map((values) =>
    Tensor.from(device, values, { shape: [TOKENS, 1, SIZE / 2] }).to(dtype)
  ) as [Tensor, Tensor];
  return { x: sample(1).requireGrad(), y: sample(2).requireGrad(), cos, sin };
};
const operands = DTYPES.map(operandsIn);

/** The microseconds of each kernel of a formula and its gradient. */
async function timesOf(
  formula: Formula,
  { x, y, cos, sin }: typeof operands[number],
): Promise<Map<string, number>> {
  using _scope = device.scope();
  const { events } = await device.profile(() => {
    const result = formula(x, y, cos, sin);
    result.backward(Tensor.ones(device, result.shape, { dtype: result.dtype }));
  });
  for (const each of [x, y]) each.zeroGrad();
  const times = new Map<string, number>();
  for (const { name, milliseconds } of events) {
    times.set(name, (times.get(name) ?? 0) + 1000 * milliseconds);
  }
  return times;
}

console.log(
  "formula           kernel                                 f32 µs   bf16 µs  bf16 / f32",
);
const slower: string[] = [];
for (const [name, formula] of Object.entries(formulas)) {
  const rounds: (readonly [Map<string, number>, Map<string, number>])[] = [];
  for (let round = -3; round < ROUNDS; round++) {
    const [first, second] = [
      await timesOf(formula, operands[0]!),
      await timesOf(formula, operands[1]!),
    ];
    if (round >= 0) rounds.push([first, second]);
  }
  const kernels = [...rounds[0]![0].keys()].filter((kernel) =>
    rounds[0]![1].has(kernel) && !["fill", "copy", "to"].includes(kernel)
  );
  for (const kernel of kernels) {
    const [single, half] = [0, 1].map((side) => rounds.map((both) => both[side]!.get(kernel)!)) as [
      number[],
      number[],
    ];
    const ratio = median(half.map((time, i) => time / single[i]!));
    const numbers = [median(single).toFixed(1), median(half).toFixed(1), ratio.toFixed(2)];
    console.log(
      name.padEnd(17),
      kernel.padEnd(36),
      ...numbers.map((each, i) => each.padStart(8 + i)),
    );
    if (ratio > 1 + NOISE) slower.push(`${name}: ${kernel} ${ratio.toFixed(2)}`);
  }
}
console.log(`slower in bfloat16: ${slower.length === 0 ? "none" : slower.join(", ")}`);
await device.close();
