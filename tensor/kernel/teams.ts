/**
 * How programs are divided among the threads of a GPU.
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
 * @module
 */

import type { WebGpuDevice } from "../device.ts";
import { type Program, reductionPasses } from "../formula/program.ts";
import type { Team } from "./language.ts";

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
