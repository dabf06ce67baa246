/** Cases that every matmul algorithm must pass, with a check in double precision. @module */

import type { Device, View } from "../../device.ts";
import {
  bytesPerElement,
  type FloatType,
  numbersIn,
  storedArray,
  type TypedArray,
} from "../../layout.ts";
import type { MatmulForm } from "../matmul/problem.ts";

export interface MatmulCase {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly options: MatmulForm;
  readonly batch: readonly number[];
  /** Batch axes along which an operand is broadcast. */
  readonly sharedA: readonly number[];
  readonly sharedB: readonly number[];
  readonly columnMajorA: boolean;
  readonly columnMajorB: boolean;
  /** Number of elements around each matrix: above 0, matrices are slices of larger tensors. */
  readonly margin: number;
  /** Whether the batch axes of the first operand and of the result are reversed in memory. */
  readonly swappedBatch: boolean;
  /** An element for the first position of the first operand. */
  readonly special: number | null;
  /** Whether the second operand is the first one, transposed, so that the result is symmetric. */
  readonly gram: boolean;
}

export type Multiply = (
  a: View,
  b: View,
  c: View,
  options: MatmulForm,
) => void;

const SIZES: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [1, 17, 5],
  [1, 131, 100],
  [1, 64, 131],
  [2, 8, 3],
  [3, 100, 17],
  [5, 5, 5],
  [8, 8, 8],
  [17, 1, 64],
  [131, 2, 17],
  [17, 3, 131],
  [64, 64, 64],
  [64, 17, 1],
  [100, 131, 17],
  [131, 64, 100],
  [100, 8, 131],
  [8, 100, 64],
  [0, 3, 4],
  [3, 0, 4],
  [3, 4, 0],
  [1, 64, 0],
];

const ORDERS = [[false, false], [false, true], [true, false], [true, true]] as const;

function makeCase(name: string, given: Partial<MatmulCase>): MatmulCase {
  return {
    name,
    m: 17,
    n: 24,
    k: 20,
    options: { transposeA: false, transposeB: false },
    batch: [],
    sharedA: [],
    sharedB: [],
    columnMajorA: false,
    columnMajorB: false,
    margin: 0,
    swappedBatch: false,
    special: null,
    gram: false,
    ...given,
  };
}

