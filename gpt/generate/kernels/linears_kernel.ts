/**
 * Linear layers on a few rows on WebGPU, fused with the norm before and the epilogue after them.
 *
 * A row uses every weight once, so memory traffic and the number of dispatches decide. The sum of
 * squares of a row is accumulated along with the dot products, which are divided by the norm at the
 * end.
 *
 * @module
 */

import type { View, WebGpuDevice } from "../../../tensor/device.ts";
import { tanh } from "../../../tensor/kernel/math.ts";
import { beginMain, WgslBuilder } from "../../../tensor/kernel/wgsl.ts";
import { codeOf, WgslValue } from "../../../tensor/kernel/wgsl_value.ts";
import type { LinearsProblem } from "./linears.ts";
import { FLOAT32_EPSILON } from "../../../tensor/ops/rows.ts";
import { viewBytes } from "../../../tensor/profile.ts";

/** The computation applied to the dot products. */
interface Epilogue {
  readonly normalizes: boolean;
  readonly activation: "none" | "reluSquared" | "softcap";
  readonly adds: boolean;
}

/** How the threads of a workgroup share the columns of the result. */
export interface LinearsTeam {
  readonly threads: number;
  /** Threads per sum: a power of two. */
  readonly lanes: number;
  readonly columns: number;
}

/** Maximum weights of a kernel: with the rows, the residual and the result, 8 buffers. */
export const MAX_WEIGHTS = 5;

/**
 * Software adapters emulate barriers and gain nothing from coalesced loads, so there each thread
 * computes whole columns; on real GPUs, adjacent threads read adjacent elements.
 */
export function linearsTeam(device: Pick<WebGpuDevice, "info">): LinearsTeam {
  return device.info.details.software === true
    ? { threads: 8, lanes: 1, columns: 8 }
    : { threads: 128, lanes: 32, columns: 1 };
}

/**
 * Computes `linears`, where rows of x and of the weights can be read as vec4.
 *
 * @param outputs `[..., n]` for each weight, contiguous, all in one allocation.
 */
export function linearsOnWebGpu(
  device: WebGpuDevice,
  { x, weights, options: { normalize = false, activation, residual } }: LinearsProblem,
  outputs: readonly View[],
  team: LinearsTeam = linearsTeam(device),
): void {
  const { threads, lanes, columns } = team;
  const perGroup = threads / lanes * columns;
  const depth = x.shape.at(-1)!;
  const rows = x.size / depth;
  let groups = 0;
  const integers = [x.offset / 4, depth / 4, residual?.offset ?? 0];
  weights.forEach(({ shape: [n, k], strides: [row], offset }, i) => {
    groups += Math.ceil(n! / perGroup);
    integers.push(groups, n!, k! / 4, offset / 4, row! / 4, outputs[i]!.offset);
  });
  const isCapped = typeof activation === "object";
  const epilogue: Epilogue = {
    normalizes: normalize,
    activation: isCapped ? "softcap" : activation ?? "none",
    adds: residual !== undefined,
  };
  const read = [x, ...weights, ...(residual === undefined ? [] : [residual])];
  const key = `linears ${weights.length} ${normalize ? "normalized " : ""}${epilogue.activation}${
    epilogue.adds ? " added" : ""
  }, ${threads} by ${lanes} by ${columns}`;
  const input = (name: string, type = "vec4<f32>") => ({ name, type, writes: false });
  device.dispatch(
    {
      key,
      integers: [
        "xOffset",
        "depth",
        "residualOffset",
        ...weights.flatMap((_, i) =>
          ["end", "n", "depth", "offset", "row", "y"].map((name) => `${name}${i}`)
        ),
      ],
      floats: ["epsilon", "cap"],
      buffers: [
        input("x"),
        ...weights.map((_, i) => input(`weight${i}`)),
        ...(epilogue.adds ? [input("residual", "f32")] : []),
        { name: "y", type: "f32", writes: true },
      ],
      code: () => linearsCode(weights.length, epilogue, team),
    },
    [...read, outputs[0]!].map(({ allocation }) => allocation),
    { integers, floats: [FLOAT32_EPSILON, isCapped ? activation.softcap : 1] },
    [groups, rows],
    () => ({
      name: `linear ${rows}×${depth}×${weights.map(({ shape }) => shape[0]).join("+")}`,
      flops: 2 * rows * weights.reduce((sum, { size }) => sum + size, 0),
      bytes: viewBytes([...read, ...outputs]),
    }),
  );
}

