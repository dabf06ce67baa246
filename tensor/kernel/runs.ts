/**
 * Walks over the elements of operands that lie anyhow, in the kernel language.
 *
 * The items of a kernel are numbered along its axes, innermost first. The innermost one is the *run*:
 * a fast inner loop. Those around it each have a counter.
 *
 * @module
 */

import type { Buffer, ElementType, Int, KernelBuilder } from "./language.ts";

/** An operand: its buffer begins at its first element, and moves. */
export interface Moving {
  readonly buffer: Pick<Buffer<ElementType>, "move">;
  /** The strides along the run, and along the axes around it. */
  readonly strides: readonly Int[];
}

/** The index of the run among the axes, and of the first one around it. */
const [RUN, OUTER] = [0, 1];

/**
 * Visits the items from the first to `k.end`, run by run: each visit has the length of a run, or of
 * what is wanted of it, and moves the operands past it. On a GPU, whose threads have an item each, the
 * only visit has no length, and need not move anything.
 *
 * @param lengths Those of the run, and of the axes around it.
 */
export function forEachRun(
  k: KernelBuilder,
  first: Int,
  lengths: readonly Int[],
  operands: readonly Moving[],
  visit: (length: Int | null) => void,
): void {
  if (k.summarize("the operands begin at the item")) return visit(null);
  const move = (distance: (operand: Moving) => Int) => {
    for (const operand of operands) operand.buffer.move(distance(operand));
  };
  const run = lengths[RUN]!;
  const isOneRun = lengths.length === OUTER;
  const from = isOneRun ? first : k.variable(first.remainder(run));
  const counters: Int[] = [];
  if (!isOneRun) {
    let rest = first.divide(run);
    for (let axis = OUTER; axis < lengths.length; axis++) {
      const counter = k.variable(rest);
      if (axis < lengths.length - 1) {
        rest = k.let(counter.divide(lengths[axis]!));
        k.set(counter, counter.remainder(lengths[axis]!));
      }
      counters[axis] = counter;
      move(({ strides }) => counter.multiply(strides[axis]!));
    }
  }
  move(({ strides }) => from.multiply(strides[RUN]!));
  if (!k.inTurn) return visit(null);
  if (isOneRun) return visit(k.let(k.end.subtract(first)));

  // From the end of a run to the start of the next one.
  const gaps = new Map(operands.map((operand) => {
    const { strides } = operand;
    return [operand, k.let(strides[OUTER]!.subtract(run.multiply(strides[RUN]!)))];
  }));
  const advance = (axis: number): void => {
    const counter = counters[axis]!;
    k.set(counter, counter.add(1));
    move((operand) => axis === OUTER ? gaps.get(operand)! : operand.strides[axis]!);
    if (axis === lengths.length - 1) return;
    k.if(counter.equal(lengths[axis]!), () => {
      move(({ strides }) => k.int(0).subtract(counter.multiply(strides[axis]!)));
      k.set(counter, k.int(0));
      advance(axis + 1);
    });
  };
  const item = k.variable(first);
  k.while(item.less(k.end), () => {
    const wanted = k.let(from.add(k.end.subtract(item)));
    const length = k.let(wanted.min(run).subtract(from));
    visit(length);
    k.set(item, item.add(length));
    k.set(from, k.int(0));
    advance(OUTER);
  });
}