export const MATMUL_CASES: readonly MatmulCase[] = [
  ...SIZES.flatMap(([m, n, k]) =>
    ORDERS.flatMap(([transposeA, transposeB]) =>
      [false, true].map((accumulate) =>
        makeCase(`${m}×${k}${transposeA ? "ᵀ" : ""} · ${k}×${n}${transposeB ? "ᵀ" : ""}`, {
          m,
          n,
          k,
          options: { transposeA, transposeB, accumulate },
        })
      )
    )
  ),
  // Longer and wider than one block of packed matmul: 192 rows, 256 steps, 2,048 columns.
  ...[[400, 20, 20], [20, 2100, 9], [9, 20, 700], [200, 40, 300]].flatMap(([m, n, k]) =>
    ORDERS.map(([transposeA, transposeB]) =>
      makeCase(`more than a block: ${m}×${n}×${k}`, {
        m: m!,
        n: n!,
        k: k!,
        options: { transposeA, transposeB },
      })
    )
  ),
  // Skinny matmuls, with an even or odd number of column strips and a remainder.
  ...[[16, 150, 70], [16, 192, 33], [40, 100, 30], [9, 130, 1700], [6, 171, 800]].flatMap((
    [m, n, k],
  ) =>
    [false, true].map((accumulate) =>
      makeCase(`few rows in strips: ${m}×${n}×${k}`, {
        m: m!,
        n: n!,
        k: k!,
        margin: accumulate ? 3 : 0,
        options: { transposeA: false, transposeB: true, accumulate },
      })
    )
  ),
  ...ORDERS.flatMap(([transposeA, transposeB]) =>
    ORDERS.map(([columnMajorA, columnMajorB]) =>
      makeCase(`column-major ${columnMajorA} ${columnMajorB}`, {
        columnMajorA,
        columnMajorB,
        margin: 3,
        options: { transposeA, transposeB },
      })
    )
  ),
  ...ORDERS.flatMap(([transposeA, transposeB]) =>
    [[17, 24, 20], [64, 64, 64], [1, 33, 20], [2, 20, 33], [50, 1, 7]].flatMap(([m, n, k]) =>
      [1, 4].map((margin) =>
        makeCase(`slices of ${m}×${n}×${k} with a margin of ${margin}`, {
          m: m!,
          n: n!,
          k: k!,
          margin,
          options: { transposeA, transposeB, accumulate: true },
        })
      )
    )
  ),
  ...ORDERS.flatMap(([transposeA, transposeB]) =>
    [[6, 6, 6], [17, 24, 20], [1, 40, 12], [40, 1, 12], [33, 70, 40]].flatMap(([m, n, k]) => [
      makeCase(`batch of ${m}×${n}×${k}`, {
        m: m!,
        n: n!,
        k: k!,
        batch: [5],
        options: { transposeA, transposeB },
      }),
      makeCase(`batch of ${m}×${n}×${k} with one b`, {
        m: m!,
        n: n!,
        k: k!,
        batch: [3],
        sharedB: [0],
        options: { transposeA, transposeB, accumulate: true },
      }),
      makeCase(`batch of ${m}×${n}×${k} with one a`, {
        m: m!,
        n: n!,
        k: k!,
        batch: [3],
        sharedA: [0],
        options: { transposeA, transposeB },
      }),
      makeCase(`two batch axes of ${m}×${n}×${k} in reverse order`, {
        m: m!,
        n: n!,
        k: k!,
        batch: [2, 3],
        sharedB: [1],
        swappedBatch: true,
        options: { transposeA, transposeB },
      }),
      makeCase(`three batch axes of ${m}×${n}×${k}`, {
        m: m!,
        n: n!,
        k: k!,
        batch: [2, 3, 2],
        sharedA: [1],
        swappedBatch: true,
        margin: 1,
        options: { transposeA, transposeB, accumulate: true },
      }),
    ])
  ),
  // Rows that start at multiples of four elements, and partial blocks.
  ...ORDERS.flatMap(([transposeA, transposeB]) =>
    [[36, 44, 28], [132, 140, 20]].map(([m, n, k]) =>
      makeCase(`aligned batch of ${m}×${n}×${k}`, {
        m: m!,
        n: n!,
        k: k!,
        batch: [2],
        margin: 4,
        options: { transposeA, transposeB, accumulate: m === 36 },
      })
    )
  ),
  // Few elements with long sums: suited to split-K, with uneven parts.
  ...ORDERS.flatMap(([transposeA, transposeB]) =>
    [[], [3], [2, 3]].map((batch) =>
      makeCase(`long sums in a batch of [${batch}]`, {
        m: 12,
        n: 20,
        k: 401,
        batch,
        swappedBatch: true,
        options: { transposeA, transposeB, accumulate: batch.length === 1 },
      })
    )
  ),
  ...[false, true].map((accumulate) =>
    makeCase("long sums of a symmetric product", {
      m: 24,
      n: 24,
      k: 530,
      gram: true,
      batch: [2],
      options: { transposeA: false, transposeB: true, symmetric: true, accumulate },
    })
  ),
  makeCase("batch without items", { batch: [3, 0] }),
  ...[1, 5, 24, 70, 99, 150, 301].flatMap((size) =>
    [false, true].map((transposed) =>
      makeCase(`${size} × ${size} from X${transposed ? "ᵀ·X" : "·Xᵀ"}`, {
        m: size,
        n: size,
        gram: true,
        margin: size % 4,
        batch: size < 200 ? [2] : [],
        options: {
          transposeA: transposed,
          transposeB: !transposed,
          symmetric: true,
          accumulate: size % 2 === 1,
        },
      })
    )
  ),
  ...[NaN, Infinity, -Infinity].flatMap((special) => [
    makeCase(`${special} in a`, { special }),
    makeCase(`${special} in a, one row`, { special, m: 1, n: 40, k: 40 }),
    makeCase(`${special} in a, one row, b transposed`, {
      special,
      m: 1,
      n: 40,
      k: 40,
      options: { transposeA: false, transposeB: true },
    }),
    makeCase(`${special} in a, large`, { special, m: 100, n: 100, k: 100 }),
  ]),
];