function linearsCode(count: number, epilogue: Epilogue, team: LinearsTeam): string {
  const { normalizes, activation, adds } = epilogue;
  const { threads, lanes, columns } = team;
  const k = new WgslBuilder(1);
  const formula = {
    none: () => "value",
    reluSquared: () => "select(value * value, 0.0, value <= 0.0)",
    softcap: () =>
      `arguments.cap * ${codeOf(tanh(k, new WgslValue("value / arguments.cap", "f32")))}`,
  }[activation]();
  const weights = Array.from({ length: count }, (_, i) => sumsOfWeight(i, epilogue, team));
  return `
${lanes === 1 ? "" : `var<workgroup> parts: array<f32, ${threads * countShared(epilogue, team)}>;`}
${beginMain(threads, "number", "local")}
  let thread = i32(local);
  let lane = thread % ${lanes};
  let group = i32(workgroup.x);
  let row = i32(workgroup.y);
  let xAt = arguments.xOffset + row * arguments.depth;
  var first = thread / ${lanes} * ${columns};
  var n = 0;
  var yAt = 0;
  var squares = 0.0;
  ${eachColumn(team, (c) => `var fours${c} = vec4<f32>();`)}
  ${weights.join("")}
  ${
    eachColumn(team, (c) =>
      `var sum${c} = (fours${c}.x + fours${c}.y) + (fours${c}.z + fours${c}.w);`)
  }
  ${lanes === 1 ? "" : combineLanes(epilogue, team)}
  let factor = ${
    normalizes ? "1.0 / sqrt(squares / f32(4 * arguments.depth) + arguments.epsilon)" : "1.0"
  };
  if (lane != 0) {
    return;
  }
  var sums = array(${columnsOf(team).map((c) => `sum${c}`).join(", ")});
  for (var i = 0; i < min(${columns}, n - first); i++) {
    let value = sums[i] * factor;
    ${k.statements}
    let result = ${formula};
    let column = first + i;
    y[yAt + column] = result${
    adds ? " + residual[arguments.residualOffset + row * n + column]" : ""
  };
  }
}
`;
}

/** The columns of a thread. */
function columnsOf({ columns }: LinearsTeam): readonly number[] {
  return Array.from({ length: columns }, (_, column) => column);
}

/** A line for each column of a thread. */
function eachColumn(team: LinearsTeam, write: (column: number) => string): string {
  return columnsOf(team).map(write).join("\n");
}

/** The dot products of a lane with its columns of a weight, if the workgroup has that weight. */
function sumsOfWeight(i: number, { normalizes }: Epilogue, team: LinearsTeam): string {
  const { threads, lanes, columns } = team;
  const square = normalizes ? "squares += dot(four, four);" : "";
  return `
  ${i > 0 ? "else " : ""}if (group < arguments.end${i}) {
    first += (group - ${i > 0 ? `arguments.end${i - 1}` : "0"}) * ${threads / lanes * columns};
    n = arguments.n${i};
    yAt = arguments.y${i} + row * n;
    ${
    eachColumn(team, (c) =>
      `let at${c} = arguments.offset${i} + min(first + ${c}, n - 1) * arguments.row${i};`)
  }
    for (var step = lane; step < arguments.depth${i}; step += ${lanes}) {
      let four = x[xAt + step];
      ${square}
      ${eachColumn(team, (c) => `fours${c} += four * weight${i}[at${c} + step];`)}
    }
    ${
    normalizes
      ? `for (var step = arguments.depth${i} + lane; step < arguments.depth; step += ${lanes}) {
      let four = x[xAt + step];
      ${square}
    }`
      : ""
  }
  }`;
}

/** The numbers that each lane shares: its sums, and the squares. */
function countShared({ normalizes }: Epilogue, { columns }: LinearsTeam): number {
  return columns + Number(normalizes);
}

/** Adds the parts of all lanes, by halves. */
function combineLanes(epilogue: Epilogue, team: LinearsTeam): string {
  const { threads, lanes, columns } = team;
  const { normalizes } = epilogue;
  return `
  ${eachColumn(team, (c) => `parts[${c * threads} + thread] = sum${c};`)}
  ${normalizes ? `parts[${columns * threads} + thread] = squares;` : ""}
  workgroupBarrier();
  for (var half = ${lanes / 2}; half > 0; half /= 2) {
    if (lane < half) {
      for (var i = 0; i < ${countShared(epilogue, team)}; i++) {
        parts[i * ${threads} + thread] += parts[i * ${threads} + thread + half];
      }
    }
    workgroupBarrier();
  }
  ${eachColumn(team, (c) => `sum${c} = parts[${c * threads} + thread];`)}
  ${normalizes ? `squares = parts[${columns * threads} + thread];` : ""}
`;
}
