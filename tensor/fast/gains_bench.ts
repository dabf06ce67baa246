/**
 * The gain of each fast path: its time against that of what would run without it, the next fast path
 * that suits or the plain body. Runs are interleaved, in pairs.
 *
 * `deno run -A tensor/fast/gains_bench.ts cpu` prints a table, and fails if a fast path gains less
 * than 5 % in each of its cases; further arguments are parts of names.
 *
 * @module
 */

import { median } from "../../bench/statistics.ts";
import type { CpuDevice } from "../device.ts";
import type { AnyFastPath, FastPath } from "../fast_paths.ts";
import {
  attention,
  concat,
  copyInto,
  type Device,
  type FloatType,
  noGrad,
  normal,
  openDevice,
  type Packing,
  quantize,
  Tensor,
} from "../mod.ts";
import { uniformArray } from "../random.ts";
import { attend, attendBackward, plainSoftmax } from "../ops/attention/body.ts";
import {
  type AttentionCall,
  type GradientViews,
  type SoftmaxCall,
  UNLIMITED,
} from "../ops/attention/problem.ts";
import { plainMatmul } from "../ops/matmul/plain.ts";
import { describeMatmuls, type MatmulProblem } from "../ops/matmul/problem.ts";
import { type RowSums, sumSorted } from "../ops/gather/sum_rows.ts";
import { plainQuantizedMatmul, type QuantizedProblem } from "../ops/quantized/multiply.ts";
import { plainTopK } from "../ops/sampling/top_k.ts";
import { addRowsInOrder } from "./cpu/add_rows.ts";
import { attentionOneByOne } from "./cpu/attention_decode.ts";
import { attentionByMatmuls, attentionGradientByMatmuls } from "./cpu/attention_matmuls.ts";
import { softmaxOfVisible } from "./cpu/attention_softmax.ts";
import {
  bfloat16FewRows,
  bfloat16Matmul,
  blasMatmul,
  blasStripsMatmul,
} from "./cpu/blas_matmul.ts";
import { cachedAttention } from "./cpu/cached_attention.ts";
import { packedMatmul } from "./cpu/packed_matmul.ts";
import { quantizedSkinny } from "./cpu/quantized_skinny.ts";
import { skinnyMatmul } from "./cpu/skinny_matmul.ts";
import { symmetricMatmul } from "./cpu/symmetric_matmul.ts";
import { heapTopK } from "./cpu/top_k.ts";
import { quantizedPanels } from "./quantized_panels.ts";
import { widenedMatmul } from "./widened_matmul.ts";

interface Case {
  readonly path: AnyFastPath;
  readonly of: string;
  readonly blas: boolean;
  /** Creates the operands. @throws {Error} If the fast path does not suit them. */
  readonly prepare: (device: Device) => { readonly run: () => void; readonly without: () => void };
}

/** Measurements of a case, each this long. */
const PAIRS = 31;
const MILLISECONDS = 10;

const plain = {
  name: "plain",
  run: (problem: MatmulProblem, device: CpuDevice) => plainMatmul(device, problem),
};

function matmulCase(
  path: FastPath<"matmul", "cpu">,
  next: Pick<FastPath<"matmul", "cpu">, "name" | "run">,
  [m, k, n]: readonly [number, number, number],
  { blas = false, symmetric = false, dtype = "float32" }: {
    readonly blas?: boolean;
    readonly symmetric?: boolean;
    readonly dtype?: FloatType;
  } = {},
): Case {
  const result = `${symmetric ? "symmetric " : ""}${dtype === "float32" ? "" : `${dtype} `}`;
  return {
    path,
    of: `${result}${m}×${k}×${n}, without it ${next.name}`,
    blas,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const a = normal(device, [m, k], { seed: 1 }).to(dtype);
      const b = symmetric ? a : normal(device, [n, k], { seed: 2 }).to(dtype);
      const options = { transposeA: false, transposeB: true, symmetric };
      const [problem] = describeMatmuls(a, b, Tensor.zeros(device, [m, n], { dtype }), options);
      if (path.refuses(problem!, device) !== null) throw new Error(`"${path.name}" does not suit`);
      return {
        run: () => path.run(problem!, device),
        without: () => next.run(problem!, device),
      };
    },
  };
}

