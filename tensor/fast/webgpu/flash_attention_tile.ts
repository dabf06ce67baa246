/**
 * The common frame of the kernels of attention in WGSL.
 *
 * A workgroup has a tile of 32 tokens, the rows, which are queries or keys, and visits the tiles of
 * the others, the columns. Its 8 × 8 threads have four rows and four columns each: a `mat4x4` whose
 * columns, as WGSL counts them, are the four rows. Operands are staged through workgroup memory (less
 * than 16 KiB in all), a part of the head at a time, so any head size works.
 *
 * Bounds of hot loops are run-time values, although often 16 or 32: compilers would unroll constant
 * ones, and take seconds.
 *
 * Barriers are in uniform control flow: it depends only on the workgroup's number and the
 * arguments.
 *
 * @module
 */

import type { View, WebGpuDevice, WgslBuffer } from "../../device.ts";
import { fitsOneBinding } from "../../kernel/run.ts";
import { beginMain } from "../../kernel/wgsl.ts";
import {
  type AttentionProblem,
  attentionWork,
  type ForwardViews,
  LOG2_E,
} from "../../ops/attention/problem.ts";

const TILE = 32;
/** Elements of a head staged at a time for dot products of rows. */
const DEPTH = 16;
/** Vectors between staged rows: one more than needed, to avoid bank conflicts. */
const LEAD = 9;

/** Why views that are not bindable are refused. */
export const NOT_BINDABLE = "an operand exceeds a binding, or cannot be read as vectors";

/** Whether each operand fits a binding: flash attention is not cut into parts. */
export function areBindable(device: WebGpuDevice, views: ForwardViews): boolean {
  return Object.values(views).every((view: View) => fitsOneBinding(device, view.allocation));
}

/** An operand [B, T, H, D], by the name of its buffer. */
export type TensorName = "q" | "k" | "v" | "y" | "dq" | "dk" | "dv" | "dy";

function tokensOf(operand: TensorName): "queries" | "keys" {
  return /[kv]/.test(operand) ? "keys" : "queries";
}

/** A matmul that is summed over the tiles of columns: weights, times the rows of an operand. */
export interface WeightedSum {
  /** The weights: a `mat4x4` variable of {@linkcode TiledAttention.step}. */
  readonly weights: string;
  readonly operand: TensorName;
  readonly result: TensorName;
  /** A WGSL expression for the factor of the result. */
  readonly factor: string;
}

/** A kernel of attention: what is computed for a tile of rows. */
export interface TiledAttention {
  readonly name: string;
  readonly rows: "queries" | "keys";
  /** The operands of {@linkcode dotProducts}: one of rows, and one of columns. */
  readonly dots: readonly (readonly [rows: TensorName, columns: TensorName])[];
  readonly sums: readonly WeightedSum[];
  /** Buffers of one float per query, [B, H, Tq]. */
  readonly perQuery: readonly WgslBuffer[];
  /** Declarations besides `main`. */
  readonly declarations?: string;
  /** Statements before the tiles of columns. */
  readonly begin: string;
  /**
   * Statements for a tile of columns, which declare the weights. It begins at `query` and `key`; this
   * thread's rows begin at `row`, and `columns` are its columns.
   *
   * @param scaleSums Writes statements that scale all sums, row by row, by the vector of this name.
   */
  readonly step: (scaleSums: (factor: string) => string) => string;
  /** Statements after all tiles. */
  readonly end?: (scaleSums: (factor: string) => string) => string;
}

/** Storage type of queries, keys, values, results and gradients; kernels compute in `f32`. */
type Stored = "f32" | "f16";

/**
 * Defines a kernel, and returns what runs it. The workgroups are tiles of rows, heads of the rows and
 * batch items.
 */
