/**
 * The building blocks of attention in WGSL.
 *
 * A workgroup is 8 × 8 threads on a tile of 32 × 32: each thread has four rows and four columns, a
 * `mat4x4` whose columns, as WGSL counts them, are the four rows. Operands are staged through
 * workgroup memory (less than 16 KiB), a part of the head at a time, so any head size works.
 *
 * Bounds of hot loops are run-time values, although often 16 or 32: compilers would unroll constant
 * ones, and take seconds.
 *
 * Barriers are in uniform control flow: it depends only on the workgroup's number and the
 * arguments.
 *
 * @module
 */

import type { View, WebGpuDevice, WgslBuffer, WgslKernel } from "../../device.ts";
import { fitsOneBinding } from "../../devices/webgpu/split.ts";
import type { AttentionProblem, ForwardViews } from "../../ops/attention/problem.ts";

export const TILE = 32;
/** Elements of a head staged at a time for dot products of rows. */
const DEPTH = 16;
/** Vectors between staged rows: one more than needed, to avoid bank conflicts. */
const LEAD = 9;

/** Whether each operand fits a binding: flash attention is not cut into parts. */
export function areBindable(device: WebGpuDevice, views: ForwardViews): boolean {
  return Object.values(views).every((view: View) => fitsOneBinding(device, view.allocation));
}

/** Argument names for the position of a tensor [B, T, H, D], in elements. */
export function placeNames(name: string): string[] {
  return [`${name}Offset`, `${name}Batch`, `${name}Token`, `${name}Head`];
}

/** The values of {@linkcode placeNames}. */
export function place({ offset, strides }: View): number[] {
  return [offset, ...strides.slice(0, 3)];
}

export const SIZE_NAMES = [
  ...["queries", "keys", "heads", "group", "headSize", "left", "right"] as const,
];

/** The values of {@linkcode SIZE_NAMES}. */
export function sizes(problem: AttentionProblem): number[] {
  const { queries, keys, heads, keyHeads, headSize, left, right } = problem;
  return [queries, keys, heads, heads / keyHeads, headSize, left, right];
}

/** Storage type of queries, keys, values, results and gradients; kernels compute in `f32`. */
export type Stored = "f32" | "f16";

export function storedAs({ dtype }: View): Stored {
  return dtype === "float16" ? "f16" : "f32";
}

export function floats(name: string, type: Stored, writes = false): WgslBuffer {
  return { name, type, writes };
}

/** The parameters of `main`; the workgroup counts tiles, heads and batch items. */
export const MAIN = `
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
)`;

/** Declarations for all kernels: staging memory, and 2^x for softmax. */
export const SHARED = `
var<workgroup> staged: array<vec4<f32>, ${2 * DEPTH * LEAD}>;

// 2^x, at least 2^-126, so only masked keys have weight zero. Keeps NaN, which
// max would drop.
fn power(x: vec4<f32>) -> vec4<f32> {
  let isNan = (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  return select(exp2(clamp(x, vec4<f32>(-126.0), vec4<f32>(0.0))), x, isNan);
}

// Scales the four rows of a thread.
fn scaleRows(rows: mat4x4<f32>, factor: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    rows[0] * factor.x, rows[1] * factor.y, rows[2] * factor.z, rows[3] * factor.w);
}

fn addOuter(sums: mat4x4<f32>, rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(columns, vec4<f32>(rows.x), sums[0]), fma(columns, vec4<f32>(rows.y), sums[1]),
    fma(columns, vec4<f32>(rows.z), sums[2]), fma(columns, vec4<f32>(rows.w), sums[3]));
}

// Skips masked rows, because zero times NaN is NaN.
fn addOuterOfSeen(sums: mat4x4<f32>, rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
  let seen = bitcast<vec4<u32>>(rows) != vec4<u32>(0u);
  let more = addOuter(sums, rows, columns);
  return mat4x4<f32>(
    select(sums[0], more[0], seen.x), select(sums[1], more[1], seen.y),
    select(sums[2], more[2], seen.z), select(sums[3], more[3], seen.w));
}
`;

/** An operand: a buffer, and the name of its token stride. */
export interface Operand {
  readonly buffer: string;
  readonly tokens: "queries" | "keys";
}

/**
 * A function `load_buffer(base, token, column)` that returns zero beyond the tokens and the head.
 */
export function loadFunction({ buffer, tokens }: Operand): string {
  return `
fn load_${buffer}(base: i32, token: i32, column: i32) -> f32 {
  let exists = token < arguments.${tokens} && column < arguments.headSize;
  let at = select(0, base + token * arguments.${buffer}Token + column, exists);
  return select(0.0, f32(${buffer}[at]), exists);
}
`;
}

/** A WGSL expression for the offset of a head. */
export function headBase(buffer: string, head: string): string {
  return `arguments.${buffer}Offset + batch * arguments.${buffer}Batch + ` +
    `${head} * arguments.${buffer}Head`;
}

/**
 * The start of a kernel for tiles of queries: the offsets of the operands' heads, the position of
 * the tile, and the range of its visible keys.
 */
export function beginQueries(operands: readonly Operand[]): string {
  return `
  let first = i32(workgroup.x) * ${TILE};
  let head = i32(workgroup.y);
  let batch = i32(workgroup.z);
  let keyHead = head / arguments.group;
  ${
    operands.map(({ buffer, tokens }) =>
      `let ${buffer}Base = ${headBase(buffer, tokens === "queries" ? "head" : "keyHead")};`
    ).join("\n  ")
  }
  let position = arguments.keys - arguments.queries + first;
  let begin = max(0, position - arguments.left);
  let end = min(arguments.keys, position + ${TILE} + arguments.right);
  let rows = thread / 8u;
`;
}

