/**
 * Fast paths: implementations of an operation that beat its plain body for some problems on one kind
 * of device.
 *
 * {@linkcode runFastest} runs the first that suits, or the operation's plain body if there is none;
 * `device.explain` tells which, and why. The plain body is the specification, and tests hold the two
 * equal. The fast paths are listed in `fast/mod.ts`; without that folder every operation takes its
 * plain body.
 *
 * @module
 */

import type { CpuDevice, WebGpuDevice } from "./device.ts";
import type {
  AttentionCall,
  CachedAttention,
  ForwardViews,
  GradientViews,
  SoftmaxCall,
} from "./ops/attention/problem.ts";
import type { RowSums } from "./ops/gather/sum_rows.ts";
import type { MatmulProblem } from "./ops/matmul/problem.ts";
import type { QuantizedProblem } from "./ops/quantized/multiply.ts";
import type { TopKViews } from "./ops/sampling/top_k.ts";
import { type RefusedPath, withNotes } from "./profile.ts";
import type { Tensor } from "./tensor.ts";

/** The problems of the operations that have fast paths. */
export interface FastOperations {
  readonly attention: AttentionCall<ForwardViews>;
  readonly "cached attention": CachedAttention;
  readonly "attention gradient": AttentionCall<GradientViews>;
  readonly "attention softmax": SoftmaxCall;
  readonly matmul: MatmulProblem;
  readonly "quantized matmul": QuantizedProblem;
  readonly "sum rows": RowSums;
  readonly "top k": TopKViews;
}

/** The result of an operation; most write into views of their problem. */
type Result<O extends Operation> = O extends "cached attention" ? Tensor : void;

interface Devices {
  readonly cpu: CpuDevice;
  readonly webgpu: WebGpuDevice;
}

type Operation = keyof FastOperations;
type Kind = keyof Devices;

/** A gain as `fast/gains_bench.ts` measures it, or the reason why nobody could. */
export type Gain =
  | {
    /** Speed relative to what runs without the fast path. */
    readonly factor: number;
    /** The problem that was timed. */
    readonly of: string;
  }
  | { readonly unmeasured: string };

/** An implementation of an operation for some problems on some device. */
export interface Path<Problem, Device, Result> {
  readonly name: string;
  /**
   * Why it is wrong for a problem, or slower than the paths after it, in a few words for
   * explanations; `null` if it suits.
   */
  refuses(problem: Problem, device: Device): string | null;
  run(problem: Problem, device: Device): Result;
}

/** A fast path of `fast/mod.ts`. */
export interface FastPath<O extends Operation, K extends Kind>
  extends Path<FastOperations[O], Devices[K], Result<O>> {
  readonly operation: O;
  readonly device: K;
  readonly gain: Gain;
}

/** A fast path of any operation on any kind of device. */
export type AnyFastPath = { [O in Operation]: { [K in Kind]: FastPath<O, K> }[Kind] }[Operation];

const paths: AnyFastPath[] = [];

/** Appends fast paths; of those that suit a problem, the first is taken. */
export function registerFastPaths(list: readonly AnyFastPath[]): void {
  paths.push(...list);
}

/** Computes an operation by the first fast path that suits, or else by its plain body. */
export function runFastest<O extends Operation, K extends Kind>(
  operation: O,
  problem: FastOperations[O],
  device: Devices[K] & { readonly kind: K },
  plain: () => Result<O>,
): Result<O> {
  const suited: FastPath<O, K>[] = [];
  const isFor = (path: { operation: Operation; device: Kind }): path is FastPath<O, K> =>
    path.operation === operation && path.device === device.kind;
  for (const path of paths) if (isFor(path)) suited.push(path);
  return runFirst(operation, suited, problem, device, plain);
}

/** Computes an operation by the first path that suits, or else by its plain body, and notes why. */
export function runFirst<Problem, Device, Result>(
  operation: string,
  paths: readonly Path<Problem, Device, Result>[],
  problem: Problem,
  device: Device,
  plain: () => Result,
): Result {
  const refused: RefusedPath[] = [];
  for (const path of paths) {
    const reason = path.refuses(problem, device);
    if (reason === null) {
      const choice = { operation, taken: path.name, refused };
      return withNotes({ choice }, () => path.run(problem, device));
    }
    refused.push({ name: path.name, reason });
  }
  if (refused.length === 0) return plain();
  return withNotes({ choice: { operation, taken: "plain", refused } }, plain);
}