const plainQuantized = {
  name: "plain",
  run: (problem: QuantizedProblem, device: CpuDevice) => plainQuantizedMatmul(device, problem),
};

function quantizedCase(
  path: FastPath<"quantized matmul", "cpu">,
  without: Pick<FastPath<"quantized matmul", "cpu">, "name" | "run">,
  packing: Packing,
  [rows, k, n]: readonly [number, number, number],
): Case {
  return {
    path,
    of: `${rows}×${k}×${n} ${packing}, without it ${without.name}`,
    blas: true,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const problem = {
        x: normal(device, [rows, k], { seed: 1 }),
        weight: quantize(normal(device, [n, k], { seed: 2 }), packing),
        y: Tensor.zeros(device, [rows, n]),
        accumulate: false,
      };
      if (path.refuses(problem, device) !== null) throw new Error(`"${path.name}" does not suit`);
      return {
        run: () => path.run(problem, device),
        without: () => without.run(problem, device),
      };
    },
  };
}

type AttentionPath = FastPath<"attention", "cpu"> | FastPath<"attention gradient", "cpu">;

const plainAttention = {
  name: "plain",
  run: (call: AttentionCall<GradientViews>, device: CpuDevice) => attend(device, call.views, call),
};
const plainGradient = {
  name: "plain",
  run: (call: AttentionCall<GradientViews>, device: CpuDevice) =>
    attendBackward(device, call.views, call),
};

/** Causal attention of heads of 64. */
function attentionCase(
  path: AttentionPath,
  next: Pick<AttentionPath, "name" | "run">,
  { batch, queries, keys, heads }: Readonly<
    Record<"batch" | "queries" | "keys" | "heads", number>
  >,
  { blas = false } = {},
): Case {
  return {
    path,
    of: `${batch} × ${heads} heads, ${queries} queries, ${keys} keys, without it ${next.name}`,
    blas,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const makeQueries = (seed: number) => normal(device, [batch, queries, heads, 64], { seed });
      const makeKeys = (seed: number) => normal(device, [batch, keys, heads, 64], { seed });
      const views = {
        q: makeQueries(1),
        k: makeKeys(2),
        v: makeKeys(3),
        y: makeQueries(4),
        dy: makeQueries(5),
        dq: makeQueries(6),
        dk: makeKeys(7),
        dv: makeKeys(8),
        logSums: Tensor.zeros(device, [batch, heads, queries]),
      };
      const call = {
        views,
        batch,
        queries,
        keys,
        heads,
        keyHeads: heads,
        headSize: 64,
        scale: 1 / 8,
        left: UNLIMITED,
        right: 0,
      };
      if (path.refuses(call, device) !== null) throw new Error(`"${path.name}" does not suit`);
      attend(device, views, call);
      return { run: () => path.run(call, device), without: () => next.run(call, device) };
    },
  };
}

/** One new token of each sequence, in caches that `number` tokens of 512 fill. */
function cachedAttentionCase(sequences: number, heads: number, number: number): Case {
  return {
    path: cachedAttention,
    of: `${sequences} sequences, ${heads} heads, ${number} keys, without it one by one`,
    blas: false,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const [q, k, v] = [1, 2, 3].map((seed) =>
        normal(device, [sequences, 1, heads, 64], { seed })
      ) as [Tensor, Tensor, Tensor];
      const stored = (seed: number) =>
        normal(device, [1, heads, 512, 64], { seed }).transpose(1, 2);
      const caches = Array.from({ length: sequences }, (_, i) => ({
        keys: stored(10 + i),
        values: stored(50 + i),
        position: number - 1,
      }));
      const problem = { q, k, v, caches, scale: 1 / 8, left: UNLIMITED };
      if (cachedAttention.refuses(problem, device) !== null) throw new Error("it does not suit");
      const scoped = (run: () => void) => () => {
        using _scope = device.scope();
        noGrad(run);
      };
      const of = (x: Tensor, i: number) => x.slice(0, i, i + 1);
      return {
        run: scoped(() => cachedAttention.run(problem, device)),
        without: scoped(() => {
          concat(caches.map(({ keys, values }, i) => {
            copyInto(of(k, i), keys.slice(1, number - 1, number));
            copyInto(of(v, i), values.slice(1, number - 1, number));
            return attention(of(q, i), keys.slice(1, 0, number), values.slice(1, 0, number));
          }));
        }),
      };
    },
  };
}

