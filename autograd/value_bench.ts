import { MLP } from "./mlp.ts";
import { backward, Node } from "./tape.ts";
import { Value } from "./value.ts";

const NODES = 10_000;
const pass = (upstream: number): number[] => [upstream];

Deno.bench({
  name: "bare nodes",
  group: `a chain of ${NODES} nodes, forward and backward`,
  baseline: true,
}, () => {
  let node = new Node<number>("leaf");
  for (let i = 0; i < NODES; i++) node = new Node("pass", [node], pass);
  backward(node, 1, (a, b) => a + b);
});

Deno.bench({ name: "values", group: `a chain of ${NODES} nodes, forward and backward` }, () => {
  const x = new Value(1);
  let value = x;
  for (let i = 0; i < NODES; i++) value = value.neg();
  value.backward();
  if (x.grad !== 1) throw new Error(`expected 1, got ${x.grad}`);
});

const mlp = new MLP(3, [4, 2], { seed: 1 });
const inputs = [0.5, -1, 2];

Deno.bench({ name: "forward", group: "3-4-2 network", baseline: true }, () => {
  const [y] = mlp.call(inputs.map((x) => new Value(x)));
  if (!Number.isFinite(y!.data)) throw new Error(`got ${y!.data}`);
});

Deno.bench({ name: "zero, forward, loss, backward, update", group: "3-4-2 network" }, () => {
  mlp.zeroGrad();
  const [a, b] = mlp.call(inputs.map((x) => new Value(x)));
  const loss = a!.sub(1).pow(2).add(b!.add(1).pow(2));
  loss.backward();
  for (const parameter of mlp.parameters()) parameter.data -= 0.01 * parameter.grad;
  if (!Number.isFinite(loss.data)) throw new Error(`got ${loss.data}`);
});
