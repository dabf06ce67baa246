/**
 * Attention on the CPU with BLAS matmuls: a block of queries of all heads against all its visible
 * keys, with the softmax between the matmuls in WebAssembly. The matmuls also multiply masked
 * elements, by the weight 0. That is right except for non-finite values, so a kernel detects those
 * by head, and such heads are recomputed by the kernels without BLAS.
 *
 * @module
 */

import type { CpuDevice, View } from "../../device.ts";
import {
  checkKernel,
  gradientScratch,
  softmaxGradientOfHeads,
  softmaxOfHeads,
} from "./attention_blas_kernels.ts";
import { attendByBlocks } from "./attention_blocks.ts";
import { computeGradients } from "./attention_gradient.ts";
import type { FastPath } from "../../fast_paths.ts";
import {
  type AttentionCall,
  type AttentionProblem,
  type ForwardViews,
  type GradientViews,
  LOG2_E,
} from "../../ops/attention/problem.ts";
import { STATISTICS_BYTES } from "./attention_softmax.ts";
import { paddedHead, QUERIES, SCORE_ROW } from "./attention_tile.ts";
import { place } from "./attention_words.ts";
import { clear } from "../../ops/gather/kernels.ts";

/** Posting a part to a worker costs less than 0.5 µs; a part of this size takes at least 2 µs. */
const OPERATIONS_PER_THREAD = 200_000;

/** Attention with BLAS matmuls. */
export const attentionByBlas: FastPath<"attention", "cpu"> = {
  operation: "attention",
  name: "BLAS",
  device: "cpu",
  gain: { factor: 1.46, of: "4 × 4 heads, 256 queries and keys, against blocks; 1 × 6, 1024 1.98" },
  suits: suitsBlas,
  run: (call, device) => {
    attendByBlas(device, call.views, call);
    checkHeads(device, "attention", [call.views.v], call, (flags) => {
      attendByBlocks(device, call, flags);
    });
  },
};

/** The gradient with BLAS matmuls. */
export const attentionGradientByBlas: FastPath<"attention gradient", "cpu"> = {
  operation: "attention gradient",
  name: "BLAS",
  device: "cpu",
  gain: { factor: 1.48, of: "4 × 4 heads, 256 queries and keys, against blocks; 1 × 6, 1024 2.01" },
  suits: suitsBlas,
  run: (call, device) => {
    computeGradientsByBlas(device, call.views, call);
    const { q, k, dy } = call.views;
    checkHeads(device, "gradient of attention", [q, k, dy], call, (flags) => {
      computeGradients(device, call, flags);
    });
  },
};

/** Many queries, each with at least one key, and rows that do not overlap. */
function suitsBlas(
  { queries, keys, headSize, views }: AttentionCall<ForwardViews>,
  device: CpuDevice,
): boolean {
  return device.hasBlas && queries >= QUERIES && keys >= queries &&
    Object.values(views).every(({ shape, strides }: View) =>
      shape.length < 4 || strides[1]! >= headSize
    );
}

/** The matrices of the key heads of a batch entry: rows by elements of a head. */
interface Heads {
  /** The byte address of the first head's first row. */
  readonly address: number;
  /** Stride between heads, in bytes. */
  readonly step: number;
  /** Stride between rows, in elements. */
  readonly row: number;
}

class Placed {
  readonly #address: number;
  readonly #batch: number;
  readonly #token: number;
  readonly #head: number;

  constructor(device: CpuDevice, view: View) {
    [this.#address, this.#batch, this.#token, this.#head] = place(device, view) as [
      number,
      number,
      number,
      number,
    ];
  }