/** The error of rounding a result: relative, or for subnormals absolute. */
const ROUNDING = {
  float32: [0, 0],
  bfloat16: [2 ** -8, 0],
  float16: [2 ** -11, 2 ** -25],
} as const;

/** A matrix, or a batch of them, among other numbers. */
interface TestMatrix {
  readonly view: View;
  readonly values: TypedArray;
  readonly at: (item: readonly number[], row: number, column: number) => number;
}

/**
 * Runs one case, without waiting before the read, and compares every element, and everything around
 * the result, with double precision. Returns the bits of the result.
 *
 * The error bound is that of a sum of k products in any order, k · 2⁻²⁴ · Σ |a · b|, plus that of
 * rounding to 16 bits if that is the dtype: half of the last bit. Source: Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 3.1.
 */
export async function checkMatmul(
  device: Device,
  case_: MatmulCase,
  multiply: Multiply,
  dtype: FloatType = "float32",
): Promise<TypedArray> {
  const { m, n, k, batch, options, margin, swappedBatch } = case_;
  const random = randomNumbers(m + 7 * n + 131 * k);
  const order = swappedBatch ? batch.map((_, axis) => batch.length - 1 - axis) : undefined;
  const common = { batch, margin, random, dtype };
  const a = makeTestMatrix(device, {
    ...common,
    order,
    shared: case_.sharedA,
    columnMajor: case_.columnMajorA,
    matrix: options.transposeA ? [k, m] : [m, k],
  });
  const b = case_.gram ? a : makeTestMatrix(device, {
    ...common,
    shared: case_.sharedB,
    columnMajor: case_.columnMajorB,
    matrix: options.transposeB ? [n, k] : [k, n],
  });
  const c = makeTestMatrix(device, { ...common, order, matrix: [m, n] });
  const rewrite = ({ view, values }: TestMatrix) =>
    device.write(view.allocation, 0, storedArray(dtype, values));
  if (case_.special !== null) {
    a.values[a.view.offset] = case_.special;
    rewrite(a);
  }
  if (case_.gram) {
    for (const item of indices(batch)) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < i; j++) c.values[c.at(item, i, j)] = c.values[c.at(item, j, i)]!;
      }
    }
    rewrite(c);
  }
  multiply(a.view, b.view, c.view, options);
  const reading = device.read(c.view.allocation, 0, bytesPerElement(dtype) * c.values.length);
  for (const operand of new Set([a, b, c])) device.free(operand.view.allocation);
  const result = numbersIn(dtype, await reading);

  const { sums, sizes } = expectedOf(case_, dtype, a, b, c);
  const [relative, smallest] = ROUNDING[dtype];
  const wrong = result.findIndex((got, at) => {
    const [sum, size] = [sums[at]!, sizes[at]!];
    if (size < 0 || !Number.isFinite(sum)) return !Object.is(got, sum);
    const error = (k + 1) * 2 ** -24 * size;
    return !(Math.abs(got - sum) <= error + Math.max(relative * Math.abs(sum), smallest));
  });
  if (wrong >= 0) {
    const isOutside = sizes[wrong]! < 0;
    throw new Error(
      `Cannot accept "${case_.name}" with ${JSON.stringify(options)}: wanted ${sums[wrong]} in ` +
        (isOutside ? `element ${wrong}, outside of the result` : placeIn(c, wrong)) +
        `, got ${result[wrong]}`,
    );
  }
  return result;
}

/** The wanted elements of the allocation of a result. */
interface Expected {
  /** Outside of the result, what was there before. */
  readonly sums: Float64Array;
  /** The sum of the magnitudes of what is added up; −1 outside of the result. */
  readonly sizes: Float64Array;
}

