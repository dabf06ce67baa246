/**
 * Elementwise programs as kernels: one thread per element, or per four contiguous elements. @module
 */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { computesIntegers, type Program } from "../../expression/program.ts";
import {
  FormulaCode,
  operandArguments,
  OperandCode,
  type OperandsPattern,
} from "./program_code.ts";
import { canHandleFour, collapseAxes, type OperandPattern, stepOf } from "./program_layout.ts";
import { functionsFor, type NumberType } from "./wgsl_functions.ts";
import { beginMain, workgroupGrid } from "./workgroup_grid.ts";

export interface Plan {
  /** Identifies what the kernel's code depends on besides the program. */
  readonly variant: string;
  readonly pattern: OperandsPattern;
  readonly makeKernel: (key: string) => WgslKernel;
  readonly integers: readonly number[];
  readonly workgroups: readonly [x: number, y: number];
}

/** Maximum threads per workgroup; every adapter supports at least half of it. */
const MAX_THREADS = 256;

/**
 * Plans an elementwise program on inputs, then outputs, of one shape without zeros; `buffers` has
 * the buffer index of each.
 */
export function planElementwise(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  buffers: readonly number[],
): Plan {
  const firstOutput = program.inputs.length;
  const axes = collapseAxes(views[firstOutput]!.shape, views.map((v) => v.strides), firstOutput);
  const length = axes.sizes.at(-1) ?? 1;
  const innerStrides = axes.strides.map((strides) => strides.at(-1) ?? 0);
  const outerStrides = axes.strides.map((strides) => strides.slice(0, -1));
  const operands: OperandPattern[] = views.map((view, i) => ({
    buffer: buffers[i]!,
    dtype: view.dtype,
    step: stepOf(innerStrides[i]!),
  }));
  const width = canHandleFour(length, views, operands, outerStrides, firstOutput) ? 4 : 1;
  const outerSizes = axes.sizes.slice(0, -1);
  const pattern: OperandsPattern = {
    ...{ operands, firstOutput, rank: outerSizes.length, width },
    number: numberTypeOf(program, views),
  };
  const count = outerSizes.reduce((product, size) => product * size, length / width);
  const threads = threadsOf(device);
  const offsets = views.map((view) => view.offset);
  return {
    variant: `elementwise ${threads}`,
    pattern,
    makeKernel: (key) => elementwiseKernel(key, program, pattern, threads),
    integers: [
      count,
      length / width,
      ...outerSizes,
      ...operandArguments(pattern, offsets, outerStrides, innerStrides),
    ],
    workgroups: workgroupGrid(
      Math.ceil(count / threads),
      device.limits.maxComputeWorkgroupsPerDimension,
    ),
  };
}

/** The type in which a program is computed on these views: inputs, then outputs. */
export function numberTypeOf(program: Program, views: readonly View[]): NumberType {
  const firstOutput = program.inputs.length;
  return computesIntegers(program, views.slice(0, firstOutput), views.slice(firstOutput))
    ? "i32"
    : "f32";
}

/** The names of a kernel's arguments: scalars are numbers of the type of formulas. */
export function argumentsOf(
  integers: readonly string[],
  program: Program,
  { number }: OperandsPattern,
): { readonly integers: readonly string[]; readonly floats: readonly string[] } {
  const scalars = program.scalars.map((_, i) => `f${i}`);
  return number === "i32"
    ? { integers: [...integers, ...scalars], floats: [] }
    : { integers, floats: scalars };
}

function threadsOf({ limits }: WebGpuDevice): number {
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } = limits;
  return Math.min(MAX_THREADS, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX);
}

function elementwiseKernel(
  key: string,
  program: Program,
  pattern: OperandsPattern,
  threads: number,
): WgslKernel {
  const operands = new OperandCode(pattern);
  const code = (): string => {
    const formulas = new FormulaCode(program, operands, pattern);
    const constants = formulas.constants(program.outputs, "  ");
    const values = formulas.varying(program.outputs, "column", "  ");
    const stores = program.outputs.map((e, i) =>
      `  ${operands.store(pattern.firstOutput + i, "column", formulas.wide(e))}\n`
    ).join("");
    const main = `
${beginMain(threads, "group", "thread")}
  let element = i32(group * ${threads}u + thread);
  if (element >= arguments.count) {
    return;
  }
${
      outerIndices(pattern.rank, "element", "arguments.columns")
    }${operands.bases()}${constants}${values}${stores}}
`;
    return functionsFor(main) + main;
  };
  return {
    key,
    code,
    ...argumentsOf(
      [
        "count",
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

/** Declares `column` and the outer indices `i0`, `i1`, … of the element counted by `count`. */
function outerIndices(rank: number, count: string, columns: string): string {
  if (rank === 0) return `  let column = ${count};\n`;
  return `  let column = ${count} % ${columns};\n  let row = ${count} / ${columns};\n` +
    splitRow(rank);
}

/** Declares the outer indices `i0`, `i1`, … of `row`. */
export function splitRow(rank: number): string {
  let text = "";
  let rest = "row";
  for (let axis = rank - 1; axis > 0; axis--) {
    text += `  let i${axis} = ${rest} % arguments.n${axis};\n`;
    text += `  let rest${axis} = ${rest} / arguments.n${axis};\n`;
    rest = `rest${axis}`;
  }
  return rank === 0 ? "" : `${text}  let i0 = ${rest};\n`;
}
