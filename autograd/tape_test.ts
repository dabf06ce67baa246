import { assert, assertEquals, assertThrows } from "@std/assert";
import { backward, Node } from "./tape.ts";

/** A leaf that records every gradient it receives. */
class Leaf<V> extends Node<V> {
  readonly received: V[] = [];
  override receive(gradient: V): void {
    this.received.push(gradient);
  }
}

const add = (a: number, b: number): number => a + b;

Deno.test("a node with several users is visited once, when its gradient is complete", () => {
  const x = new Leaf<number>("x");
  const visits: number[] = [];
  const shared = new Node<number>("shared", [x], (upstream) => {
    visits.push(upstream);
    return [upstream];
  });
  const pass = (upstream: number): number[] => [upstream];
  // The paths from the root to the shared node are 1, 2 and 3 steps long.
  const short = new Node("short", [shared], pass);
  const long = new Node("long", [new Node("longer", [shared], pass)], pass);
  backward(new Node("sum", [short, long, shared], (up) => [up, 10 * up, 100 * up]), 1, add);
  assertEquals(visits, [111]);
  assertEquals(x.received, [111]);
});

Deno.test("values of any type are differentiated with the given addition", () => {
  const x = new Leaf<string>("x");
  const root = new Node<string>("twice", [x, x], (upstream) => [upstream + "a", upstream + "b"]);
  backward(root, "1", (a, b) => `(${a} + ${b})`);
  assertEquals(x.received, ["(1a + 1b)"]);
});

Deno.test("null inputs and null gradients are skipped", () => {
  const x = new Leaf<number>("x"), y = new Leaf<number>("y");
  let reached = false;
  const blocked = new Node<number>("blocked", [y], () => {
    reached = true;
    return [1];
  });
  backward(new Node<number>("mix", [null, x, blocked], (up) => [7, up, null]), 1, add);
  assertEquals([x.received, y.received, reached], [[1], [], false]);
});

Deno.test("a node gets its gradient from one user when another has none", () => {
  const x = new Leaf<number>("x");
  const none = new Node<number>("none", [x], () => [null]);
  backward(new Node<number>("sum", [none, x], (up) => [up, 5 * up]), 1, add);
  assertEquals(x.received, [5]);
});

Deno.test("a wrong number of gradients is an error that names the operation", () => {
  const x = new Leaf<number>("x");
  const error = assertThrows(() => backward(new Node("odd", [x], () => [1, 2]), 1, add), Error);
  assertEquals(
    error.message,
    'Cannot run backward through "odd": wanted one gradient for each of 1 inputs, got 2',
  );
});

Deno.test("saved values are freed, and a second backward says so", () => {
  const x = new Leaf<number>("x");
  const root = new Node<number>("root", [x], (upstream) => [upstream]);
  backward(root, 1, add);
  const error = assertThrows(() => backward(root, 1, add), Error);
  assert(error.message.startsWith('Cannot run backward through "root" again: '));
  assertEquals(x.received, [1]);
});

Deno.test("a chain of 100,000 nodes and a graph with 2¹⁰⁰⁰ paths are walked", () => {
  const x = new Leaf<number>("x");
  let chain: Node<number> = x;
  for (let i = 0; i < 100_000; i++) chain = new Node("pass", [chain], (up) => [up]);
  backward(chain, 1, add);
  assertEquals(x.received, [1]);

  const y = new Leaf<number>("y");
  let diamond: Node<number> = y;
  for (let i = 0; i < 1000; i++) diamond = new Node("double", [diamond, diamond], (up) => [up, up]);
  backward(diamond, 1, add);
  assertEquals(y.received, [2 ** 1000]);
});

Deno.test("an operation may add to an accumulated gradient in place", () => {
  const x = new Leaf<{ sum: number }>("x");
  let additions = 0;
  const adding = new Node<{ sum: number }>("adding", [x], (upstream, collected) => {
    const collectedSoFar = collected(x);
    if (collectedSoFar === undefined) return [{ sum: 2 * upstream.sum }];
    collectedSoFar.sum += 2 * upstream.sum;
    return [null];
  });
  const other = new Node<{ sum: number }>("other", [x], (up) => [{ sum: 5 * up.sum }]);
  // The last input is visited first.
  const root = new Node<{ sum: number }>("root", [adding, other], ({ sum }) => [{ sum }, { sum }]);
  backward(root, { sum: 1 }, (a, b) => {
    additions++;
    return { sum: a.sum + b.sum };
  });
  assertEquals([x.received, additions], [[{ sum: 7 }], 0]);
});