export function defineTiledAttention(
  spec: TiledAttention,
): (
  device: WebGpuDevice,
  problem: AttentionProblem,
  views: Readonly<Record<string, View>>,
) => void {
  const { name, rows, dots, sums, perQuery } = spec;
  const inputs = [...new Set([...dots.flat(), ...sums.map(({ operand }) => operand)])];
  const strided = [...inputs, ...sums.map(({ result }) => result)];
  return (device, problem, views) => {
    const { batch, queries, keys, heads, keyHeads, headSize, left, right, scale } = problem;
    const stored = views[inputs[0]!]!.dtype === "float16" ? "f16" : "f32";
    const parts = Math.ceil(headSize / TILE);
    const wholes = strided.map((x) => views[x]!);
    const lists = perQuery.map((x) => views[x.name]!);
    device.dispatch(
      {
        key: `${name} in ${parts} parts ${stored}`,
        integers: [
          ...strided.flatMap((x) => [`${x}Offset`, `${x}Batch`, `${x}Token`, `${x}Head`]),
          ...perQuery.map((x) => `${x.name}Offset`),
          "queries",
          "keys",
          "heads",
          "group",
          "headSize",
          "left",
          "right",
        ],
        floats: ["scale", "scoreScale"],
        buffers: [
          ...strided.map((name, i) => ({ name, type: stored, writes: i >= inputs.length })),
          ...perQuery,
        ],
        code: () => code(spec, inputs, parts, stored),
      },
      [...wholes, ...lists].map(({ allocation }) => allocation),
      {
        integers: [
          ...wholes.flatMap(({ offset, strides }) => [offset, ...strides.slice(0, 3)]),
          ...lists.map(({ offset }) => offset),
          queries,
          keys,
          heads,
          heads / keyHeads,
          headSize,
          left,
          right,
        ],
        floats: [scale, scale * LOG2_E],
      },
      [Math.ceil(problem[rows] / TILE), rows === "queries" ? heads : keyHeads, batch],
      () => attentionWork(name, problem, dots.length + sums.length, [...wholes, ...lists]),
    );
  };
}

/** Declarations that all kernels share. */
const SHARED = `
var<workgroup> staged: array<vec4<f32>, ${2 * DEPTH * LEAD}>;

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

function code(
  { rows, dots, sums, declarations = "", begin, step, end }: TiledAttention,
  inputs: readonly TensorName[],
  parts: number,
  stored: Stored,
): string {
  const areQueries = rows === "queries";
  const [row, column, columns] = areQueries
    ? ["query", "key", "keys"]
    : ["key", "query", "queries"];
  const [before, after] = areQueries ? ["left", "right"] : ["right", "left"];
  const each = <T>(items: readonly T[], write: (item: T) => string) => items.map(write).join("");
  const accumulators = sums.flatMap((sum) => accumulatorsOf(sum, parts));
  const scaleSums = (factor: string) =>
    each(accumulators, (sum) => `    ${sum} = scaleRows(${sum}, ${factor});\n`);
  return `${SHARED}
${each(sums, ({ weights }) => `var<workgroup> ${weights}Tile: array<vec4<f32>, 256>;\n`)}
${declarations}${each(inputs, loadFunction)}${each(dots, dotFunction)}
// Which of four columns a row sees, or is seen by.
fn sees(row: i32, columns: vec4<i32>) -> vec4<bool> {
  let ${row} = vec4<i32>(row);
  let ${column} = columns;
  let position = query + vec4<i32>(arguments.keys - arguments.queries);
  return (key >= position - vec4<i32>(arguments.left)) &
    (key <= position + vec4<i32>(arguments.right)) &
    (query < vec4<i32>(arguments.queries)) & (key < vec4<i32>(arguments.keys));
}

${beginMain(64, "group", "thread")}
  let ${row} = i32(workgroup.x) * ${TILE};
  let rowHead = i32(workgroup.y);
  let batch = i32(workgroup.z);
  let row = ${row} + i32(4u * (thread / 8u));
  let offset = arguments.keys - arguments.queries;
  let position = ${row} ${areQueries ? "+" : "-"} offset;
  let begin = max(0, position - arguments.${before});
  let end = min(arguments.${columns}, position + ${TILE} + arguments.${after});
${each(accumulators, (sum) => `  var ${sum} = mat4x4<f32>();\n`)}${begin}
  // All heads whose queries see these keys, or the only one of these queries.
  let heads = ${areQueries ? "1" : "arguments.group"};
  for (var head = rowHead * heads; head < (rowHead + 1) * heads; head++) {
    let keyHead = head / arguments.group;
${each(inputs, (x) => `    ${base(x, tokensOf(x) === "queries" ? "head" : "keyHead")}\n`)}
  for (var ${column} = begin; ${column} < end; ${column} += ${TILE}) {
    let count = u32(min(${TILE}, end - ${column}));
    let columns = vec4<i32>(${column} + i32(4u * (thread % 8u))) + vec4<i32>(0, 1, 2, 3);
    let seesAll = query + ${TILE} <= arguments.queries && key + ${TILE} <= arguments.keys &&
      key + ${TILE - 1} <= query + offset + arguments.right &&
      key >= query + offset + ${TILE - 1} - arguments.left;
${step(scaleSums)}${each(sums, (sum) => addWeightedRows(sum, parts))}
  }
  }
