/**
 * Row programs as kernels: reductions along the last axis, and formulas over their results.
 *
 * A workgroup handles several rows with several threads each, the row's lanes. Each lane reduces
 * its share of the row, and the partial results are combined by a tree reduction. Long rows get
 * many lanes, short ones a single lane, which needs no barriers.
 *
 * Software adapters (subgroups as narrow as CPU vectors) run a workgroup as a loop, and a barrier
 * saves and restores every thread. With enough rows for all cores, one lane is 5 to 20 times as
 * fast as eight on lavapipe.
 *
 * @module
 */

import type { WebGpuDevice } from "../../device.ts";
import type { Expression, ReduceOperation } from "../../expression/expression.ts";
import {
  identities,
  type Program,
  type Reduction,
  reductionPasses,
} from "../../expression/program.ts";
import {
  operandCode,
  type WgslType,
  wgslTypeOf,
  WgslValue,
  type Width,
} from "../../kernel/wgsl_value.ts";
import { type Plan, WgslProgramWriter } from "./program_code.ts";
import type { OperandsLayout, OperandsPattern } from "./program_layout.ts";
import { beginMain } from "./workgroup_grid.ts";

interface Team {
  /** Rows per workgroup and lanes per row: powers of two. */
  readonly rows: number;
  readonly lanes: number;
  /** Whether adjacent threads work on adjacent rows, instead of one row. */
  readonly rowsFirst: boolean;
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

/**
 * Length of a block in three-level (blocked) summation. A plain sum of n numbers accumulates up to
 * n roundings; this one 2·BLOCK + n/BLOCK².
 */
const BLOCK = 32;

/** Plans a row program. */
export function planRows(
  device: WebGpuDevice,
  program: Program,
  { pattern, columns, outer }: OperandsLayout,
): Plan {
  const { operands, width } = pattern;
  const rows = outer.reduce((product, { length }) => product * length, 1);
  const sideBySide =
    operands.filter(({ stride }, i) => stride === "n" && outer[0]?.strides[i] === 1).length;
  const rowsFirst = sideBySide > operands.filter(({ stride }) => stride === "1").length;
  const team = chooseTeam(device, program, rows, columns, width, rowsFirst);
  return {
    variant: `rows ${team.rows}x${team.lanes}${rowsFirst ? " side by side" : ""}`,
    items: rows,
    itemsPerGroup: team.rows,
    code: () => rowCode(program, pattern, team),
  };
}

function chooseTeam(
  device: WebGpuDevice,
  program: Program,
  rows: number,
  columns: number,
  width: Width,
  rowsFirst: boolean,
): Team {
  const { limits } = device;
  const partials = Math.max(1, ...reductionPasses(program).map((pass) => pass.length));
  const threads = powerOfTwoBelow(Math.min(
    MAX_THREADS,
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupStorageSize / (4 * partials),
  ));
  if (Number(device.info.details.subgroupSize) <= PROCESSOR_VECTOR && rows >= CPU_ROWS) {
    return { rows: rowsFirst ? ROWS_SIDE_BY_SIDE : PROCESSOR_VECTOR, lanes: 1, rowsFirst };
  }
  if (columns <= MAX_SINGLE_LANE_ROW) {
    return { rows: Math.min(USUAL_THREADS, threads), lanes: 1, rowsFirst };
  }
  const steps = columns / width;
  if (rowsFirst) {
    const together = Math.min(ROWS_SIDE_BY_SIDE, threads, powerOfTwoAbove(rows));
    const lanes = rows >= GPU_THREADS ? 1 : threads / together;
    return { rows: together, lanes, rowsFirst };
  }
  let lanes = Math.min(8, threads);
  while (lanes < threads && steps > 4 * lanes && rows * lanes < GPU_THREADS) lanes *= 2;
  return { rows: Math.max(1, Math.min(USUAL_THREADS, threads) / lanes), lanes, rowsFirst };
}

const powerOfTwoBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(n, 1)));
const powerOfTwoAbove = (n: number): number => 2 ** Math.ceil(Math.log2(n));

function rowCode(program: Program, pattern: OperandsPattern, team: Team): string {
  const writer = new RowWriter(program, pattern, team);
  const threads = team.rows * team.lanes;
  const [lane, place] = team.rowsFirst
    ? [`thread / ${team.rows}`, `thread % ${team.rows}`]
    : [`thread % ${team.lanes}`, `thread / ${team.lanes}`];
  writer.locateRow();
  writer.write();
  const partials = Math.max(0, ...reductionPasses(program).map((pass) => pass.length));
  const shared = team.lanes === 1 ? "" : Array.from(
    { length: partials },
    (_, i) => `var<workgroup> partial${i}: array<${pattern.number}, ${threads}>;\n`,
  ).join("");
  // Threads beyond the last row repeat it without storing, because barriers need all threads.
  return writer.k.finish(`${shared}
${beginMain(threads, "group", "local")}
  let thread = i32(local);
  let lane = ${lane};
  let wanted = i32(group) * ${team.rows} + ${place};
  let isWanted = wanted < arguments.items;
  let row = min(wanted, arguments.items - 1);
  let end = select(0, arguments.columns / ${pattern.width}, isWanted);`);
}

