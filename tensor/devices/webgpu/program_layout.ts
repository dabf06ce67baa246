/** The layout of a program's operands, as far as the kernel's code depends on it, and its arguments. @module */

import type { Allocation, View } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import { computesIntegers, type Program } from "../../formula/program.ts";
import { type Axis, classOf, collapseAxes, rowOf, type StrideClass } from "../../kernel/layout.ts";
import type { NumberType, Width } from "../../kernel/wgsl_value.ts";

export interface OperandPattern {
  readonly buffer: number;
  readonly dtype: DType;
  /** Along the innermost axis; 0 for one element per row. */
  readonly stride: StrideClass;
}

/** Everything about the operands that a kernel's code depends on. */
export interface OperandsPattern {
  readonly operands: readonly OperandPattern[];
  readonly firstOutput: number;
  /** Number of outer axes, which are arguments (for a row program, without the row itself). */
  readonly rank: number;
  /** Contiguous elements per thread along the innermost axis. */
  readonly width: Width;
  /** The type in which formulas are computed; it follows from the program and the operands' types. */
  readonly number: NumberType;
}

/** The operands on given views. */
export interface OperandsLayout {
  readonly pattern: OperandsPattern;
  /** Work items: rows, or elements of an elementwise program, in vectors. */
  readonly items: number;
  /** Elements along the innermost axis. */
  readonly columns: number;
  readonly outer: readonly Axis[];
  /** The arguments that `argumentNames` lists. */
  readonly integers: readonly number[];
}

/** @param allocations Those of the operands, in the order in which they are bound. */
export function layOutOperands(
  program: Program,
  views: readonly View[],
  allocations: readonly Allocation[],
): OperandsLayout {
  const firstOutput = program.inputs.length;
  const axes = collapseAxes(program, views);
  const [inner, ...outer] = program.isRow ? [rowOf(program, views), ...axes] : axes;
  const { length: columns, strides } = inner ?? { length: 1, strides: views.map(() => 1) };
  const operands: readonly OperandPattern[] = views.map(({ allocation, dtype }, i) => ({
    buffer: allocations.indexOf(allocation),
    dtype,
    stride: classOf(strides[i]!),
  }));
  const hasFours = columns > 0 && columns % 4 === 0;
  const width = hasFours && canHandleFour(views, operands, outer, firstOutput) ? 4 : 1;
  const ofOperands = operands.flatMap(({ stride }, i) => {
    const unit = stride === "1" ? width : 1;
    return [
      views[i]!.offset / unit,
      ...outer.map(({ strides }) => strides[i]! / unit),
      ...(stride === "n" ? [strides[i]!] : []),
    ];
  });
  const rows = outer.reduce((product, { length }) => product * length, 1);
  const items = program.isRow ? rows : rows * columns / width;
  return {
    pattern: {
      ...{ operands, firstOutput, rank: outer.length, width },
      number: computesIntegers(program, views) ? "i32" : "f32",
    },
    ...{ items, columns, outer },
    integers: [items, columns, ...outer.map(({ length }) => length), ...ofOperands],
  };
}

/**
 * Whether threads can handle four elements along the innermost axis, if its length allows it: every
 * operand is either contiguous and 4-aligned there, or broadcast.
 *
 * @param outer The other axes.
 */
function canHandleFour(
  views: readonly View[],
  patterns: readonly OperandPattern[],
  outer: readonly Axis[],
  firstOutput: number,
): boolean {
  const wide = new Set(patterns.flatMap(({ buffer, stride }) => stride === "1" ? [buffer] : []));
  return wide.size > 0 &&
    patterns.every(({ buffer, stride }, i) =>
      stride === "1"
        ? views[i]!.offset % 4 === 0 && outer.every(({ strides }) => strides[i]! % 4 === 0)
        // A scalar cannot be stored to a buffer of vec4 without touching its neighbors.
        : stride === "0" && (i < firstOutput || !wide.has(buffer))
    );
}
