/**
 * Drawings of computation graphs.
 *
 * {@linkcode toDot} writes the graph of a result in DOT, the language of Graphviz; {@linkcode toSvg}
 * renders it. Both take any node of the tape and a function that describes a node, so they draw graphs
 * of tensors as well.
 *
 * @module
 */

import { dotToSvg } from "./deps.ts";
import type { Node } from "./tape.ts";
import { Value } from "./value.ts";

/** Returns the lines in the box of a node: for a tensor, for example, its operation and shape. */
export type DescribeNode<V> = (node: Node<V>) => readonly string[];

/**
 * Describes a {@linkcode Value}: its label if it has one, its operation, number and gradient, to four
 * significant digits.
 *
 * @example
 * ```ts
 * import { describeValue } from "./graph.ts";
 * import { Value } from "./value.ts";
 *
 * const lines = describeValue(new Value(3.75, { label: "w" }));
 * if (lines.join() !== "w,value 3.75,gradient 0") throw new Error(lines.join());
 * ```
 */
export function describeValue(node: Node<number>): readonly string[] {
  if (!(node instanceof Value)) return [node.operation];
  const title = node.label !== "" ? [node.label] : [];
  const operation = node.isLeaf ? [] : [node.operation];
  return [...title, ...operation, `value ${short(node.data)}`, `gradient ${short(node.grad)}`];
}

function short(x: number): string {
  return `${Number(x.toPrecision(4))}`;
}

/**
 * Writes the graph from the leaves to `root` in DOT.
 *
 * Leaves are rounded boxes, operations square ones, with an arrow from each input to the operation
 * that uses it. An input that needs no gradient is not on the tape, and not in the graph.
 *
 * @param describe Returns the lines of each box; by default the operation.
 *
 * @example Call `backward` first to show gradients
 * ```ts
 * import { describeValue, toDot } from "./graph.ts";
 * import { Value } from "./value.ts";
 *
 * const w = new Value(1, { label: "w" });
 * const loss = w.mul(3).sub(7).pow(2);
 * loss.backward();
 * const dot = toDot(loss, describeValue);
 * if (!dot.includes("w\\nvalue 1\\ngradient -24")) throw new Error(dot);
 * ```
 */
export function toDot<V>(root: Node<V>, describe: DescribeNode<V> = nameOperation): string {
  const names = new Map<Node<V>, number>([[root, 0]]);
  const lines: string[] = [];
  // A Map also iterates over entries added during the iteration, so it serves as the queue.
  for (const [node, name] of names) {
    const label = describe(node).map(escape).join("\\n");
    lines.push(`  n${name} [label="${label}"${node.isLeaf ? ', style="rounded"' : ""}];`);
    for (const input of node.inputs) {
      if (input === null) continue;
      if (!names.has(input)) names.set(input, names.size);
      lines.push(`  n${names.get(input)} -> n${name};`);
    }
  }
  return `digraph {\n  rankdir="LR";\n  node [shape="box"];\n${lines.join("\n")}\n}\n`;
}

function nameOperation<V>(node: Node<V>): readonly string[] {
  return [node.operation];
}

function escape(line: string): string {
  return line.replace(/["\\]/g, "\\$&").replace(/\r?\n/g, "\\n");
}

/** A larger graph is unreadable, and takes Graphviz minutes. */
const MAX_NODES_DRAWN = 2000;

/**
 * Draws the graph from the leaves to `root` as an SVG document.
 *
 * Loads Graphviz, about 1 MB of WebAssembly, at the first call. Needs no permission.
 *
 * @throws {RangeError} If the graph has more than 2,000 nodes.
 *
 * @example
 * ```ts
 * import { describeValue, toSvg } from "./graph.ts";
 * import { Value } from "./value.ts";
 *
 * const svg = await toSvg(new Value(2, { label: "x" }).mul(3), describeValue);
 * if (!svg.includes("value 6")) throw new Error(svg);
 * ```
 */
export async function toSvg<V>(
  root: Node<V>,
  describe: DescribeNode<V> = nameOperation,
): Promise<string> {
  const count = countNodes(root);
  if (count > MAX_NODES_DRAWN) {
    throw new RangeError(
      `Cannot draw the graph: wanted at most ${MAX_NODES_DRAWN} nodes, got ${count}; ` +
        `draw a part of it, or lay out its DOT with a tool for large graphs`,
    );
  }
  return await dotToSvg(toDot(root, describe));
}

function countNodes<V>(root: Node<V>): number {
  const seen = new Set<Node<V>>([root]);
  for (const node of seen) {
    for (const input of node.inputs) if (input !== null) seen.add(input);
  }
  return seen.size;
}
