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

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import type { Expression, ReduceOperation } from "../../expression/expression.ts";
import { type Program, reductionPasses } from "../../expression/program.ts";
import { classOf, collapseAxes, isAlongRow, rowLengthOf } from "../../kernel/layout.ts";
import { argumentsOf, numberTypeOf, type Plan, splitRow } from "./elementwise_wgsl.ts";
import {
  FormulaCode,
  operandArguments,
  OperandCode,
  type OperandsPattern,
} from "./program_code.ts";
import { canHandleFour, type OperandPattern } from "./program_layout.ts";
import {
  binaryCode,
  functionsFor,
  integerLiteral,
  literal,
  type NumberType,
  valueType,
  type Width,
} from "./wgsl_functions.ts";
import { beginMain, workgroupGrid } from "./workgroup_grid.ts";

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

/** Plans a row program on inputs, then outputs, whose last axis is the row. */
export function planRows(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  buffers: readonly number[],
): Plan {
  const firstOutput = program.inputs.length;
  const columns = rowLengthOf(program, views);
  const outer = collapseAxes(program, views);
  const innerStrides = views.map((view) => view.strides.at(-1) ?? 0);
  const operands: OperandPattern[] = views.map((view, i) => ({
    buffer: buffers[i]!,
    dtype: view.dtype,
    stride: isAlongRow(program, i) ? classOf(innerStrides[i]!) : "row",
  }));
  const width = canHandleFour(columns, views, operands, outer, firstOutput) ? 4 : 1;
  const pattern: OperandsPattern = {
    ...{ operands, firstOutput, rank: outer.length, width },
    number: numberTypeOf(program, views),
  };
  const rows = outer.reduce((product, { length }) => product * length, 1);
  const sideBySide =
    operands.filter(({ stride }, i) => stride === "n" && outer[0]?.strides[i] === 1).length;
  const rowsFirst = sideBySide > operands.filter(({ stride }) => stride === "1").length;
  const team = chooseTeam(device, program, rows, columns, width, rowsFirst);
  return {
    variant: `rows ${team.rows}x${team.lanes}${rowsFirst ? " side by side" : ""}`,
    pattern,
    makeKernel: (key) => rowKernel(key, program, pattern, team),
    integers: [
      rows,
      columns,
      ...outer.map(({ length }) => length),
      ...operandArguments(pattern, views, outer, innerStrides),
    ],
    workgroups: workgroupGrid(
      Math.ceil(rows / team.rows),
      device.limits.maxComputeWorkgroupsPerDimension,
    ),
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

function rowKernel(
  key: string,
  program: Program,
  pattern: OperandsPattern,
  team: Team,
): WgslKernel {
  const operands = new OperandCode(pattern);
  return {
    key,
    code: () => rowCode(program, pattern, team, operands),
    ...argumentsOf(
      [
        "rows",
        "columns",
        ...Array.from({ length: pattern.rank }, (_, axis) => `n${axis}`),
        ...operands.argumentNames,
      ],
      program,
      pattern,
    ),
    buffers: operands.buffers,
  };
}

function rowCode(
  program: Program,
  pattern: OperandsPattern,
  team: Team,
  operands: OperandCode,
): string {
  const formulas = new FormulaCode(program, operands, pattern);
  const threads = team.rows * team.lanes;
  const [lane, place] = team.rowsFirst
    ? [`thread / ${team.rows}`, `thread % ${team.rows}`]
    : [`thread % ${team.lanes}`, `thread / ${team.lanes}`];
  const passes = reductionPasses(program);
  const body = passes.map((pass) => passCode(pass, formulas, pattern, team)).join("");
  const partials = Math.max(0, ...passes.map((pass) => pass.length));
  const shared = team.lanes === 1 ? "" : Array.from(
    { length: partials },
    (_, i) => `var<workgroup> partial${i}: array<${pattern.number}, ${threads}>;\n`,
  ).join("");
  // Threads beyond the last row repeat it without storing, because barriers need all threads.
  const main = `${shared}
${beginMain(threads, "group", "local")}
  let thread = i32(local);
  let lane = ${lane};
  let wanted = i32(group) * ${team.rows} + ${place};
  let isWanted = wanted < arguments.rows;
  let row = min(wanted, arguments.rows - 1);
  let end = select(0, arguments.columns / ${pattern.width}, isWanted);
${splitRow(pattern.rank)}${operands.bases()}${body}${
    outputCode(program, pattern, team, operands, formulas)
  }}
`;
  return functionsFor(main) + main;
}

function passCode(
  pass: readonly Expression[],
  formulas: FormulaCode,
  { width, number }: OperandsPattern,
  team: Team,
): string {
  const reductions = pass.filter((e) => e.kind === "reduce");
  let text = formulas.constants(reductions.map((e) => e.a), "  ");
  const varying = reductions.filter((e) => e.a.varies);
  for (const e of reductions) {
    formulas.define(e, `v${e.id}`);
    if (!e.a.varies) {
      text += `  let v${e.id} = ${repeated(e.operation, formulas.name(e.a), number)};\n`;
    }
  }
  if (varying.length === 0) return text;
  const F = valueType(number, width);
  const sums = varying.filter((e) => e.operation === "sum");
  for (const e of varying) {
    text += `  var total${e.id} = ${F}(${identityOf(e.operation, number)});\n`;
    if (e.operation === "sum") text += `  var middle${e.id} = ${F}(0);\n`;
  }
  formulas.beginLoop();
  const lanes = team.lanes;
  text += sums.length === 0
    ? `  for (var column = lane; column < end; column += ${lanes}) {\n`
    : `  for (var start = lane; start < end; start += ${BLOCK * lanes}) {
${sums.map((e) => `    var low${e.id} = ${F}(0);\n`).join("")}\
    let stop = min(end, start + ${BLOCK * lanes});
    for (var column = start; column < stop; column += ${lanes}) {\n`;
  text += formulas.varying(varying.map((e) => e.a), "column", "      ");
  for (const e of varying) {
    const [to, operation] = e.operation === "sum"
      ? [`low${e.id}`, "add" as const]
      : [`total${e.id}`, e.operation];
    text += `      ${to} = ${binaryCode(operation, to, formulas.wide(e.a), width, number)};\n`;
  }
  if (sums.length > 0) {
    text += `    }\n    let isFull = (start / ${BLOCK * lanes}) % ${BLOCK} == ${BLOCK - 1};\n`;
    for (const { id } of sums) {
      text += `    middle${id} += low${id};
    total${id} += select(${F}(0), middle${id}, isFull);
    middle${id} = select(middle${id}, ${F}(0), isFull);\n`;
    }
  }
  text += "  }\n";
  return text + combineLanes(varying, width, number, team);
}

/** A reduction of a value that is constant along the row. */
function repeated(operation: ReduceOperation, value: string, number: NumberType): string {
  const result = operation === "sum" ? `${value} * ${number}(arguments.columns)` : value;
  return `select(${result}, ${identityOf(operation, number)}, arguments.columns == 0)`;
}

function identityOf(operation: ReduceOperation, number: NumberType): string {
  const identity = { sum: 0, max: -Infinity, min: Infinity }[operation];
  return number === "f32" ? literal(identity) : integerLiteral(identity);
}

function combine(operation: ReduceOperation, a: string, b: string, number: NumberType): string {
  return binaryCode(operation === "sum" ? "add" : operation, a, b, 1, number);
}

/** Combines the lanes' partial results, and broadcasts the total to all lanes. */
function combineLanes(
  reductions: readonly (Expression & { kind: "reduce" })[],
  width: Width,
  number: NumberType,
  team: Team,
): string {
  let text = "";
  const own = reductions.map(({ id, operation }) => {
    const total = operation === "sum" ? `(total${id} + middle${id})` : `total${id}`;
    if (width === 1) return total;
    text += `  let four${id} = ${total};\n`;
    const [x, y, z, w] = ["x", "y", "z", "w"].map((part) => `four${id}.${part}`);
    const [low, high] = [combine(operation, x!, y!, number), combine(operation, z!, w!, number)];
    return combine(operation, `(${low})`, `(${high})`, number);
  });
  if (team.lanes === 1) {
    reductions.forEach(({ id }, i) => text += `  let v${id} = ${own[i]};\n`);
    return text;
  }
  const apart = team.rowsFirst ? team.rows : 1;
  reductions.forEach((_, i) => text += `  partial${i}[thread] = ${own[i]};\n`);
  text += `  workgroupBarrier();
  for (var half = ${team.lanes / 2}; half > 0; half /= 2) {
    if (lane < half) {\n`;
  reductions.forEach(({ operation }, i) => {
    const other = `partial${i}[thread + half * ${apart}]`;
    const sum = combine(operation, `partial${i}[thread]`, other, number);
    text += `      partial${i}[thread] = ${sum};\n`;
  });
  text += "    }\n    workgroupBarrier();\n  }\n";
  const first = team.rowsFirst ? `thread % ${team.rows}` : `thread - lane`;
  reductions.forEach(({ id }, i) => text += `  let v${id} = partial${i}[${first}];\n`);
  // The next pass must not write before every lane has read.
  return `${text}  workgroupBarrier();\n`;
}

function outputCode(
  program: Program,
  pattern: OperandsPattern,
  team: Team,
  operands: OperandCode,
  formulas: FormulaCode,
): string {
  const results = program.outputs.map((e, i) => ({
    e,
    operand: pattern.firstOutput + i,
    varies: program.outputVaries[i]!,
  }));
  const perElement = results.filter(({ varies }) => varies);
  const perRow = results.filter(({ varies }) => !varies);
  let text = formulas.constants(program.outputs, "  ");
  if (perElement.length > 0) {
    formulas.beginLoop();
    text += `  for (var column = lane; column < end; column += ${team.lanes}) {\n` +
      formulas.varying(perElement.map(({ e }) => e), "column", "    ");
    for (const { e, operand } of perElement) {
      text += `    ${operands.store(operand, "column", formulas.wide(e))}\n`;
    }
    text += "  }\n";
  }
  if (perRow.length > 0) {
    // In place, a lane must not store what others have yet to load.
    if (team.lanes > 1) text += "  storageBarrier();\n";
    text += "  if (isWanted && lane == 0) {\n";
    for (const { e, operand } of perRow) {
      text += `    ${operands.store(operand, "0", formulas.name(e))}\n`;
    }
    text += "  }\n";
  }
  return text;
}
