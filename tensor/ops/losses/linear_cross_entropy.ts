/**
 * Cross-entropy fused with the linear layer before it, without ever storing all logits.
 *
 * With a large vocabulary, a batch's logits are by far the largest array of a model, and their
 * gradient is another one. Here the logits of a chunk of rows are computed into scratch memory,
 * turned in place into losses and gradients by one kernel, and from there into the gradients of the
 * inputs; then comes the next chunk. So the gradients are computed in the forward pass, and the
 * backward pass only scales them. Source: Hsu et al., "Liger Kernel" (2024), section 3.2.
 *
 * @module
 */

import { type Gradient, gradientType, named, recordOperation } from "../../apply.ts";
import { checkOptions, checkThat, type OptionNames } from "../../checks.ts";
import { bindingLimit } from "../../kernel/run.ts";
import { bytesPerElement, formatShape, isFloat } from "../../layout.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import { differentiate } from "../../formula/differentiate.ts";
import { makeProgram, type Program } from "../../formula/program.ts";
import { isGradEnabled, noGrad } from "../../grad_mode.ts";
import { memoize } from "../../memoize.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { fill, fillView, multiplyProgram } from "../elementwise.ts";
import { linear, multiplyInto } from "../matmul/matmul.ts";
import { runProgramInto } from "../program.ts";
import { QuantizedMatrix } from "../quantized/matrix.ts";
import { sum } from "../reduce.ts";
import { contiguous, reshape, slice } from "../views.ts";
import {
  checkReduction,
  checkTargets,
  classCrossEntropy,
  type CrossEntropyOptions,
  lossOf,
  reduceSum,
  type Reduction,
} from "./cross_entropy.ts";

/** Options for {@linkcode linearCrossEntropy}. */
export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** Number of rows of the weight that are classes; the rest is padding. @default {all} */
  readonly classes?: number;
}

const OPTIONS: OptionNames<LinearCrossEntropyOptions> = {
  reduction: true,
  softcap: true,
  classes: true,
};

/** From logits, targets and the number 1 to the losses and the gradient of their sum. */
const withGradient = memoize((losses: Program): Program => {
  const derived = differentiate(losses, [true, false]);
  return makeProgram({
    ...derived,
    name: `${losses.name} and gradient`,
    outputs: [...losses.outputs, ...derived.outputs],
  });
});

/**
 * Maximum size of a chunk's logits, in bytes. Smaller chunks read the weight and its gradient more
 * often: 4 MiB, which a cache would hold, take 1.5 times as long as 65 MiB with 32,768 classes and
 * a BLAS, and 1.1 times as long as 16 MiB with 4,096.
 */
const MAX_BYTES = 65 * 2 ** 20;

/**
 * Unused elements after a row of logits. Rows a power of two apart push each other out of a cache: matmuls
 * in `bfloat16` with 32,768 classes take 1.15 times as long.
 */
const PADDING = 32;

/** Rows per chunk: equal chunks, as few as fit `maxBytes`, for logits of `rowBytes` per row. */
export function rowsAtOnce(
  rows: number,
  rowBytes: number,
  maxBytes: number = MAX_BYTES,
): number {
  const rowsThatFit = Math.max(1, Math.floor(maxBytes / Math.max(1, rowBytes)));
  const chunks = Math.ceil(rows / rowsThatFit);
  return chunks === 0 ? 1 : Math.ceil(rows / chunks);
}

/**
 * Computes the losses, `[rows, 1]`, chunk by chunk; and in the given memory the gradients of their sum,
 * for the inputs that need one.
 *
 * @param hidden `[rows, width]`
 * @param weight `[classes, width]`
 * @param targets `int32 [rows, 1]`
 * @param gradients Of the hidden states, `[rows, width]`, and of the weight, `[classes or more, width]`.
 */
function walk(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  gradients: readonly [ofHidden: Tensor | null, ofWeight: Tensor | null],
  softcap: number | undefined,
  rowsAtOnce: number,
): Tensor {
  const { device, dtype } = hidden;
  const [rows, classes] = [hidden.shape[0]!, weight.shape[0]!];
  const [program, scalars] = lossOf(softcap);
  const [ofHidden, ofWeight] = gradients;
  const losses = allocate(device, { shape: [rows, 1], dtype: "float32" }, "losses");
  // The kernels of packed numbers write rows without room after them.
  const padding = weight instanceof QuantizedMatrix ? 0 : PADDING;
  const shape = [Math.min(rows, rowsAtOnce), classes + padding];
  const scratch = allocate(device, { shape, dtype }, "the logits of some rows");
  const one = ofHidden === null && ofWeight === null ? null : fill(device, [1, 1], 1, dtype);
  for (let start = 0; start < rows; start += rowsAtOnce) {
    using _views = device.scopes.openSync();
    const end = Math.min(rows, start + rowsAtOnce);
    const part = (all: Tensor) => slice(all, 0, start, end);
    const [x, y, loss] = [part(hidden), part(targets), part(losses)];
    const logits = slice(slice(scratch, 0, 0, end - start), 1, 0, classes);
    multiplyInto(x, weight, logits, { transposeB: true });
    if (one === null) {
      runProgramInto(program, [logits, y], [loss], scalars);
      continue;
    }
    runProgramInto(withGradient(program), [logits, y, one], [loss, logits], scalars);
    if (ofHidden !== null) multiplyInto(logits, weight, slice(ofHidden, 0, start, end), {});
    if (ofWeight !== null) {
      const form = { transposeA: true, accumulate: start > 0 };
      multiplyInto(logits, x, slice(ofWeight, 0, 0, classes), form);
    }
  }
  scratch.dispose();
  return losses;
}