  /** The rows from `token` on of every `every`-th head from `head` on. */
  rows(batch: number, token: number, head: number, every: number): Heads {
    const address = this.#address + batch * this.#batch + token * this.#token + head * this.#head;
    return { address, step: every * this.#head, row: this.#token / 4 };
  }
}

/** C = alpha · op(A) · op(B) + beta · C, for each head. */
interface HeadMatmul {
  readonly a: Heads;
  readonly b: Heads;
  readonly c: Heads;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** C is m×n; sums have length k. */
  readonly sizes: readonly [m: number, n: number, k: number];
  readonly alpha: number;
  readonly beta: number;
}

function multiplyHeads(
  device: CpuDevice,
  name: string,
  heads: number,
  { a, b, c, transposeA, transposeB, sizes, alpha, beta }: HeadMatmul,
): void {
  const [m, n, k] = sizes;
  const byHeads = heads % device.threads === 0;
  const split = byHeads ? 2 : m >= n ? 1 : 0;
  const items = [n, m, heads][split]!;
  const operations = 2 * m * n * k * heads;
  device.dispatch(
    { key: "sgemm" },
    {
      integers: [
        ...[Number(transposeA), Number(transposeB), m, n, k],
        ...[a.address, a.row, b.address, b.row, c.address, c.row, split],
        ...[heads, a.step, b.step, c.step],
      ],
      floats: [alpha, beta],
    },
    items,
    {
      grain: Math.ceil(OPERATIONS_PER_THREAD * items / operations),
      work: () => ({ name, flops: operations }),
    },
  );
}

/** A block of queries of a batch entry, for one query head per key head. */
interface Block {
  readonly batch: number;
  readonly member: number;
  readonly query: number;
  readonly count: number;
  /** The first visible key of the block, and the number of keys from it to the last visible one. */
  readonly first: number;
  readonly keys: number;
  /** Kernel arguments: the position of the block, and the log-sum-exps of its queries. */
  readonly words: readonly number[];
}

function* blocksOf(device: CpuDevice, problem: AttentionProblem, logSums: View): Generator<Block> {
  const { batch: batches, queries, keys, heads, keyHeads, left, right } = problem;
  const group = heads / keyHeads;
  const address = device.address(logSums);
  for (let batch = 0; batch < batches; batch++) {
    for (let query = 0; query < queries; query += QUERIES) {
      const count = Math.min(QUERIES, queries - query);
      const position = keys - queries + query;
      const first = Math.max(0, position - left);
      const seen = Math.min(keys, position + count + right) - first;
      for (let member = 0; member < group; member++) {
        const saved = address + 4 * ((batch * heads + member) * queries + query);
        yield {
          ...{ batch, member, query, count, first, keys: seen },
          words: [seen, count, left, right, first - position, saved, 4 * group * queries],
        };
      }
    }
  }
}

/** Allocates the scores of a block, `copies` times, for the duration of a call. */
function withScores(
  device: CpuDevice,
  { keys, keyHeads }: AttentionProblem,
  copies: number,
  use: (address: number, step: number) => void,
): void {
  const step = keys * SCORE_ROW;
  const allocation = device.allocate(copies * keyHeads * step, "the scores of attention");
  try {
    const at = { allocation, dtype: "float32", shape: [], strides: [], offset: 0 } as const;
    use(device.address(at), step);
  } finally {
    device.free(allocation);
  }
}

function attendByBlas(
  device: CpuDevice,
  { q, k, v, y, logSums }: ForwardViews,
  problem: AttentionProblem,
): void {
  const { heads, keyHeads, headSize, scale } = problem;
  const group = heads / keyHeads;
  const [placedQ, placedK, placedV, placedY] = [q, k, v, y].map((x) => new Placed(device, x)) as [
    Placed,
    Placed,
    Placed,
    Placed,
  ];
  withScores(device, problem, 1, (address, step) => {
    const scores = { address, step, row: QUERIES };
    for (
      const { batch, member, query, count, first, keys, words } of blocksOf(
        device,
        problem,
        logSums,
      )
    ) {
      const ofQueries = (x: Placed) => x.rows(batch, query, member, group);
      const ofKeys = (x: Placed) => x.rows(batch, first, 0, 1);
      multiplyHeads(device, "attention", keyHeads, {
        ...{ a: ofKeys(placedK), b: ofQueries(placedQ), c: scores },
        ...{ transposeA: false, transposeB: true, sizes: [keys, count, headSize] },
        ...{ alpha: scale * LOG2_E, beta: 0 },
      });
      device.dispatch(
        softmaxOfHeads(device.relaxedSimd),
        { integers: [address, step, ...words] },
        keyHeads,
        { scratchBytes: STATISTICS_BYTES, work: () => ({ name: "attention" }) },
      );
      multiplyHeads(device, "attention", keyHeads, {
        ...{ a: scores, b: ofKeys(placedV), c: ofQueries(placedY) },
        ...{ transposeA: true, transposeB: false, sizes: [count, headSize, keys] },
        ...{ alpha: 1, beta: 0 },
      });
    }
  });
}

/** Computes all three gradients; those of k and v are contiguous. */
function computeGradientsByBlas(
  device: CpuDevice,
  { q, k, v, y, logSums, dy, dq, dk, dv }: GradientViews,
  problem: AttentionProblem,
): void {
  const name = "gradient of attention";
  const { heads, keyHeads, headSize, scale } = problem;
  const group = heads / keyHeads;
  for (const sum of [dk, dv]) clear(device, sum, () => ({ name }));
  const placed = (view: View) => new Placed(device, view);
  const [placedQ, placedK, placedV, placedY] = [placed(q), placed(k), placed(v), placed(y)];
  const [placedDq, placedDk, placedDv, placedDy] = [placed(dq), placed(dk), placed(dv), placed(dy)];
  withScores(device, problem, 2, (address, step) => {
    const scores = { address, step, row: QUERIES };
    const products = { ...scores, address: address + keyHeads * step };
    for (
      const { batch, member, query, count, first, keys, words } of blocksOf(
        device,
        problem,
        logSums,
      )
    ) {
      const ofQueries = (x: Placed) => x.rows(batch, query, member, group);
      const ofKeys = (x: Placed) => x.rows(batch, first, 0, 1);
      const multiply = (product: HeadMatmul) => multiplyHeads(device, name, keyHeads, product);
      const compare = (a: Placed, b: Placed, c: Heads, alpha: number) =>
        multiply({
          ...{ a: ofKeys(a), b: ofQueries(b), c, alpha, beta: 0 },
          ...{ transposeA: false, transposeB: true, sizes: [keys, count, headSize] },
        });
      compare(placedK, placedQ, scores, scale * LOG2_E);
      compare(placedV, placedDy, products, 1);
      const [rowsY, rowsDy] = [ofQueries(placedY), ofQueries(placedDy)];
      device.dispatch(
        softmaxGradientOfHeads(headSize, device.relaxedSimd),
        {
          integers: [
            ...[address, step, keyHeads * step, ...words],
            ...[rowsY, rowsDy].flatMap((rows) => [rows.address, rows.step, 4 * rows.row]),
          ],
        },
        keyHeads,
        { scratchBytes: gradientScratch(headSize).bytes, work: () => ({ name }) },
      );
      /** By key: sums over the queries of the block. */
      const addToKeys = (a: Heads, b: Placed, c: Placed, alpha: number) =>
        multiply({
          ...{ a, b: ofQueries(b), c: ofKeys(c), alpha, beta: 1 },
          ...{ transposeA: false, transposeB: false, sizes: [keys, headSize, count] },
        });
      addToKeys(scores, placedDy, placedDv, 1);
      addToKeys(products, placedQ, placedDk, scale);
      multiply({
        ...{ a: products, b: ofKeys(placedK), c: ofQueries(placedDq), alpha: scale, beta: 0 },
        ...{ transposeA: true, transposeB: false, sizes: [count, headSize, keys] },
      });
    }
  });
}

/**
 * Flags each key head of each batch entry in which one of the views [B, T, H, D] has a non-finite
 * element, and passes on the address of the flags.
 */
function checkHeads(
  device: CpuDevice,
  name: string,
  views: readonly View[],
  { batch, keyHeads, headSize }: AttentionProblem,
  use: (flags: number) => void,
): void {
  const allocation = device.allocate(4 * batch * keyHeads, "the flags of attention");
  try {
    const at = { allocation, dtype: "int32", shape: [], strides: [], offset: 0 } as const;
    const flags = device.address(at);
    views.forEach((view, i) => {
      const [, tokens, heads] = view.shape as [number, number, number];
      device.dispatch(
        checkKernel(headSize, device.relaxedSimd),
        {
          integers: [
            ...[flags, Number(i === 0), ...place(device, view)],
            ...[tokens, keyHeads, heads / keyHeads],
          ],
        },
        batch * keyHeads,
        { scratchBytes: QUERIES * paddedHead(headSize) * 4, work: () => ({ name }) },
      );
    });
    use(flags);
  } finally {
    device.free(allocation);
  }
}
