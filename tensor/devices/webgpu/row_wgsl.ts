/**
 * Row programs as kernels: reductions along the last axis, and what is made of them.
 *
 * A workgroup takes some rows, and each row some threads, its lanes. A lane goes through its share of
 * the row and the lanes of a row then add up their partial results as a tree. Long rows get many
 * lanes; short ones one lane, so that no thread waits for another.
 *
 * An adapter whose subgroups are as narrow as the vectors of a processor is one, and runs a workgroup
 * as a loop: there a barrier saves and restores every thread. One lane is 5 to 20 times as fast as
 * eight on lavapipe, as long as there are enough rows for all cores.
 *
 * @module
 */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import type { Expression, ReduceOperation } from "../../expression/expression.ts";
import { type Program, reductionPasses } from "../../expression/program.ts";
import { type Plan, splitRow } from "./elementwise_wgsl.ts";
import {
  FormulaCode,
  operandArguments,
  OperandCode,
  type OperandsPattern,
} from "./program_code.ts";
import { canHandleFour, collapseAxes, type OperandPattern, stepOf } from "./program_layout.ts";
import { binaryCode, floatType, functionsFor, literal, type Width } from "./wgsl_functions.ts";
import { beginMain, workgroupGrid } from "./workgroup_grid.ts";

/** How the threads of a workgroup are shared out. */
interface Team {
  /** Rows of a workgroup, and the threads of each row: powers of two. */
  readonly rows: number;
  readonly lanes: number;
  /** Whether neighbouring threads are in neighbouring rows (or else in one row). */
  readonly rowsFirst: boolean;
}

/** Subgroups up to this size are vectors of a processor: 8 on lavapipe, 4 on SwiftShader. */
const PROCESSOR_VECTOR = 8;
/** The rows that keep the cores of a processor busy with one lane each. */
const BUSY_ROWS = 16;
/** Up to so many elements a single lane goes through a row. */
const SHORT_ROW = 32;
/** The threads that keep a graphics processor busy; more lanes for each row than that are no use. */
const BUSY_THREADS = 32_768;
/** Neighbouring rows that one memory access fetches, where rows lie side by side. */
const ROWS_SIDE_BY_SIDE = 32;
/** The most threads in a workgroup, and the usual number. */
const MOST_THREADS = 256;
const USUAL_THREADS = 64;

/**
 * Sums are added up in three levels, each from so many partial sums of the one below. A plain sum of
 * n numbers may be off by n roundings; this one by two times this number and n over its square.
 */
const BLOCK = 32;

/**
 * Plans a row program.
 *
 * @param views Inputs and then outputs; the last axis is the row, and there is at least one row.
 * @param buffers For each view the number of the buffer that it is in.
 */
export function planRows(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  buffers: readonly number[],
): Plan {
  const firstOutput = program.inputs.length;
  const varies = [...program.perRow.map((perRow) => !perRow), ...program.outputVaries];
  const columns = rowLengthOf(views, varies);
  const leader = Math.max(varies.indexOf(true), 0);
  const axes = collapseAxes(
    views[firstOutput]!.shape.slice(0, -1),
    views.map((view) => view.strides.slice(0, view.shape.length - 1)),
    leader,
  );
  const innerStrides = views.map((view) => view.strides.at(-1) ?? 0);
  const operands: OperandPattern[] = views.map((view, i) => ({
    buffer: buffers[i]!,
    dtype: view.dtype,
    step: varies[i] ? stepOf(innerStrides[i]!) : "none",
  }));
  const width = canHandleFour(columns, views, operands, axes.strides, firstOutput) ? 4 : 1;
  const pattern: OperandsPattern = { operands, firstOutput, rank: axes.sizes.length, width };
  const rows = axes.sizes.reduce((product, size) => product * size, 1);
  const sideBySide =
    operands.filter(({ step }, i) => step === "stride" && axes.strides[i]!.at(-1) === 1).length;
  const rowsFirst = sideBySide > operands.filter(({ step }) => step === "next").length;
  const team = chooseTeam(device, program, rows, columns, width, rowsFirst);
  const offsets = views.map((view) => view.offset);
  return {
    variant: `rows ${team.rows}x${team.lanes}${rowsFirst ? " side by side" : ""}`,
    pattern,
    makeKernel: (key) => rowKernel(key, program, pattern, team),
    integers: [
      rows,
      columns,
      ...axes.sizes,
      ...operandArguments(pattern, offsets, axes.strides, innerStrides),
    ],
    workgroups: workgroupGrid(
      Math.ceil(rows / team.rows),
      device.limits.maxComputeWorkgroupsPerDimension,
    ),
  };
}

