import { assert, assertEquals, assertMatch } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { explanationAsText, linearCrossEntropy, Tensor, topK } from "./mod.ts";

testOnEveryDevice(
  "each kernel names the line that called it, in backward as well",
  async (device) => {
    const weight = Tensor.ones(device, [64, 32], { requiresGrad: true });
    const x = Tensor.ones(device, [16, 32]);
    const line = (offset: number) => {
      const [, row] = /explain_test\.ts:(\d+):/.exec(new Error().stack!.split("\n")[2]!)!;
      return Number(row) + offset;
    };
    let first = 0;
    const { kernels } = await device.explain(() => {
      using _scope = device.scope();
      first = line(1);
      const y = x.matmul(weight, { transposeB: true });
      const loss = y.tanh().sum();
      loss.backward();
    });
    const named = (name: RegExp, isGradient: boolean) =>
      kernels.filter((each) => name.test(each.name) && each.isGradient === isGradient);
    const [forward] = named(/^matmul/, false);
    assertMatch(forward!.source!, new RegExp(`tensor/explain_test\\.ts:${first}$`));
    const [gradient] = named(/^matmul/, true);
    assertEquals(gradient!.source, forward!.source);
    const [tanh] = named(/^tanh gradient/, true);
    assertMatch(tanh!.source!, new RegExp(`:${first + 1}$`));
    assertEquals(tanh!.shapes.at(-1), [16, 64]);
    assert(kernels.every(({ milliseconds }) => milliseconds >= 0));
  },
);

testOnEveryDevice("a kernel shows its code, and a formula its gradient", async (device) => {
  const x = Tensor.ones(device, [2, 8], { requiresGrad: true });
  const { kernels } = await device.explain(() => {
    using _scope = device.scope();
    x.softmax();
    topK(x.detach(), 2);
  });
  const softmax = kernels.find(({ name }) => name === "softmax")!;
  const [formula, kernel] = softmax.text!.code().split("\n\n");
  assertEquals(formula, "softmax(x)\n  v1 = exp(x − rowMax(x))\n  → v1 · (1 / rowSum(v1))");
  assertMatch(kernel!, /^softmax\(x0: f32, y0: f32 out, .*\n {2}for each range from item to end:/);
  assertMatch(kernel!, /\n {6}y0\[i\d+ … \+4\] = .* · v\d+$/);
  assertMatch(softmax.text!.gradient!(), /^softmax gradient\(x, upstream0\)\n/);
  if (device.kind === "webgpu") assertMatch(softmax.wgsl!(), /fn main/);
  const withText = kernels.filter(({ text }) => text !== null);
  for (const { text } of withText) assert(!text!.code().includes("undefined"), text!.code());
});

testOnEveryDevice(
  "equal kernels that follow each other share a line of the text",
  async (device) => {
    const [x, wide] = [Tensor.ones(device, [2, 8]), Tensor.ones(device, [2, 16])];
    const explanation = await device.explain(() => {
      using _scope = device.scope();
      for (const each of [x, x, x, wide, x]) each.neg();
    });
    const lines = explanationAsText(explanation).split("\n");
    assertEquals(lines.length, 4);
    assertMatch(lines[0]!, /explain_test\.ts:\d+ +neg, 3 times .* \[2, 8\] \[2, 8\]$/);
    assertMatch(lines[1]!, / neg +\d.* \[2, 16\] \[2, 16\]$/);
    assertMatch(lines[2]!, / neg +\d.* \[2, 8\] \[2, 8\]$/);
    assertMatch(lines[3]!, /^5 kernels in /);
  },
);

testOnEveryDevice("an explanation ends with its function, also if that fails", async (device) => {
  const hidden = Tensor.ones(device, [2, 3]);
  const failing = device.explain(() => {
    linearCrossEntropy(hidden, hidden, hidden);
  });
  await failing.then(() => assert(false), (error) => assert(error instanceof RangeError));
  const { events } = await device.profile(() => hidden.add(1).dispose());
  assert(events.length > 0 && events.every(({ call }) => call === undefined));
});
