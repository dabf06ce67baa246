/**
 * Matrix product kernels in WGSL whose operands are staged in workgroup memory: what GPUs are made for.
 *
 * The threads of a workgroup load a block of each operand together, neighbours from neighbouring
 * addresses, and then each element serves a whole row or column of threads, each of which has a tile of
 * the result in its registers.
 *
 * @module
 */

import { RangeError } from "../../errors.ts";
import {
  BEGIN_A,
  BEGIN_B,
  beginC,
  type KernelForm,
  kernelKey,
  lines,
  matmulArguments,
  type MatmulKernel,
  matrixBuffers,
  range,
  storeWgsl,
} from "./code_wgsl.ts";

/** How a staged kernel is cut. */
export interface Staging {
  /** Threads side by side along the columns, and as many along the rows. */
  readonly threads: number;
  /** Rows and columns of a thread's tile, a multiple of 4. */
  readonly tile: number;
  /** Steps of k that are staged at a time, a multiple of 4. */
  readonly depth: number;
}

/** Loads one element at a time, and computes when all is there: whatever way the operands lie. */
export function stagedKernel(staging: Staging, form: KernelForm): MatmulKernel {
  const { threads, tile, depth } = staging;
  const size = threads * tile;
  const vectors = size / 4;
  /** Loads a block whose four neighbouring lanes (rows of a, columns of b) make up a vector. */
  const stage = (name: "a" | "b", alongK: boolean) => {
    const [lane, stride, stepStride, length] = name === "a"
      ? ["firstRow", "aRow", "aColumn", "m"]
      : ["firstColumn", "bColumn", "bRow", "n"];
    const loadLane = (i: number) => `
        if (lane + ${i} < arguments.${length}) {
          value.${"xyzw"[i]} = f32(${name}[at + ${i} * arguments.${stride}]);
        }`;
    return `
    for (var i = local; i < ${vectors * depth}; i += ${threads ** 2}) {
      let inner = ${alongK ? `i % ${depth}` : `i / ${vectors}`};
      let vector = ${alongK ? `i / ${depth}` : `i % ${vectors}`};
      let lane = ${lane} + 4 * vector;
      let at = ${name}Begin + lane * arguments.${stride} + (step + inner) * arguments.${stepStride};
      var value = vec4<f32>();
      if (step + inner < arguments.k) {${lines(range(4), loadLane)}
      }
      ${name}Block[inner * ${vectors} + vector] = value;
    }`;
  };
  const { begin, multiply, finish } = tileCode(staging, form);
  const code = () => `
var<workgroup> aBlock: array<vec4<f32>, ${depth * vectors}>;
var<workgroup> bBlock: array<vec4<f32>, ${depth * vectors}>;
${storeWgsl(form)}
${begin}
  for (var step = 0; step < arguments.k; step += ${depth}) {
    ${stage("a", form.rowMajorA)}
    ${stage("b", !form.rowMajorB)}
    workgroupBarrier();
    ${multiply("0")}
    workgroupBarrier();
  }
${finish}
`;
  const kernel = {
    key: kernelKey(`staged ${stagingName(staging)}, ${orderOf(form)}`, form),
    code,
    integers: matmulArguments(form),
    buffers: matrixBuffers(form),
  };
  return { kernel, rows: size, columns: size };
}

/**
 * Loads vectors of four, and the next block while it computes on the one before: there are two of each
 * operand, and one barrier for each.
 *
 * A thread loads four times four elements of one operand. Where its lanes (rows of a, columns of b) are
 * contiguous, they are the vectors that are staged; where k is, they are transposed first. Both operands
 * have to be aligned to four elements, and a side that is contiguous has to be a multiple of four long.
 */
