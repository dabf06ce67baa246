/**
 * The matmul kernel for real GPUs in WGSL, with operands staged in workgroup memory.
 *
 * The threads of a workgroup load a block of each operand together, with coalesced loads. Each
 * element then serves a whole row or column of threads, each with a register tile of the result.
 *
 * @module
 */

import type { MatmulProblem } from "../../ops/matmul/problem.ts";
import { lines, range, type TileKernel } from "./matmul_kernel.ts";

export interface Staging {
  /** Threads per workgroup along the columns, and as many along the rows. */
  readonly threads: number;
  /** Rows and columns of a thread's tile, a multiple of 4. */
  readonly tile: number;
  /** Steps of k that are staged at a time, a multiple of 4. */
  readonly depth: number;
}

/** Loads single elements, so that the operands may have any strides. */
export function stagedKernel(
  { threads, tile, depth }: Staging,
  { a, b }: MatmulProblem,
): TileKernel {
  const [rowMajorA, rowMajorB] = [a.column === 1, b.column === 1];
  const size = threads * tile;
  const blockVectors = size / 4;
  /** Loads a block: four adjacent lanes (rows of a, columns of b) form a vector. */
  const stage = (name: "a" | "b", alongK: boolean) => {
    const [lane, stride, stepStride, length] = name === "a"
      ? ["firstRow", "aRow", "aColumn", "m"]
      : ["firstColumn", "bColumn", "bRow", "n"];
    const loadLane = (i: number) => `
        if (lane + ${i} < arguments.${length}) {
          value.${"xyzw"[i]} = f32(${name}[at + ${i} * arguments.${stride}]);
        }`;
    return `
    for (var i = thread; i < ${blockVectors * depth}; i += ${threads ** 2}) {
      let inner = ${alongK ? `i % ${depth}` : `i / ${blockVectors}`};
      let vector = ${alongK ? `i / ${depth}` : `i % ${blockVectors}`};
      let lane = ${lane} + 4 * vector;
      let at = ${name}Begin + lane * arguments.${stride} + (step + inner) * arguments.${stepStride};
      var value = vec4<f32>();
      if (step + inner < arguments.k) {${lines(range(4), loadLane)}
      }
      ${name}Block[inner * ${blockVectors} + vector] = value;
    }`;
  };
  const vectors = range(tile / 4);
  const eachSum = (write: (row: number, lane: string, v: number, h: number) => string) =>
    lines(
      vectors,
      (v) => lines(range(4), (i) => lines(vectors, (h) => write(4 * v + i, "xyzw"[i]!, v, h))),
    );
  const sums = range(tile).flatMap((row) => vectors.map((h) => `sum${row}_${h}`));
  const shared = lines(
    ["a", "b"],
    (name) => `var<workgroup> ${name}Block: array<vec4<f32>, ${depth * blockVectors}>;`,
  );
  const body = () => `
  let threadRow = thread / ${threads};
  let threadColumn = thread % ${threads};
  ${lines(sums, (sum) => `var ${sum} = vec4<f32>();`)}
  for (var step = 0; step < arguments.k; step += ${depth}) {
    ${stage("a", rowMajorA)}
    ${stage("b", !rowMajorB)}
    workgroupBarrier();
    for (var inner = 0; inner < ${depth}; inner++) {
      let aAt = inner * ${blockVectors} + threadRow;
      let bAt = inner * ${blockVectors} + threadColumn;
      ${lines(vectors, (v) => `let left${v} = aBlock[aAt + ${v * threads}];`)}
      ${lines(vectors, (h) => `let right${h} = bBlock[bAt + ${h * threads}];`)}
      ${eachSum((row, lane, v, h) => `sum${row}_${h} += left${v}.${lane} * right${h};`)}
    }
    workgroupBarrier();
  }
  let row = firstRow + 4 * threadRow;
  let column = firstColumn + 4 * threadColumn;
  var tile = array(${sums.join(", ")});
  for (var i = 0; i < ${sums.length}; i++) {
    let tileRow = i / ${vectors.length};
    let h = i % ${vectors.length};
    storeVector(
      row + tileRow / 4 * ${4 * threads} + tileRow % 4,
      column + ${4 * threads} * h,
      tile[i],
    );
  }`;
  const name = `staged ${tile}×${tile} by ${threads}×${threads}, ` +
    `${rowMajorA ? "N" : "T"}${rowMajorB ? "N" : "T"}`;
  return { name, rows: size, columns: size, threads: threads ** 2, shared, body };
}
