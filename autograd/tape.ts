/**
 * The tape: reverse-mode automatic differentiation, generic over the type of value.
 *
 * The forward pass records a {@linkcode Node} for each operation. {@linkcode backward} walks the nodes
 * from the result to the inputs and applies the chain rule at each. The tape never inspects a value,
 * it only adds gradients with the `add` it is given, so the same engine differentiates plain numbers
 * (`value.ts`) and tensors on a GPU.
 *
 * Source: Griewank and Walther, "Evaluating Derivatives" (2008), chapter 3.
 *
 * @module
 */

/**
 * The local derivative of one operation.
 *
 * @param upstream The derivative of the final result with respect to this node's value.
 * @param collected The gradient accumulated so far for a node, if any. For large values, the function
 * may add to it in place and return it, which saves a separate addition.
 * @returns One gradient for each input: `null` where the input does not influence the value, needs no
 * gradient, or already received it.
 */
export type GradientFunction<V> = (
  upstream: V,
  collected: (node: Node<V>) => V | undefined,
) => readonly (V | null)[];

/** An operation or a leaf on the tape. */
export class Node<V> {
  /**
   * Name of the operation; for a leaf, any name. Where a caller's operation consists of several, the
   * last one takes its name.
   */
  operation: string;
  /** The input nodes; `null` for an input that needs no gradient. */
  readonly inputs: readonly (Node<V> | null)[];
  /** Values kept alive for backward through this node, if values own memory. */
  saved: unknown = null;
  #gradient: GradientFunction<V> | null;
  #used = false;

  /**
   * Records an operation or a leaf.
   *
   * @param inputs The input nodes; none for a leaf.
   * @param gradient The local derivative; none for a leaf.
   */
  constructor(
    operation: string,
    inputs: readonly (Node<V> | null)[] = [],
    gradient: GradientFunction<V> | null = null,
  ) {
    this.operation = operation;
    this.inputs = inputs;
    this.#gradient = gradient;
  }

  /** Called with the complete gradient of this node. Nodes that keep their gradient override this. */
  receive(_gradient: V): void {}

  /** The gradient left by earlier backward passes, for nodes that keep it. */
  get kept(): V | null {
    return null;
  }

  /** Whether this node is an input rather than the result of an operation. */
  get isLeaf(): boolean {
    return this.inputs.length === 0;
  }

  /**
   * Checks that `backward` has not visited this node.
   *
   * @throws {Error} If it has: the operation's saved values are freed.
   */
  checkUnused(): void {
    if (!this.#used) return;
    throw new Error(
      `Cannot run backward through "${this.operation}" again: its saved values were freed by the ` +
        `first backward. Run the forward pass again, or add the losses and run backward once.`,
    );
  }

  /**
   * Applies the chain rule at this node and frees the operation's saved values.
   *
   * @throws {Error} If called before, or if the number of gradients is not the number of inputs.
   */
  propagate(
    upstream: V,
    collected: (node: Node<V>) => V | undefined,
  ): readonly (V | null)[] {
    this.checkUnused();
    const gradient = this.#gradient;
    if (gradient === null) return [];
    this.#used = true;
    this.#gradient = null;
    const gradients = gradient(upstream, collected);
    if (gradients.length !== this.inputs.length) {
      throw new Error(
        `Cannot run backward through "${this.operation}": wanted one gradient for each of ` +
          `${this.inputs.length} inputs, got ${gradients.length}`,
      );
    }
    return gradients;
  }
}

/**
 * Runs the backward pass: the chain rule from `root` back to every leaf.
 *
 * Each node is visited once, after all its users, when its gradient is complete. The walk is
 * iterative, so the depth of the graph is limited only by memory.
 *
 * @param seed The derivative of the result with respect to itself, usually 1.
 * @param add Adds two gradients of one node. It may add to the first in place and return it.
 * @param release Called with each gradient that is no longer needed, for values that own memory.
 * With it, a gradient function must not return its upstream gradient, or one value twice.
 * @throws {Error} If a backward pass has already visited a node of the graph.
 *
 * @example The derivative of x·x + x at x = 3 is 2x + 1 = 7
 * ```ts
 * import { backward, Node } from "./tape.ts";
 *
 * class Leaf extends Node<number> {
 *   gradient = 0;
 *   override receive(gradient: number): void {
 *     this.gradient += gradient;
 *   }
 * }
 * const x = new Leaf("x");
 * const square = new Node<number>("multiply", [x, x], (upstream) => [upstream * 3, upstream * 3]);
 * const sum = new Node<number>("add", [square, x], (upstream) => [upstream, upstream]);
 * backward(sum, 1, (a, b) => a + b);
 * if (x.gradient !== 7) throw new Error(`expected 7, got ${x.gradient}`);
 * ```
 */
export function backward<V>(
  root: Node<V>,
  seed: V,
  add: (a: V, b: V) => V,
  release: (gradient: V) => void = () => {},
): void {
  const waiting = countUses(root);
  const gradients = new Map<Node<V>, V>([[root, seed]]);
  const collected = (node: Node<V>) => gradients.get(node);
  const ready: Node<V>[] = [root];
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    const upstream = gradients.get(node);
    gradients.delete(node);
    // A node without a gradient does not influence the result, but its inputs still count it as a user.
    const downstream = upstream === undefined ? [] : node.propagate(upstream, collected);
    if (upstream !== undefined) {
      node.receive(upstream);
      release(upstream);
    }
    node.inputs.forEach((input, i) => {
      if (input === null) return;
      const gradient = downstream[i] ?? null;
      if (gradient !== null) {
        const sum = gradients.get(input);
        const total = sum === undefined ? gradient : add(sum, gradient);
        gradients.set(input, total);
        if (sum !== undefined) {
          if (total !== sum) release(sum);
          release(gradient);
        }
      }
      const left = waiting.get(input)! - 1;
      waiting.set(input, left);
      if (left === 0) ready.push(input);
    });
  }
}

/**
 * Counts, for every node below `root`, how often nodes below `root` use it as an input.
 *
 * @throws {Error} If a backward pass has already visited one of them.
 */
function countUses<V>(root: Node<V>): Map<Node<V>, number> {
  const uses = new Map<Node<V>, number>([[root, 0]]);
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    // Checked before any gradient is propagated, so that an error leaves no partial gradients.
    node.checkUnused();
    for (const input of node.inputs) {
      if (input === null) continue;
      const count = uses.get(input);
      if (count === undefined) stack.push(input);
      uses.set(input, (count ?? 0) + 1);
    }
  }
  return uses;
}