/** The softmax of the last block of causal attention, or its gradient. */
function softmaxCase(isGradient: boolean): Case {
  const [batch, heads, queries, keys] = [4, 4, 64, 256];
  return {
    path: softmaxOfVisible,
    of: `${isGradient ? "gradient of " : ""}${batch} × ${heads} × ${queries} × ${keys}, plain`,
    blas: false,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const shape = [batch, heads, 1, queries, keys];
      const products = normal(device, shape, { seed: 1 });
      const upstream = isGradient ? normal(device, shape, { seed: 2 }) : null;
      const call: SoftmaxCall = {
        queries,
        keys,
        position: keys - queries,
        scale: 1 / 8,
        left: UNLIMITED,
        right: 0,
        products,
        upstream,
        results: upstream === null ? [products] : [products, upstream],
        logSums: Tensor.ones(device, shape.with(4, 1)),
      };
      return {
        run: () => softmaxOfVisible.run(call, device),
        without: () => plainSoftmax(device, call),
      };
    },
  };
}

function topKCase(rows: number, k: number): Case {
  return {
    path: heapTopK,
    of: `${k} of ${rows} × 32,768, without it plain`,
    blas: false,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const views = {
        x: normal(device, [rows, 32_768], { seed: 1 }),
        values: Tensor.zeros(device, [rows, k]),
        indices: Tensor.zeros(device, [rows, k], { dtype: "int32" }),
      };
      return { run: () => heapTopK.run(views, device), without: () => plainTopK(device, views) };
    },
  };
}

function rowSumsCase(count: number, rows: number): Case {
  return {
    path: addRowsInOrder,
    of: `${count} ids of ${rows} × 256, without it plain`,
    blas: false,
    prepare: (device) => {
      if (device.kind !== "cpu") throw new Error("wanted a CPU");
      const values = Int32Array.from(uniformArray(1, count, 0, rows), Math.floor);
      const [x, output] = [
        normal(device, [count, 256], { seed: 2 }),
        Tensor.zeros(device, [rows, 256]),
      ];
      const sums = () => ({ x, ids: Tensor.from(device, values), output, accumulate: true });
      // New ids each time, so that they are sorted each time, too.
      const scoped = (run: (sums: RowSums) => void) => () => {
        using _scope = device.scope();
        run(sums());
      };
      return {
        run: scoped((sums) => addRowsInOrder.run(sums, device)),
        without: scoped((sums) => sumSorted(device, sums)),
      };
    },
  };
}

const training = { batch: 4, queries: 256, keys: 256, heads: 4 };
const long = { batch: 1, queries: 1024, keys: 1024, heads: 6 };
const decoding = { batch: 1, queries: 1, keys: 160, heads: 4 };

