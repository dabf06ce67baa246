/**
 * Elementwise programs as kernels: one thread per element, or per four contiguous elements. @module
 */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { computesIntegers, type Program } from "../../expression/program.ts";
import { classOf, collapseAxes } from "../../kernel/layout.ts";
import type { WgslBuilder } from "../../kernel/wgsl.ts";
import type { NumberType } from "../../kernel/wgsl_value.ts";
import {
  FormulaCode,
  operandArguments,
  OperandCode,
  type OperandsPattern,
} from "./program_code.ts";
import { canHandleFour, type OperandPattern } from "./program_layout.ts";
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
  const [run, ...outer] = collapseAxes(program, views);
  const length = run?.length ?? 1;
  const innerStrides = views.map((_, i) => run?.strides[i] ?? 0);
  const operands: OperandPattern[] = views.map((view, i) => ({
    buffer: buffers[i]!,
    dtype: view.dtype,
    stride: classOf(innerStrides[i]!),
  }));
  const width = canHandleFour(length, views, operands, outer, firstOutput) ? 4 : 1;
  const pattern: OperandsPattern = {
    ...{ operands, firstOutput, rank: outer.length, width },
    number: numberTypeOf(program, views),
  };
  const count = outer.reduce((product, { length }) => product * length, length / width);
  const threads = threadsOf(device);
  return {
    variant: `elementwise ${threads}`,
    pattern,
    makeKernel: (key) => elementwiseKernel(key, program, pattern, threads),
    integers: [
      count,
      length / width,
      ...outer.map(({ length }) => length),
      ...operandArguments(pattern, views, outer, innerStrides),
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
    const formulas = new FormulaCode(operands, pattern);
    const { k } = formulas;
    splitElement(k, pattern.rank);
    operands.writeBases(k);
    formulas.hoist(program.outputs);
    const values = formulas.values(program.outputs, "column");
    values.forEach((value, i) => {
      k.write(operands.store(pattern.firstOutput + i, "column", value));
    });
    return k.finish(`${beginMain(threads, "group", "thread")}
  let element = i32(group * ${threads}u + thread);
  if (element >= arguments.count) { return; }`);
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

/** Declares `column` and the outer indices of the element counted by `element`. */
function splitElement(k: WgslBuilder, rank: number): void {
  if (rank === 0) return k.write("let column = element;");
  k.write("let column = element % arguments.columns;");
  k.write("let row = element / arguments.columns;");
  splitRow(k, rank);
}

/** Declares the outer indices `i0`, `i1`, … of `row`, innermost first. */
export function splitRow(k: WgslBuilder, rank: number): void {
  let rest = "row";
  for (let axis = 0; axis < rank - 1; axis++) {
    k.write(`let i${axis} = ${rest} % arguments.n${axis};`);
    k.write(`let rest${axis} = ${rest} / arguments.n${axis};`);
    rest = `rest${axis}`;
  }
  if (rank > 0) k.write(`let i${rank - 1} = ${rest};`);
}
