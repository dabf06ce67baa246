/**
 * Running a program of `expression/` on tensors, with the gradient that is derived from it.
 *
 * @module
 */

import { allocate, apply, commonDevice, type Gradient, type Operation, viewAs } from "../apply.ts";
import type { Device, View } from "../device.ts";
import { runProgramOnCpu } from "../devices/cpu/program_wasm.ts";
import { runProgramOnWebGpu } from "../devices/webgpu/program_wgsl.ts";
import type { DType } from "../dtype.ts";
import { differentiate } from "../expression/differentiate.ts";
import { pruneInputs } from "../expression/prune.ts";
import type { Program } from "../expression/program.ts";
import { broadcastShapes, broadcastStrides, formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { sumToShape } from "./reduce.ts";

/**
 * Runs a program on tensors, which are broadcast against each other. A program that looks along rows
 * looks along the last axis.
 *
 * @param scalars A number for each of the program's scalars.
 * @returns A tensor for each output: of the common shape, or with a last axis of 1 if it is per row.
 * @throws {RangeError} If the shapes do not broadcast.
 * @throws {TypeError} If a tensor is not `float32`.
 *
 * @example The hypotenuse, in one kernel
 * ```ts
 * import { defineProgram } from "../expression/program.ts";
 * import { add, sqrt, square } from "../expression/expression.ts";
 * import { openDevice, Tensor } from "../mod.ts";
 * import { runProgram } from "./program.ts";
 *
 * const hypotenuse = defineProgram(
 *   { name: "hypotenuse", inputs: ["a", "b"] },
 *   ({ a, b }) => [sqrt(add(square(a), square(b)))],
 * );
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [c] = runProgram(hypotenuse, [Tensor.from(device, [3]), Tensor.from(device, [4])]);
 * if (await c!.item() !== 5) throw new Error("expected 5");
 * await device.close();
 * ```
 */
export function runProgram(
  program: Program,
  inputs: readonly Tensor[],
  scalars: readonly number[] = [],
): readonly Tensor[] {
  return apply(programOperation(program), inputs, scalars);
}

/**
 * Runs a program on memory that is there already: nothing is allocated or recorded.
 *
 * @param outputs Where the results go: of the shape that they have. They may be inputs, exactly, for an
 * update in place, or slices of a larger tensor.
 * @throws {RangeError} If the shapes do not broadcast, or an output has another shape.
 */
export function runProgramInto(
  program: Program,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  scalars: readonly number[] = [],
): void {
  const device = commonDevice(program.name, outputs);
  const shape = commonShape(program, [
    ...inputs.map((input) => input.shape),
    ...(inputs.length === 0 || !program.isRow ? outputs.map((output) => output.shape) : []),
  ]);
  outputs.forEach((output, i) => {
    const wanted = outputShape(program, i, shape);
    if (wanted.some((length, axis) => length !== output.shape[axis])) {
      throw new RangeError(
        `Cannot ${program.name}: wanted an output of shape ${formatShape(wanted)}, got ` +
          formatShape(output.shape),
      );
    }
  });
  run(device, program, inputs, outputs, shape, scalars);
  for (const output of outputs) output.storage.version++;
}

/** Hands a program to the compiler of the device, all inputs broadcast to one shape. */
function run(
  device: Device,
  program: Program,
  inputs: readonly Tensor[],
  outputs: readonly View[],
  shape: readonly number[],
  scalars: readonly number[],
): void {
  const rowShape = [...shape.slice(0, -1), 1];
  const views = inputs.map((input, i) => {
    const target = program.perRow[i] ? rowShape : shape;
    return viewAs(
      input,
      target,
      broadcastStrides(input.shape, input.strides, target, program.name),
    );
  });
  if (device.kind === "cpu") runProgramOnCpu(device, program, views, outputs, scalars);
  else runProgramOnWebGpu(device, program, views, outputs, scalars);
}

function commonShape(program: Program, shapes: readonly (readonly number[])[]): readonly number[] {
  const shape = broadcastShapes(shapes, program.name);
  if (program.isRow && shape.length === 0) {
    throw new RangeError(`Cannot ${program.name}: wanted at least one axis, got a scalar`);
  }
  program.perRow.forEach((perRow, i) => {
    if (perRow && shapes[i]!.length > 0 && shapes[i]!.at(-1) !== 1) {
      throw new RangeError(
        `Cannot ${program.name}: wanted one ${program.inputs[i]} per row, got the shape ` +
          formatShape(shapes[i]!),
      );
    }
  });
  return shape;
}

function outputShape(
  program: Program,
  output: number,
  shape: readonly number[],
): readonly number[] {
  return program.outputVaries[output] ? shape : [...shape.slice(0, -1), 1];
}

const operations = new WeakMap<Program, Operation<readonly number[]>>();

/** The operation that a program is. */
function programOperation(program: Program): Operation<readonly number[]> {
  let operation = operations.get(program);
  if (operation === undefined) {
    operation = {
      name: program.name,
      infer: (inputs, scalars) => {
        if (scalars.length !== program.scalars.length) {
          throw new RangeError(
            `Cannot ${program.name}: wanted the numbers ${
              program.scalars.join(", ")
            }, got ${scalars.length}`,
          );
        }
        inputs.forEach((input, i) => checkType(program, i, input.dtype));
        const shape = commonShape(program, inputs.map((input) => input.shape));
        return program.outputs.map((_, i) => ({
          shape: outputShape(program, i, shape),
          dtype: "float32",
        }));
      },
      run: (device, inputs, outputs, scalars) => {
        const shape = broadcastShapes(inputs.map((input) => input.shape), program.name);
        run(device, program, inputs, outputs, shape, scalars);
      },
      gradient: programGradient(program),
    };
    operations.set(program, operation);
  }
  return operation;
}

function checkType(program: Program, index: number, dtype: DType): void {
  const wanted: DType = program.integers[index] ? "int32" : "float32";
  if (dtype !== wanted) {
    throw new TypeError(
      `Cannot ${program.name}: wanted ${program.inputs[index]} of type ${wanted}, got ${dtype}. ` +
        `Convert with to("${wanted}").`,
    );
  }
}

/** The gradient of the first output, derived from its formula. */
function programGradient(program: Program): Gradient<readonly number[]> {
  const [first, firstVaries] = [program.outputs.slice(0, 1), program.outputVaries.slice(0, 1)];
  const differentiable = { ...program, outputs: first, outputVaries: firstVaries };
  const derived = new Map<string, ReturnType<typeof pruneInputs>>();
  const derive = (wanted: readonly boolean[]) => {
    const key = wanted.map(Number).join("");
    let result = derived.get(key);
    if (result === undefined) {
      derived.set(key, result = pruneInputs(differentiate(differentiable, wanted)));
    }
    return result;
  };
  const inputCount = program.inputs.length;
  const everything = derive(program.inputs.map((_, i) => !program.integers[i]));
  return {
    savesInputs: everything.used.filter((index) => index < inputCount),
    apply: (upstream, saved, scalars, wanted) => {
      const { program: gradient, used } = derive(wanted);
      const operands = used.map((index) => index < inputCount ? saved.input(index) : upstream);
      const shape = broadcastShapes(saved.inputShapes, program.name);
      const outputs = gradient.outputs.map((_, i) =>
        allocate(
          upstream.device,
          { shape: outputShape(gradient, i, shape), dtype: "float32" },
          gradient.name,
        )
      );
      run(upstream.device, gradient, operands, outputs, shape, scalars);
      let next = 0;
      return wanted.map((is, i) => is ? sumToShape(outputs[next++]!, saved.inputShapes[i]!) : null);
    },
  };
}
