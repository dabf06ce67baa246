/**
 * Fast paths: implementations of an operation that beat its plain body for some problems on one kind
 * of device.
 *
 * An operation asks {@linkcode findFastPath} for the first that suits, and runs its plain body if
 * there is none. The plain body is the specification, and tests hold the two equal. The fast paths
 * are listed in `fast/mod.ts`; without that folder every operation takes its plain body.
 *
 * @module
 */

import type { CpuDevice, WebGpuDevice } from "./device.ts";
import type { AttentionStep } from "./ops/attention/step.ts";
import type { LinearsProblem } from "./ops/matmul/linears.ts";
import type {
  AttentionCall,
  ForwardViews,
  GradientViews,
  SoftmaxCall,
} from "./ops/attention/problem.ts";
import type { RowSums } from "./ops/gather/sum_rows.ts";
import type { MatmulProblem } from "./ops/matmul/problem.ts";
import type { TopKViews } from "./ops/sampling/top_k.ts";
import type { Tensor } from "./tensor.ts";

/** The operations that have fast paths. */
export interface FastOperations {
  readonly attention: { readonly problem: AttentionCall<ForwardViews>; readonly result: void };
  readonly "attention gradient": {
    readonly problem: AttentionCall<GradientViews>;
    readonly result: void;
  };
  readonly "attention softmax": { readonly problem: SoftmaxCall; readonly result: void };
  readonly matmul: { readonly problem: MatmulProblem; readonly result: void };
  readonly linears: { readonly problem: LinearsProblem; readonly result: readonly Tensor[] };
  readonly "attention step": { readonly problem: AttentionStep; readonly result: Tensor };
  readonly "sum rows": { readonly problem: RowSums; readonly result: void };
  readonly "top k": { readonly problem: TopKViews; readonly result: void };
}

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
    /** What was timed. */
    readonly of: string;
  }
  | { readonly unmeasured: string };

/** An implementation of an operation for some problems on one kind of device. */
export interface FastPath<O extends Operation, K extends Kind> {
  readonly operation: O;
  readonly name: string;
  readonly device: K;
  readonly gain: Gain;
  /** Whether it is right for a problem, and faster than the rows after it. */
  suits(problem: FastOperations[O]["problem"], device: Devices[K]): boolean;
  run(problem: FastOperations[O]["problem"], device: Devices[K]): FastOperations[O]["result"];
}

/** A fast path of any operation on any kind of device. */
export type AnyFastPath = { [O in Operation]: { [K in Kind]: FastPath<O, K> }[Kind] }[Operation];

const paths: AnyFastPath[] = [];

/** Appends fast paths; of those that suit a problem, the first is taken. */
export function registerFastPaths(list: readonly AnyFastPath[]): void {
  paths.push(...list);
}

/** The first fast path that suits a problem, or `undefined`: then the plain body computes it. */
export function findFastPath<O extends Operation, K extends Kind>(
  operation: O,
  problem: FastOperations[O]["problem"],
  device: Devices[K] & { readonly kind: K },
): FastPath<O, K> | undefined {
  const isFor = (path: { operation: Operation; device: Kind }): path is FastPath<O, K> =>
    path.operation === operation && path.device === device.kind;
  for (const path of paths) {
    if (isFor(path) && path.suits(problem, device)) return path;
  }
  return undefined;
}
