/** Runs a program of `formula/` on tensors, with its derived gradient. @module */

import { commonDevice, type Gradient, recordOperation } from "../apply.ts";
import { checkIsNumber, checkList } from "../checks.ts";
import type { Device, View } from "../device.ts";
import { type Error, wrongType, wrongValue } from "../errors.ts";
import { gradientFlows, type GradientForm, gradientProgram } from "../formula/differentiate.ts";
import { makeProgram, type Program } from "../formula/program.ts";
import { type PreparedProgram, prepareProgram } from "../kernel/programs.ts";
import {
  broadcastAxes,
  broadcastShapes,
  broadcastStrides,
  checkDType,
  contiguousStrides,
  type DType,
  FLOAT_TYPES,
  formatShape,
  isFloat,
  LayoutCache,
  promote,
  shapesEqual,
  sizeOf,
  type Specification,
  type TensorLayout,
} from "../layout.ts";
import { memoize } from "../memoize.ts";
import { allocate, type Tensor } from "../tensor.ts";

/**
 * Runs a program on tensors, which are broadcast against each other. Row programs reduce along the
 * last axis.
 *
 * @param dtype Result dtype; by default that of all float inputs, or `float32` if they differ.
 * Kernels always compute in single precision, and round once. `int32` results carry no gradient.
 * @param gradient Instead of the derived one.
 * @returns The output: of the common shape, or with a last axis of 1 if it is per row.
 * @throws {RangeError} If the shapes do not broadcast, or the program has several outputs.
 * @throws {TypeError} If a dtype is unknown, or that of an input does not suit the program.
 *
 * @example The hypotenuse, in one kernel
 * ```ts
 * import { defineProgram } from "../formula/program.ts";
 * import { add, sqrt, square } from "../formula/expression.ts";
 * import { openDevice, Tensor } from "../mod.ts";
 * import { runProgram } from "./program.ts";
 *
 * const hypotenuse = defineProgram(
 *   { name: "hypotenuse", inputs: ["a", "b"] },
 *   ({ a, b }) => [sqrt(add(square(a), square(b)))],
 * );
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const c = runProgram(hypotenuse, [Tensor.from(device, [3]), Tensor.from(device, [4])]);
 * if (await c.item() !== 5) throw new Error("expected 5");
 * await device.close();
 * ```
 */
export function runProgram(
  program: Program,
  inputs: readonly Tensor[],
  scalars?: readonly number[],
  dtype?: DType,
  gradient?: ProgramGradient,
): Tensor {
  const [output, ...others] = runProgramOutputs(program, inputs, scalars, dtype, gradient);
  if (output !== undefined && others.length === 0) return output;
  throw wrongValue(`compute ${program.name}`, "a program with one output", program.outputs.length);
}

/**
 * Like {@linkcode runProgram}, for programs with any number of outputs: returns a tensor for each,
 * of which the first carries the gradient.
 */
export function runProgramOutputs(
  program: Program,
  inputs: readonly Tensor[],
  scalars: readonly number[] = [],
  dtype?: DType,
  gradient?: ProgramGradient,
): readonly Tensor[] {
  checkCounts(program, inputs, scalars);
  if (dtype !== undefined) checkDType(program.name, dtype);
  const device = commonDevice(program.name, inputs);
  const { callsOn, operation } = knownOf(program);
  const calls = callsOn(device);
  const variant = dtype === undefined ? 0 : RESULT_VARIANTS[dtype];
  const call = calls.get(inputs, variant) ??
    calls.set(
      inputs,
      variant,
      prepareCall(device, program, inputs, inferOutputs(program, inputs, dtype)),
    );
  const outputs: Tensor[] = [];
  for (const each of call.outputs) {
    outputs.push(allocate(device, each, program.name, each.strides));
  }
  call.run([...inputs, ...outputs], scalars);
  const recorded = gradient === undefined ? operation : { name: program.name, gradient };
  if (dtype !== "int32") recordOperation(recorded, inputs, outputs, scalars);
  return outputs;
}

/**
 * Runs a program into existing memory: nothing is allocated or recorded.
 *
 * @param outputs Tensors of the results' shapes. They may coincide with inputs, for in-place
 * updates, or be slices of larger tensors.
 * @throws {RangeError} If the shapes do not broadcast, or an output has another shape.
 */
export function runProgramInto(
  program: Program,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  scalars: readonly number[] = [],
): void {
  runProgramOn(commonDevice(program.name, outputs), program, inputs, outputs, scalars);
  for (const { storage } of outputs) storage.noteChange();
}

/**
 * Like {@linkcode runProgramInto}, for operations: takes raw views and does not bump storage
 * versions.
 */
export function runProgramOn(
  device: Device,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[] = [],
): void {
  const calls = knownOf(program).callsOn(device);
  const operands = [...inputs, ...outputs];
  const call = calls.get(operands, 0) ??
    calls.set(operands, 0, prepareCall(device, program, inputs, outputs));
  call.run(operands, scalars);
}

