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

import { historyOf, named, record } from "../../apply.ts";
import { checkOptions, type OptionNames } from "../../checks.ts";
import { bindingLimit } from "../../devices/webgpu/split.ts";
import { bytesPerElement, isFloat } from "../../dtype.ts";
import { RangeError, TypeError } from "../../errors.ts";
import { differentiate } from "../../expression/differentiate.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram, makeProgram, type Program } from "../../expression/program.ts";
import { isGradEnabled, noGrad } from "../../grad_mode.ts";
import { formatShape, sizeOf } from "../../shape.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { copyInto, fill } from "../elementwise.ts";
import { matmul, multiplyInto } from "../matmul/matmul.ts";
import { runProgramInto } from "../program.ts";
import { sum } from "../reduce.ts";
import { contiguous, reshape, slice } from "../views.ts";
import {
  checkTargets,
  type CrossEntropyOptions,
  crossEntropyPrograms,
  reduceSum,
  rowLosses,
} from "./formulas.ts";

/** Options for {@linkcode linearCrossEntropy}. */
export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** Number of rows of the weight that are classes; the rest is padding. @default {all} */
  readonly classes?: number;
  /** Rows per chunk; by default as many as suit the device's memory. */
  readonly rowsAtOnce?: number;
}

const OPTIONS: OptionNames<LinearCrossEntropyOptions> = {
  reduction: true,
  softcap: true,
  classes: true,
  rowsAtOnce: true,
};

/** From logits, targets and the number 1 to the losses and the gradient of their sum. */
function withGradient(losses: Program): Program {
  const derived = differentiate(losses, [true, false]);
  return makeProgram({
    ...derived,
    name: `${losses.name} and gradient`,
    outputs: [...losses.outputs, ...derived.outputs],
  });
}

const withGradients = {
  plain: withGradient(crossEntropyPrograms.plain),
  capped: withGradient(crossEntropyPrograms.capped),
};

const scale = defineProgram(
  { name: "scale a gradient", inputs: ["gradient", "upstream"] },
  ({ gradient, upstream }) => [ex.multiply(gradient, upstream)],
);
const addScaled = defineProgram(
  { name: "add a scaled gradient", inputs: ["gradient", "upstream", "sum"] },
  ({ gradient, upstream, sum }) => [ex.add(sum, ex.multiply(gradient, upstream))],
);

/**
 * Maximum size of a chunk's logits, in bytes. Smaller chunks read the weight and its gradient more
 * often: 4 MiB, which a cache would hold, take 1.5 times as long as 64 MiB with 32,768 classes and
 * a BLAS, and 1.1 times as long as 16 MiB with 4,096.
 */
const MAX_BYTES = 2 ** 26;

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

interface Problem {
  /** `[rows, width]` */
  readonly hidden: Tensor;
  /** `[classes, width]` */
  readonly weight: Tensor;
  /** `int32 [rows, 1]` */
  readonly targets: Tensor;
  readonly softcap: number | undefined;
  readonly rowsAtOnce: number;
}

/** Gradients of the sum of all losses, for the inputs that need one. */
interface Gradients {
  /** `[rows, width]` */
  readonly hidden: Tensor | null;
  /** `[classes or more, width]` */
  readonly weight: Tensor | null;
}

