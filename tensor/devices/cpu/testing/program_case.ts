/** Compares a program on a CPU device with double precision, over views of every kind. @module */

import { assertEquals } from "@std/assert";
import type { CpuDevice, View } from "../../../device.ts";
import type { DType } from "../../../layout.ts";
import { evaluate } from "../../../formula/testing/evaluate.ts";
import type { Program } from "../../../formula/program.ts";
import { runProgramOn } from "../../../ops/program.ts";
import type { FakeCpuDevice } from "./fake_device.ts";

export type Arrangement = "contiguous" | "transposed" | "sliced" | "broadcast";

export interface OperandKind {
  readonly arrangement?: Arrangement;
  readonly dtype?: DType;
}

/** The inputs of a run: `values` gives element `i` of input `k`. */
export interface ProgramCase {
  readonly shape: readonly number[];
  readonly inputs?: readonly OperandKind[];
  readonly outputs?: readonly OperandKind[];
  /** The input that each output overwrites. */
  readonly inPlace?: readonly number[];
  readonly scalars?: readonly number[];
  readonly values?: (i: number, k: number) => number;
  /** Maximum error relative to max(1, |result|). */
  readonly tolerance?: number;
}

export const sample = (i: number, k: number): number =>
  Math.sin(i * 12.9898 + (k + 1) * 78.233 + (i % 7) * k) * 1.7;

/** Allocates an operand with the given layout. */
function makeView(device: CpuDevice, shape: readonly number[], kind: OperandKind): View {
  const { arrangement = "contiguous", dtype = "float32" } = kind;
  const lengths = arrangement === "sliced"
    ? shape.map((length) => length + 3)
    : arrangement === "broadcast"
    ? shape.map((length, axis) => axis === 0 ? 1 : length)
    : [...shape];
  const order = shape.map((_, axis) => axis);
  if (arrangement !== "transposed") order.reverse();
  const strides = shape.map(() => 0);
  let size = 1;
  for (const axis of order) {
    strides[axis] = size;
    size *= lengths[axis]!;
  }
  if (arrangement === "broadcast") strides[0] = 0;
  const offset = arrangement === "sliced" ? strides.reduce((sum, s) => sum + s, 1) : 0;
  const allocation = device.allocate(4 * (size + offset), "operand");
  return { allocation, dtype, shape, strides, offset };
}

/** The positions of a view's elements in its allocation, row-major. */
function positions({ shape, strides, offset }: View): number[] {
  return shape.reduce(
    (all, length, axis) =>
      all.flatMap((p) => Array.from({ length }, (_, i) => p + i * strides[axis]!)),
    [offset],
  );
}

/** Runs a case and compares every output with the reference. Returns the outputs. */
export function checkProgram(device: FakeCpuDevice, program: Program, c: ProgramCase): number[][] {
  const { shape, scalars = [], values = sample, tolerance = 2e-6 } = c;
  const rowShape = [...shape.slice(0, -1), 1];
  const elementsOf = (view: View) =>
    view.dtype === "int32"
      ? device.elements(view.allocation, "int32")
      : device.elements(view.allocation, "float32");
  const inputs = program.inputs.map((_, k) => {
    const view = makeView(
      device,
      program.inputs[k]!.isPerRow ? rowShape : shape,
      c.inputs?.[k] ?? {},
    );
    const elements = elementsOf(view);
    positions(view).forEach((p, i) => elements[p] = values(i, k));
    return view;
  });
  const outputs = program.outputs.map((_, o) => {
    if (c.inPlace) return inputs[c.inPlace[o]!]!;
    const kind = c.outputs?.[o] ?? {};
    const view = makeView(device, program.outputVaries[o] ? shape : rowShape, kind);
    elementsOf(view).fill(12345);
    return view;
  });

  const size = shape.reduce((product, length) => product * length, 1);
  const columns = program.isRow ? shape.at(-1)! : size;
  const rows = program.isRow ? rowShape.reduce((product, length) => product * length, 1) : 1;
  const doubles = inputs.map((view) =>
    Float64Array.from(positions(view), (p) => elementsOf(view)[p]!)
  );
  const expected = evaluate(program, rows, columns, doubles, scalars.map(Math.fround));
  const untouched = outputs.map((view) => {
    const inside = new Set(positions(view));
    return () =>
      c.inPlace !== undefined ||
      elementsOf(view).every((value, p) => inside.has(p) || value === 12345);
  });

  runProgramOn(device, program, inputs, outputs, scalars);
  return outputs.map((view, o) => {
    const where = `${program.name} [${shape}] output ${o}`;
    const actual = positions(view).map((p) => elementsOf(view)[p]!);
    assertEquals(actual.length, expected[o]!.length, where);
    actual.forEach((y, i) => {
      const exact = expected[o]![i]!;
      const rounded = view.dtype === "int32" ? Math.trunc(exact) : Math.fround(exact);
      const isClose = Math.abs(y - rounded) <= tolerance * Math.max(1, Math.abs(exact));
      if (!Object.is(y, rounded) && !isClose) assertEquals(y, rounded, `${where} element ${i}`);
    });
    assertEquals(untouched[o]!(), true, `${where}: nothing else is written`);
    return actual;
  });
}
