/**
 * How a program is shared among the threads and the bindings of a GPU.
 *
 * An elementwise program has a thread per element, or per four contiguous elements. In a row
 * program, a workgroup handles several rows with several threads each, the row's lanes. Each lane
 * reduces its share of the row, and the partial results are combined by a tree reduction. Long rows
 * get many lanes, short ones a single lane, which needs no barriers.
 *
 * Software adapters (subgroups as narrow as CPU vectors) run a workgroup as a loop, and a barrier
 * saves and restores every thread. With enough rows for all cores, one lane is 5 to 20 times as
 * fast as eight on lavapipe.
 *
 * Each memory is bound once, as vectors where possible, and in parts where it is too large for a binding.
 *
 * @module
 */

import type { View, WebGpuDevice } from "../device.ts";
import { wrongValue } from "../errors.ts";
import { type Program, reductionPasses } from "../formula/program.ts";
import type { Signature, Team } from "./language.ts";
import { type Axis, classOf } from "./layout.ts";
import { bufferNames } from "./lower.ts";
import { fitsOneBinding, split } from "./split.ts";

/** How threads and operands of a kernel share what there is. */
export type Sharing = Pick<
  Signature<Record<string, "f32">, string>,
  "within" | "aligned" | "width" | "team"
>;

/**
 * The bindings of a program's operands.
 *
 * @param inner The axis of the vectors.
 * @param around The others.
 * @throws {RangeError} If there are more buffers than a kernel can bind.
 */
export function bindingsOf(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  inner: Axis,
  around: readonly Axis[],
): Sharing & { readonly width: 1 | 4 } {
  const names = bufferNames(program);
  const owners = views.map(({ allocation }) =>
    names[views.findIndex((view) => view.allocation === allocation)]!
  );
  const [most, count] = [device.limits.maxStorageBuffersPerShaderStage, new Set(owners).size];
  if (count > most) {
    const wanted = `operands in at most ${most} buffers on this device`;
    throw wrongValue(`run "${program.name}"`, wanted, count);
  }
  const strides = inner.strides.map(classOf);
  const aligned = new Set(owners.filter((_, i) => strides[i] === "1"));
  // A thread handles four elements if every operand is contiguous and aligned there, or broadcast. A
  // single element cannot be stored to a binding of vectors without touching its neighbors.
  const hasFours = inner.length > 0 && inner.length % 4 === 0 && aligned.size > 0 &&
    views.every(({ offset }, i) =>
      strides[i] === "1"
        ? offset % 4 === 0 && around.every(({ strides }) => strides[i]! % 4 === 0)
        : strides[i] === "0" && (i < program.inputs.length || !aligned.has(owners[i]!))
    );
  return {
    within: Object.fromEntries(
      names.flatMap((name, i) => owners[i] === name ? [] : [[name, owners[i]!]]),
    ),
    aligned: hasFours ? [...aligned] : [],
    width: hasFours ? 4 : 1,
  };
}

/**
 * The operands of a program, inputs and then outputs, in as many parts as bindings hold; these views
 * themselves if they can be bound, and nothing if there is nothing to compute.
 *
 * @throws {RangeError} If a row exceeds a binding.
 */
export function partsToBind(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
): readonly (readonly View[])[] {
  const firstOutput = program.inputs.length;
  const { shape } = views[firstOutput]!;
  // An empty row still has a sum; without rows, or without elements, there is nothing to do.
  const counted = program.isRow ? shape.slice(0, -1) : shape;
  if (counted.includes(0)) return [];
  const isEmpty = views.some(({ shape }) => shape.includes(0));
  if (isEmpty || views.every(({ allocation }) => fitsOneBinding(device, allocation))) {
    return [views];
  }
  const cut = { name: program.name, axes: counted.length, firstOutput };
  return split(device, views, cut).map(({ views }) => views);
}

/** Subgroups up to this size are CPU vectors: 8 on lavapipe, 4 on SwiftShader. */
const PROCESSOR_VECTOR = 8;
/** Rows that keep all CPU cores busy with one lane each. */
const CPU_ROWS = 16;
const MAX_SINGLE_LANE_ROW = 32;
/** Threads that saturate a GPU; more lanes per row do not help. */
const GPU_THREADS = 32_768;
/** Adjacent rows that one memory access fetches, if rows are interleaved. */
const ROWS_SIDE_BY_SIDE = 32;
const MAX_THREADS = 256;
const USUAL_THREADS = 64;

/** The size of a computation. */
export interface RowsToShare {
  readonly rows: number;
  readonly columns: number;
  /** Numbers of a vector. */
  readonly width: number;
  /** Whether adjacent rows lie side by side, and not the elements of a row. */
  readonly itemsFirst: boolean;
}

/** The threads that compute a program. */
export function teamOf(device: WebGpuDevice, program: Program, work: RowsToShare): Team {
  const { limits } = device;
  const { rows, columns, width, itemsFirst } = work;
  const partials = Math.max(1, ...reductionPasses(program).map((pass) => pass.length));
  const threads = powerOfTwoBelow(Math.min(
    MAX_THREADS,
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupStorageSize / (4 * partials),
  ));
  if (!program.isRow) return { items: threads, lanes: 1, itemsFirst };
  const isNarrow = Number(device.info.details.subgroupSize) <= PROCESSOR_VECTOR;
  const sizes = isNarrow && rows >= CPU_ROWS
    ? { items: itemsFirst ? ROWS_SIDE_BY_SIDE : PROCESSOR_VECTOR, lanes: 1 }
    : columns <= MAX_SINGLE_LANE_ROW
    ? { items: Math.min(USUAL_THREADS, threads), lanes: 1 }
    : itemsFirst
    ? rowsTogether(rows, threads)
    : lanesTogether(rows, columns / width, threads);
  return { ...sizes, itemsFirst };
}

function rowsTogether(rows: number, threads: number): Omit<Team, "itemsFirst"> {
  const together = Math.min(ROWS_SIDE_BY_SIDE, threads, powerOfTwoAbove(rows));
  return { items: together, lanes: rows >= GPU_THREADS ? 1 : threads / together };
}

function lanesTogether(rows: number, steps: number, threads: number): Omit<Team, "itemsFirst"> {
  let lanes = Math.min(8, threads);
  while (lanes < threads && steps > 4 * lanes && rows * lanes < GPU_THREADS) lanes *= 2;
  return { items: Math.max(1, Math.min(USUAL_THREADS, threads) / lanes), lanes };
}

const powerOfTwoBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(n, 1)));
const powerOfTwoAbove = (n: number): number => 2 ** Math.ceil(Math.log2(n));
