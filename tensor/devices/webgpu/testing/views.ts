/** Test data: views of every kind, and comparison with the reference. @module */

import type { View, WebGpuDevice } from "../../../device.ts";
import type { DType } from "../../../layout.ts";
import { evaluate } from "../../../formula/testing/evaluate.ts";
import type { Program } from "../../../formula/program.ts";
import { runProgramOn } from "../../../ops/program.ts";

export interface Placed {
  readonly view: View;
  readonly memory: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

export interface Placement {
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly dtype?: DType;
}

/** Pseudorandom numbers between −3 and 3 that never repeat. */
export function sample(count: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => 3 * Math.sin(i * 12.9898 + seed * 78.233));
}

export function contiguous(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
}

/** The positions of a view's elements in its allocation, row-major. */
export function positions({ shape, strides, offset }: View): number[] {
  let all = [offset];
  shape.forEach((length, axis) =>
    all = all.flatMap((start) => Array.from({ length }, (_, i) => start + i * strides[axis]!))
  );
  return all;
}

export function place(
  device: WebGpuDevice,
  placement: Placement,
  value: (i: number) => number,
): Placed {
  const { shape, strides = contiguous(shape), offset = 0, dtype = "float32" } = placement;
  const end = shape.includes(0)
    ? offset
    : shape.reduce((last, n, axis) => last + (n - 1) * strides[axis]!, offset) + 1;
  const values = Array.from({ length: end + 3 }, (_, i) => value(i));
  const memory = dtype === "int32" ? Int32Array.from(values) : Float32Array.from(values);
  const allocation = device.allocate(memory.byteLength, "test");
  device.write(allocation, 0, memory);
  return { view: { allocation, dtype, shape, strides, offset }, memory };
}

export function elements({ view, memory }: Placed): Float64Array {
  return Float64Array.from(positions(view), (i) => memory[i]!);
}

/** Runs a program on the device and in double precision; returns both results of each output. */
export async function runBoth(
  device: WebGpuDevice,
  program: Program,
  inputs: readonly Placed[],
  outputs: readonly Placed[],
  scalars: readonly number[] = [],
): Promise<{ actual: Float64Array; expected: Float64Array }[]> {
  const shape = outputs[0]!.view.shape;
  const varying = [...program.inputs.map(({ isPerRow }) => !isPerRow), ...program.outputVaries]
    .indexOf(true);
  const columns = program.isRow
    ? varying < 0 ? 1 : [...inputs, ...outputs][varying]!.view.shape.at(-1)!
    : shape.reduce((product, n) => product * n, 1);
  const rows = program.isRow ? shape.slice(0, -1).reduce((product, n) => product * n, 1) : 1;
  const expected = evaluate(program, rows, columns, inputs.map(elements), scalars);
  const views = outputs.map(({ view }) => view);
  runProgramOn(device, program, inputs.map(({ view }) => view), views, scalars);
  const read = outputs.map(async (output, i) => {
    const bytes = await device.read(output.view.allocation, 0, output.memory.byteLength);
    const memory = output.view.dtype === "int32" ? new Int32Array(bytes) : new Float32Array(bytes);
    assertUntouched(output, memory, views);
    return { actual: elements({ view: output.view, memory }), expected: expected[i]! };
  });
  return await Promise.all(read);
}

/** Everything in the allocation outside the outputs must be unchanged. */
function assertUntouched(
  { view, memory }: Placed,
  now: Float32Array | Int32Array,
  outputs: readonly View[],
): void {
  const written = new Set(
    outputs.filter((output) => output.allocation === view.allocation).flatMap(positions),
  );
  memory.forEach((before, i) => {
    if (written.has(i) || Object.is(before, now[i])) return;
    throw new Error(`element ${i} is no part of an output but went from ${before} to ${now[i]}`);
  });
}

/**
 * The largest difference, relative to the expected magnitude or to `scale` if that is larger. NaN
 * and infinities must agree; numbers beyond single precision count as infinite.
 */
export function deviation(actual: Float64Array, expected: Float64Array, scale = 1e-30): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  expected.forEach((exact, i) => {
    const a = actual[i]!;
    const e = Number.isFinite(Math.fround(exact)) ? exact : Math.fround(exact);
    if (a === e || (Number.isNaN(a) && Number.isNaN(e))) return;
    const difference = Math.abs(a - e) / Math.max(Math.abs(e), scale);
    largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
  });
  return largest;
}
