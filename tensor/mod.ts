/**
 * Tensors on a device, with operations and automatic differentiation.
 *
 * {@linkcode openDevice} opens a GPU or the CPU, and {@linkcode Tensor} is an array on it.
 * Operations that are not methods of tensors are functions of this module. What only backends and
 * hand-written kernels need is in `internals.ts`.
 *
 * The words of this module:
 *
 * - *Device*: memory and threads or a GPU; it runs kernels, and knows no operation by name.
 * - *Storage*: a block of a device's memory that several tensors may view.
 * - *Scope*: owns the tensors created while it is open, and frees at its end those not kept.
 * - *Expression*: a formula of one element, or of a row. *Program*: formulas with named inputs; it
 *   is lowered to one kernel, and its gradient is derived.
 * - *Kernel*: a body in the kernel language, written by hand or by lowering a program, and printed as
 *   WebAssembly, as WGSL, or as pseudo-code.
 * - *Operation*: a shape rule, what runs, and a gradient: what `apply` records on the tape.
 * - *Node*: an operation that ran, on the tape. `backward` walks the nodes.
 * - *Plain body*: what computes an operation anywhere. *Fast path*: what computes it faster for some
 *   problems on one kind of device; `device.explain` tells which was taken, and why.
 *
 * The road of `x.add(y)`: `ops/methods.ts`, `ops/elementwise.ts` (the formula), `ops/program.ts` (shapes,
 * result, tape), `kernel/programs.ts` (what the code depends on), `kernel/lower.ts` with
 * `formulas.ts` (the body), `kernel/run.ts`, `kernel/wasm.ts` or `wgsl.ts` (the code), and
 * the device. A call with layouts that were there before skips all between `programs.ts` and `run.ts`.
 *
 * The road of its gradient: `tensor.ts` (`backward`), `../autograd/tape.ts` (visits each node when its
 * gradient is complete), `apply.ts` (the function that `recordOperation` gave to the node, and the values
 * that it saved), `ops/program.ts` with `formula/differentiate.ts` (the derived formula), from which on
 * it is the road above. The tape adds the gradients of several uses by `x.add(y)` itself, and `Leaf` in
 * `tensor.ts` stores the sum as `x.grad`.
 *
 * @module
 */

import "./fast/mod.ts";
import "./ops/methods.ts";
import "./ops/more_methods.ts";

export type { TensorValues } from "./assign.ts";
export type {
  CpuDevice,
  Device,
  DeviceInfo,
  DeviceMemory,
  MatmulPrecision,
  OpenOptions,
  WebGpuDevice,
} from "./device.ts";
export { roundToBfloat16, widenBfloat16 } from "./layout.ts";
export type { DType, FloatType, StoredArray, TypedArray } from "./layout.ts";
export { isGradEnabled, noGrad } from "./grad_mode.ts";
export type { NestedArray, NumberArray } from "./nested_array.ts";
export { openDevice } from "./open_device.ts";
export { flip, pad, repeat, roll, tril, triu, unbind } from "./ops/arrange.ts";
export { attention, type AttentionOptions, attentionPattern } from "./ops/attention/attention.ts";
export * from "./ops/creation.ts";
export {
  linearCrossEntropy,
  type LinearCrossEntropyOptions,
} from "./ops/losses/linear_cross_entropy.ts";
export type { CrossEntropyOptions, Reduction } from "./ops/losses/cross_entropy.ts";
export {
  crossEntropy,
  type WeightedCrossEntropyOptions,
} from "./ops/losses/weighted_cross_entropy.ts";
export { einsum } from "./ops/einsum.ts";
export { type CustomBackward, type CustomForward, customGradient } from "./ops/custom_gradient.ts";
export { copyInto, fill, where } from "./ops/elementwise.ts";
export { embedding, gather } from "./ops/gather/gather.ts";
export type { Index } from "./ops/indexing/at.ts";
export { indexSelect, oneHot, scatterAdd } from "./ops/indexing/select.ts";
export { concat, split, stack } from "./ops/join.ts";
export * from "./ops/convolution/convolution.ts";
export { avgPool2d, fold, maxPool2d, type PoolOptions, unfold } from "./ops/convolution/pool.ts";
export type { NumberOrPair, Pair, WindowOptions } from "./ops/convolution/windows.ts";
export { linear, matmul, type MatmulOptions } from "./ops/matmul/matmul.ts";
export type { TensorMethods } from "./ops/methods.ts";
export type { MoreTensorMethods } from "./ops/more_methods.ts";
export {
  type ProgramGradient,
  runProgram,
  runProgramInto,
  runProgramOutputs,
} from "./ops/program.ts";
export { type Packing, quantize, QuantizedMatrix } from "./ops/quantized/mod.ts";
export { zerosLike } from "./ops/ranges.ts";
export { rotary, rotaryAngles } from "./ops/rotary.ts";
export { layerNorm, type LayerNormOptions } from "./ops/layer_norm.ts";
export { rmsNorm, type RmsNormOptions } from "./ops/rows.ts";
export { multinomial, type MultinomialOptions, type TopK, topK } from "./ops/sampling/sampling.ts";
export { cumulativeSum } from "./ops/scan/scan.ts";
export { argsort, sort, type Sorted, type SortOptions } from "./ops/sort/order.ts";
export * as expression from "./formula/expression.ts";
export type {
  BinaryOperation,
  Expression,
  ExpressionKind,
  ReduceOperation,
  UnaryOperation,
} from "./formula/expression.ts";
export {
  defineProgram,
  type Program,
  type ProgramDefinition,
  type ProgramInput,
} from "./formula/program.ts";
export type {
  Choice,
  ExplainedKernel,
  Explanation,
  KernelText,
  Profile,
  ProfileEvent,
  RefusedPath,
  Work,
} from "./profile.ts";
export * from "./profile_text.ts";
export { deriveSeed, normalArray, permutationArray, threefry, uniformArray } from "./random.ts";
export * from "./safetensors.ts";
export type { Scope } from "./scope.ts";
export { decodeState, encodeState } from "./state.ts";
export {
  type FillOptions,
  type FromOptions,
  Tensor,
  type TensorOptions,
  type TensorOrNumber,
} from "./tensor.ts";