/**
 * Cross-entropy of the logits `hidden · weightᵀ`: equal to
 * `crossEntropy(linear(hidden, weight), targets)`, in a fraction of the memory, because only a chunk
 * of the logits exists at any time.
 *
 * If a gradient is needed, it is computed in the forward pass, so that the logits are computed once,
 * and kept until `backward`. The gradient of separate losses depends on the gradient that they
 * get: with `reduction: "none"` and a gradient, all logits are stored.
 *
 * @param hidden `[..., width]`: the inputs of the last linear layer.
 * @param weight `[classes or more, width]`: its weight, of the same float dtype.
 * @param targets `int32 [...]`: the class of each row; −1 to ignore the row. A mean over no rows is
 * NaN, as in PyTorch.
 * @returns In `float32`: a scalar, or with `reduction: "none"` a loss per row, 0 where ignored.
 * @throws {RangeError} If the shapes do not match, or a target is not a class.
 * @throws {TypeError} If the dtypes do not match, or an option is unknown.
 *
 * @example Two equal logits: the loss is log 2
 * ```ts
 * import { linearCrossEntropy, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [hidden, weight] = [Tensor.from(device, [[3]]), Tensor.from(device, [[1], [1]])];
 * const targets = Tensor.from(device, [0], { dtype: "int32" });
 * const loss = await linearCrossEntropy(hidden, weight, targets, { softcap: 15 }).item();
 * if (Math.abs(loss - Math.log(2)) > 1e-6) throw new Error("expected log 2");
 * await device.close();
 * ```
 */
export function linearCrossEntropy(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  const what = "compute linearCrossEntropy";
  checkTensor(what, hidden, "a tensor of hidden states");
  checkTensor(what, weight, "a tensor as the weight");
  checkTensor(what, targets, "a tensor of targets");
  checkOptions(what, options, OPTIONS);
  const { reduction = "mean", softcap, classes = weight.shape[0] ?? 0 } = options;
  checkReduction(what, reduction);
  const width = hidden.shape.at(-1);
  if (width === undefined || weight.shape.length !== 2 || weight.shape[1] !== width) {
    const got = `${formatShape(hidden.shape)} and ${formatShape(weight.shape)}`;
    throw wrongValue(what, "hidden states [..., width] and a weight [classes, width]", got);
  }
  if (!isFloat(hidden.dtype) || hidden.dtype !== weight.dtype) {
    throw wrongType(what, "two tensors of one float dtype", `${hidden.dtype} and ${weight.dtype}`);
  }
  const areThere = Number.isInteger(classes) && classes >= 0 && classes <= weight.shape[0]!;
  checkThat(areThere, what, `at most ${weight.shape[0]} classes`, classes);
  checkTargets(what, hidden, classes, targets);
  const wantsGradient = isGradEnabled() && (hidden.requiresGrad || weight.requiresGrad);
  if (reduction === "none" && wantsGradient) {
    const logits = linear(hidden, weight.slice(0, 0, classes));
    return named("linearCrossEntropy", classCrossEntropy(logits, targets, { reduction, softcap }));
  }
  const rowBytes = bytesPerElement(hidden.dtype) * (classes + PADDING);
  const maxBytes = Math.min(MAX_BYTES, bindingLimit(hidden.device));
  const rows = rowsAtOnce(targets.size, rowBytes, maxBytes);
  return inChunks(hidden, weight, targets, { reduction, softcap, classes, rowsAtOnce: rows });
}

/** {@linkcode linearCrossEntropy} of operands that were checked, in chunks of `rowsAtOnce` rows. */
export function inChunks(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  { reduction, softcap, classes, rowsAtOnce }: {
    readonly reduction: Reduction;
    readonly softcap: number | undefined;
    readonly classes: number;
    readonly rowsAtOnce: number;
  },
): Tensor {
  const { device } = hidden;
  using scope = device.scopes.openSync();
  const rows = targets.size;
  const x = contiguous(reshape(hidden, [rows, hidden.shape.at(-1)!]));
  const w = contiguous(weight);
  const isRecorded = isGradEnabled() && reduction !== "none";
  const allocateGradient = (input: Tensor) => {
    if (!isRecorded || !input.requiresGrad) return null;
    const layout = { shape: input.shape, dtype: gradientType(input) };
    return allocate(device, layout, "the gradient of a loss");
  };
  const gradients = [allocateGradient(x), allocateGradient(w)] as const;
  const [ofHidden, ofWeight] = gradients;
  // No chunk writes the padding; or anything, if there are no rows.
  if (ofWeight !== null) fillView(device, slice(ofWeight, 0, rows === 0 ? 0 : classes), 0);
  // The method, which a matrix of packed numbers has as well.
  const [used, column] = [w.slice(0, 0, classes), contiguous(reshape(targets, [rows, 1]))];
  const losses = noGrad(() => walk(x, used, column, gradients, softcap, rowsAtOnce));
  if (reduction === "none") return scope.keep(reshape(losses, targets.shape));
  const total = sum(losses);
  const operation = { name: "linearCrossEntropy", gradient: scaledGradients };
  // In the place of a gradient that nobody needs there may be any tensor.
  const outputs = [total, ofHidden ?? total, ofWeight ?? total];
  recordOperation(operation, [x, w], outputs, null);
  return scope.keep(named("linearCrossEntropy", reduceSum(total, targets, reduction)));
}

/** Gradients computed beside the loss: the backward pass only scales them, in place. */
const scaledGradients: Gradient<null> = {
  savesOutputs: [1, 2],
  apply: (upstream, saved, _attributes, wanted) =>
    wanted.map((is, i) => {
      if (!is) return null;
      const gradient = saved.output(1 + i).detach();
      runProgramInto(multiplyProgram, [gradient, upstream], [gradient]);
      return gradient;
    }),
};
