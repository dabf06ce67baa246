/**
 * Results of PyTorch 2.6.0 in `float32` on the CPU at zeros, large numbers, infinities and NaN: values,
 * and gradients of their sum. Each row is named by the expression that was evaluated:
 *
 * ```py
 * x = torch.tensor(points, requires_grad=True)
 * zero, one, half = (torch.full((len(points),), c) for c in (0.0, 1.0, 0.5))
 * y = eval(expression); y.sum().backward(); print(y.tolist(), x.grad.tolist())
 * ```
 *
 * @module
 */

export const points: readonly number[] = [
  -Infinity,
  -1e30,
  -10000,
  -100,
  -1,
  -0,
  0,
  1,
  100,
  10000,
  1e30,
  Infinity,
  NaN,
];

export type ExtremeRow = readonly [values: readonly number[], gradients: readonly number[]];

/** A row for each expression of PyTorch. */
// deno-fmt-ignore
export const expected: Readonly<Record<string, ExtremeRow>> = {
  "-x": [
    [Infinity, 1e30, 10000, 100, 1, 0, -0, -1, -100, -10000, -1e30, -Infinity, NaN],
    [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1],
  ],
  "torch.exp(x)": [
    [0, 0, 0, 3.8e-44, 0.36787945, 1, 1, 2.7182817, Infinity, Infinity, Infinity, Infinity, NaN],
    [0, 0, 0, 3.8e-44, 0.36787945, 1, 1, 2.7182817, Infinity, Infinity, Infinity, Infinity, NaN],
  ],
  "torch.log(x)": [
    [NaN, NaN, NaN, NaN, NaN, -Infinity, -Infinity, 0, 4.6051702, 9.2103405, 69.07755, Infinity, NaN],
    [-0, -1e-30, -0.0001, -0.01, -1, -Infinity, Infinity, 1, 0.01, 0.0001, 1e-30, 0, NaN],
  ],
  "torch.sqrt(x)": [
    [NaN, NaN, NaN, NaN, NaN, -0, 0, 1, 10, 100, 1e15, Infinity, NaN],
    [NaN, NaN, NaN, NaN, NaN, -Infinity, Infinity, 0.5, 0.05, 0.005, 5e-16, 0, NaN],
  ],
  "torch.square(x)": [
    [Infinity, Infinity, 1e8, 10000, 1, 0, 0, 1, 10000, 1e8, Infinity, Infinity, NaN],
    [-Infinity, -2e30, -20000, -200, -2, -0, 0, 2, 200, 20000, 2e30, Infinity, NaN],
  ],
  "torch.abs(x)": [
    [Infinity, 1e30, 10000, 100, 1, 0, 0, 1, 100, 10000, 1e30, Infinity, NaN],
    [-1, -1, -1, -1, -1, 0, 0, 1, 1, 1, 1, 1, 0],
  ],
  "torch.tanh(x)": [
    [-1, -1, -1, -1, -0.7615942, -0, 0, 0.7615942, 1, 1, 1, 1, NaN],
    [0, 0, 0, 0, 0.4199743, 1, 1, 0.4199743, 0, 0, 0, 0, NaN],
  ],
  "torch.sigmoid(x)": [
    [0, 0, 0, 0, 0.26894143, 0.5, 0.5, 0.7310586, 1, 1, 1, 1, NaN],
    [0, 0, 0, 0, 0.19661194, 0.25, 0.25, 0.19661193, 0, 0, 0, 0, NaN],
  ],
  "torch.sin(x)": [
    [NaN, 0.79116344, 0.30561438, 0.50636566, -0.84147096, -0, 0, 0.84147096, -0.50636566, -0.30561438, -0.79116344, NaN, NaN],
    [NaN, -0.61160475, -0.95215535, 0.8623189, 0.5403023, 1, 1, 0.5403023, 0.8623189, -0.95215535, -0.61160475, NaN, NaN],
  ],
  "torch.cos(x)": [
    [NaN, -0.61160475, -0.95215535, 0.8623189, 0.5403023, 1, 1, 0.5403023, 0.8623189, -0.95215535, -0.61160475, NaN, NaN],
    [NaN, -0.79116344, -0.30561438, -0.50636566, 0.84147096, 0, -0, -0.84147096, 0.50636566, 0.30561438, 0.79116344, NaN, NaN],
  ],
  "torch.erf(x)": [
    [-1, -1, -1, -1, -0.84270066, -0, 0, 0.84270066, 1, 1, 1, 1, NaN],
    [0, 0, 0, 0, 0.41510752, 1.1283792, 1.1283792, 0.41510752, 0, 0, 0, 0, NaN],
  ],
  "torch.floor(x)": [
    [-Infinity, -1e30, -10000, -100, -1, -0, 0, 1, 100, 10000, 1e30, Infinity, NaN],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ],
  "torch.sign(x)": [
    [-1, -1, -1, -1, -1, 0, 0, 1, 1, 1, 1, 1, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ],
  "F.relu(x)": [
    [0, 0, 0, 0, 0, -0, 0, 1, 100, 10000, 1e30, Infinity, NaN],
    [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
  ],
  "F.relu(x) ** 2": [
    [0, 0, 0, 0, 0, 0, 0, 1, 10000, 1e8, Infinity, Infinity, NaN],
    [0, 0, 0, 0, 0, 0, 0, 2, 200, 20000, 2e30, Infinity, NaN],
  ],
  "F.silu(x)": [
    [NaN, -0, -0, -0, -0.26894143, -0, 0, 0.7310586, 100, 10000, 1e30, Infinity, NaN],
    [NaN, -0, -0, -0, 0.072329484, 0.5, 0.5, 0.92767054, 1, 1, 1, NaN, NaN],
  ],
  'F.gelu(x, approximate="tanh")': [
    [NaN, -0, -0, -0, -0.158808, -0, 0, 0.841192, 100, 10000, 1e30, Infinity, NaN],
    [NaN, NaN, 0, 0, -0.08296409, 0.5, 0.5, 1.0829641, 1, 1, NaN, NaN, NaN],
  ],
  "F.gelu(x)": [
    [NaN, -0, -0, -0, -0.15865526, -0, 0, 0.8413447, 100, 10000, 1e30, NaN, NaN],
    [NaN, 0, 0, 0, -0.08331543, 0.5, 0.5, 1.0833154, 1, 1, 1, NaN, NaN],
  ],
  "15 * torch.tanh(x / 15)": [
    [-15, -15, -15, -14.999951, -0.99852115, -0, 0, 0.99852115, 14.999951, 15, 15, 15, NaN],
    [0, 0, 0, 6.437291e-6, 0.9955687, 1, 1, 0.9955687, 6.437291e-6, 0, 0, 0, NaN],
  ],
  "x.clamp(-0.5, 150)": [
    [-0.5, -0.5, -0.5, -0.5, -0.5, -0, 0, 1, 100, 150, 150, 150, NaN],
    [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0],
  ],
  "x ** 0": [
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ],
  "x ** 0.5": [
    [NaN, NaN, NaN, NaN, NaN, -0, 0, 1, 10, 100, 1e15, Infinity, NaN],
    [NaN, NaN, NaN, NaN, NaN, -Infinity, Infinity, 0.5, 0.05, 0.005, 5e-16, 0, NaN],
  ],
  "x ** 1": [
    [-Infinity, -1e30, -10000, -100, -1, -0, 0, 1, 100, 10000, 1e30, Infinity, NaN],
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  ],
  "x ** 1.5": [
    [Infinity, NaN, NaN, NaN, NaN, 0, 0, 1, 1000, 1000000, Infinity, Infinity, NaN],
    [NaN, NaN, NaN, NaN, NaN, -0, 0, 1.5, 15, 150, 1.5e15, Infinity, NaN],
  ],
  "x ** 2": [
    [Infinity, Infinity, 1e8, 10000, 1, 0, 0, 1, 10000, 1e8, Infinity, Infinity, NaN],
    [-Infinity, -2e30, -20000, -200, -2, -0, 0, 2, 200, 20000, 2e30, Infinity, NaN],
  ],
  "x ** 2.5": [
    [Infinity, NaN, NaN, NaN, NaN, 0, 0, 1, 100000, 1e10, Infinity, Infinity, NaN],
    [Infinity, NaN, NaN, NaN, NaN, 0, 0, 2.5, 2500, 2500000, Infinity, Infinity, NaN],
  ],
  "x ** 3": [
    [-Infinity, -Infinity, -1e12, -1000000, -1, -0, 0, 1, 1000000, 1e12, Infinity, Infinity, NaN],
    [Infinity, Infinity, 3e8, 30000, 3, 0, 0, 3, 30000, 3e8, Infinity, Infinity, NaN],
  ],
  "x ** 4": [
    [Infinity, Infinity, 1e16, 1e8, 1, 0, 0, 1, 1e8, 1e16, Infinity, Infinity, NaN],
    [-Infinity, -Infinity, -4e12, -4000000, -4, -0, 0, 4, 4000000, 4e12, Infinity, Infinity, NaN],
  ],
  "x ** 5": [
    [-Infinity, -Infinity, -1e20, -1e10, -1, -0, 0, 1, 1e10, 1e20, Infinity, Infinity, NaN],
    [Infinity, Infinity, 5e16, 5e8, 5, 0, 0, 5, 5e8, 5e16, Infinity, Infinity, NaN],
  ],
  "x ** 15": [
    [-Infinity, -Infinity, -Infinity, -1e30, -1, -0, 0, 1, 1e30, Infinity, Infinity, Infinity, NaN],
    [Infinity, Infinity, Infinity, 1.4999999e29, 15, 0, 0, 15, 1.4999999e29, Infinity, Infinity, Infinity, NaN],
  ],
  "x ** -0.5": [
    [NaN, NaN, NaN, NaN, NaN, -Infinity, Infinity, 1, 0.1, 0.01, 1e-15, 0, NaN],
    [-0, NaN, NaN, NaN, NaN, -Infinity, -Infinity, -0.5, -0.0005, -5e-7, -0, -0, NaN],
  ],
  "x ** -1": [
    [-0, -1e-30, -0.0001, -0.01, -1, -Infinity, Infinity, 1, 0.01, 0.0001, 1e-30, 0, NaN],
    [-0, -0, -1e-8, -0.0001, -1, -Infinity, -Infinity, -1, -0.0001, -1e-8, -0, -0, NaN],
  ],
  "x ** -1.5": [
    [0, NaN, NaN, NaN, NaN, Infinity, Infinity, 1, 0.001, 1e-6, 1e-45, 0, NaN],
    [-0, NaN, NaN, NaN, NaN, -Infinity, -Infinity, -1.5, -1.5e-5, -1.5e-10, -0, -0, NaN],
  ],
  "x ** -2": [
    [0, 0, 1e-8, 0.0001, 1, Infinity, Infinity, 1, 0.0001, 1e-8, 0, 0, NaN],
    [0, 0, 2e-12, 2e-6, 2, Infinity, -Infinity, -2, -2e-6, -2e-12, -0, -0, NaN],
  ],
  "x ** -3": [
    [-0, -0, -1e-12, -1e-6, -1, -Infinity, Infinity, 1, 1e-6, 1e-12, 0, 0, NaN],
    [-0, -0, -3e-16, -3e-8, -3, -Infinity, -Infinity, -3, -3e-8, -3e-16, -0, -0, NaN],
  ],
  "torch.maximum(x, torch.zeros(()))": [
    [0, 0, 0, 0, 0, -0, 0, 1, 100, 10000, 1e30, Infinity, NaN],
    [0, 0, 0, 0, 0, 0.5, 0.5, 1, 1, 1, 1, 1, 1],
  ],
  "torch.minimum(x, torch.zeros(()))": [
    [-Infinity, -1e30, -10000, -100, -1, -0, 0, 0, 0, 0, 0, 0, NaN],
    [1, 1, 1, 1, 1, 0.5, 0.5, 0, 0, 0, 0, 0, 1],
  ],
  "1 / x": [
    [-0, -1e-30, -0.0001, -0.01, -1, -Infinity, Infinity, 1, 0.01, 0.0001, 1e-30, 0, NaN],
    [-0, -0, -9.999999e-9, -0.0001, -1, -Infinity, -Infinity, -1, -0.0001, -9.999999e-9, -0, -0, NaN],
  ],
  'F.mse_loss(x, zero, reduction="none")': [
    [Infinity, Infinity, 1e8, 10000, 1, 0, 0, 1, 10000, 1e8, Infinity, Infinity, NaN],
    [-Infinity, -2e30, -20000, -200, -2, -0, 0, 2, 200, 20000, 2e30, Infinity, NaN],
  ],
  'F.l1_loss(x, zero, reduction="none")': [
    [Infinity, 1e30, 10000, 100, 1, 0, 0, 1, 100, 10000, 1e30, Infinity, NaN],
    [-1, -1, -1, -1, -1, 0, 0, 1, 1, 1, 1, 1, 0],
  ],
  'F.huber_loss(x, zero, reduction="none")': [
    [Infinity, 1e30, 9999.5, 99.5, 0.5, 0, 0, 0.5, 99.5, 9999.5, 1e30, Infinity, NaN],
    [-1, -1, -1, -1, -1, -0, 0, 1, 1, 1, 1, 1, NaN],
  ],
  'F.binary_cross_entropy_with_logits(x, zero, reduction="none")': [
    [NaN, 0, 0, 0, 0.31326175, 0.6931472, 0.6931472, 1.3132617, 100, 10000, 1e30, Infinity, NaN],
    [0, 0, 0, 0, 0.26894143, 0.5, 0.5, 0.7310586, 1, 1, 1, 1, NaN],
  ],
  'F.binary_cross_entropy_with_logits(x, one, reduction="none")': [
    [NaN, 1e30, 10000, 100, 1.3132617, 0.6931472, 0.6931472, 0.3132617, 3.9e-44, 0, 0, NaN, NaN],
    [-1, -1, -1, -1, -0.7310586, -0.5, -0.5, -0.2689414, 0, 0, 0, 0, NaN],
  ],
  'F.binary_cross_entropy_with_logits(x, half, reduction="none")': [
    [NaN, 5e29, 5000, 50, 0.81326175, 0.6931472, 0.6931472, 0.8132617, 50, 5000, 5e29, Infinity, NaN],
    [-0.5, -0.5, -0.5, -0.5, -0.23105857, 0, 0, 0.2310586, 0.5, 0.5, 0.5, 0.5, NaN],
  ],
};

/** The bases of {@linkcode expectedPowers}. */
export const bases: readonly number[] = [
  -Infinity,
  -1e30,
  -2,
  -1,
  -0,
  0,
  0.5,
  1,
  2,
  1e30,
  Infinity,
  NaN,
];

/** `x.pow(p)`: values, and gradients with respect to `x` and `p`. */
// deno-fmt-ignore
export const expectedPowers: readonly (readonly [
  exponent: number,
  values: readonly number[],
  byBase: readonly number[],
  byExponent: readonly number[],
])[] = [
  [-1.5,
    [0, NaN, NaN, NaN, Infinity, Infinity, 2.828427, 1, 0.35355338, 1e-45, 0, NaN],
    [-0, NaN, NaN, NaN, -Infinity, -Infinity, -8.485281, -1.5, -0.26516503, -0, -0, NaN],
    [NaN, NaN, NaN, NaN, -Infinity, -Infinity, -1.9605162, 0, 0.24506453, 9.7e-44, NaN, NaN],
  ],
  [-1,
    [-0, -1e-30, -0.5, -1, -Infinity, Infinity, 2, 1, 0.5, 1e-30, 0, NaN],
    [-0, -0, -0.25, -1, -Infinity, -Infinity, -4, -1, -0.25, -0, -0, NaN],
    [NaN, NaN, NaN, NaN, Infinity, -Infinity, -1.3862944, 0, 0.3465736, 6.907755e-29, NaN, NaN],
  ],
  [0,
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [NaN, NaN, NaN, NaN, 0, 0, -0.6931472, 0, 0.6931472, 69.07755, Infinity, NaN],
  ],
  [0.5,
    [Infinity, NaN, NaN, NaN, 0, 0, 0.70710677, 1, 1.4142135, 1e15, Infinity, NaN],
    [0, NaN, NaN, NaN, Infinity, Infinity, 0.70710677, 0.5, 0.35355338, 5e-16, 0, NaN],
    [NaN, NaN, NaN, NaN, 0, 0, -0.49012905, 0, 0.9802581, 6.9077552e16, Infinity, NaN],
  ],
  [1,
    [-Infinity, -1e30, -2, -1, -0, 0, 0.5, 1, 2, 1e30, Infinity, NaN],
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    [NaN, NaN, NaN, NaN, 0, 0, -0.3465736, 0, 1.3862944, 6.907755e31, Infinity, NaN],
  ],
  [2,
    [Infinity, Infinity, 4, 1, 0, 0, 0.25, 1, 4, Infinity, Infinity, NaN],
    [-Infinity, -2e30, -4, -2, -0, 0, 1, 2, 4, 2e30, Infinity, NaN],
    [NaN, NaN, NaN, NaN, 0, 0, -0.1732868, 0, 2.7725887, Infinity, Infinity, NaN],
  ],
  [3,
    [-Infinity, -Infinity, -8, -1, -0, 0, 0.125, 1, 8, Infinity, Infinity, NaN],
    [Infinity, Infinity, 12, 3, 0, 0, 0.75, 3, 12, Infinity, Infinity, NaN],
    [NaN, NaN, NaN, NaN, 0, 0, -0.0866434, 0, 5.5451775, Infinity, Infinity, NaN],
  ],
];