/** By case and dtype: the operands of a case are always the same. */
const expectations = new WeakMap<MatmulCase, Partial<Record<FloatType, Expected>>>();

function expectedOf(
  case_: MatmulCase,
  dtype: FloatType,
  a: TestMatrix,
  b: TestMatrix,
  c: TestMatrix,
): Expected {
  let known = expectations.get(case_);
  if (known === undefined) expectations.set(case_, known = {});
  return known[dtype] ??= computeExpected(case_, a, b, c);
}

function computeExpected(
  { m, n, k, batch, options }: MatmulCase,
  a: TestMatrix,
  b: TestMatrix,
  c: TestMatrix,
): Expected {
  const sums = Float64Array.from(c.values);
  const sizes = new Float64Array(sums.length).fill(-1);
  const leftStride = a.view.strides.at(options.transposeA ? -2 : -1)!;
  const rightStride = b.view.strides.at(options.transposeB ? -1 : -2)!;
  for (const item of indices(batch)) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const at = c.at(item, i, j);
        const leftStart = options.transposeA ? a.at(item, 0, i) : a.at(item, i, 0);
        const rightStart = options.transposeB ? b.at(item, j, 0) : b.at(item, 0, j);
        let sum = options.accumulate ? c.values[at]! : 0;
        let size = Math.abs(sum);
        for (let step = 0; step < k; step++) {
          const product = a.values[leftStart + step * leftStride]! *
            b.values[rightStart + step * rightStride]!;
          sum += product;
          size += Math.abs(product);
        }
        sums[at] = sum;
        sizes[at] = size;
      }
    }
  }
  return { sums, sizes };
}

/** Names the element of a matrix at a place in its allocation. */
function placeIn({ view, at }: TestMatrix, place: number): string {
  const index = indices(view.shape).find((index) => {
    const [row, column] = index.slice(-2) as [number, number];
    return at(index.slice(0, -2), row, column) === place;
  });
  return `element [${index}]`;
}

function makeTestMatrix(device: Device, plan: {
  readonly batch: readonly number[];
  readonly matrix: readonly [rows: number, columns: number];
  readonly margin: number;
  readonly random: () => number;
  readonly dtype: FloatType;
  readonly order?: readonly number[] | undefined;
  readonly shared?: readonly number[];
  readonly columnMajor?: boolean;
}): TestMatrix {
  const { batch, matrix, margin, random, dtype, shared = [], columnMajor = false } = plan;
  const order = plan.order ?? batch.map((_, axis) => axis);
  const [slow, fast] = columnMajor ? [matrix[1], matrix[0]] : matrix;
  const leading = fast + margin;
  const strides = new Array<number>(batch.length).fill(0);
  let stride = (slow + margin) * leading;
  for (const axis of order.toReversed()) {
    if (shared.includes(axis)) continue;
    strides[axis] = stride;
    stride *= batch[axis]!;
  }
  const length = stride + margin;
  const stored = storedArray(dtype, Array.from({ length }, random));
  const values = numbersIn(dtype, stored.slice().buffer);
  const allocation = device.allocate(stored.byteLength, "a test");
  device.write(allocation, 0, stored);
  const [row, column] = columnMajor ? [1, leading] : [leading, 1];
  const all = [...strides, row, column];
  return {
    view: {
      allocation,
      dtype,
      shape: [...batch, ...matrix],
      strides: all,
      offset: margin,
    },
    values,
    at: (item, i, j) =>
      [...item, i, j].reduce((sum, index, axis) => sum + index * all[axis]!, margin),
  };
}

function indices(lengths: readonly number[]): number[][] {
  return lengths.reduce<number[][]>(
    (all, length) => all.flatMap((item) => Array.from({ length }, (_, i) => [...item, i])),
    [[]],
  );
}

function randomNumbers(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    state ^= state >>> 12;
    return (state | 0) / 2 ** 31;
  };
}