class RowWriter extends WgslProgramWriter {
  readonly #team: Team;

  constructor(program: Program, pattern: OperandsPattern, team: Team) {
    super(program, pattern);
    this.#team = team;
  }

  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly WgslValue[], position: string) => void,
    begin = "lane",
    end = "end",
  ): void {
    this.k.block(
      `for (var column = ${begin}; column < ${end}; column += ${this.#team.lanes})`,
      () => use(this.values(roots, "column"), "column"),
    );
  }

  protected reduce(reductions: readonly Reduction[]): readonly (readonly WgslValue[])[] {
    const { k } = this;
    const { lanes } = this.#team;
    const type = wgslTypeOf(this.pattern.number, this.pattern.width);
    const starts = reductions.map(({ operation }) => identityOf(operation, type));
    const fresh = () => starts.map((value) => k.variable(value));
    const add = (into: readonly WgslValue[], values: readonly WgslValue[]) =>
      reductions.forEach(({ operation }, i) =>
        k.set(into[i]!, combine(operation, into[i]!, values[i]!))
      );
    const [totals, middles] = [fresh(), fresh()];
    const step = BLOCK * lanes;
    k.block(`for (var start = lane; start < end; start += ${step})`, () => {
      const lows = fresh();
      k.write(`let stop = min(end, start + ${step});`);
      this.forEach(reductions.map((e) => e.a), (values) => add(lows, values), "start", "stop");
      add(middles, lows);
      k.block(`if ((start / ${step}) % ${BLOCK} == ${BLOCK - 1})`, () => {
        add(totals, middles);
        middles.forEach((middle, i) => k.set(middle, starts[i]!));
      });
    });
    add(totals, middles);
    const own = reductions.map(({ operation }, i) => acrossVector(operation, totals[i]!));
    return [lanes === 1 ? own : this.#combineLanes(reductions, own)];
  }

  /** Combines the lanes' partial results; returns the totals, which all lanes get. */
  #combineLanes(
    reductions: readonly Reduction[],
    own: readonly WgslValue[],
  ): readonly WgslValue[] {
    const { k } = this;
    const { rows, lanes, rowsFirst } = this.#team;
    const partial = (i: number, index: string) =>
      new WgslValue(`partial${i}[${index}]`, own[i]!.type);
    own.forEach((value, i) => k.set(partial(i, "thread"), value));
    k.write("workgroupBarrier();");
    k.block(`for (var half = ${lanes / 2}; half > 0; half /= 2)`, () => {
      k.block("if (lane < half)", () =>
        reductions.forEach(({ operation }, i) => {
          const other = partial(i, `thread + half * ${rowsFirst ? rows : 1}`);
          k.set(partial(i, "thread"), combine(operation, partial(i, "thread"), other));
        }));
      k.write("workgroupBarrier();");
    });
    const first = rowsFirst ? `thread % ${rows}` : "thread - lane";
    const totals = own.map((_, i) => k.let(partial(i, first)));
    // The next pass must not write before every lane has read.
    k.write("workgroupBarrier();");
    return totals;
  }

  protected storeResult(output: number, value: WgslValue): void {
    // In place, a lane must not store what others have yet to load.
    if (this.#team.lanes > 1) this.k.write("storageBarrier();");
    this.k.block("if (isWanted && lane == 0)", () => this.storeElement(output, "0", value));
  }
}

function identityOf(operation: ReduceOperation, type: WgslType): WgslValue {
  const values = type.includes("i32") ? identities.integers : identities.floats;
  return new WgslValue(operandCode(values[operation], type), type);
}

function combine(operation: ReduceOperation, a: WgslValue, b: WgslValue): WgslValue {
  return operation === "sum" ? a.add(b) : operation === "max" ? a.max(b) : a.min(b);
}

/** The reduction of the numbers of a vector, which is a variable. */
function acrossVector(operation: ReduceOperation, value: WgslValue): WgslValue {
  if (value.width === 1) return value;
  const pair = (i: number) => combine(operation, value.lane(i), value.lane(i + 1));
  return combine(operation, pair(0), pair(2));
}
