/** Several linear layers on the same rows, fused with what precedes and follows them. @module */

import { checkList, checkOptions, type OptionNames } from "../../../tensor/checks.ts";
import { wrongValue } from "../../../tensor/errors.ts";
import { runFirst } from "../../../tensor/fast_paths.ts";
import { isGradEnabled, linear, rmsNorm, type Tensor } from "../../../tensor/mod.ts";
import { checkTensor } from "../../../tensor/tensor.ts";
import { fusedLinears } from "./fused_linears.ts";

/** Options for {@linkcode linears}. */
export interface LinearsOptions {
  /** Whether to apply RMS norm to the rows first, like `rmsNorm`. @default {false} */
  readonly normalize?: boolean;
  /** Activation: `reluSquared`, or `softcap` with its cap. */
  readonly activation?: "reluSquared" | { readonly softcap: number };
  /** Added after the activation, with a single weight: `[..., n]`. */
  readonly residual?: Tensor;
}

const OPTIONS: OptionNames<LinearsOptions> = { normalize: true, activation: true, residual: true };

/** A call of {@linkcode linears}. */
export interface LinearsProblem {
  readonly x: Tensor;
  readonly weights: readonly Tensor[];
  readonly options: LinearsOptions;
}

/**
 * Linear layers on the same rows: x Wᵀ for each weight, composed of the operations that the options
 * name. Rows that need no gradient, as in decoding, may take a
 * fast path: one kernel for everything.
 *
 * @param x `[..., K]`
 * @param weights `[n, k]` each; one with k below K uses the first k columns of x.
 * @returns `[..., n]` for each weight.
 * @throws {RangeError} If a weight has more columns than x, or the residual has another shape.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../../../tensor/mod.ts";
 * import { linears } from "./linears.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [[3, 4]]);
 * const [a, b] = linears(x, [Tensor.from(device, [[1, 1], [0, 1]]), Tensor.from(device, [[2]])]);
 * if ((await a!.data()).join() !== "7,4") throw new Error("expected 3 + 4 and 4");
 * if ((await b!.data()).join() !== "6") throw new Error("expected 2 · 3");
 * await device.close();
 * ```
 */
export function linears(
  x: Tensor,
  weights: readonly Tensor[],
  options: LinearsOptions = {},
): readonly Tensor[] {
  checkTensor("compute linears", x);
  checkList("compute linears", "a list of weights", weights);
  checkOptions("compute linears", options, OPTIONS);
  const { residual } = options;
  if (residual !== undefined && weights.length !== 1) {
    throw wrongValue("add to a product", "one weight", weights.length);
  }
  const problem = { x, weights, options };
  const { device } = x;
  const plain = () => plainLinears(problem);
  if (isGradEnabled() || device.kind === "cpu") return plain();
  return runFirst("linears", [fusedLinears], problem, device, plain);
}

function plainLinears({ x, weights, options }: LinearsProblem): readonly Tensor[] {
  const { normalize = false, residual, activation } = options;
  const rows = normalize ? rmsNorm(x) : x;
  const length = x.shape.at(-1) ?? 0;
  return weights.map((weight) => {
    const columns = weight.shape[1] ?? length;
    const read = columns < length ? rows.slice(-1, 0, columns) : rows;
    let y = linear(read, weight);
    if (activation === "reluSquared") y = y.reluSquared();
    else if (activation !== undefined) y = y.softcap(activation.softcap);
    return residual === undefined ? y : residual.add(y);
  });
}