/** A call of a program, as far as it depends only on the layouts of the operands. */
interface Call {
  readonly outputs: readonly TensorLayout[];
  readonly run: PreparedProgram;
}

/** The shape rule; throws if shapes or dtypes do not suit the program. */
function inferOutputs(
  program: Program,
  inputs: readonly Specification[],
  dtype: DType = promote(inputs.map((input) => input.dtype)),
): TensorLayout[] {
  checkTypes(program, inputs);
  const common = commonShape(program, inputs);
  return program.outputVaries.map((varies) => {
    const shape = varies ? common : rowShapeOf(common);
    return { dtype, shape, strides: contiguousStrides(shape) };
  });
}

/** Validates shapes, and prepares everything that does not change between calls. */
function prepareCall(
  device: Device,
  program: Program,
  inputs: readonly TensorLayout[],
  outputs: readonly TensorLayout[],
): Call {
  const what = `compute ${program.name}`;
  const common = commonShape(program, [...inputs, ...outputs]);
  const rowShape = rowShapeOf(common);
  const results = outputs.map(({ dtype, shape, strides }, i) => {
    const wanted = program.outputVaries[i] ? common : rowShape;
    if (wanted.some((length, axis) => length !== shape[axis])) {
      throw wrongValue(what, `an output of shape ${formatShape(wanted)}`, formatShape(shape));
    }
    const isExpanded = shape.some((length, axis) => length > 1 && strides[axis] === 0);
    if (isExpanded && !shape.includes(0)) {
      throw wrongValue(what, "an output with a place for each element", "an expanded tensor");
    }
    // Copy the layout: the cache must not keep the tensor alive.
    return { dtype, shape, strides };
  });
  const operands = inputs.map(({ dtype, shape, strides }, i) => {
    const target = program.inputs[i]!.isPerRow ? rowShape : common;
    return { dtype, shape: target, strides: broadcastStrides(shape, strides, target, what) };
  });
  return { outputs: results, run: prepareProgram(device, program, [...operands, ...results]) };
}

/** The shape of what has one element per row. */
function rowShapeOf(shape: readonly number[]): readonly number[] {
  return [...shape.slice(0, -1), 1];
}

/** Distinguishes calls with different result dtypes; 0 is for the usual one. */
const RESULT_VARIANTS = { float16: 1, float32: 2, int32: 3, bfloat16: 4 } as const;

function commonShape(program: Program, operands: readonly Specification[]): readonly number[] {
  const shape = broadcastShapes(operands.map((each) => each.shape), `compute ${program.name}`);
  if (program.isRow && shape.length === 0) {
    throw wrongValue(`compute ${program.name}`, "at least one axis", "a scalar");
  }
  program.inputs.forEach(({ name, isPerRow }, i) => {
    const { shape } = operands[i]!;
    if (isPerRow && shape.length > 0 && shape.at(-1) !== 1) {
      const got = `the shape ${formatShape(shape)}`;
      throw wrongValue(`compute ${program.name}`, `one ${name} per row`, got);
    }
  });
  return shape;
}

/** The gradient of a program that runs as an operation; its attributes are the scalars. */
export type ProgramGradient = Gradient<readonly number[]>;

const knownOf = memoize((program: Program) => ({
  operation: {
    name: program.name,
    // Derived when it is first recorded: a model that only computes needs none.
    get gradient() {
      return gradientOf(program);
    },
  },
  /** On a device, by the layouts of the inputs; or of all operands, where the outputs are given. */
  callsOn: memoize((_device: Device) => new LayoutCache<Call>()),
}));

const gradientOf = memoize(programGradient);

function checkCounts(
  program: Program,
  inputs: readonly Tensor[],
  scalars: readonly number[],
): void {
  let isRight = inputs?.length === program.inputs.length &&
    scalars?.length === program.scalars.length;
  for (let i = 0; isRight && i < scalars.length; i++) isRight = typeof scalars[i] === "number";
  if (!isRight) throw wrongCounts(program, inputs, scalars);
}

function wrongCounts(
  program: Program,
  inputs: readonly Tensor[],
  scalars: readonly number[],
): Error {
  const what = `compute ${program.name}`;
  const tensors = `the tensors [${program.inputs.map(({ name }) => name).join(", ")}]`;
  const numbers = `the numbers [${program.scalars.join(", ")}]`;
  checkList(what, tensors, inputs);
  checkList(what, numbers, scalars);
  for (const scalar of scalars) checkIsNumber(what, numbers, scalar);
  const [wanted, got] = inputs.length === program.inputs.length
    ? [numbers, scalars.length]
    : [tensors, inputs.length];
  return wrongValue(what, wanted, got);
}

