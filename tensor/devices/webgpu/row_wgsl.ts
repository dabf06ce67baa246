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
import type { ReduceOperation } from "../../expression/expression.ts";
import {
  identities,
  type Program,
  type Reduction,
  reductionPasses,
  splitOutputs,
} from "../../expression/program.ts";
import {
  operandCode,
  type WgslType,
  wgslTypeOf,
  WgslValue,
  type Width,
} from "../../kernel/wgsl_value.ts";
import { FormulaCode, type OperandCode, type Plan } from "./program_code.ts";
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
    code: (operands) => rowCode(program, pattern, team, operands),
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

function rowCode(
  program: Program,
  pattern: OperandsPattern,
  team: Team,
  operands: OperandCode,
): string {
  const formulas = new FormulaCode(operands, pattern);
  const { k } = formulas;
  const threads = team.rows * team.lanes;
  const [lane, place] = team.rowsFirst
    ? [`thread / ${team.rows}`, `thread % ${team.rows}`]
    : [`thread % ${team.lanes}`, `thread / ${team.lanes}`];
  const passes = reductionPasses(program);
  operands.splitRow(k);
  operands.writeBases(k);
  for (const pass of passes) writePass(pass, formulas, pattern, team);
  writeOutputs(program, pattern, team, operands, formulas);
  const partials = Math.max(0, ...passes.map((pass) => pass.length));
  const shared = team.lanes === 1 ? "" : Array.from(
    { length: partials },
    (_, i) => `var<workgroup> partial${i}: array<${pattern.number}, ${threads}>;\n`,
  ).join("");
  // Threads beyond the last row repeat it without storing, because barriers need all threads.
  return k.finish(`${shared}
${beginMain(threads, "group", "local")}
  let thread = i32(local);
  let lane = ${lane};
  let wanted = i32(group) * ${team.rows} + ${place};
  let isWanted = wanted < arguments.items;
  let row = min(wanted, arguments.items - 1);
  let end = select(0, arguments.columns / ${pattern.width}, isWanted);`);
}

function writePass(
  reductions: readonly Reduction[],
  formulas: FormulaCode,
  { width, number }: OperandsPattern,
  team: Team,
): void {
  const { k } = formulas;
  formulas.hoist(reductions.map((e) => e.a));
  const varying = reductions.filter((e) => e.a.varies);
  for (const e of reductions) {
    if (!e.a.varies) formulas.define(e, repeated(e.operation, formulas.invariant(e.a)));
  }
  if (varying.length === 0) return;
  const type = wgslTypeOf(number, width);
  const totals = varying.map((e) => k.variable(identityOf(e.operation, type)));
  const step = BLOCK * team.lanes;
  const addUp = (from: string, to: string, into: readonly WgslValue[]) =>
    k.block(`for (var column = ${from}; column < ${to}; column += ${team.lanes})`, () => {
      const values = formulas.values(varying.map((e) => e.a), "column");
      varying.forEach(({ operation }, i) => {
        k.set(into[i]!, combine(operation, into[i]!, values[i]!));
      });
    });
  if (varying.some((e) => e.operation === "sum")) {
    const middles = varying.map((e, i) =>
      e.operation === "sum" ? k.variable(identityOf("sum", type)) : totals[i]!
    );
    k.block(`for (var start = lane; start < end; start += ${step})`, () => {
      const lows = varying.map((e, i) =>
        e.operation === "sum" ? k.variable(identityOf("sum", type)) : totals[i]!
      );
      k.write(`let stop = min(end, start + ${step});`);
      addUp("start", "stop", lows);
      k.write(`let isFull = (start / ${step}) % ${BLOCK} == ${BLOCK - 1};`);
      const isFull = new WgslValue("isFull", "bool");
      const zero = identityOf("sum", type);
      varying.forEach(({ operation }, i) => {
        if (operation !== "sum") return;
        const [total, middle, low] = [totals[i]!, middles[i]!, lows[i]!];
        k.set(middle, middle.add(low));
        k.set(total, total.add(isFull.select(middle, zero)));
        k.set(middle, isFull.select(zero, middle));
      });
    });
    varying.forEach(({ operation }, i) => {
      if (operation === "sum") totals[i] = k.let(totals[i]!.add(middles[i]!));
    });
  } else {
    addUp("lane", "end", totals);
  }
  const own = varying.map(({ operation }, i) => acrossVector(operation, totals[i]!));
  const results = team.lanes === 1 ? own : combineLanes(varying, own, formulas, team);
  varying.forEach((e, i) => formulas.define(e, results[i]!));
}

/** A reduction of a value that is constant along the row. */
function repeated(operation: ReduceOperation, value: WgslValue): WgslValue {
  const columns = new WgslValue(`${value.type}(arguments.columns)`, value.type);
  const result = operation === "sum" ? value.multiply(columns) : value;
  const isEmpty = new WgslValue("(arguments.columns == 0)", "bool");
  return isEmpty.select(identityOf(operation, value.type), result);
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

/** Combines the lanes' partial results; returns the totals, which all lanes get. */
function combineLanes(
  reductions: readonly Reduction[],
  own: readonly WgslValue[],
  { k }: FormulaCode,
  team: Team,
): readonly WgslValue[] {
  const partial = (i: number, index: string) =>
    new WgslValue(`partial${i}[${index}]`, own[i]!.type);
  own.forEach((value, i) => k.set(partial(i, "thread"), value));
  k.write("workgroupBarrier();");
  k.block(`for (var half = ${team.lanes / 2}; half > 0; half /= 2)`, () => {
    k.block("if (lane < half)", () =>
      reductions.forEach(({ operation }, i) => {
        const other = partial(i, `thread + half * ${team.rowsFirst ? team.rows : 1}`);
        k.set(partial(i, "thread"), combine(operation, partial(i, "thread"), other));
      }));
    k.write("workgroupBarrier();");
  });
  const first = team.rowsFirst ? `thread % ${team.rows}` : "thread - lane";
  const totals = own.map((_, i) => k.let(partial(i, first)));
  // The next pass must not write before every lane has read.
  k.write("workgroupBarrier();");
  return totals;
}

function writeOutputs(
  program: Program,
  pattern: OperandsPattern,
  team: Team,
  operands: OperandCode,
  formulas: FormulaCode,
): void {
  const { k } = formulas;
  const { perElement, perRow } = splitOutputs(program);
  const store = (o: number, position: string, value: WgslValue) =>
    k.write(operands.store(pattern.firstOutput + o, position, value));
  formulas.hoist(program.outputs);
  if (perElement.length > 0) {
    k.block(`for (var column = lane; column < end; column += ${team.lanes})`, () => {
      const values = formulas.values(perElement.map((o) => program.outputs[o]!), "column");
      perElement.forEach((o, i) => store(o, "column", values[i]!));
    });
  }
  if (perRow.length === 0) return;
  const values = perRow.map((o) => formulas.invariant(program.outputs[o]!));
  // In place, a lane must not store what others have yet to load.
  if (team.lanes > 1) k.write("storageBarrier();");
  k.block(
    "if (isWanted && lane == 0)",
    () => perRow.forEach((o, i) => store(o, "0", values[i]!)),
  );
}