/** Computes the losses, `[rows, 1]`, chunk by chunk; and the gradients in the given memory. */
function walk(
  { hidden, weight, targets, softcap, rowsAtOnce }: Problem,
  gradients: Gradients | null,
): Tensor {
  const { device } = hidden;
  const [rows, classes] = [hidden.shape[0]!, weight.shape[0]!];
  const form = softcap === undefined ? "plain" : "capped";
  const scalars = softcap === undefined ? [] : [softcap];
  const losses = allocate(device, { shape: [rows, 1], dtype: "float32" }, "losses");
  const scratchShape = [Math.min(rows, rowsAtOnce), classes];
  const scratch = allocate(
    device,
    { shape: scratchShape, dtype: hidden.dtype },
    "the logits of some rows",
  );
  const one = gradients === null ? null : fill(device, [1, 1], 1);
  const untransposed = { transposeA: false, transposeB: false, symmetric: false };
  for (let start = 0; start < rows; start += rowsAtOnce) {
    using _views = device.scopes.openBriefly();
    const end = Math.min(rows, start + rowsAtOnce);
    const [x, y, loss] = [hidden, targets, losses].map((all) => slice(all, 0, start, end)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const logits = slice(scratch, 0, 0, end - start);
    multiplyInto(x, weight, logits, { ...untransposed, transposeB: true });
    if (gradients === null || one === null) {
      runProgramInto(crossEntropyPrograms[form], [logits, y], [loss], scalars);
      continue;
    }
    runProgramInto(withGradients[form], [logits, y, one], [loss, logits], scalars);
    if (gradients.hidden !== null) {
      multiplyInto(logits, weight, slice(gradients.hidden, 0, start, end), untransposed);
    }
    if (gradients.weight !== null) {
      const options = { ...untransposed, transposeA: true, accumulate: start > 0 };
      multiplyInto(logits, x, slice(gradients.weight, 0, 0, classes), options);
    }
  }
  scratch.dispose();
  return losses;
}

/**
 * Cross-entropy of the logits `hidden · weightᵀ`: equal to
 * `crossEntropy(linear(hidden, weight), targets)`, in a fraction of the memory.
 *
 * Only a chunk of logits exists at any time. If a gradient is needed, it is computed in the forward
 * pass, so that the logits are computed once, and kept until `backward`. The gradient of separate
 * losses depends on the upstream gradient: so with `reduction: "none"`, and while gradients are
 * recorded, all logits are computed at once.
 *
 * @param hidden `[..., width]`
 * @param weight `[classes or more, width]`, of the same float dtype.
 * @param targets `int32 [...]`: the class of each row; −1 to ignore the row. A mean over no rows is
 * NaN, as in PyTorch.
 * @returns A scalar, or with `reduction: "none"` a loss per row, 0 where ignored.
 * @throws {RangeError} If the shapes do not match, a target is not a class, or an option is not a
 * valid number of rows.
 * @throws {TypeError} If hidden and weight differ in dtype or are not floats, or the targets are
 * not `int32`.
 *
 * @example
 * ```ts
 * import { crossEntropy, linear, linearCrossEntropy, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const hidden = Tensor.from(device, [[1, 2], [3, 4], [5, 6]]);
 * const weight = Tensor.from(device, [[0.1, 0.2], [0.3, -0.4]]);
 * const targets = Tensor.from(device, [0, -1, 1], { dtype: "int32" });
 * const loss = await linearCrossEntropy(hidden, weight, targets).item();
 * const same = await crossEntropy(linear(hidden, weight), targets).item();
 * if (Math.abs(loss - same) > 1e-6) throw new Error(`expected ${same}, got ${loss}`);
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
  for (const operand of [hidden, weight, targets]) checkTensor(what, operand);
  checkOptions(what, options, OPTIONS);
  checkOperands(hidden, weight, options);
  const { reduction = "mean", softcap, classes = weight.shape[0]! } = options;
  checkTargets(what, hidden, targets, classes, reduction);
  const isRecorded = isGradEnabled() && (hidden.requiresGrad || weight.requiresGrad);
  if (isRecorded && reduction === "none") {
    const logits = matmul(hidden, slice(weight, 0, 0, classes), { transposeB: true });
    return rowLosses(logits, targets, softcap);
  }
  const { device } = hidden;
  using scope = device.scopes.openBriefly();
  const rowShape = hidden.shape.slice(0, -1);
  const rows = sizeOf(rowShape);
  const x = contiguous(reshape(hidden, [rows, hidden.shape.at(-1)!]));
  const w = contiguous(weight);
  const gradients = isRecorded ? noGrad(() => allocateGradients(x, w, classes)) : null;
  const rowBytes = bytesPerElement(x.dtype) * classes;
  const problem = {
    hidden: x,
    weight: slice(w, 0, 0, classes),
    targets: contiguous(reshape(targets, [rows, 1])),
    softcap,
    rowsAtOnce: options.rowsAtOnce ??
      rowsAtOnce(rows, rowBytes, Math.min(MAX_BYTES, bindingLimit(device))),
  };
  const losses = noGrad(() => walk(problem, gradients));
  if (reduction === "none") return scope.keep(reshape(losses, rowShape));
  const total = sum(losses);
  if (gradients !== null) recordGradients([x, w], total, gradients);
  return scope.keep(named("linearCrossEntropy", reduceSum(total, targets, reduction)));
}

/** Allocates the needed gradients, with zeros where no chunk writes. */
function allocateGradients(hidden: Tensor, weight: Tensor, classes: number): Gradients {
  const make = (input: Tensor) =>
    input.requiresGrad ? allocate(input.device, input, "the gradient of a loss") : null;
  const gradients = { hidden: make(hidden), weight: make(weight) };
  if (gradients.weight !== null) {
    // The padding; or everything, if there are no rows.
    const rest = slice(gradients.weight, 0, hidden.shape[0] === 0 ? 0 : classes);
    if (rest.size > 0) copyInto(fill(hidden.device, [], 0), rest);
  }
  return gradients;
}

/** Records the sum of the losses: the backward pass only scales what was computed. */
function recordGradients(inputs: readonly Tensor[], loss: Tensor, gradients: Gradients): void {
  const history = historyOf(inputs);
  // The saved gradients live as long as the loss, regardless of enclosing scopes.
  for (const each of [gradients.hidden, gradients.weight]) each?.moveTo(history);
  record(
    "linearCrossEntropy",
    inputs,
    loss,
    (upstream, _, sums) =>
      [gradients.hidden, gradients.weight].map((gradient, i) => {
        if (gradient === null) return null;
        // The tape takes its own handle on what is returned; this one is freed with the scope.
        gradient.moveTo(upstream.device.scopes.current);
        const sum = sums[i] ?? null;
        if (sum === null) runProgramInto(scale, [gradient, upstream], [gradient]);
        else runProgramInto(addScaled, [gradient, upstream, sum], [sum]);
        return sum ?? gradient;
      }),
    history,
  );
}

function checkOperands(
  hidden: Tensor,
  weight: Tensor,
  options: LinearCrossEntropyOptions,
): void {
  const wrong = (wanted: string, got: string | number) =>
    new RangeError(`Cannot compute linearCrossEntropy: wanted ${wanted}, got ${got}`);
  if (!isFloat(hidden.dtype) || hidden.dtype !== weight.dtype) {
    throw new TypeError(
      `Cannot compute linearCrossEntropy: wanted hidden and weight of one type of float, got ` +
        `${hidden.dtype} and ${weight.dtype}`,
    );
  }
  const width = hidden.shape.at(-1);
  if (width === undefined) throw wrong("hidden with at least one axis", "a scalar");
  if (weight.shape.length !== 2 || weight.shape[1] !== width) {
    throw wrong(`a weight of shape [classes, ${width}]`, formatShape(weight.shape));
  }
  const { classes = weight.shape[0]!, rowsAtOnce = 1 } = options;
  if (!Number.isInteger(classes) || classes < 0 || classes > weight.shape[0]!) {
    throw wrong(`up to ${weight.shape[0]} classes`, classes);
  }
  if (!Number.isInteger(rowsAtOnce) || rowsAtOnce < 1) {
    throw wrong("one or more rows at once", rowsAtOnce);
  }
}
