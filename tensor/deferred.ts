/**
 * Large results that are computed when somebody first asks for their memory, so that they can be fused
 * with what comes after them.
 *
 * A linear layer with a large result is deferred. If a residual is added to it next, or it goes through
 * an activation, one kernel does both, and what lies between is never stored; if it is the logits of a
 * loss, these are computed some rows at a time. To everything else it is a tensor like any other: it is
 * computed as soon as a kernel, a read, or a change in place of what it is computed from asks for it.
 * The tape records each operation as it was called, and a fused one beside them.
 *
 * Nobody can know whether a result is used again after a fused operation. If it is, it is computed then:
 * that takes time, and changes no result.
 *
 * @module
 */

import { commonDevice, type Operation, recordOperation, type Specification } from "./apply.ts";
import type { Allocation } from "./device.ts";
import { bytesPerElement } from "./dtype.ts";
import type { Program } from "./expression/program.ts";
import { noGrad } from "./grad_mode.ts";
import { type Deferral, HandleOwner, Storage } from "./storage.ts";
import { contiguousStrides, shapesEqual, sizeOf } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/** An operation that has not run yet. */
export class DeferredOperation<Attributes = unknown> implements Deferral {
  /** The operation. */
  readonly operation: Operation<Attributes>;
  /** What goes in, with its place on the tape. */
  readonly inputs: readonly Tensor[];
  /** How it is computed. */
  readonly attributes: Attributes;
  readonly #owner = new HandleOwner();
  readonly #result: Specification;
  #storage: Storage | null = null;

  /** For {@linkcode applyLater}: holds on to the inputs until {@linkcode DeferredOperation.release}. */
  constructor(operation: Operation<Attributes>, inputs: readonly Tensor[], attributes: Attributes) {
    this.operation = operation;
    this.attributes = attributes;
    this.#result = operation.infer(inputs, attributes)[0]!;
    this.inputs = inputs.map((input) => {
      const held = input.alias(this.#owner);
      if (input.node !== null) held.attach(input.node, input.history ?? undefined);
      return held;
    });
  }

  /** The shape of the result. */
  get shape(): readonly number[] {
    return this.#result.shape;
  }

  /** Creates the result. */
  makeResult(): Tensor {
    const { device } = this.inputs[0]!;
    const storage = this.#storage = new Storage(device, this);
    for (const input of this.inputs) input.storage.addReader(storage);
    return this.#view(storage);
  }

  #view(storage: Storage): Tensor {
    const { dtype, shape } = this.#result;
    return new Tensor(storage, dtype, shape, contiguousStrides(shape), 0);
  }

  /** Allocates the result. */
  allocate(): Allocation {
    const { dtype, shape } = this.#result;
    return this.inputs[0]!.device.allocate(
      sizeOf(shape) * bytesPerElement(dtype),
      this.operation.name,
    );
  }

  /** Runs the operation. */
  compute(storage: Storage): void {
    const { device } = storage;
    using _temporaries = device.scopes.openBriefly();
    noGrad(() => this.operation.run(device, this.inputs, [this.#view(storage)], this.attributes));
  }

  /** Lets go of the inputs. */
  release(): void {
    for (const { storage } of this.inputs) storage.removeReader(this.#storage!);
    this.#owner.releaseAll();
  }
}

/**
 * As {@linkcode apply}, but the operation runs when its result is first asked for.
 *
 * @param operation With one output.
 * @throws {RangeError | TypeError} If the inputs do not suit the operation: at once.
 */
export function applyLater<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Tensor[],
  attributes: Attributes,
): Tensor {
  commonDevice(operation.name, inputs);
  for (const input of inputs) {
    // Operations that wait for each other form no long chains, which nothing could be fused with.
    const waitsForOthers = deferredOperation(input)?.inputs.some(isDeferred) ?? false;
    if (waitsForOthers) void input.allocation;
  }
  const output = new DeferredOperation(operation, inputs, attributes).makeResult();
  recordOperation(operation, inputs, [output], attributes);
  return output;
}

/** Whether a tensor, or what it is a view of, was not computed yet. */
function isDeferred({ storage }: Tensor): boolean {
  return storage.deferral !== null;
}

/** The operation that a tensor, or what it is a view of, still waits for; `null` if it was computed. */
export function deferredOperation({ storage }: Tensor): DeferredOperation | null {
  const { deferral } = storage;
  return deferral instanceof DeferredOperation ? deferral : null;
}

/** The inputs of `operation` if a tensor is its whole result, not yet computed; else `null`. */
export function deferredInputs<Attributes>(
  x: Tensor,
  operation: Operation<Attributes>,
): readonly Tensor[] | null {
  const deferred = deferredOperation(x);
  const isWhole = deferred?.operation === operation && x.isContiguous &&
    shapesEqual(x.shape, deferred.shape);
  return isWhole ? deferred.inputs : null;
}

/** From so many elements on, results are worth deferring. */
const MIN_DEFERRED = 2 ** 12;

/** Whether a result of so many elements is to be deferred, if what may come next can be fused with it. */
export function isWorthDeferring(size: number): boolean {
  return size >= MIN_DEFERRED;
}

/** Computes a program fused with the deferred operation of an input; `null` where that is not possible. */
export type Rewrite = (inputs: readonly Tensor[], scalars: readonly number[]) => Tensor | null;

const rewrites = new Map<Program, Rewrite>();

/** Registers how programs are fused with deferred operations before them: see `fused.ts`. */
export function registerRewrites(list: Iterable<readonly [Program, Rewrite]>): void {
  for (const [program, rewrite] of list) rewrites.set(program, rewrite);
}

/** The result of a program fused with a deferred operation before it; `null` if there is none. */
export function rewriteProgram(
  program: Program,
  inputs: readonly Tensor[],
  scalars: readonly number[],
): Tensor | null {
  if (!inputs.some(isDeferred)) return null;
  return rewrites.get(program)?.(inputs, scalars) ?? null;
}