function checkTypes(program: Program, inputs: readonly Specification[]): void {
  if (program.overIntegers && inputs.every(({ dtype }) => dtype === "int32")) return;
  inputs.forEach(({ dtype }, i) => {
    const { name, isInteger } = program.inputs[i]!;
    if (isFloat(dtype) !== isInteger) return;
    const wanted = isInteger ? "int32" : FLOAT_TYPES;
    const [which, got] = program.overIntegers
      ? ["tensors of one dtype", inputs.map(({ dtype }) => dtype).join(" and ")]
      : [`${isNamed(program, name) ? `${name} as ` : ""}${wanted}`, dtype];
    const hint = `. Convert with to("${isInteger ? "int32" : "float32"}").`;
    throw wrongType(`compute ${program.name}`, which, got + hint);
  });
}

/** Whether the caller knows the name of an input: those of methods are a tensor and its operand. */
function isNamed({ inputs }: Program, name: string): boolean {
  return inputs.length > 1 && !["a", "b"].includes(name);
}

function programGradient(program: Program): ProgramGradient {
  const differentiable = makeProgram({ ...program, outputs: program.outputs.slice(0, 1) });
  const derived = new Map<string, ReturnType<typeof gradientProgram>>();
  const derive = (forms: readonly GradientForm[]) => {
    const key = forms.join();
    let result = derived.get(key);
    if (result === undefined) {
      derived.set(key, result = gradientProgram(differentiable, forms));
    }
    return result;
  };
  const inputCount = program.inputs.length;
  const everything = derive(program.inputs.map(({ isInteger }) => isInteger ? "none" : "value"));
  // Without the other gradients, only the inputs may tell the length of the row.
  const perRow = program.inputs.flatMap(({ isPerRow, isInteger }, i) =>
    isPerRow && !isInteger ? [derive(program.inputs.map((_, k) => k === i ? "value" : "none"))] : []
  );
  const flows = gradientFlows(differentiable);
  const what = `compute ${program.name}`;
  return {
    savesInputs: program.inputs.flatMap((_, i) =>
      [everything, ...perRow].some(({ used }) => used.includes(i)) ? [i] : []
    ),
    apply: (upstream, saved, scalars, needed, sums) => {
      const wanted = needed.map((is, i) => is && flows[i] !== "none");
      const { device } = upstream;
      const { inputShapes, gradientTypes } = saved;
      const shape = broadcastShapes(inputShapes, what);
      const isPassed = (i: number) => flows[i] === "unchanged" && sums[i] === null;
      const forms = wanted.map((is, i) =>
        !is || isPassed(i) ? "none" : formOf(program, inputShapes[i]!, shape, sums[i]!)
      );
      const { program: gradient, used } = derive(forms);
      const operands = used.map((index) =>
        index < inputCount
          ? saved.input(index)
          : index === inputCount
          ? upstream
          : sums[index - inputCount - 1]!
      );
      const places = forms.flatMap((form, i) => form === "none" ? [] : [i]);
      const results: (Tensor | null)[] = wanted.map((is, i) =>
        is && isPassed(i) ? sumToShape(upstream, inputShapes[i]!) : null
      );
      if (places.length === 0) return results;
      const outputs = places.map((i, place) => {
        if (forms[i] === "added") return sums[i]!;
        const gradientShape = gradient.outputVaries[place] ? shape : rowShapeOf(shape);
        const layout = { shape: gradientShape, dtype: gradientTypes[i]! };
        return allocate(device, layout, gradient.name);
      });
      runProgramOn(device, gradient, operands, outputs, scalars);
      places.forEach((i, place) => results[i] = sumToShape(outputs[place]!, inputShapes[i]!));
      return results;
    },
  };
}

function formOf(
  program: Program,
  inputShape: readonly number[],
  shape: readonly number[],
  sum: Tensor | null,
): GradientForm {
  if (sum !== null && shapesEqual(inputShape, shape)) return "added";
  const length = shape.at(-1) ?? 1;
  const isRepeated = length > 1 && (inputShape.at(-1) ?? 1) === 1;
  const isSummed = !program.isRow && isRepeated && isReducedAtOnce(sizeOf(shape) / length, length);
  return isSummed ? "rowSum" : "value";
}

/** A few rows longer than this are reduced in two stages, to occupy every core. */
const LONG_ROW_THRESHOLD = 8192;
/** Maximum number of pieces of a long row. */
export const MAX_PIECES = 256;

/** Whether this many rows of this length are reduced in one stage. */
export function isReducedAtOnce(rowCount: number, length: number): boolean {
  return length < LONG_ROW_THRESHOLD || rowCount >= MAX_PIECES;
}

/** Sums `x` over the axes along which a tensor of `shape` was broadcast to it. */
export function sumToShape(x: Tensor, shape: readonly number[]): Tensor {
  if (shapesEqual(x.shape, shape)) return x;
  return x.sum(broadcastAxes(shape, x.shape)).reshape(shape);
}