const cases: readonly Case[] = [
  attentionCase(attentionOneByOne, attentionByMatmuls, decoding),
  attentionCase(attentionOneByOne, attentionByMatmuls, { ...decoding, batch: 16 }),
  cachedAttentionCase(1, 4, 160),
  cachedAttentionCase(8, 4, 160),
  cachedAttentionCase(16, 6, 160),
  attentionCase(attentionByMatmuls, plainAttention, training),
  attentionCase(attentionByMatmuls, plainAttention, long, { blas: true }),
  attentionCase(attentionGradientByMatmuls, plainGradient, training),
  attentionCase(attentionGradientByMatmuls, plainGradient, long, { blas: true }),
  softmaxCase(false),
  softmaxCase(true),
  matmulCase(symmetricMatmul, packedMatmul, [256, 1024, 256], { symmetric: true }),
  matmulCase(symmetricMatmul, blasMatmul, [256, 256, 256], { symmetric: true, blas: true }),
  matmulCase(symmetricMatmul, blasMatmul, [768, 768, 768], { symmetric: true, blas: true }),
  matmulCase(skinnyMatmul, packedMatmul, [1, 256, 4096]),
  matmulCase(skinnyMatmul, blasStripsMatmul, [1, 256, 1024], { blas: true }),
  matmulCase(skinnyMatmul, blasStripsMatmul, [1, 256, 4096], { blas: true }),
  matmulCase(blasStripsMatmul, skinnyMatmul, [8, 768, 3072], { blas: true }),
  matmulCase(blasStripsMatmul, blasMatmul, [16, 256, 1024], { blas: true }),
  matmulCase(blasStripsMatmul, blasMatmul, [16, 1024, 256], { blas: true }),
  matmulCase(blasMatmul, packedMatmul, [1024, 256, 1024], { blas: true }),
  matmulCase(blasMatmul, packedMatmul, [512, 512, 512], { blas: true }),
  matmulCase(packedMatmul, plain, [256, 256, 256]),
  // With shorter sums, it does not suit AMX.
  ...([[256, 1024, 256], [768, 3072, 768]] as const).map((sizes) =>
    matmulCase(symmetricMatmul, bfloat16Matmul, sizes, {
      symmetric: true,
      blas: true,
      dtype: "bfloat16",
    })
  ),
  matmulCase(bfloat16FewRows, bfloat16Matmul, [16, 768, 3072], { blas: true, dtype: "bfloat16" }),
  matmulCase(bfloat16Matmul, widenedMatmul, [256, 256, 256], { blas: true, dtype: "bfloat16" }),
  matmulCase(bfloat16Matmul, widenedMatmul, [1024, 256, 1024], { blas: true, dtype: "bfloat16" }),
  matmulCase(widenedMatmul, plain, [256, 256, 256], { dtype: "bfloat16" }),
  ...(["q8", "q4"] as const).flatMap((packing) => [
    quantizedCase(quantizedSkinny, plainQuantized, packing, [1, 256, 1024]),
    quantizedCase(quantizedSkinny, plainQuantized, packing, [1, 576, 49_152]),
    quantizedCase(quantizedSkinny, quantizedPanels, packing, [16, 576, 1536]),
    quantizedCase(quantizedPanels, plainQuantized, packing, [64, 576, 1536]),
    quantizedCase(quantizedPanels, plainQuantized, packing, [128, 576, 1536]),
  ]),
  rowSumsCase(1024, 4096),
  rowSumsCase(4096, 32_768),
  ...[1, 16].map((rows) => topKCase(rows, 50)),
  topKCase(1, 1000),
];

/** How often a function fits into a measurement. */
async function repeatsOf(device: Device, run: () => void): Promise<number> {
  await time(device, run, 3);
  return Math.max(1, Math.round(MILLISECONDS / await time(device, run, 1)));
}

async function time(device: Device, run: () => void, repeats: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) run();
  await device.synchronize();
  return (performance.now() - start) / repeats;
}

async function measure({ path, of, blas, prepare }: Case): Promise<number> {
  const device = await openDevice(path.device, { blas });
  const { run, without } = prepare(device);
  const ways = [run, without] as const;
  const repeats = [await repeatsOf(device, run), await repeatsOf(device, without)];
  const times: readonly [number[], number[]] = [[], []];
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const i of pair % 2 === 0 ? [0, 1] as const : [1, 0] as const) {
      times[i].push(await time(device, ways[i], repeats[i]!));
    }
  }
  const gain = median(times[1].map((slow, i) => slow / times[0][i]!));
  const name = `${path.device} ${path.operation}: ${path.name}`;
  const shown = times.map((each) => `${median(each).toPrecision(3)} ms`.padStart(10));
  console.log([name.padEnd(32), of.padEnd(48), ...shown, `${gain.toFixed(2)} ×`].join("  "));
  await device.close();
  return gain;
}

if (import.meta.main) {
  const isWanted = ({ path, of }: Case) =>
    Deno.args.every((part) => `${path.device} ${path.operation} ${path.name} ${of}`.includes(part));
  const best = new Map<AnyFastPath, number>();
  for (const each of cases.filter(isWanted)) {
    best.set(each.path, Math.max(best.get(each.path) ?? 0, await measure(each)));
  }
  for (const [{ name }, gain] of best) {
    if (gain >= 1.05) continue;
    console.error(`${name}: wanted a gain of at least 1.05, got ${gain.toFixed(2)}`);
    Deno.exitCode = 1;
  }
}