export function prefetchedKernel(staging: Staging, form: KernelForm): MatmulKernel {
  const { threads, tile, depth } = staging;
  const size = threads * tile;
  const vectors = size / 4;
  const loaders = depth / 4 * vectors;
  if (2 * loaders > threads ** 2) {
    throw new RangeError(
      `Cannot stage ${stagingName(staging)}: wanted at most ${threads ** 2} squares to load, got ` +
        `${2 * loaders}`,
    );
  }
  /** Where the square of a thread lies in its block, and how it comes into registers. */
  const operand = (name: "a" | "b", alongK: boolean) => {
    const [lane, stride, stepStride, length] = name === "a"
      ? ["firstRow", "aRow", "aColumn", "m"]
      : ["firstColumn", "bColumn", "bRow", "n"];
    const index = name === "a" ? "local" : `(local - ${loaders})`;
    const load = (i: number) => `
    if (${alongK ? `lane + ${i} < arguments.${length}` : `step + ${i} < arguments.k`}) {
      loaded[${i}] = vec4<f32>(${name}[(at + ${i} * arguments.${
      alongK ? stride : stepStride
    }) / 4]);
    }`;
    return {
      place: `
    square = ${index} ${alongK ? `% ${depth / 4}` : `/ ${vectors}`} * ${4 * vectors} +
      ${index} ${alongK ? `/ ${depth / 4}` : `% ${vectors}`};`,
      function: `
fn load_${name}(begin: i32, lane: i32, step: i32) -> mat4x4<f32> {
  var loaded: mat4x4<f32>;
  if (lane < arguments.${length} && step < arguments.k) {
    let at = begin + lane * arguments.${stride} + step * arguments.${stepStride};${
        lines(range(4), load)
      }
  }
  return ${alongK ? "transpose(loaded)" : "loaded"};
}`,
      call: (step: string) =>
        `load_${name}(${name}Begin, ${lane} + 4 * (square % ${vectors}), ${step} + 4 * (square / ${
          4 * vectors
        }))`,
    };
  };
  const a = operand("a", form.rowMajorA);
  const b = operand("b", !form.rowMajorB);
  const load = (step: string) => `
      if (loadsA) {
        loaded = ${a.call(step)};
      } else if (loadsB) {
        loaded = ${b.call(step)};
      }`;
  const put = (half: string) => `
      if (loadsA) {
        ${lines(range(4), (i) => `aBlock[${half} + square + ${i * vectors}] = loaded[${i}];`)}
      } else if (loadsB) {
        ${lines(range(4), (i) => `bBlock[${half} + square + ${i * vectors}] = loaded[${i}];`)}
      }`;
  const { begin, multiply, finish } = tileCode(staging, form);
  const code = () => `
var<workgroup> aBlock: array<vec4<f32>, ${2 * depth * vectors}>;
var<workgroup> bBlock: array<vec4<f32>, ${2 * depth * vectors}>;
${storeWgsl(form)}
${a.function}
${b.function}
${begin}
  let loadsA = local < ${loaders};
  let loadsB = !loadsA && local < ${2 * loaders};
  var square = 0;
  if (loadsA) {${a.place}
  } else if (loadsB) {${b.place}
  }
  var loaded: mat4x4<f32>;
  ${load("0")}
  ${put("0")}
  workgroupBarrier();
  var half = 0;
  for (var step = 0; step < arguments.k; step += ${depth}) {
    let hasNext = step + ${depth} < arguments.k;
    if (hasNext) {${load(`step + ${depth}`)}
    }
    ${multiply("half")}
    half = ${depth * vectors} - half;
    if (hasNext) {${put("half")}
    }
    workgroupBarrier();
  }
${finish}
`;
  const kernel = {
    key: kernelKey(`prefetched ${stagingName(staging)}, ${orderOf(form)}`, form),
    code,
    integers: matmulArguments(form),
    buffers: matrixBuffers(form, ["a", "b"]),
  };
  return { kernel, rows: size, columns: size };
}

/** What both do: where a thread's tile is, what is added to it for a block, how it is stored. */
function tileCode({ threads, tile, depth }: Staging, form: KernelForm) {
  const size = threads * tile;
  const vectors = range(tile / 4);
  const eachSum = (write: (row: number, lane: string, v: number, h: number) => string) =>
    lines(
      vectors,
      (v) => lines(range(4), (i) => lines(vectors, (h) => write(4 * v + i, "xyzw"[i]!, v, h))),
    );
  const sums = range(tile).flatMap((row) => vectors.map((h) => `sum${row}_${h}`));
  return {
    begin: `
@compute @workgroup_size(${threads}, ${threads})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
) {
  let local = i32(thread.y) * ${threads} + i32(thread.x);
  let firstRow = i32(group.y) * ${size};
  let firstColumn = i32(group.x) * ${size};
  ${form.isSymmetric ? `if (firstColumn + ${size} <= firstRow) { return; }` : ""}
  let aBegin = ${BEGIN_A};
  let bBegin = ${BEGIN_B};
  ${eachSum((row, _, __, h) => `var sum${row}_${h} = vec4<f32>();`)}`,
    /** Adds the products of a block that begins at this vector. */
    multiply: (blockBegin: string) => `
    for (var inner = 0; inner < ${depth}; inner++) {
      let aAt = ${blockBegin} + inner * ${size / 4} + i32(thread.y);
      let bAt = ${blockBegin} + inner * ${size / 4} + i32(thread.x);
      ${lines(vectors, (v) => `let left${v} = aBlock[aAt + ${v * threads}];`)}
      ${lines(vectors, (h) => `let right${h} = bBlock[bAt + ${h * threads}];`)}
      ${eachSum((row, lane, v, h) => `sum${row}_${h} += left${v}.${lane} * right${h};`)}
    }`,
    finish: `
  let cBegin = ${beginC(form)};
  let row = firstRow + 4 * i32(thread.y);
  let column = firstColumn + 4 * i32(thread.x);
  var tile = array(${sums.join(", ")});
  for (var i = 0; i < ${sums.length}; i++) {
    let tileRow = i / ${vectors.length};
    let h = i % ${vectors.length};
    storeVector(
      cBegin,
      row + tileRow / 4 * ${4 * threads} + tileRow % 4,
      column + ${4 * threads} * h,
      tile[i],
    );
  }
}`,
  };
}

/** The name of a staging, in kernels and candidates: `8×8 by 16×16`. */
export function stagingName({ tile, threads }: Staging): string {
  return `${tile}×${tile} by ${threads}×${threads}`;
}

function orderOf({ rowMajorA, rowMajorB }: KernelForm): string {
  return `${rowMajorA ? "N" : "T"}${rowMajorB ? "N" : "T"}`;
}
