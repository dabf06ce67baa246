import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describeValue, toDot, toSvg } from "./graph.ts";
import { Node } from "./tape.ts";
import { Value } from "./value.ts";

Deno.test("the graph shows operation, number and gradient of every node", () => {
  const w = new Value(3.75, { label: "w" });
  const b = new Value(3.5, { label: "b" });
  const loss = w.mul(2).add(b).sub(10).pow(2);
  loss.backward();
  assertEquals(
    toDot(loss, describeValue),
    `digraph {
  rankdir="LR";
  node [shape="box"];
  n0 [label="pow\\nvalue 1\\ngradient 1"];
  n1 -> n0;
  n2 -> n0;
  n1 [label="sub\\nvalue 1\\ngradient 2"];
  n3 -> n1;
  n4 -> n1;
  n2 [label="value 2\\ngradient 0", style="rounded"];
  n3 [label="add\\nvalue 11\\ngradient 2"];
  n5 -> n3;
  n6 -> n3;
  n4 [label="value 10\\ngradient -2", style="rounded"];
  n5 [label="mul\\nvalue 7.5\\ngradient 2"];
  n7 -> n5;
  n8 -> n5;
  n6 [label="b\\nvalue 3.5\\ngradient 2", style="rounded"];
  n7 [label="w\\nvalue 3.75\\ngradient 4", style="rounded"];
  n8 [label="value 2\\ngradient 7.5", style="rounded"];
}
`,
  );
});

Deno.test("a value that is used twice is one box with two arrows", () => {
  const x = new Node<string>("x");
  const dot = toDot(new Node<string>("multiply", [x, x], () => ["", ""]));
  assertEquals(dot.match(/label=/g)?.length, 2);
  assertEquals(dot.match(/n1 -> n0;/g)?.length, 2);
});

Deno.test("any node can be drawn, with lines from the caller", () => {
  const weight = new Node<Float32Array>("weight");
  const product = new Node<Float32Array>("matmul", [null, weight], () => [null, null]);
  const shapes = new Map([[product, "[2, 4]"], [weight, "[3, 4]"]]);
  const dot = toDot(product, (node) => [node.operation, shapes.get(node) ?? "?"]);
  assertStringIncludes(dot, 'n0 [label="matmul\\n[2, 4]"];');
  assertStringIncludes(dot, 'n1 [label="weight\\n[3, 4]", style="rounded"];');
  assertEquals(dot.match(/->/g)?.length, 1);
});

Deno.test("quotes, backslashes and line breaks in a label are escaped", async () => {
  const node = new Value(1, { label: 'a "quoted" \\n and\nbroken <b> & label' });
  const dot = toDot(node, describeValue);
  assertStringIncludes(dot, 'label="a \\"quoted\\" \\\\n and\\nbroken <b> & label\\nvalue 1');
  const svg = await toSvg(node, describeValue);
  assertStringIncludes(svg, "a &quot;quoted&quot; \\n and<");
  assertStringIncludes(svg, "broken &lt;b&gt; &amp; label<");
});

Deno.test("a graph of 100,000 nodes is written without recursion", () => {
  let y = new Value(0);
  for (let i = 0; i < 100_000; i++) y = y.neg();
  const dot = toDot(y);
  assertEquals(dot.match(/label=/g)?.length, 100_001);
});

Deno.test({
  name: "a graph is drawn as SVG without any permission",
  permissions: "none",
  fn: async () => {
    const svg = await toSvg(new Value(2, { label: "x" }).mul(3), describeValue);
    assert(svg.includes("<svg") && svg.includes("</svg>"));
    for (const text of ["x", "mul", "value 6"]) assertStringIncludes(svg, `>${text}</text>`);
  },
});

Deno.test("a graph that is too large to draw is refused, and the message says so", async () => {
  let y = new Value(0);
  for (let i = 0; i < 2000; i++) y = y.neg();
  const error = await assertRejects(() => toSvg(y), RangeError);
  assertStringIncludes(error.message, "wanted at most 2000 nodes, got 2001");
});