function rowLengthOf(views: readonly View[], varies: readonly boolean[]): number {
  const view = views.find((_, i) => varies[i]);
  return view?.shape.at(-1) ?? 1;
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
    MOST_THREADS,
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
    limits.maxComputeWorkgroupStorageSize / (4 * partials),
  ));
  if (Number(device.info.details.subgroupSize) <= PROCESSOR_VECTOR && rows >= BUSY_ROWS) {
    return { rows: rowsFirst ? ROWS_SIDE_BY_SIDE : PROCESSOR_VECTOR, lanes: 1, rowsFirst };
  }
  if (columns <= SHORT_ROW) return { rows: Math.min(USUAL_THREADS, threads), lanes: 1, rowsFirst };
  const steps = columns / width;
  if (rowsFirst) {
    const together = Math.min(ROWS_SIDE_BY_SIDE, threads, powerOfTwoAbove(rows));
    const lanes = rows >= BUSY_THREADS ? 1 : threads / together;
    return { rows: together, lanes, rowsFirst };
  }
  let lanes = Math.min(8, threads);
  while (lanes < threads && steps > 4 * lanes && rows * lanes < BUSY_THREADS) lanes *= 2;
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
    integers: [
      "rows",
      "columns",
      ...Array.from({ length: pattern.rank }, (_, axis) => `n${axis}`),
      ...operands.argumentNames,
    ],
    floats: program.scalars.map((_, i) => `f${i}`),
    buffers: operands.buffers,
  };
}

function rowCode(
  program: Program,
  pattern: OperandsPattern,
  team: Team,
  operands: OperandCode,
): string {
  const formulas = new FormulaCode(program, operands, pattern.width);
  const threads = team.rows * team.lanes;
  const [lane, place] = team.rowsFirst
    ? [`thread / ${team.rows}`, `thread % ${team.rows}`]
    : [`thread % ${team.lanes}`, `thread / ${team.lanes}`];
  const passes = reductionPasses(program);
  const body = passes.map((pass) => passCode(pass, formulas, pattern.width, team)).join("");
  const partials = Math.max(0, ...passes.map((pass) => pass.length));
  const shared = team.lanes === 1 ? "" : Array.from(
    { length: partials },
    (_, i) => `var<workgroup> partial${i}: array<f32, ${threads}>;\n`,
  ).join("");
  // Threads beyond the last row do the last one again without storing: barriers want all threads.
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

/** Computes the reductions of one pass and gives them names. */
function passCode(
  pass: readonly Expression[],
  formulas: FormulaCode,
  width: Width,
  team: Team,
): string {
  const reductions = pass.filter((e) => e.kind === "reduce");
  let text = formulas.constants(reductions.map((e) => e.a), "  ");
  const varying = reductions.filter((e) => e.a.varies);
  for (const e of reductions) {
    formulas.define(e, `v${e.id}`);
    if (!e.a.varies) text += `  let v${e.id} = ${repeated(e.operation, formulas.name(e.a))};\n`;
  }
  if (varying.length === 0) return text;
  const F = floatType(width);
  const sums = varying.filter((e) => e.operation === "sum");
  for (const e of varying) {
    text += `  var total${e.id} = ${F}(${literal(identityOf(e.operation))});\n`;
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
    text += `      ${to} = ${binaryCode(operation, to, formulas.wide(e.a), width)};\n`;
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
  return text + combineLanes(varying, width, team);
}

/** A reduction of a value that is the same for the whole row. */
function repeated(operation: ReduceOperation, value: string): string {
  const result = operation === "sum" ? `${value} * f32(arguments.columns)` : value;
  return `select(${result}, ${literal(identityOf(operation))}, arguments.columns == 0)`;
}

function identityOf(operation: ReduceOperation): number {
  return { sum: 0, max: -Infinity, min: Infinity }[operation];
}

function combine(operation: ReduceOperation, a: string, b: string): string {
  return binaryCode(operation === "sum" ? "add" : operation, a, b, 1);
}

/** Makes one number of what the lanes of a row have, and gives it to all of them. */
function combineLanes(
  reductions: readonly (Expression & { kind: "reduce" })[],
  width: Width,
  team: Team,
): string {
  let text = "";
  const own = reductions.map(({ id, operation }) => {
    const total = operation === "sum" ? `(total${id} + middle${id})` : `total${id}`;
    if (width === 1) return total;
    text += `  let four${id} = ${total};\n`;
    const [x, y, z, w] = ["x", "y", "z", "w"].map((part) => `four${id}.${part}`);
    const [low, high] = [combine(operation, x!, y!), combine(operation, z!, w!)];
    return combine(operation, `(${low})`, `(${high})`);
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
    const sum = combine(operation, `partial${i}[thread]`, `partial${i}[thread + half * ${apart}]`);
    text += `      partial${i}[thread] = ${sum};\n`;
  });
  text += "    }\n    workgroupBarrier();\n  }\n";
  const first = team.rowsFirst ? `thread % ${team.rows}` : `thread - lane`;
  reductions.forEach(({ id }, i) => text += `  let v${id} = partial${i}[${first}];\n`);
  // The next pass may not begin to write before every lane has read.
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
    // In place, one lane may not store what the others have yet to load.
    if (team.lanes > 1) text += "  storageBarrier();\n";
    text += "  if (isWanted && lane == 0) {\n";
    for (const { e, operand } of perRow) {
      text += `    ${operands.store(operand, "0", formulas.name(e))}\n`;
    }
    text += "  }\n";
  }
  return text;
}