/**
 * The start of the loop over tiles of keys, from `key` on: their number, whether every query sees
 * all of them, and this thread's four.
 */
export const BEGIN_KEYS = `
    let count = u32(min(${TILE}, end - key));
    let seesAll = key + ${TILE} <= end && key + ${TILE - 1} <= position + arguments.right &&
      key >= position + ${TILE - 1} - arguments.left;
    let keys = vec4<i32>(key + i32(4u * (thread % 8u))) + vec4<i32>(0, 1, 2, 3);
`;

/** Which of four keys the query at a position sees. */
export const SEES = `
fn sees(position: i32, keys: vec4<i32>) -> vec4<bool> {
  let last = min(position + arguments.right, arguments.keys - 1);
  return (keys >= vec4<i32>(position - arguments.left)) & (keys <= vec4<i32>(last));
}
`;

/**
 * A function `name(leftBase, left, rightBase, right, thread)`: the dot products of 32 rows of one
 * operand, from token `left` on, with 32 rows of another.
 */
export function dotProducts(name: string, left: Operand, right: Operand): string {
  const stage = ({ buffer }: Operand, side: "left" | "right", to: number) => `
      staged[${to}u + column * ${LEAD}u + four] = vec4<f32>(
        ${
    [0, 1, 2, 3].map((i) =>
      `load_${buffer}(${side}Base, ${side} + i32(4u * four) + ${i}, depth + i32(column))`
    ).join(",\n        ")
  });`;
  return `
fn ${name}(leftBase: i32, left: i32, rightBase: i32, right: i32, thread: u32) -> mat4x4<f32> {
  var sums = mat4x4<f32>();
  for (var depth = 0; depth < arguments.headSize; depth += ${DEPTH}) {
    let columns = u32(min(${DEPTH}, arguments.headSize - depth));
    workgroupBarrier();
    for (var i = thread; i < ${8 * DEPTH}u; i += 64u) {
      let column = i % ${DEPTH}u;
      let four = i / ${DEPTH}u;${stage(left, "left", 0)}${stage(right, "right", DEPTH * LEAD)}
    }
    workgroupBarrier();
    for (var column = 0u; column < columns; column++) {
      sums = addOuter(
        sums,
        staged[column * ${LEAD}u + thread / 8u],
        staged[${DEPTH * LEAD}u + column * ${LEAD}u + thread % 8u]);
    }
  }
  return sums;
}
`;
}

/**
 * Statements that add a matmul to the accumulators `sumsN`, one for each 32 columns of the head:
 * `weights`, [32 tokens, 8 vectors of rows], times the rows of an operand from a token on.
 */
export function addWeightedRows(
  { buffer }: Operand,
  { weights, sums, base, token, count, parts }: {
    readonly weights: string;
    readonly sums: string;
    readonly base: string;
    readonly token: string;
    /** A WGSL expression for the number of rows. */
    readonly count: string;
    readonly parts: number;
  },
): string {
  return accumulators(sums, parts).map((accumulator, part) => `
    workgroupBarrier();
    for (var i = thread; i < 256u; i += 64u) {
      let token = ${token} + i32(i / 8u);
      let column = ${32 * part} + i32(4u * (i % 8u));
      staged[i] = vec4<f32>(${
    [0, 1, 2, 3].map((i) => `load_${buffer}(${base}, token, column + ${i})`).join(", ")
  });
    }
    workgroupBarrier();
    if (seesAll) {
      for (var i = 0u; i < ${count}; i++) {
        ${accumulator} = addOuter(
          ${accumulator}, ${weights}[i * 8u + thread / 8u], staged[i * 8u + thread % 8u]);
      }
    } else {
      for (var i = 0u; i < ${count}; i++) {
        ${accumulator} = addOuterOfSeen(
          ${accumulator}, ${weights}[i * 8u + thread / 8u], staged[i * 8u + thread % 8u]);
      }
    }
`).join("");
}

/**
 * A kernel for each number of parts of a head, and for each storage type, created on first use.
 *
 * @param columns The columns of a part.
 */
export function kernelByParts(
  columns: number,
  make: (parts: number, stored: Stored) => WgslKernel,
): (headSize: number, stored: Stored) => WgslKernel {
  const made: Record<Stored, WgslKernel[]> = { f32: [], f16: [] };
  return (headSize, stored) => {
    const parts = Math.ceil(headSize / columns);
    return made[stored][parts] ??= make(parts, stored);
  };
}

export function accumulators(name: string, parts: number): string[] {
  return Array.from({ length: parts }, (_, part) => `${name}${part}`);
}

export function declareAccumulators(name: string, parts: number): string {
  return accumulators(name, parts).map((each) => `  var ${each} = mat4x4<f32>();\n`).join("");
}

/** Statements that store the accumulators, times `factor`, as rows from token `first` on. */
export function storeAccumulators(
  { buffer, tokens }: Operand,
  { sums, base, first, factor, parts, stored }: {
    readonly sums: string;
    readonly base: string;
    readonly first: string;
    readonly factor: string;
    readonly parts: number;
    readonly stored: Stored;
  },
): string {
  return accumulators(sums, parts).map((accumulator, part) => `
  for (var i = 0; i < 4; i++) {
    let token = ${first} + 4 * i32(thread / 8u) + i;
    let row = ${accumulator}[i] * ${factor};
    for (var j = 0; j < 4; j++) {
      let column = ${32 * part} + 4 * i32(thread % 8u) + j;
      if (token < arguments.${tokens} && column < arguments.headSize) {
        ${buffer}[${base} + token * arguments.${buffer}Token + column] = ${stored}(row[j]);
      }
    }
  }
`).join("");
}
