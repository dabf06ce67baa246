import { assert, assertEquals } from "@std/assert";
import * as interchange from "../interchange/mod.ts";
import * as nn from "../nn/mod.ts";
import * as optim from "../optim/mod.ts";
import * as tensor from "../tensor/mod.ts";
import { cpuTest } from "./every_device.ts";

const page = await Deno.readTextFile(new URL("../FROM_PYTORCH.md", import.meta.url));
const [names, recipes] = page.split("\n## ").map((part) =>
  part.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|"))
) as [string[][], string[][]];

Deno.test("names for those who come from PyTorch are there, a hundred of them at least", () => {
  const found = new Set<string>();
  const missing: string[] = [];
  // The owner of each name on the page. `a` and `x` are tensors.
  const owners: Readonly<Record<string, object>> = {
    a: tensor.Tensor.prototype,
    x: tensor.Tensor.prototype,
    loss: tensor.Tensor.prototype,
    model: nn.Module.prototype,
    Tensor: tensor.Tensor,
    nn,
    optim,
  };
  for (const [, , ours = ""] of names) {
    for (const [, code] of ours.matchAll(/`(?:await )?([^`]+)`/g)) {
      const [, owner, name] = /^(?:(\w+)\.)?(\w+)/.exec(code!)!;
      const from = owner === undefined ? { ...tensor, ...interchange } : owners[owner] ?? {};
      if (!(name! in from)) missing.push(code!);
      found.add(`${owner}.${name}`);
    }
  }
  assertEquals(missing, []);
  assert(found.size >= 100, `only ${found.size}`);
});

/**
 * PyTorch's results of what the recipes replace: the shape, and the sum of the elements, each times its
 * position, by 3 decimals.
 */
const results: Readonly<Record<string, string>> = {
  "x.clone()": "[2,3,4,4] 29488",
  "torch.outer(a[0], b[0])": "[3,3] 18",
  "torch.mm(a, b)": "[3,3] 389.5",
  "torch.diag(a)": "[3] 15",
  "torch.cdist(a, b)": "[3,3] 205.419",
  "F.normalize(a)": "[3,3] 19.314",
  "F.cosine_similarity(a, b)": "[3] 1.332",
  "torch.logical_and(p > 0.2, p < 0.6)": "[3,3] 14",
  "torch.logical_or(p < 0.2, p > 0.6)": "[3,3] 19",
  "torch.logical_not(p > 0.5)": "[3,3] 12",
  "torch.allclose(a, b)": "false",
  // PyTorch counts up to the largest.
  "torch.bincount(ids)": "[4] 7",
  "nn.AdaptiveAvgPool2d(1)(x)": "[2,3,1,1] 127.75",
  "F.interpolate(x, scale_factor=2)": "[2,3,8,8] 468976",
  "F.nll_loss(a.log_softmax(1), ids)": "[] 0.829",
  "F.binary_cross_entropy(a.sigmoid(), p)": "[] 0.913",
};

async function digest(result: unknown): Promise<string> {
  if (!(result instanceof tensor.Tensor)) return `${result}`;
  const sum = (await result.data()).reduce((sum, value, i) => sum + value * (i + 1), 0);
  return `${JSON.stringify(result.shape)} ${Math.round(1000 * sum) / 1000}`;
}

cpuTest("what has no name of its own computes the same", async (device) => {
  const { Tensor } = tensor;
  const layer = new nn.Linear(device, 3, 3, { seed: 1 });
  const optimizer = new optim.SGD(layer.parameters(), { lr: 1 });
  const scope = {
    ...tensor,
    nn,
    device,
    layer,
    optimizer,
    model: layer,
    a: Tensor.from(device, [[0, 1, 0], [0, 0, 2], [5, 0, 5]]),
    b: Tensor.from(device, [[3, 0, 1], [3, 1, 2], [0, 4, 0.5]]),
    p: Tensor.from(device, [[0.1, 0.3, 0.9], [0.5, 0.2, 0.7], [0.6, 0.55, 0.8]]),
    x: Tensor.arange(device, 0, 96).to("float32").div(10).reshape([2, 3, 4, 4]),
    ids: Tensor.from(device, [0, 2, 2], { dtype: "int32" }),
  };
  const left = new Set(Object.keys(results));
  const found = new Map<string, unknown>();
  for (const cells of recipes) {
    const [theirs, ours] = cells.slice(1, 3).map((cell) => /`([^`]+)`/.exec(cell)![1]!);
    const body = ours!.startsWith("for ") ? ours! : `return ${ours}`;
    const run = new Function(...Object.keys(scope), `return (async () => { ${body} })()`);
    const result = await run(...Object.values(scope));
    found.set(theirs!, result);
    if (left.delete(theirs!)) assertEquals(await digest(result), results[theirs!], theirs);
  }
  assertEquals([...left], []);
  for (const name of ["F.normalize(a)", "F.cosine_similarity(a, b)"]) {
    const [, , ours = ""] = recipes.find(([, theirs]) => theirs!.includes(name))!;
    const ofZero = new Function("a", "b", `return ${/`([^`]+)`/.exec(ours)![1]}`);
    const zero = Tensor.zeros(device, [1, 3], { requiresGrad: true });
    const result: tensor.Tensor = ofZero(zero, scope.b.slice(0, 0, 1));
    result.sum().backward();
    assert((await result.data()).every((value) => value === 0), name);
    assert((await zero.grad!.data()).every(Number.isFinite), name);
  }
  const random = await (found.get("torch.randint(0, 4, (2, 3))") as tensor.Tensor).data();
  assert(random.length === 6 && random.every((value) => [0, 1, 2, 3].includes(value)));
  const coins = await (found.get("torch.bernoulli(p)") as tensor.Tensor).data();
  assert(coins.length === 9 && coins.every((value) => value === 0 || value === 1));
  assert((found.get("head.weight = layer.weight") as nn.Linear).weight === layer.weight);
  assertEquals(await layer.weight.data(), await scope.a.data());
  const renamed = found.get('{f"0.{k}": v for k, v in model.state_dict().items()}');
  assertEquals([...(renamed as Map<string, unknown>).keys()], ["0.weight", "0.bias"]);
  assertEquals(optimizer.groups[0]!.lr, 0.1);
  assertEquals(layer.isTraining, false);
});
