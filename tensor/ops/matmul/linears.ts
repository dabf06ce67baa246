/** Several linear layers on the same rows, fused with what precedes and follows them. @module */

import { checkList, checkOptions, type OptionNames } from "../../checks.ts";
import type { WebGpuDevice } from "../../device.ts";
import { fitsOneBinding, readsAsVectors } from "../../devices/webgpu/binding_ranges.ts";
import { RangeError } from "../../errors.ts";
import { isGradEnabled } from "../../grad_mode.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { softcap } from "../elementwise.ts";
import { linearsOnWebGpu, MAX_WEIGHTS } from "./linears_wgsl.ts";
import { linear } from "./matmul.ts";
import { FLOAT32_EPSILON, rmsNorm } from "../rows.ts";
import { reshape, slice } from "../views.ts";

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

/** Maximum rows for which reading the weights dominates and one kernel is enough. */
const MAX_SKINNY_ROWS = 4;

/**
 * Linear layers on the same rows: x Wᵀ for each weight. On a GPU, a few rows that need no gradient,
 * as in decoding, take one kernel. Everything else is composed of the operations that the options
 * name, with fused epilogues where possible.
 *
 * @param x `[..., K]`
 * @param weights `[n, k]` each; one with k below K uses the first k columns of x.
 * @returns `[..., n]` for each weight.
 * @throws {RangeError} If a weight has more columns than x, or the residual has another shape.
 *
 * @example
 * ```ts
 * import { linears, openDevice, Tensor } from "../../mod.ts";
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
  const { normalize = false, residual, activation } = options;
  if (residual !== undefined && weights.length !== 1) {
    throw new RangeError(`Cannot add to a product: wanted one weight, got ${weights.length}`);
  }
  const gpu = whereOneKernelDoes(x, weights, options);
  if (gpu !== null) return inOneKernel(gpu, x, weights, options);
  const rows = normalize ? rmsNorm(x) : x;
  const length = x.shape.at(-1) ?? 0;
  return weights.map((weight) => {
    const columns = weight.shape[1] ?? length;
    const read = columns < length ? slice(rows, -1, 0, columns) : rows;
    const added = residual === undefined ? {} : { residual };
    if (typeof activation !== "object") {
      return linear(read, weight, undefined, { activation: activation ?? "none", ...added });
    }
    const capped = softcap(linear(read, weight), activation.softcap);
    return residual === undefined ? capped : residual.add(capped);
  });
}

function whereOneKernelDoes(
  x: Tensor,
  weights: readonly Tensor[],
  { residual, activation }: LinearsOptions,
): WebGpuDevice | null {
  const { device } = x;
  if (device.kind !== "webgpu" || isGradEnabled()) return null;
  const length = x.shape.at(-1) ?? 0;
  const rows = x.size / length;
  const fits = (weight: Tensor) =>
    weight.device === device && readsAsVectors(device, weight) && weight.shape.length === 2 &&
    weight.shape[0]! > 0 && weight.shape[1]! <= length && weight.shape[1]! % 4 === 0 &&
    weight.strides[1] === 1 && weight.strides[0]! % 4 === 0;
  const does = rows >= 1 && rows <= MAX_SKINNY_ROWS && length % 4 === 0 && x.isContiguous &&
    readsAsVectors(device, x) && weights.length >= 1 && weights.length <= MAX_WEIGHTS &&
    weights.every(fits) &&
    (typeof activation !== "object" || activation.softcap > 0) &&
    (residual === undefined || (residual.device === device && residual.dtype === "float32" &&
      residual.isContiguous && fitsOneBinding(device, residual.allocation) &&
      residual.shape.join() === [...x.shape.slice(0, -1), weights[0]!.shape[0]].join()));
  return does ? device : null;
}

function inOneKernel(
  device: WebGpuDevice,
  x: Tensor,
  weights: readonly Tensor[],
  { normalize = false, activation, residual }: LinearsOptions,
): readonly Tensor[] {
  const length = x.shape.at(-1)!;
  const rows = x.size / length;
  // Each result starts at a multiple of four elements, for vector access.
  let end = 0;
  const places = weights.map(({ shape: [n] }) => {
    const begin = end;
    end += 4 * Math.ceil(rows * n! / 4);
    return [begin, begin + rows * n!] as const;
  });
  const all = allocate(device, { shape: [end], dtype: "float32" }, "linears");
  const outputs = weights.map(({ shape: [n] }, i) =>
    reshape(slice(all, 0, ...places[i]!), [...x.shape.slice(0, -1), n!])
  );
  const isCapped = typeof activation === "object";
  linearsOnWebGpu(
    device,
    {
      x: reshape(x, [rows, length]),
      weights,
      residual: residual ?? null,
      outputs,
    },
    {
      normalizes: normalize,
      activation: isCapped ? "softcap" : activation ?? "none",
      adds: residual !== undefined,
    },
    [FLOAT32_EPSILON, isCapped ? activation.softcap : 1],
  );
  return outputs;
}
