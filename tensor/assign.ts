/** Assigns tensors by name: parameters from a checkpoint, or optimizer state. @module */

import { describeValue } from "./checks.ts";
import { RangeError, wrongType } from "./errors.ts";
import { noGrad } from "./grad_mode.ts";
import { formatShape, sizeOf, type TypedArray } from "./layout.ts";
import { copyInto } from "./ops/elementwise.ts";
import { Tensor } from "./tensor.ts";

/** A tensor, or a host array as a safetensors file has it. */
export type TensorValues = Tensor | {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
};

const MAX_NAMED = 5;

/**
 * Copies values into tensors of the same names; all of them or, on an error, none. A `bfloat16` takes
 * `float32` values, which are rounded.
 *
 * @param what What is filled, for the message: "load the parameters".
 * @throws {RangeError} If an entry is missing, unknown, or of another shape, dtype or device; one
 * message lists all problems.
 *
 * @example
 * ```ts
 * import { assignTensors } from "./assign.ts";
 * import { openDevice, Tensor } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.zeros(device, [2]);
 * const values = Tensor.from(device, [3, 4]);
 * assignTensors(new Map([["weight", weight]]), new Map([["weight", values]]), "load");
 * if ((await weight.data()).join() !== "3,4") throw new Error("expected 3, 4");
 * await device.close();
 * ```
 */
export function assignTensors(
  targets: ReadonlyMap<string, Tensor>,
  sources: ReadonlyMap<string, TensorValues | number>,
  what: string,
): void {
  checkMap(what, sources);
  checkNames(new Set(targets.keys()), new Set(sources.keys()), what);
  const problems: string[] = [];
  for (const [name, target] of targets) {
    const source = sources.get(name)! as TensorValues;
    const [wanted, got] = [describe(target), describe(source)];
    // Files of `bfloat16` and `float16` are read in `float32`: it is rounded again.
    const isRounded = wanted.replace(/^b?float16/, "float32") === got;
    if (wanted !== got && !isRounded) problems.push(`wanted ${name} of ${wanted}, got ${got}`);
    else if (source instanceof Tensor && (!source.isOpen || source.device !== target.device)) {
      problems.push(`${name} ${source.isOpen ? "is on another device" : "has been freed"}`);
    }
  }
  report(problems, what);
  noGrad(() => {
    for (const [name, target] of targets) {
      const source = sources.get(name)! as TensorValues;
      if (source instanceof Tensor) copyInto(source, target);
      else target.assign(source.data as TypedArray);
    }
  });
}

export function checkMap(what: string, values: ReadonlyMap<string, unknown>): void {
  if (values instanceof Map) return;
  const hint = (values as unknown) instanceof Object ? ". Pass new Map(Object.entries(…))." : "";
  throw wrongType(what, "a Map", describeValue(values) + hint);
}

/** Throws a `RangeError` that lists missing and unknown names. */
export function checkNames(
  wanted: ReadonlySet<string>,
  got: ReadonlySet<string>,
  what: string,
): void {
  report([
    ...[...wanted].filter((name) => !got.has(name)).map((name) => `${name} is missing`),
    ...[...got].filter((name) => !wanted.has(name)).map((name) => `${name} is unknown`),
  ], what);
}

function describe(values: TensorValues): string {
  if (!Array.isArray(values?.shape)) return describeValue(values);
  const shown = `${values.dtype} ${formatShape(values.shape)}`;
  const count = values instanceof Tensor ? values.size : (values.data as TypedArray).length;
  return count === sizeOf(values.shape) ? shown : `${shown} with ${count} elements`;
}

function report(problems: readonly string[], what: string): void {
  if (problems.length === 0) return;
  const rest = problems.length - MAX_NAMED;
  const named = problems.slice(0, MAX_NAMED).join("; ");
  throw new RangeError(`Cannot ${what}: ${named}${rest > 0 ? `; and ${rest} more` : ""}`);
}