${end?.(scaleSums) ?? ""}${each(sums, (sum) => storeResult(sum, parts, stored))}
}
`;
}

/** Declares where an operand's head begins. */
function base(buffer: TensorName, head: string): string {
  return `let ${buffer}Base = arguments.${buffer}Offset + batch * arguments.${buffer}Batch + ` +
    `${head} * arguments.${buffer}Head;`;
}

/** The variable for the first token of a tile of an operand. */
function tileOf(operand: TensorName): string {
  return tokensOf(operand) === "queries" ? "query" : "key";
}

/** A function that loads an element, or zero beyond the tokens and the head. */
function loadFunction(buffer: TensorName): string {
  return `
fn load_${buffer}(base: i32, token: i32, column: i32) -> f32 {
  let exists = token < arguments.${tokensOf(buffer)} && column < arguments.headSize;
  let at = select(0, base + token * arguments.${buffer}Token + column, exists);
  return select(0.0, f32(${buffer}[at]), exists);
}
`;
}

/** An expression for the dot products of a tile of one operand with a tile of another. */
export function dotProducts([left, right]: readonly [TensorName, TensorName]): string {
  const of = (x: TensorName) => `${x}Base, ${tileOf(x)}`;
  return `dot_${left}_${right}(${of(left)}, ${of(right)}, thread)`;
}

function dotFunction([left, right]: readonly [TensorName, TensorName]): string {
  const stage = (buffer: TensorName, side: "left" | "right", to: number) => `
      staged[${to}u + column * ${LEAD}u + four] = vec4<f32>(
        ${
    [0, 1, 2, 3].map((i) =>
      `load_${buffer}(${side}Base, ${side} + i32(4u * four) + ${i}, depth + i32(column))`
    ).join(",\n        ")
  });`;
  return `
fn dot_${left}_${right}(
  leftBase: i32, left: i32, rightBase: i32, right: i32, thread: u32,
) -> mat4x4<f32> {
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

/** Accumulators of a sum, one for each 32 columns of the head. */
function accumulatorsOf({ result }: WeightedSum, parts: number): string[] {
  return Array.from({ length: parts }, (_, part) => `${result}Sum${part}`);
}

/**
 * Stores weights in workgroup memory, [32 columns, 8 vectors of rows], and adds them, times the rows
 * of the operand's tile.
 */
function addWeightedRows(sum: WeightedSum, parts: number): string {
  const { weights, operand: buffer } = sum;
  const add = accumulatorsOf(sum, parts).map((accumulator, part) => {
    const addBy = (add: string) => `
      for (var i = 0u; i < count; i++) {
        ${accumulator} = ${add}(
          ${accumulator}, ${weights}Tile[i * 8u + thread / 8u], staged[i * 8u + thread % 8u]);
      }`;
    return `
    workgroupBarrier();
    for (var i = thread; i < 256u; i += 64u) {
      let token = ${tileOf(buffer)} + i32(i / 8u);
      let column = ${32 * part} + i32(4u * (i % 8u));
      staged[i] = vec4<f32>(${
      [0, 1, 2, 3].map((i) => `load_${buffer}(${buffer}Base, token, column + ${i})`).join(", ")
    });
    }
    workgroupBarrier();
    if (seesAll) {${addBy("addOuter")}
    } else {${addBy("addOuterOfSeen")}
    }
`;
  });
  return `
    var ${weights}Columns = transpose(${weights});
    for (var i = 0u; i < 4u; i++) {
      ${weights}Tile[(4u * (thread % 8u) + i) * 8u + thread / 8u] = ${weights}Columns[i];
    }
${add.join("")}`;
}

/** Stores a sum, times its factor. */
function storeResult(sum: WeightedSum, parts: number, stored: Stored): string {
  const { result: buffer, factor } = sum;
  const store = accumulatorsOf(sum, parts).map((accumulator, part) => `
  for (var i = 0; i < 4; i++) {
    let values = ${accumulator}[i] * ${factor};
    for (var j = 0; j < 4; j++) {
      let column = ${32 * part} + 4 * i32(thread % 8u) + j;
      if (row + i < arguments.${tokensOf(buffer)} && column < arguments.headSize) {
        ${buffer}[${buffer}Base + (row + i) * arguments.${buffer}Token + column] = ${stored}(values[j]);
      }
    }
  }
`);
  return `  ${base(buffer, "rowHead")}${store.join("")}`;
}
