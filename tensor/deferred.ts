/**
 * Deferred results: large results computed when their memory is first needed, so that they can be
 * fused with the operation that follows.
 *
 * If an activation follows a linear layer, it is computed in place, and its input is not kept; a
 * product is computed where it is added; the logits of a loss are computed a chunk of rows at a
 * time. Otherwise a deferred tensor is computed when a kernel or a read needs it. Before an
 * in-place change of one of its inputs, as by an optimizer, that input is copied: most results that
 * are still deferred then were fused and are never needed. The tape records each operation as it
 * was called, and a fused one beside them. A result that is used again after a fused operation is
 * computed at that time: this costs time but changes no result.
 *
 * @module
 */

import { apply, commonDevice, type Operation, recordOperation } from "./apply.ts";
import type { Allocation } from "./device.ts";
import type { Program } from "./expression/program.ts";
import { noGrad } from "./grad_mode.ts";
import { contiguousStrides, shapesEqual } from "./shape.ts";
import { type Deferral, HandleOwner, Storage } from "./storage.ts";
import { copyOf, Tensor } from "./tensor.ts";

/** An operation that has not run yet. */
export class DeferredOperation<Attributes = unknown> implements Deferral {
  readonly operation: Operation<Attributes>;
  readonly attributes: Attributes;
  /** The shape of the result. */
  readonly shape: readonly number[];
  /** Whether an input was changed in place: nothing can be fused with the copy of it. */
  isOutdated = false;
  /** The inputs, with their nodes; freed once the result is computed. */
  inputs: readonly Tensor[];
  readonly #owner = new HandleOwner();

  constructor(
    operation: Operation<Attributes>,
    inputs: readonly Tensor[],
    attributes: Attributes,
    shape: readonly number[],
  ) {
    this.operation = operation;
    this.attributes = attributes;
    this.shape = shape;
    this.inputs = inputs.map((input) => {
      const alias = input.alias(this.#owner);
      if (input.node !== null) alias.attach(input.node);
      return alias;
    });
  }

  compute(): Allocation {
    using _temporaries = this.inputs[0]!.device.scopes.openBriefly();
    return noGrad(() => apply(this.operation, this.inputs, this.attributes))[0]!.storage.take();
  }

  keepContent(storage: Storage): void {
    if (!this.inputs.some((input) => input.storage === storage)) return;
    this.inputs = this.inputs.map((input) => {
      if (input.storage !== storage) return input;
      const copy = copyOf(input);
      copy.moveTo(this.#owner);
      input.dispose();
      return copy;
    });
    this.isOutdated = true;
  }

  release(): void {
    this.#owner.releaseAll();
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
  const device = commonDevice(operation.name, inputs);
  for (const input of inputs) {
    input.checkOpen();
    // Deferred operations must not form long chains, with which nothing could be fused.
    if (deferredOperation(input)?.inputs.some(isDeferred)) void input.allocation;
  }
  const { dtype, shape } = operation.infer(inputs, attributes)[0]!;
  const deferral = new DeferredOperation(operation, inputs, attributes, shape);
  const storage = new Storage(device, null, deferral);
  const output = new Tensor(storage, dtype, shape, contiguousStrides(shape), 0);
  recordOperation(operation, inputs, [output], attributes);
  return output;
}

export function isDeferred({ storage }: Tensor): boolean {
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

/** How programs are fused with the deferred operations before them: see `fast/fused.ts`. */
export const rewrites: Map<Program, Rewrite> = new Map();
