/**
 * Deferred results: large results computed when their memory is first needed, so that they can be
 * fused with the operation that follows.
 *
 * If a residual or an activation follows a linear layer, one kernel does both, and the intermediate
 * is never stored; the logits of a loss are computed a chunk of rows at a time. Otherwise a
 * deferred tensor is computed when a kernel or a read needs it. Before an in-place change of one of
 * its inputs, as by an optimizer, that input is copied: most results that are still deferred then
 * were fused and are never needed. The tape records each operation as it was called, and a fused one
 * beside them. A result that is used again after a fused operation is computed at that time: this
 * costs time but changes no result.
 *
 * @module
 */

import { commonDevice, type Operation, recordOperation, type Specification } from "./apply.ts";
import type { Allocation } from "./device.ts";
import { bytesPerElement } from "./dtype.ts";
import type { Program } from "./expression/program.ts";
import { noGrad } from "./grad_mode.ts";
import { type Deferral, type History, isAnythingDeferred, Storage } from "./storage.ts";
import { contiguousStrides, shapesEqual, sizeOf } from "./shape.ts";
import { copyOf, Tensor } from "./tensor.ts";

/** An operation that has not run yet. */
export class DeferredOperation<Attributes = unknown> implements Deferral {
  readonly operation: Operation<Attributes>;
  readonly attributes: Attributes;
  /** Whether an input was changed in place: nothing can be fused with the copy of it. */
  isOutdated = false;
  #inputs: readonly Tensor[];
  readonly #histories: readonly (History | null)[];
  readonly #result: Specification;

  constructor(operation: Operation<Attributes>, inputs: readonly Tensor[], attributes: Attributes) {
    this.operation = operation;
    this.attributes = attributes;
    this.#result = operation.infer(inputs, attributes)[0]!;
    this.#inputs = inputs;
    this.#histories = inputs.map(({ history }) => history);
    // Their memory rather than aliases, which most operations would not need.
    for (const { storage } of inputs) storage.retain();
    for (const history of this.#histories) history?.retain();
  }

  /** The inputs, with their nodes: those that were freed meanwhile belong to the current scope. */
  get inputs(): readonly Tensor[] {
    return this.#inputs.map((input, i) => {
      if (input.isOpen) return input;
      const { storage, dtype, shape, strides, offset, node } = input;
      const alias = new Tensor(storage, dtype, shape, strides, offset);
      if (node !== null) alias.attach(node, this.#histories[i] ?? undefined);
      return alias;
    });
  }

  get isWaiting(): boolean {
    return this.#inputs.some(isDeferred);
  }

  get shape(): readonly number[] {
    return this.#result.shape;
  }

  makeResult(): Tensor {
    return this.#view(new Storage(this.#inputs[0]!.device, null, this));
  }

  #view(storage: Storage): Tensor {
    const { dtype, shape } = this.#result;
    return new Tensor(storage, dtype, shape, contiguousStrides(shape), 0);
  }

  allocate(): Allocation {
    const { dtype, shape } = this.#result;
    return this.#inputs[0]!.device.allocate(
      sizeOf(shape) * bytesPerElement(dtype),
      this.operation.name,
    );
  }

  compute(storage: Storage): void {
    const { device } = storage;
    using _temporaries = device.scopes.openBriefly();
    noGrad(() => this.operation.run(device, this.inputs, [this.#view(storage)], this.attributes));
  }

  keepContent(storage: Storage): void {
    if (!this.#inputs.some((input) => input.storage === storage)) return;
    using _handles = storage.device.scopes.openBriefly();
    this.#inputs = this.inputs.map((input) => {
      if (input.storage !== storage) return input;
      const copy = copyOf(input);
      copy.storage.retain();
      storage.release();
      return copy;
    });
    this.isOutdated = true;
  }

  release(): void {
    for (const { storage } of this.#inputs) storage.release();
    for (const history of this.#histories) history?.release();
  }
}

/**
 * Like {@linkcode apply}, but the operation, with one output, runs when its result is first needed.
 * What does not suit it is an error at once.
 */
export function applyLater<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Tensor[],
  attributes: Attributes,
): Tensor {
  commonDevice(operation.name, inputs);
  for (const input of inputs) {
    // Deferred operations must not form long chains, with which nothing could be fused.
    if (deferredOperation(input)?.isWaiting) void input.allocation;
  }
  const output = new DeferredOperation(operation, inputs, attributes).makeResult();
  recordOperation(operation, inputs, [output], attributes);
  return output;
}

function isDeferred({ storage }: Tensor): boolean {
  return storage.deferral !== null;
}

/**
 * The pending operation of a tensor, or of its base if it is a view; `null` if it was computed, or
 * if one of its inputs was changed since.
 */
export function deferredOperation({ storage }: Tensor): DeferredOperation | null {
  const { deferral } = storage;
  return deferral instanceof DeferredOperation && !deferral.isOutdated ? deferral : null;
}

/**
 * The inputs of `operation` if a tensor is its whole result, not yet computed; otherwise `null`.
 */
export function deferredInputs<Attributes>(
  x: Tensor,
  operation: Operation<Attributes>,
): readonly Tensor[] | null {
  const deferred = deferredOperation(x);
  const isWhole = deferred?.operation === operation && x.isContiguous &&
    shapesEqual(x.shape, deferred.shape);
  return isWhole ? deferred.inputs : null;
}

const MIN_DEFERRED = 2 ** 12;

/** Whether to defer a result of this size, if what follows may be fused with it. */
export function isWorthDeferring(size: number): boolean {
  return size >= MIN_DEFERRED;
}

/**
 * Computes a program fused with the deferred operation of an input; `null` if that is not possible.
 */
export type Rewrite = (inputs: readonly Tensor[], scalars: readonly number[]) => Tensor | null;

const rewrites = new Map<Program, Rewrite>();

/** Registers how programs are fused with the deferred operations before them: see `fused.ts`. */
export function registerRewrites(list: Iterable<readonly [Program, Rewrite]>): void {
  for (const [program, rewrite] of list) rewrites.set(program, rewrite);
}

export function rewriteProgram(
  program: Program,
  inputs: readonly Tensor[],
  scalars: readonly number[],
): Tensor | null {
  if (!isAnythingDeferred() || !inputs.some(isDeferred)) return null;
  return rewrites.get(program)?.(inputs, scalars) ?? null;
}
