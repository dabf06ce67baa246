/**
 * The tape: reverse-mode differentiation over values of any kind.
 *
 * Running a computation records a {@linkcode Node} for each operation. {@linkcode backward} then
 * walks the nodes from the result to the inputs and applies the chain rule at each of them. The
 * tape never looks at a value: it only adds two of them, with the `add` that it is given. So the
 * same engine differentiates plain numbers (`value.ts`) and tensors on a GPU.
 *
 * Source: Griewank and Walther, "Evaluating Derivatives" (2008), chapter 3.
 *
 * @module
 */

/**
 * The local derivative of one operation.
 *
 * @param upstream The derivative of the final result with respect to this node's value.
 * @param collected What was collected so far for a node, if anything. Where values are large it may
 * be added to in place and then returned itself, so that the sum needs no step of its own.
 * @returns For each input the derivative with respect to that input, or `null` where the input
 * does not influence the value, needs no gradient, or has got it already.
 */
export type GradientFunction<V> = (
  upstream: V,
  collected: (node: Node<V>) => V | undefined,
) => readonly (V | null)[];

/** One operation, or one leaf, on the tape. */
export class Node<V> {
  /** The name of the operation; for a leaf a name of the user's choice. */
  readonly operation: string;
  /** The nodes whose values went into this one; `null` for an input that needs no gradient. */
  readonly inputs: readonly (Node<V> | null)[];
  #gradient: GradientFunction<V> | null;
  #used = false;

  /**
   * Records an operation, or a leaf.
   *
   * @param operation The name of the operation.
   * @param inputs The nodes whose values go in; none for a leaf.
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

  /** Takes the complete gradient of this node's value. Nodes that keep it override this. */
  receive(_gradient: V): void {}

  /** The gradient that earlier walks have left here, of nodes that keep it. */
  get kept(): V | null {
    return null;
  }

  /** Whether this node is an input of the computation rather than the result of an operation. */
  get isLeaf(): boolean {
    return this.inputs.length === 0;
  }

  /**
   * Makes sure that `backward` has not been here yet.
   *
   * @throws {Error} If the chain rule has been applied here: what the operation saved is gone.
   */
  checkUnused(): void {
    if (!this.#used) return;
    throw new Error(
      `Cannot run backward through "${this.operation}" again: what it saved was freed by the first ` +
        `backward. Compute the value anew, or add the losses and run backward once.`,
    );
  }

  /**
   * Applies the chain rule at this node, and lets go of what the operation had saved for it.
   *
   * @throws {Error} If that has been done before: what was saved is gone.
   */
  propagate(
    upstream: V,
    collected: (node: Node<V>) => V | undefined = () => undefined,
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
 * Runs the chain rule from `root` back to every leaf.
 *
 * A node is visited once, after all nodes that use its value: by then its gradient is complete.
 * The walk is a loop and not a recursion, so the depth of the graph is limited by memory only.
 *
 * @param root The node of the result.
 * @param seed The derivative of the result with respect to itself: usually 1.
 * @param add Adds two gradients, where a value is used more than once. It may add to the first one in
 * place, and return it.
 * @param release Called with each gradient once the walk is done with it, for values that hold
 * memory. Then a gradient function must not return its upstream itself, or one value twice.
 * @throws {Error} If a node of the graph has already been differentiated.
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
    // A node without a gradient has no influence on the result, but its inputs still wait for it.
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
 * For every node below `root`: how many times its value is used by other nodes below `root`.
 *
 * @throws {Error} If the chain rule has been applied at one of them.
 */
function countUses<V>(root: Node<V>): Map<Node<V>, number> {
  const uses = new Map<Node<V>, number>([[root, 0]]);
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    // Before any gradient is passed on, so that an error leaves none half done.
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
